//! Every statement on accounts. A test prepares each one against the real schema.
//!
//! Longer than the house number because each stands here once, and nowhere else.

/// The columns of an account, in every statement that answers one.
macro_rules! account {
    () => {
        "id, username, email, first_name, last_name, bio, avatar, role, status, is_active, org, \
         email_verified, token_version, gate_version, suspended_until, \
         coalesce(suspended_until <= now(), false) AS suspension_over, \
         created_at, updated_at, last_login_at, deleted_at"
    };
}

/// What a list of accounts is about: `$1` a pattern, `$2` a role, `$3` a status, `$4` whether it is switched on, `$5` an
/// organisation, `$6` and `$7` since and until when it was made.
macro_rules! listed {
    () => {
        " FROM users WHERE deleted_at IS NULL AND ($1::text IS NULL OR search LIKE lower($1)) \
         AND ($2::text IS NULL OR role = $2) AND ($3::text IS NULL OR status = $3) \
         AND ($4::boolean IS NULL OR is_active = $4) AND ($5::text IS NULL OR org = $5) \
         AND ($6::timestamptz IS NULL OR created_at >= $6) AND ($7::timestamptz IS NULL OR created_at < $7)"
    };
}

/// Only those with these numbers.
macro_rules! only {
    ($ids:literal) => {
        concat!(" AND id = ANY(", $ids, "::bigint[])")
    };
}

/// Only those without these numbers. A condition that is no join is looked up in a hash of them, row by row, and the order
/// of an index stays: measured at 50 000 of 100 000, a page took 14 ms in place of 100.
macro_rules! without {
    ($ids:literal) => {
        concat!(" AND (id NOT IN (SELECT unnest(", $ids, "::bigint[]))) IS TRUE")
    };
}

/// One page: from behind the place `$8`, `$9` on, `$10` rows after the first `$11`.
macro_rules! page {
    (newest, $among:expr) => {
        page!(
            $among,
            " AND ($8::timestamptz IS NULL OR (created_at, id) < ($8, $9::bigint))",
            "created_at DESC, id DESC"
        )
    };
    (oldest, $among:expr) => {
        page!(
            $among,
            " AND ($8::timestamptz IS NULL OR (created_at, id) > ($8, $9::bigint))",
            "created_at, id"
        )
    };
    (username, $among:expr) => {
        page!(
            $among,
            " AND ($8::text IS NULL OR lower(username) > lower($8)) AND $9::bigint IS NULL",
            "lower(username)"
        )
    };
    ($among:expr, $behind:literal, $order:literal) => {
        concat!(
            "SELECT ",
            account!(),
            listed!(),
            $among,
            $behind,
            " ORDER BY ",
            $order,
            " LIMIT $10 OFFSET $11"
        )
    };
}

/// The same page, `$8` rows after the first `$9`, for one that begins far from the first: what is skipped is read in an
/// index alone, and the page then as one behind a cursor. Measured at 100 000 accounts, the last page of 1000 took 11 ms.
macro_rules! far_page {
    ($not_before:literal, $order:literal) => {
        concat!(
            "SELECT ",
            account!(),
            listed!(),
            " AND (created_at, id) ",
            $not_before,
            " (SELECT created_at, id",
            listed!(),
            " ORDER BY ",
            $order,
            " LIMIT 1 OFFSET $9) ORDER BY ",
            $order,
            " LIMIT $8"
        )
    };
}

/// The columns of an erasure.
macro_rules! erasure {
    () => {
        "id, user_id, request_id, refused_until, refused_until <= now() AS is_over, told_epoch, told_n, unlinked_at"
    };
}

/// The columns of a block.
macro_rules! blocked {
    () => {
        "id, network::text AS network, reason, since, until, made_by, lifted_at, lifted_by, \
         lifted_at IS NULL AND (until IS NULL OR until > now()) AS in_force"
    };
}

/// The columns of a webhook and how it goes, and where they are.
macro_rules! webhook {
    () => {
        "w.id, w.name, w.url, w.org, w.events, w.debounce_ms, w.enabled, w.created_by, w.created_at, w.updated_at, \
         CASE WHEN w.previous_until > now() THEN w.previous_until END AS previous_until, p.failures, p.problem, \
         p.succeeded_at, p.failed_at, p.retry_at FROM webhooks w JOIN webhook_progress p ON p.webhook_id = w.id"
    };
}

/// The columns of a delivery.
macro_rules! delivery {
    () => {
        "id, place, state, size, attempts, created_at, tried_at, ended_at, answer, problem"
    };
}

/// Declares statements, and lists them by name.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)+

        /// Every statement on accounts: its name and its text.
        pub const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $sql),)+];
    };
}

statements! {
    /// One row of what somebody did. INSERT only: the role may not read back what it writes to be sure.
    ACTION_RECORD = "INSERT INTO admin_actions (id, occurred_at, actor, action, target_type, target_id, severity, \
        category, before, after, address, user_agent, session_id, request_id, detail) \
        VALUES ($1, now(), $2, $3, $4, $5, $6, $7, $8, $9, $10, left($11, 512), $12, $13, $14)";
    /// The same of many.
    ACTIONS_RECORD = "INSERT INTO admin_actions (id, occurred_at, actor, action, target_type, target_id, severity, \
        category, before, after, address, user_agent, session_id, request_id, detail) \
        SELECT a.id, now(), $2, a.action, a.target_type, a.target_id, a.severity, a.category, a.before, a.after, \
            $3, left($4, 512), $5, $6, a.detail \
        FROM jsonb_to_recordset($1) a (id uuid, action text, target_type text, target_id text, severity text, \
            category text, before jsonb, after jsonb, detail text)";

    /// What was recorded, newest first, from below the cursor's place (`$9`, `$10`) on. An actor's number is looked up,
    /// and not joined: few rows are answered, and not every actor is an account.
    ACTIONS = "SELECT a.*, (SELECT u.username FROM users u \
            WHERE u.id = CASE WHEN a.actor ~ '^[1-9][0-9]{0,17}$' THEN a.actor::bigint END) AS actor_name \
        FROM admin_actions a WHERE ($1::text IS NULL OR a.actor = $1) AND ($2::text IS NULL OR a.action = $2) \
            AND ($3::text IS NULL OR a.target_type = $3) AND ($4::text IS NULL OR a.target_id = $4) \
            AND ($5::text IS NULL OR a.severity = $5) AND ($6::text IS NULL OR a.category = $6) \
            AND ($7::timestamptz IS NULL OR a.occurred_at >= $7) AND ($8::timestamptz IS NULL OR a.occurred_at < $8) \
            AND ($9::timestamptz IS NULL OR (a.occurred_at, a.id) < ($9, $10::uuid)) \
            AND ($12::text IS NULL OR a.session_id = $12) AND ($13::text IS NULL OR a.request_id = $13) \
            AND ($14::text IS NULL OR position(lower($14) IN lower(concat_ws(' ', a.detail, a.before, a.after))) > 0) \
        ORDER BY a.occurred_at DESC, a.id DESC LIMIT $11";

    /// Every account that a search finds.
    ACCOUNTS_FOUND = "SELECT id FROM users WHERE deleted_at IS NULL AND search LIKE lower($1)";

    /// How many actions there were from `$1` to `$2`, by name, weight, category and day: one of these columns is set in
    /// each row, and none in that of all.
    /// The rows are read once, and what is left of them is counted.
    ACTIONS_TALLY = "WITH kinds AS MATERIALIZED (SELECT action, severity, category, \
                date_trunc('day', occurred_at, 'UTC') AS day, count(*) AS count \
            FROM admin_actions WHERE occurred_at >= $1 AND occurred_at < $2 \
            GROUP BY action, severity, category, date_trunc('day', occurred_at, 'UTC')) \
        SELECT action, severity, category, day, coalesce(sum(count), 0)::bigint AS count FROM kinds \
        GROUP BY GROUPING SETS ((action), (severity), (category), (day), ()) \
        ORDER BY day, count DESC, action, severity, category";

    /// Who acted most often from `$1` to `$2`.
    ACTIONS_ACTORS = "SELECT t.actor, t.count, (SELECT u.username FROM users u \
            WHERE u.id = CASE WHEN t.actor ~ '^[1-9][0-9]{0,17}$' THEN t.actor::bigint END) AS actor_name \
        FROM (SELECT actor, count(*) AS count FROM admin_actions \
            WHERE occurred_at >= $1 AND occurred_at < $2 AND actor IS NOT NULL \
            GROUP BY actor ORDER BY count DESC, actor LIMIT $3) t ORDER BY t.count DESC, t.actor";

    /// With which settings a node was started last, or else any.
    SETTINGS_LAST = "SELECT node, settings FROM node_settings ORDER BY node = $1 DESC, started_at DESC LIMIT 1";
    /// A node starts with these.
    SETTINGS_KEEP = "INSERT INTO node_settings (node, settings) VALUES ($1, $2) \
        ON CONFLICT (node) DO UPDATE SET settings = EXCLUDED.settings, started_at = now()";
    /// Nodes that are named by chance do not come back.
    SETTINGS_FORGET = "DELETE FROM node_settings WHERE started_at < now() - interval '90 days'";

    /// A new account. One that may not be online starts with a gate that Redis has yet to confirm.
    ACCOUNT_CREATE = concat!("INSERT INTO users (username, email, password_hash, role, status, org, first_name, \
        last_name, gate_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, \
        CASE WHEN $5 = 'active' THEN 0 ELSE 1 END) RETURNING ", account!());
    /// By name or address; a name holds no `@`, so at most one row matches.
    CREDENTIALS = concat!("SELECT ", account!(), ", password_hash FROM users \
        WHERE (lower(username) = lower($1) OR lower(email) = lower($1)) AND deleted_at IS NULL");
    /// By number.
    CARDS = "SELECT id, username, email, role, status FROM users WHERE id = ANY($1) AND deleted_at IS NULL";
    ACCOUNTS_BY_ID = concat!("SELECT ", account!(), " FROM users WHERE id = ANY($1) AND deleted_at IS NULL");
    /// What they are called.
    USERNAMES = "SELECT id, username FROM users WHERE id = ANY($1) AND deleted_at IS NULL";
    /// Everybody, newest first.
    ACCOUNTS_ALL = concat!("SELECT ", account!(), " FROM users WHERE deleted_at IS NULL \
        ORDER BY created_at DESC, id DESC");
    /// Everybody of an organisation, newest first.
    ACCOUNTS_OF = concat!("SELECT ", account!(), " FROM users WHERE deleted_at IS NULL AND org = $1 \
        ORDER BY created_at DESC, id DESC");
    /// How many accounts a filter lets through.
    ACCOUNTS_COUNT = concat!("SELECT count(*)", listed!());
    /// How many of those with these numbers.
    ACCOUNTS_COUNT_ONLY = concat!("SELECT count(*)", listed!(), only!("$8"));
    /// How many of those without these numbers.
    ACCOUNTS_COUNT_WITHOUT = concat!("SELECT count(*)", listed!(), without!("$8"));
    /// One page, newest first.
    ACCOUNTS_NEWEST = page!(newest, "");
    /// The same, far from the first.
    ACCOUNTS_NEWEST_FAR = far_page!("<=", "created_at DESC, id DESC");
    /// One page, newest first, of those with these numbers.
    ACCOUNTS_NEWEST_ONLY = page!(newest, only!("$12"));
    /// The same of those without these numbers.
    ACCOUNTS_NEWEST_WITHOUT = page!(newest, without!("$12"));
    /// One page, oldest first.
    ACCOUNTS_OLDEST = page!(oldest, "");
    /// The same, far from the first.
    ACCOUNTS_OLDEST_FAR = far_page!(">=", "created_at, id");
    /// One page, oldest first, of those with these numbers.
    ACCOUNTS_OLDEST_ONLY = page!(oldest, only!("$12"));
    /// The same of those without these numbers.
    ACCOUNTS_OLDEST_WITHOUT = page!(oldest, without!("$12"));
    /// One page by user name.
    ACCOUNTS_NAMED = page!(username, "");
    /// The same of those with these numbers.
    ACCOUNTS_NAMED_ONLY = page!(username, only!("$12"));
    /// The same of those without these numbers.
    ACCOUNTS_NAMED_WITHOUT = page!(username, without!("$12"));
    /// What is different about an account; what is null stays. A new address has to prove itself.
    ACCOUNT_CHANGE = concat!("UPDATE users SET username = coalesce($2, username), email = coalesce($3, email), \
        email_verified = email_verified AND lower(coalesce($3, email)) = lower(email), role = coalesce($4, role), \
        org = coalesce($5, org), first_name = coalesce($6, first_name), last_name = coalesce($7, last_name), \
        bio = coalesce($8, bio), updated_at = now() WHERE id = $1 RETURNING ", account!());
    /// What is kept about a person beside the account.
    PROFILE = "SELECT profile FROM users WHERE id = $1 AND deleted_at IS NULL";
    /// The same of many.
    PROFILES = "SELECT id, profile FROM users WHERE id = ANY($1) AND deleted_at IS NULL";
    /// Which of these names and addresses somebody has, by their places.
    IMPORT_TAKEN = "SELECT n.place, 'username' FROM unnest($1::text[]) WITH ORDINALITY n (name, place) \
            JOIN users u ON lower(u.username) = lower(n.name) AND u.deleted_at IS NULL \
        UNION ALL SELECT n.place, 'email' FROM unnest($2::text[]) WITH ORDINALITY n (name, place) \
            JOIN users u ON lower(u.email) = lower(n.name) AND u.deleted_at IS NULL ORDER BY 1, 2 DESC";
    /// Makes accounts, in the order of the list.
    IMPORT_MAKE = concat!("INSERT INTO users (username, email, password_hash, role, status, org, first_name, last_name, \
        profile, gate_version) SELECT n.username, n.email, n.password_hash, n.role, n.status, n.org, n.first_name, \
            n.last_name, n.profile, CASE WHEN n.status = 'active' THEN 0 ELSE 1 END \
        FROM jsonb_to_recordset($1) n (place bigint, username text, email text, password_hash text, role text, \
            status text, org text, first_name text, last_name text, profile jsonb) \
        ORDER BY n.place RETURNING ", account!());
    /// What is kept about a person, set.
    PROFILE_SET = "UPDATE users SET profile = $2 WHERE id = $1 AND profile <> $2";
    /// An account goes into the trash.
    TRASH_PUT = concat!("UPDATE users SET deleted_at = now(), gate_version = gate_version + 1, gate_actor = $2, \
        updated_at = now() WHERE id = $1 AND deleted_at IS NULL RETURNING ", account!(), ", gate_actor");
    /// An account comes out of it.
    TRASH_RESTORE = concat!("UPDATE users SET deleted_at = NULL, gate_version = gate_version + 1, gate_actor = $2, \
        updated_at = now() WHERE id = $1 RETURNING ", account!(), ", gate_actor");
    /// Locks an account in the trash.
    TRASH_LOCK = "SELECT role FROM users WHERE id = $1 AND deleted_at IS NOT NULL AND purged_at IS NULL FOR UPDATE";
    /// Some that are in the trash, locked.
    TRASH_BATCH = "SELECT id FROM users WHERE deleted_at IS NOT NULL AND purged_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE";
    /// How many are in the trash.
    TRASH_COUNT = "SELECT count(*) FROM users WHERE deleted_at IS NOT NULL AND purged_at IS NULL";
    /// What is in it, last put there first.
    TRASH_PAGE = concat!("SELECT ", account!(), " FROM users WHERE deleted_at IS NOT NULL AND purged_at IS NULL \
        ORDER BY deleted_at DESC, id DESC LIMIT $1 OFFSET $2");
    /// Everything about these people goes; the numbers stay for a while.
    ACCOUNTS_WIPE = "UPDATE users SET username = 'removed-' || id, email = 'removed-' || id || '@removed.invalid', \
        first_name = '', last_name = '', bio = '', avatar = NULL, profile = '{}', password_hash = '-', email_verified = false, \
        last_login_at = NULL, deleted_at = coalesce(deleted_at, now()), purged_at = now(), updated_at = now() \
        WHERE id = ANY($1)";
    /// And what proved them beside the password; recovery codes go with the factor.
    FACTORS_WIPE = "DELETE FROM totp_factors WHERE user_id = ANY($1)";
    /// And links by which they would set a new one.
    RESET_LINKS_WIPE = "DELETE FROM reset_links WHERE user_id = ANY($1)";
    /// And everything about their logins.
    FAMILIES_WIPE = "UPDATE token_families SET device = NULL, user_agent = NULL, address = NULL WHERE user_id = ANY($1)";
    /// What was in the trash for longer than `$1`, and what was removed longer than `$2` ago.
    TRASH_FORGET = "SELECT id, was_empty FROM forget_trash($1, $2, $3)";
    /// Locks an account and every active administrator, in the order of their numbers, so that two demotions
    /// at once wait for each other instead of leaving nobody.
    ROLE_LOCK = "SELECT id, role, role = 'admin' AND status = 'active' AND is_active AS administers FROM users \
        WHERE (id = $1 OR (role = 'admin' AND status = 'active' AND is_active)) AND deleted_at IS NULL \
        ORDER BY id FOR UPDATE";
    /// A new role.
    ROLE_SET = concat!("UPDATE users SET role = $2, updated_at = now() WHERE id = $1 RETURNING ", account!());
    /// What somebody may do now, whatever their token says: the role of account `$1` and whether it has a second factor,
    /// if it is in use and login `$2` has not ended.
    ROLE_NOW = "SELECT role, EXISTS (SELECT FROM totp_factors f WHERE f.user_id = users.id AND f.confirmed_at IS NOT NULL) \
        AS has_totp FROM users WHERE id = $1 AND status = 'active' AND is_active AND deleted_at IS NULL \
        AND NOT EXISTS (SELECT FROM token_families WHERE login = $2 AND ended_at IS NOT NULL)";
    /// The clock by which suspensions end.
    NOW = "SELECT date_trunc('milliseconds', now())";
    /// What decides whether an account may be online changes; Redis has yet to confirm it.
    GATE_SET = concat!("UPDATE users SET status = $2, is_active = $3, suspended_until = $4, gate_version = gate_version + 1, \
        gate_actor = $5, updated_at = now() WHERE id = $1 RETURNING ", account!(), ", gate_actor");
    /// How the gate of an account stands.
    GATE = concat!("SELECT ", account!(), ", gate_actor FROM users WHERE id = $1 AND deleted_at IS NULL");
    /// Gates that Redis has not confirmed, by number from behind `$1` on, `$2` at most.
    GATES_UNCONFIRMED = concat!("SELECT ", account!(), ", gate_actor FROM users \
        WHERE gate_confirmed_version < gate_version AND id > $1 ORDER BY id LIMIT $2");
    /// The gates of all accounts that ever had one, lifted or not, by number from behind `$1` on, `$2` at most.
    GATES_ALL = concat!("SELECT ", account!(), ", gate_actor FROM users WHERE gate_version > 0 AND id > $1 \
        ORDER BY id LIMIT $2");
    /// The gates that may be shut, by number from behind `$1` on, `$2` at most.
    GATES_SHUT = concat!("SELECT ", account!(), ", gate_actor FROM users WHERE (status <> 'active' OR NOT is_active \
        OR deleted_at IS NOT NULL) AND id > $1 ORDER BY id LIMIT $2");
    /// Redis has a gate of this version.
    GATE_CONFIRM = "UPDATE users SET gate_confirmed_version = $2 \
        WHERE id = $1 AND gate_confirmed_version < $2 AND gate_version >= $2";
    /// Suspensions whose end has come are lifted, `$1` at most; those that somebody is changing come next time.
    SUSPENSIONS_END = "UPDATE users SET status = 'active', suspended_until = NULL, gate_version = gate_version + 1, \
        gate_actor = NULL, updated_at = now() WHERE id IN (SELECT id FROM users WHERE suspended_until <= now() \
            ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING id";
    /// Who may see when a user was last seen.
    VISIBILITY = "SELECT visibility FROM last_seen_visibility WHERE user_id = $1";
    /// The same, and nobody changes it meanwhile.
    VISIBILITY_LOCK = "SELECT visibility FROM last_seen_visibility WHERE user_id = $1 FOR UPDATE";
    /// What was chosen behind `$1`; everything, if that is none.
    VISIBILITIES = "SELECT user_id, visibility, updated_at FROM last_seen_visibility \
        WHERE $1::timestamptz IS NULL OR updated_at > $1";
    /// A choice. By the wall clock, and later than the one before, so that of two words the later one counts.
    VISIBILITY_SET = "INSERT INTO last_seen_visibility AS v (user_id, visibility) VALUES ($1, $2) \
        ON CONFLICT (user_id) DO UPDATE SET visibility = EXCLUDED.visibility, \
            updated_at = GREATEST(clock_timestamp(), v.updated_at + interval '1 microsecond') RETURNING updated_at";

    /// It goes with whom it is of.
    VISIBILITY_FORGET = "DELETE FROM last_seen_visibility WHERE user_id = $1";

    /// Locks an account, be it in the trash, and every active administrator, in one order.
    ERASE_LOCK = "SELECT id, role = 'admin' AND status = 'active' AND is_active AND deleted_at IS NULL AS administers FROM users \
        WHERE id = $1 OR (role = 'admin' AND status = 'active' AND is_active AND deleted_at IS NULL) ORDER BY id FOR UPDATE";
    /// The account of somebody who is being erased is forgotten, and its logins with it.
    ACCOUNT_FORGET = "SELECT forget_account($1)";
    /// How many logins of an account are kept, ended or not.
    FAMILIES_COUNT = "SELECT count(*) FROM token_families WHERE user_id = $1";
    /// The erasure of a user that is under way.
    ERASURE_OF = concat!("SELECT ", erasure!(), " FROM erasures WHERE user_id = $1");
    /// Erasures under way, by name from behind `$1` on, `$2` at most.
    ERASURES = concat!("SELECT ", erasure!(), " FROM erasures WHERE id > $1 ORDER BY id LIMIT $2");
    /// An erasure begins; one that is under way begins anew. `$4`: how long a token that was issued before may live.
    ERASURE_BEGIN = concat!("INSERT INTO erasures AS e (id, user_id, request_id, refused_until) \
        VALUES ($1, $2, $3, now() + $4::interval) ON CONFLICT (user_id) DO UPDATE SET \
            refused_until = EXCLUDED.refused_until, told_epoch = NULL, told_n = NULL, unlinked_at = NULL \
        RETURNING ", erasure!());
    /// Redis was told.
    ERASURE_TOLD = "UPDATE erasures SET told_epoch = $2, told_n = $3, unlinked_at = NULL WHERE id = $1";
    /// The history was unlinked, unless Redis was told again since.
    ERASURE_UNLINKED = "UPDATE erasures SET unlinked_at = now() WHERE id = $1 AND told_epoch = $2 AND told_n = $3";
    /// Nothing is left to be done.
    ERASURE_END = "DELETE FROM erasures WHERE id = $1";
    /// From where actions and logins came that are older than `$1`, `$2` actions at a time.
    ADDRESSES_FORGET = "SELECT forget_addresses($1, $2)";

    /// A new password, if the old one has the hash `$3` or whatever it is; every token issued before ends.
    PASSWORD_SET = "UPDATE users SET password_hash = $2, token_version = token_version + 1, \
        tokens_ended_at = now(), tokens_end_reason = NULL, tokens_end_actor = NULL, updated_at = now() \
        WHERE id = $1 AND password_hash = coalesce($3, password_hash) AND deleted_at IS NULL RETURNING token_version";
    /// The same password hashed anew; not if it was changed meanwhile.
    PASSWORD_REHASH = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    /// A login. Not an update in the sense of updated_at: nothing about the account changed.
    LOGIN_RECORD = "UPDATE users SET last_login_at = now() WHERE id = $1 AND deleted_at IS NULL";
    /// All tokens end, for this reason and by this request.
    TOKENS_END = "UPDATE users SET token_version = token_version + 1, tokens_ended_at = now(), \
        tokens_end_reason = $2, tokens_end_actor = $3 \
        WHERE id = $1 AND deleted_at IS NULL RETURNING token_version";

    /// The password's hash of an account.
    PASSWORD = concat!("SELECT ", account!(), ", password_hash FROM users WHERE id = $1 AND deleted_at IS NULL");
    /// The password's hash of somebody: of the account that `$1` falls on.
    PASSWORD_OF_SOMEBODY = "SELECT password_hash FROM users WHERE id > $1 % greatest((SELECT max(id) FROM users), 1) \
        AND deleted_at IS NULL ORDER BY id LIMIT 1";
    /// What people say of themselves; what is null stays as it is. A new address is not verified.
    OWN_CHANGE = concat!("UPDATE users SET first_name = coalesce($2, first_name), last_name = coalesce($3, last_name), \
        bio = coalesce($4, bio), email_verified = email_verified AND lower(coalesce($5, email)) = lower(email), \
        email = coalesce($5, email), updated_at = now() WHERE id = $1 AND deleted_at IS NULL RETURNING ", account!());
    /// Locks an account and reads it.
    ACCOUNT_LOCK = concat!("SELECT ", account!(), " FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE");

    /// How the second factor of an account stands, and what time it is (in s since 1970).
    TOTP = "SELECT secret, confirmed_at IS NOT NULL AS active, \
        (SELECT count(*) FROM recovery_codes c WHERE c.user_id = f.user_id) AS recovery_codes, \
        extract(epoch FROM clock_timestamp())::bigint AS now FROM totp_factors f WHERE user_id = $1";
    /// A second factor to be confirmed, in place of one that never was.
    TOTP_BEGIN = "INSERT INTO totp_factors AS f (user_id, secret) VALUES ($1, $2) \
        ON CONFLICT (user_id) DO UPDATE SET secret = $2, created_at = now(), last_step = 0 WHERE f.confirmed_at IS NULL";
    /// It is confirmed by a code of this step: only the very secret that the code was made with.
    TOTP_CONFIRM = "UPDATE totp_factors SET confirmed_at = now(), last_step = $3 \
        WHERE user_id = $1 AND secret = $2 AND confirmed_at IS NULL";
    /// A code of this step is used, unless it or a later one was; the secret may be sealed anew.
    TOTP_SPEND = "UPDATE totp_factors SET last_step = $2, secret = coalesce($3, secret) \
        WHERE user_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2";
    /// A second factor goes, with its recovery codes.
    TOTP_DELETE = "DELETE FROM totp_factors WHERE user_id = $1";
    /// Recovery codes.
    RECOVERY_ADD = "INSERT INTO recovery_codes (user_id, hash) SELECT $1, unnest($2::bytea[])";
    /// A recovery code is used.
    RECOVERY_SPEND = "DELETE FROM recovery_codes c USING totp_factors f WHERE c.user_id = $1 AND c.hash = $2 \
        AND f.user_id = c.user_id AND f.confirmed_at IS NOT NULL";

    /// A link for a new password, in place of an older one.
    RESET_LINK_CREATE = "INSERT INTO reset_links (user_id, hash, expires_at) VALUES ($1, $2, now() + $3::interval) \
        ON CONFLICT (user_id) DO UPDATE SET hash = $2, created_at = now(), expires_at = now() + $3::interval \
        RETURNING expires_at";
    /// Whose link it is.
    RESET_LINK = concat!("SELECT ", account!(), " FROM users WHERE deleted_at IS NULL \
        AND id = (SELECT user_id FROM reset_links WHERE hash = $1 AND expires_at > now())");
    /// A link is used, or has no use any more.
    RESET_LINK_SPEND = "DELETE FROM reset_links WHERE user_id = $1 AND hash = $2 AND expires_at > now()";
    /// Whatever link an account has goes.
    RESET_LINK_DELETE = "DELETE FROM reset_links WHERE user_id = $1";

    /// A new login, unless all were ended since the account was read. The lock makes it wait for a change of
    /// password that is under way, and then look again.
    FAMILY_OPEN = "INSERT INTO token_families (login, user_id, expires_at, device, user_agent, address) \
        SELECT $1, id, now() + $4::interval, $5, left($6, 512), $7 FROM users \
        WHERE id = $2 AND token_version = $3 AND deleted_at IS NULL FOR SHARE RETURNING expires_at";
    /// A refresh token.
    TOKEN_ADD = "INSERT INTO refresh_tokens (hash, login, generation) VALUES ($1, $2, $3)";
    /// One login of a user ends.
    FAMILY_END = "UPDATE token_families SET ended_at = now(), end_reason = $3 \
        WHERE login = $1 AND user_id = $2 AND ended_at IS NULL";
    /// All logins of a user end, but perhaps one.
    FAMILIES_END = "UPDATE token_families SET ended_at = now(), end_reason = $3 \
        WHERE user_id = $1 AND login IS DISTINCT FROM $2 AND ended_at IS NULL";
    /// The logins of a user that can still be refreshed, last used first.
    FAMILIES_LIVE = "SELECT login, created_at, last_used_at, expires_at, device, user_agent, address \
        FROM token_families WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now() \
        ORDER BY last_used_at DESC, login LIMIT 1000";
    /// All logins of a user that are kept, the newest first.
    FAMILIES_KEPT = "SELECT login, created_at, last_used_at, expires_at, device, user_agent, address, ended_at, end_reason \
        FROM token_families WHERE user_id = $1 ORDER BY created_at DESC, login";
    /// An account, be it in the trash, and what clients keep beside it.
    ACCOUNT_KEPT = concat!("SELECT ", account!(), ", profile FROM users WHERE id = $1");
    /// Since when an account has a second factor, and whether it was confirmed; nothing of the secret.
    TOTP_KEPT = "SELECT created_at, confirmed_at FROM totp_factors WHERE user_id = $1";
    /// When the link that an account has was made, and until when it is good; nothing of the link.
    RESET_LINK_KEPT = "SELECT created_at, expires_at FROM reset_links WHERE user_id = $1";
    /// Ends of logins of another issuer's user that are kept, the newest first.
    HOST_LOGINS_KEPT = "SELECT nullif(login, '') AS login, reason, ended_at, until FROM ended_host_logins \
        WHERE user_id = $1 ORDER BY ended_at DESC, login";
    /// Logins ended within the last `$1`.
    FAMILIES_ENDED = "SELECT f.login, f.user_id, u.org, f.end_reason = 'force_logout' AS by_force FROM token_families f \
        JOIN users u ON u.id = f.user_id WHERE f.ended_at > now() - $1::interval";
    /// Token versions raised within the last `$1`, with the oldest login that lives: the one that was kept, or else one
    /// that was opened since.
    VERSIONS_RAISED = "SELECT u.id, u.org, u.token_version, u.tokens_end_reason, u.tokens_end_actor, (SELECT f.login FROM token_families f \
        WHERE f.user_id = u.id AND f.ended_at IS NULL AND f.expires_at > now() ORDER BY f.created_at LIMIT 1) AS kept \
        FROM users u WHERE u.tokens_ended_at > now() - $1::interval";
    /// Logins that were over before the last `$1` began; their tokens go with them.
    FAMILIES_FORGET = "DELETE FROM token_families \
        WHERE ended_at < now() - $1::interval OR expires_at < now() - $1::interval";

    /// Locks the login that a refresh token belongs to: exchanges within one login happen one after another.
    FAMILY_LOCK = "SELECT f.login, f.user_id, f.expires_at, f.ended_at IS NOT NULL AS ended, \
        f.expires_at <= now() AS expired FROM token_families f JOIN refresh_tokens t ON t.login = f.login \
        WHERE t.hash = $1 FOR UPDATE OF f";
    /// A refresh token and the one it was exchanged for, read under the lock; `$2` is the grace. By the wall
    /// clock, because the transaction may have begun long before it got the lock.
    TOKEN_STATE = "SELECT t.generation, t.successor, \
        coalesce(t.used_at > clock_timestamp() - $2::interval, false) AS just_used, \
        coalesce(s.used_at IS NULL, false) AS successor_unused \
        FROM refresh_tokens t LEFT JOIN refresh_tokens s ON s.hash = t.successor WHERE t.hash = $1";
    /// A refresh token is exchanged.
    TOKEN_USE = "UPDATE refresh_tokens SET used_at = clock_timestamp(), successor = $2 WHERE hash = $1";
    /// A login was used.
    FAMILY_TOUCH = "UPDATE token_families SET last_used_at = now() WHERE login = $1";

    /// A login of another issuer's user has ended, or (login '') all tokens issued before a second; what is known as well
    /// or better stays as it is.
    HOST_LOGIN_END = "INSERT INTO ended_host_logins AS known (user_id, login, org, token_version, reason, actor, until) \
        VALUES ($1, $2, $3, $4, $5, $6, now() + $7::interval) ON CONFLICT (user_id, login) DO UPDATE \
        SET org = excluded.org, token_version = excluded.token_version, reason = excluded.reason, \
            actor = excluded.actor, ended_at = now(), until = greatest(known.until, excluded.until) \
        WHERE known.until <= now() OR known.token_version < excluded.token_version";
    /// What ended within the last `$1` (NULL: ever) and may still concern a token.
    HOST_LOGINS_ENDED = "SELECT user_id, login, org, token_version, reason, actor, \
            ceil(extract(epoch FROM until - now()) * 1000)::bigint AS left_ms FROM ended_host_logins \
        WHERE until > now() AND ($1::interval IS NULL OR ended_at > now() - $1)";
    /// Ends that concern no token any more.
    HOST_LOGINS_FORGET = "DELETE FROM ended_host_logins WHERE until < now()";

    /// A new key; its time is so long, or without an end.
    SERVICE_KEY_CREATE = "INSERT INTO service_keys (id, name, hash, scopes, org, created_by, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, now() + $7::interval) \
        RETURNING id, name, hash, scopes, org, created_by, created_at, expires_at, revoked_at, last_used_at";
    /// Every key there ever was, newest first.
    SERVICE_KEYS = "SELECT id, name, hash, scopes, org, created_by, created_at, expires_at, revoked_at, last_used_at \
        FROM service_keys ORDER BY created_at DESC, id";
    /// The keys that are good, with how long they have left.
    SERVICE_KEYS_LIVE = "SELECT id, hash, scopes, org, ceil(extract(epoch FROM expires_at - now()) * 1000)::bigint AS left_ms \
        FROM service_keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())";
    /// A key is taken back; the first time only.
    SERVICE_KEY_REVOKE = "UPDATE service_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL";
    /// One key.
    SERVICE_KEY = "SELECT id, name, hash, scopes, org, created_by, created_at, expires_at, revoked_at, last_used_at \
        FROM service_keys WHERE id = $1";
    /// Keys were used.
    SERVICE_KEYS_USED = "UPDATE service_keys SET last_used_at = now() WHERE id = ANY($1)";
    /// Of those who want to block the same network at once one comes first.
    BLOCK_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('block ' || $1, 0))";
    /// Whether this very network is blocked.
    IS_BLOCKED = "SELECT EXISTS (SELECT FROM blocked_addresses WHERE network = $1::text::cidr AND lifted_at IS NULL \
        AND (until IS NULL OR until > now()))";
    /// An administrator blocks a network, for `$3` if that is given.
    BLOCK_ADD = concat!("INSERT INTO blocked_addresses (network, reason, until, made_by) \
        VALUES ($1::text::cidr, $2, now() + $3::interval, $4) RETURNING ", blocked!());
    /// The service blocks a network for `$3`, twice as long for each such block of the last week, `$4` at most. What was
    /// lifted was a mistake and does not count.
    BLOCK_OFFENDER = concat!("INSERT INTO blocked_addresses (network, reason, until) \
        SELECT $1::text::cidr, $2, now() + least($3::interval * power(2, least(count(*), 20)), $4::interval) \
        FROM blocked_addresses WHERE network = $1::text::cidr AND made_by IS NULL AND lifted_at IS NULL \
        AND since > now() - interval '7 days' RETURNING ", blocked!());
    /// An administrator lifts a block.
    BLOCK_LIFT = concat!("UPDATE blocked_addresses SET lifted_at = now(), lifted_by = $2 \
        WHERE id = $1 AND lifted_at IS NULL AND (until IS NULL OR until > now()) RETURNING ", blocked!());
    /// A page of blocks, newest first: all, or those in force.
    BLOCKS = concat!("SELECT ", blocked!(), " FROM blocked_addresses \
        WHERE ($1 OR lifted_at IS NULL AND (until IS NULL OR until > now())) \
            AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3");
    /// What nodes know by heart.
    BLOCKS_IN_FORCE = concat!("SELECT ", blocked!(), " FROM blocked_addresses \
        WHERE lifted_at IS NULL AND (until IS NULL OR until > now())");
    /// Blocks that were over before the last `$1` began.
    BLOCKS_FORGET = "DELETE FROM blocked_addresses WHERE coalesce(lifted_at, until) < now() - $1::interval";
    /// Of those who register webhooks at once one comes first.
    WEBHOOKS_LOCK = "SELECT pg_advisory_xact_lock(hashtext('rollcall webhooks'))";
    /// How many webhooks there are.
    WEBHOOKS_COUNT = "SELECT count(*) FROM webhooks";
    /// A webhook as it is registered.
    WEBHOOK_CREATE = "INSERT INTO webhooks (id, name, url, org, events, debounce_ms, enabled, secret, created_by) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    /// Where it is noted how it goes.
    WEBHOOK_PROGRESS = "INSERT INTO webhook_progress (webhook_id) VALUES ($1)";
    /// It is told what is copied from now on.
    WEBHOOK_START = "INSERT INTO webhook_positions (webhook_id, shard, epoch, n) SELECT $1, shard, epoch, n FROM copy_position \
        ON CONFLICT (webhook_id, shard) DO UPDATE SET epoch = EXCLUDED.epoch, n = EXCLUDED.n";
    /// Its failures are forgotten, and what waits is sent at once.
    WEBHOOK_AFRESH = "UPDATE webhook_progress SET failures = 0, problem = NULL, retry_at = now() WHERE webhook_id = $1";
    /// What was held back is told no more.
    WEBHOOK_HELD_FORGET = "DELETE FROM webhook_held WHERE webhook_id = $1";
    /// Every webhook, newest first.
    WEBHOOKS = concat!("SELECT ", webhook!(), " ORDER BY w.created_at DESC, w.id");
    /// One webhook.
    WEBHOOK = concat!("SELECT ", webhook!(), " WHERE w.id = $1");
    /// The same, to be changed.
    WEBHOOK_LOCKED = concat!("SELECT ", webhook!(), " WHERE w.id = $1 FOR UPDATE");
    /// The secrets that sign.
    WEBHOOK_SECRETS = "SELECT secret, CASE WHEN previous_until > now() THEN previous_secret END AS previous_secret \
        FROM webhooks WHERE id = $1";
    /// All secrets.
    WEBHOOK_SEALS = "SELECT id, secret FROM webhooks \
        UNION ALL SELECT id, previous_secret FROM webhooks WHERE previous_until > now()";
    /// What is said of it.
    WEBHOOK_CHANGE = "UPDATE webhooks SET name = $2, url = $3, org = $4, events = $5, debounce_ms = $6, enabled = $7, \
        updated_at = now() WHERE id = $1";
    /// It is gone, with what waits.
    WEBHOOK_DELETE = "DELETE FROM webhooks WHERE id = $1";
    /// Another secret; the one before signs, too, for a while.
    WEBHOOK_ROTATE = "UPDATE webhooks SET previous_secret = secret, previous_until = now() + $3::interval, secret = $2, \
        updated_at = now() WHERE id = $1";
    /// A secret under another seal, unless it was changed meanwhile.
    WEBHOOK_RESEAL = "UPDATE webhooks SET secret = CASE WHEN secret = $2 THEN $3 ELSE secret END, \
        previous_secret = CASE WHEN previous_secret = $2 THEN $3 ELSE previous_secret END WHERE id = $1";
    /// A page of deliveries, newest first.
    WEBHOOK_DELIVERIES = concat!("SELECT ", delivery!(), " FROM webhook_deliveries WHERE webhook_id = $1 \
        AND ($2::text IS NULL OR state = $2) AND ($3::bigint IS NULL OR place < $3) ORDER BY place DESC LIMIT $4");
    /// One delivery of a webhook.
    WEBHOOK_DELIVERY = concat!("SELECT ", delivery!(), " FROM webhook_deliveries WHERE webhook_id = $1 AND id = $2");
    /// A dead letter is sent again, after what waits.
    WEBHOOK_REDELIVER = concat!("UPDATE webhook_deliveries SET state = 'pending', ended_at = NULL, \
        place = nextval('webhook_places'), give_up_at = now() + $2::interval \
        WHERE id = $1 AND state = 'dead' AND EXISTS (SELECT FROM webhook_events WHERE delivery_id = $1) RETURNING ", delivery!());
}

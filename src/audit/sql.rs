//! Every statement of this module, by name. `STATEMENTS` lists them all, so that a test prepares each against the
//! real schema.
//!
//! Longer than the house number because all of them stand in one place, and a statement has nothing to be split by.

/// The log as others saw it, in place of the log. Whoever was invisible was offline: what they did unseen is not here, and
/// where they went or came they seem to have closed their page or opened it. Every coming and going of that kind is
/// told as briefly, or the missing session would tell which of them were others; and as noticed when it happened, because a
/// wish is noticed at once and a deadline a moment later. `true_reason` is for the index alone.
macro_rules! shown_log {
    () => {
        "(SELECT subject, org, shard, epoch, n, sequence, kind, occurred_at, recorded_at, last_seen, reason AS true_reason, \
            CASE WHEN is_brief THEN occurred_at ELSE detected_at END AS detected_at, \
            CASE from_status WHEN 'invisible' THEN 'offline' ELSE from_status END AS from_status, \
            CASE to_status WHEN 'invisible' THEN 'offline' ELSE to_status END AS to_status, \
            CASE 'invisible' WHEN to_status THEN 'closed' WHEN from_status THEN 'connect' ELSE reason END AS reason, \
            CASE WHEN is_brief THEN 0 ELSE uncertainty_ms END AS uncertainty_ms, \
            CASE WHEN NOT is_brief THEN session_id END AS session_id, \
            CASE WHEN NOT is_brief THEN device END AS device, \
            CASE WHEN NOT is_brief THEN actor END AS actor \
        FROM transitions_log CROSS JOIN LATERAL (SELECT kind = 'transition' AND ('invisible' IN (from_status, to_status) \
            OR reason IN ('closed', 'connect') AND 'offline' IN (from_status, to_status)) AS is_brief) b \
        WHERE kind <> 'wish' AND NOT (kind = 'transition' AND from_status IN ('offline', 'invisible') \
            AND to_status IN ('offline', 'invisible')))"
    };
}

/// Transitions of a log, newest first, from below the cursor's place ($9 to $12) on. What is said of the reason besides lets
/// an index find rare ones: the shown reason is none that an index knows, but only two of them are not the true one.
macro_rules! transitions {
    ($log:expr, $reason:literal) => {
        concat!(
            "SELECT s.user_id, l.org, l.shard, l.epoch, l.n, l.sequence, l.from_status, l.to_status, l.reason, \
                l.occurred_at, l.detected_at, l.recorded_at, l.uncertainty_ms, l.session_id, l.device, l.actor FROM ",
            $log,
            " l LEFT JOIN subjects s ON s.subject = l.subject \
            WHERE l.kind = 'transition'",
            $reason,
            " AND ($1::bigint IS NULL OR l.subject = $1) AND ($2::text IS NULL OR l.org = $2) \
                AND ($3::text IS NULL OR l.reason = $3) AND ($4::text IS NULL OR l.from_status = $4) \
                AND ($5::text IS NULL OR l.to_status = $5) AND ($6::timestamptz IS NULL OR l.occurred_at >= $6) \
                AND ($7::timestamptz IS NULL OR l.occurred_at < $7) AND ($8::smallint IS NULL OR l.shard = $8) \
                AND ($9::timestamptz IS NULL OR (l.occurred_at, l.shard, l.epoch, l.n) < ($9, $10::smallint, $11::bigint, $12::bigint)) \
                AND ($14::text IS NULL OR l.session_id = $14) \
            ORDER BY l.occurred_at DESC, l.shard DESC, l.epoch DESC, l.n DESC LIMIT $13"
        )
    };
}

/// One person's entries in a log, claims included, newest first, from below the cursor's place ($4 to $7) on.
macro_rules! timeline {
    ($log:expr) => {
        concat!(
            "SELECT l.* FROM ",
            $log,
            " l WHERE l.subject = $1 AND l.occurred_at >= $2 AND l.occurred_at < $3 \
                AND ($4::timestamptz IS NULL OR (l.occurred_at, l.shard, l.epoch, l.n) < ($4, $5::smallint, $6::bigint, $7::bigint)) \
            ORDER BY l.occurred_at DESC, l.shard DESC, l.epoch DESC, l.n DESC LIMIT $8"
        )
    };
}

/// The transition of a log that follows a place: it ends the interval that the one there began.
macro_rules! next_transition {
    ($log:expr) => {
        concat!(
            "SELECT l.* FROM ",
            $log,
            " l WHERE l.subject = $1 AND l.kind = 'transition' AND (l.occurred_at, l.shard, l.epoch, l.n) > ($2, $3, $4, $5) \
            ORDER BY l.occurred_at, l.shard, l.epoch, l.n LIMIT 1"
        )
    };
}

/// The transition of a log that led into a moment.
macro_rules! transition_before {
    ($log:expr) => {
        concat!(
            "SELECT l.* FROM ",
            $log,
            " l WHERE l.subject = $1 AND l.kind = 'transition' AND l.occurred_at < $2 \
            ORDER BY l.occurred_at DESC, l.shard DESC, l.epoch DESC, l.n DESC LIMIT 1"
        )
    };
}

/// Those who were present at $1. Of two intervals that hold the moment, which only a late transition leaves behind, the
/// newer one is true.
macro_rules! present_at {
    () => {
        "(SELECT DISTINCT ON (subject) * FROM (\
            SELECT * FROM intervals WHERE ended_at IS NOT NULL AND tstzrange(started_at, ended_at) @> $1::timestamptz \
            UNION ALL SELECT * FROM intervals WHERE ended_at IS NULL AND started_at <= $1) i \
            ORDER BY subject, sequence DESC) t"
    };
}

/// Which of them: of organisation $2, in status $3, and only who was visible, where $4 says so.
macro_rules! of_those {
    () => {
        "($2::text IS NULL OR t.org = $2) AND ($3::text IS NULL OR t.status = $3) AND NOT ($4 AND t.status = 'invisible')"
    };
}

/// Declares statements and their list.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)+

        /// Every statement of this file: name and text.
        pub const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name),)+];
    };
}
pub(super) use statements;

statements! {
    POSITION = "SELECT epoch, n, hash, detected_at, heard_at, is_spared FROM copy_position WHERE shard = $1";

    POSITION_LOCKED = "SELECT epoch, n, hash, detected_at, heard_at, is_spared FROM copy_position WHERE shard = $1 FOR UPDATE";

    /// The shard's row must exist before it can be locked.
    POSITION_BEGIN = "INSERT INTO copy_position (shard, epoch, n, hash) VALUES ($1, 0, 0, $2) ON CONFLICT (shard) DO NOTHING";

    /// An entry is also a word of the shard, but says nothing of those who were put back and have not returned.
    POSITION_MOVE = "UPDATE copy_position SET epoch = $2, n = $3, hash = $4, detected_at = $5, \
            heard_at = CASE WHEN is_spared THEN heard_at ELSE GREATEST(heard_at, $5) END WHERE shard = $1";

    /// In the order of shards, so that two callers cannot wait for each other.
    HEARD = "UPDATE copy_position p SET heard_at = h.heard_at, is_spared = false \
        FROM (SELECT shard, u.heard_at FROM copy_position JOIN UNNEST($1::smallint[], $2::timestamptz[]) u (shard, heard_at) \
            USING (shard) ORDER BY shard FOR UPDATE OF copy_position) h \
        WHERE p.shard = h.shard";

    /// What was lost is dated by when it was last heard of, until everybody who was put back had time to return.
    POSITION_SPARE = "UPDATE copy_position SET is_spared = heard_at IS NOT NULL WHERE shard = $1";

    NEXT_EPOCH = "SELECT nextval('presence_epoch')";

    /// The newest of these entries ($2: numbers, $3: when they were detected) that is stored, under whichever of the
    /// shard's epochs: they are few, and each is found by the key.
    NEWEST_COMMON = "WITH RECURSIVE lives (epoch) AS (\
            SELECT max(epoch) FROM transitions_log WHERE shard = $1 \
            UNION ALL SELECT (SELECT max(l.epoch) FROM transitions_log l WHERE l.shard = $1 AND l.epoch < lives.epoch) \
                FROM lives WHERE lives.epoch IS NOT NULL) \
        SELECT l.epoch, l.n FROM lives CROSS JOIN UNNEST($2::bigint[], $3::timestamptz[]) u (n, detected_at) \
            JOIN transitions_log l ON l.shard = $1 AND l.epoch = lives.epoch AND l.n = u.n AND l.detected_at = u.detected_at \
        WHERE l.detected_at BETWEEN $4 AND $5 ORDER BY l.n DESC, l.epoch DESC LIMIT 1";

    /// Whose status the transitions behind entry ($2, $3) of a shard have changed, and what it was before them.
    CHANGED_SINCE = "SELECT s.user_id, f.from_status \
        FROM (SELECT DISTINCT ON (subject) subject, from_status FROM transitions_log \
                WHERE shard = $1 AND (epoch, n) > ($2, $3) AND kind = 'transition' ORDER BY subject, epoch, n) f \
            JOIN subjects s USING (subject) JOIN presence_last p ON p.user_id = s.user_id AND p.status <> f.from_status \
        ORDER BY s.user_id";

    /// A cursor, so that neither side has to hold everybody at once.
    PRESENT_DECLARE = "DECLARE present NO SCROLL CURSOR FOR SELECT p.shard, p.user_id, p.org, p.status, p.since, p.online_since, \
            p.last_seen, p.shown_since, p.shown_online_since, p.shown_last_seen, p.shown_version, p.epoch, p.n, p.sequence \
        FROM presence_last p WHERE p.shard = ANY($1) AND p.status <> 'offline'";

    PRESENT_FETCH = "FETCH 5000 FROM present";

    SKIP_EPOCHS = "SELECT count(nextval('presence_epoch')) FROM generate_series(1, $1::bigint)";

    PING = "SELECT 1";

    /// What the server says of itself, and as whom the service works there.
    SERVER = "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major, \
            pg_is_in_recovery() AS is_standby, current_setting('max_connections')::int AS most, \
            current_setting('superuser_reserved_connections')::int AS reserved, \
            (SELECT sum(numbackends)::bigint FROM pg_stat_database) AS used, \
            current_user::text AS role, session_user::text AS login, now() AS now";

    MIGRATIONS_APPLIED = "SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version";

    /// What this role may do with tables ($1) that are only added to.
    RIGHTS = "SELECT t.name, coalesce(has_table_privilege(to_regclass(t.name), 'SELECT') \
                AND has_table_privilege(to_regclass(t.name), 'INSERT'), false) AS may_add, \
            coalesce(has_table_privilege(to_regclass(t.name), 'UPDATE, DELETE, TRUNCATE'), false) AS may_change \
        FROM UNNEST($1::text[]) t (name) ORDER BY t.name";

    /// For so long rows of each table by month have a place to go: none where this month has none.
    RESERVE = "SELECT min(CASE WHEN has_now THEN extract(epoch FROM until - now()) END)::float8 AS seconds, \
            bool_and(has_now) AS has_now FROM (\
            SELECT p.relname, (max(to_date(right(c.relname, 7), 'YYYY_MM')) + interval '1 month') AT TIME ZONE 'UTC' AS until, \
                bool_or(right(c.relname, 7) = to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')) AS has_now \
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent \
            WHERE p.oid IN (to_regclass('transitions_log'), to_regclass('system_events'), to_regclass('admin_actions')) \
                AND c.relkind = 'r' GROUP BY p.relname) months";

    QUARANTINE_COUNT = "SELECT count(*) AS count, max(quarantined_at) AS newest FROM quarantine";

    /// System events of these kinds ($1) since so long ($2).
    LATE_EVENTS = "SELECT kind, count(*) AS count, max(occurred_at) AS newest FROM system_events \
        WHERE kind = ANY($1) AND occurred_at > now() - $2::interval GROUP BY kind ORDER BY kind";

    SYSTEM_EVENT = "INSERT INTO system_events (kind, detail) VALUES ($1, $2)";

    ENSURE_PARTITIONS = "SELECT ensure_partitions($1)";

    /// The bounds of a partition are told as text only.
    ROOM = "SELECT pg_database_size(current_database()), COALESCE(EXTRACT(EPOCH FROM max(substring( \
            pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([^'']+)''\\)')::timestamptz) - now()), 0)::float8 \
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'transitions_log'::regclass";

    ENSURE_MONTH = "SELECT ensure_month($1)";

    DROP_PARTITIONS = "SELECT drop_partitions($1)";

    /// What a batch needs to know of its users; those never copied are left out.
    PEOPLE = "SELECT p.user_id, p.subject, p.sequence, p.status, p.since FROM UNNEST($1::text[]) u (user_id) \
        JOIN presence_last p ON p.user_id = u.user_id";

    NEW_SUBJECTS = "INSERT INTO subjects (user_id) SELECT UNNEST($1::text[]) ON CONFLICT (user_id) DO NOTHING";

    /// Read and not returned by the insert: another transaction may have made the subject meanwhile.
    SUBJECTS = "SELECT user_id, subject FROM subjects WHERE user_id = ANY($1)";

    INSERT_LOG = "INSERT INTO transitions_log (shard, epoch, n, kind, subject, org, sequence, from_status, to_status, \
            reason, occurred_at, detected_at, last_seen, uncertainty_ms, session_id, device, actor) \
        SELECT $1, $2, u.* FROM UNNEST($3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bigint[], $8::text[], \
            $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::bigint[], \
            $15::text[], $16::text[], $17::text[]) u";

    /// An interval never ends before it began, whatever a late transition says.
    END_INTERVALS = "UPDATE intervals i SET ended_at = GREATEST(i.started_at, u.ended_at), end_reason = u.end_reason \
        FROM UNNEST($1::bigint[], $2::timestamptz[], $3::text[]) u (subject, ended_at, end_reason) \
        WHERE i.subject = u.subject AND i.ended_at IS NULL";

    INSERT_INTERVALS = "INSERT INTO intervals (subject, sequence, org, status, started_at, ended_at, end_reason) \
        SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[])";

    /// Where others have seen nothing since Redis forgot the user (version 0), what they saw before stands.
    STORE_LAST = "INSERT INTO presence_last AS p (shard, epoch, user_id, subject, org, status, since, online_since, last_seen, \
            shown_since, shown_online_since, shown_last_seen, shown_version, n, sequence) \
        SELECT $1, $2, u.* FROM UNNEST($3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[], \
            $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bigint[], $14::bigint[], \
            $15::bigint[]) u \
        ON CONFLICT (user_id) DO UPDATE SET shard = EXCLUDED.shard, epoch = EXCLUDED.epoch, org = EXCLUDED.org, \
            status = EXCLUDED.status, since = EXCLUDED.since, online_since = EXCLUDED.online_since, \
            last_seen = EXCLUDED.last_seen, n = EXCLUDED.n, sequence = EXCLUDED.sequence, \
            shown_since = CASE WHEN EXCLUDED.shown_version = 0 THEN p.shown_since ELSE EXCLUDED.shown_since END, \
            shown_online_since = CASE WHEN EXCLUDED.shown_version = 0 THEN p.shown_online_since ELSE EXCLUDED.shown_online_since END, \
            shown_last_seen = CASE WHEN EXCLUDED.shown_version = 0 THEN p.shown_last_seen ELSE EXCLUDED.shown_last_seen END, \
            shown_version = CASE WHEN EXCLUDED.shown_version = 0 THEN p.shown_version ELSE EXCLUDED.shown_version END";

    /// Claims that were taken back or came to their end.
    CLAIMS_DROP = "DELETE FROM claims c USING UNNEST($1::text[], $2::text[]) u (user_id, kind) \
        WHERE c.user_id = u.user_id AND c.kind = u.kind";

    /// Claims as they stand now. One that only stayed while the other changed was set when it was set.
    CLAIMS_KEEP = "INSERT INTO claims AS c (shard, user_id, kind, claim_id, status, note, emoji, expires_at, set_at) \
        SELECT $1, u.* FROM UNNEST($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], \
            $9::timestamptz[]) u \
        ON CONFLICT (user_id, kind) DO UPDATE SET shard = EXCLUDED.shard, claim_id = EXCLUDED.claim_id, \
            status = EXCLUDED.status, note = EXCLUDED.note, emoji = EXCLUDED.emoji, expires_at = EXCLUDED.expires_at, \
            set_at = EXCLUDED.set_at WHERE c.claim_id <> EXCLUDED.claim_id";

    /// A page of so many users, both claims of each.
    CLAIMS_OF_SHARD = "SELECT c.user_id, c.kind, c.claim_id, c.status, c.note, c.emoji, c.expires_at FROM claims c \
        JOIN (SELECT DISTINCT user_id FROM claims WHERE shard = $1 AND ($2::text IS NULL OR user_id > $2) \
            ORDER BY user_id LIMIT $3) page ON page.user_id = c.user_id ORDER BY c.user_id, c.kind DESC";

    CLAIMS_OF = "SELECT user_id, kind, claim_id, status, note, emoji, expires_at FROM claims WHERE user_id = ANY($1)";

    /// On whom claims were set, taken back or came to their end behind entry ($2, $3) of a shard.
    CLAIMED_SINCE = "SELECT DISTINCT s.user_id FROM transitions_log l JOIN subjects s USING (subject) \
        WHERE l.shard = $1 AND (l.epoch, l.n) > ($2, $3) AND l.reason = ANY($4)";

    INSERT_BATCH = "INSERT INTO copy_batches (shard, epoch, first_n, last_n, rows, marks, detected_from, detected_to, previous, hash) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

    /// The end of the chain as it was really written, for a position that was set back.
    LAST_BATCH = "SELECT hash FROM copy_batches WHERE shard = $1 AND epoch = $2 ORDER BY last_n DESC LIMIT 1";

    /// Entries of a batch that are stored although the position says they cannot be. By (shard, epoch, n) alone: the
    /// key contains detected_at, so another row with the same n would not break it.
    STORED = "SELECT l.n, l.kind, s.user_id, l.org, l.from_status, l.to_status, l.reason, l.occurred_at, l.detected_at, \
            l.last_seen, l.uncertainty_ms, l.session_id, l.device, l.actor \
        FROM transitions_log l LEFT JOIN subjects s ON s.subject = l.subject \
        WHERE l.shard = $1 AND l.epoch = $2 AND l.n BETWEEN $3 AND $4";

    /// Parked entries stay parked: their batch is sealed without them.
    QUARANTINED = "SELECT n FROM quarantine WHERE shard = $1 AND epoch = $2 AND n BETWEEN $3 AND $4";

    /// A batch that is repeated after its position was set back may find its entry parked already.
    QUARANTINE = "INSERT INTO quarantine (shard, epoch, n, entry, problem) VALUES ($1, $2, $3, $4::text::json, $5) \
        ON CONFLICT (shard, epoch, n) DO NOTHING";

    LAST = "SELECT p.user_id, p.org, p.status, p.since, p.online_since, p.last_seen, p.shown_since, p.shown_online_since, \
            p.shown_last_seen, p.shown_version, p.epoch, p.n, p.sequence \
        FROM UNNEST($1::text[]) WITH ORDINALITY u (user_id, place) LEFT JOIN presence_last p USING (user_id) ORDER BY u.place";

    /// How much the log holds of a person; each change to a status other than offline began an interval.
    FOOTPRINT = "SELECT count(*) AS entries, count(*) FILTER (WHERE kind = 'transition' AND to_status <> 'offline') AS intervals, \
            (SELECT count(*) FROM claims WHERE user_id = $2) AS claims \
        FROM transitions_log WHERE subject = $1";

    UNLINK_PERSON = "SELECT unlink_person($1)";

    SUBJECT = "SELECT subject FROM subjects WHERE user_id = $1";

    TRANSITIONS = transitions!("transitions_log", "");

    TRANSITIONS_SHOWN = transitions!(
        shown_log!(),
        " AND ($3::text IS NULL OR $3 IN ('closed', 'connect') OR l.true_reason = $3)"
    );

    TIMELINE = timeline!("transitions_log");

    TIMELINE_SHOWN = timeline!(shown_log!());

    NEXT_TRANSITION = next_transition!("transitions_log");

    NEXT_TRANSITION_SHOWN = next_transition!(shown_log!());

    TRANSITION_BEFORE = transition_before!("transitions_log");

    TRANSITION_BEFORE_SHOWN = transition_before!(shown_log!());

    /// Who was present at $1, by subject from behind $5 on.
    AT = concat!("SELECT s.user_id, t.* FROM ", present_at!(), " LEFT JOIN subjects s USING (subject) WHERE ", of_those!(),
        " AND t.subject > $5 ORDER BY t.subject LIMIT $6");

    /// How many they are on all pages.
    AT_COUNT = concat!("SELECT count(*) FROM ", present_at!(), " WHERE ", of_those!());

    /// Postgres's clock, and since when nothing was dropped: after a month went, the moment before which everything did.
    REACH = "SELECT now() AS now, (SELECT max((detail->>'before')::timestamptz) FROM system_events \
        WHERE kind = 'partitions_dropped') AS kept_since";

    POSITIONS = "SELECT shard, epoch, n, detected_at, heard_at, is_spared FROM copy_position";

    /// Both statements of an answer see the same history.
    SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

    /// Until the transaction ends no batch is copied. In the order of shards, as whoever locks several must.
    POSITIONS_LOCKED = "SELECT shard FROM copy_position ORDER BY shard FOR UPDATE";

    /// The last person of whom the log tells.
    REBUILD_END = "SELECT coalesce(max(subject), 0) FROM transitions_log";

    /// The people after $1 up to $2 whose rows come to no more than $3 (but always one); the last of them.
    REBUILD_RANGE = "SELECT coalesce(max(subject), $2) FROM (\
            SELECT subject, sum(rows) OVER (ORDER BY subject) - rows AS before FROM (\
                SELECT subject, count(*) AS rows FROM transitions_log WHERE subject > $1 AND subject <= $2 GROUP BY subject) c) r \
        WHERE before < $3::bigint";

    /// The truth of a range of people, in the order in which it came about.
    REBUILD_LOG = "SELECT * FROM transitions_log WHERE subject > $1 AND subject <= $2 ORDER BY subject, epoch, n";

    REBUILD_INTERVALS = "SELECT * FROM intervals WHERE subject > $1 AND subject <= $2";

    LAST_DELETE = "DELETE FROM presence_last WHERE user_id = ANY($1)";

    REBUILD_LAST = "SELECT s.subject AS person, s.user_id AS name, p.* FROM subjects s LEFT JOIN presence_last p USING (user_id) \
        WHERE s.subject > $1 AND s.subject <= $2";

    INTERVALS_DELETE = "DELETE FROM intervals i USING UNNEST($1::bigint[], $2::bigint[]) u (subject, sequence) \
        WHERE i.subject = u.subject AND i.sequence = u.sequence";

    /// So that a range of people is found without reading all intervals; made for the rebuild alone, because it would
    /// cost every transition a write.
    REBUILD_INDEX = "CREATE INDEX CONCURRENTLY intervals_rebuild ON intervals (subject)";

    REBUILD_INDEX_DROP = "DROP INDEX CONCURRENTLY IF EXISTS intervals_rebuild";

    NEWEST_ACTION = "SELECT coalesce(max(seq), 0) FROM admin_actions";

    NEWEST_EVENT = "SELECT coalesce(max(seq), 0) FROM system_events";

    /// Rows of a log as they are sealed: all columns but addresses. Text, because that form is the same on every server.
    ACTION_ROWS = "SELECT seq, occurred_at, ARRAY[id::text, actor, action, target_type, target_id, severity, category, \
            before::text, after::text, session_id, request_id, detail] AS fields \
        FROM admin_actions WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3";

    EVENT_ROWS = "SELECT seq, occurred_at, ARRAY[id::text, kind, detail::text] AS fields \
        FROM system_events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3";

    /// Transactions that are writing to a log: whoever inserts has this lock before it takes a number.
    WRITERS = "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = $1::text::regclass \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock'";

    SEAL_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('rollcall seals'), hashtext($1))";

    SEAL_LAST = "SELECT n, last_seq, hash FROM audit_seals WHERE log = $1 ORDER BY n DESC LIMIT 1";

    SEAL_INSERT = "INSERT INTO audit_seals (log, n, first_seq, last_seq, seqs, marks, rows_from, previous, hash) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    /// What the last drop of old months left of each chain.
    LAST_DROP = "SELECT (detail->>'before')::timestamptz AS before, detail->'chains' AS chains FROM system_events \
        WHERE kind = 'partitions_dropped' ORDER BY seq DESC LIMIT 1";

    /// Every shard that has entries, batches or a position. One by one, because the log's index knows them and the log is
    /// long.
    SHARDS = "WITH RECURSIVE s (shard) AS (SELECT min(shard) FROM transitions_log \
            UNION ALL SELECT (SELECT min(l.shard) FROM transitions_log l WHERE l.shard > s.shard) FROM s WHERE s.shard IS NOT NULL) \
        SELECT shard FROM s WHERE shard IS NOT NULL UNION SELECT shard FROM copy_batches UNION SELECT shard FROM copy_position \
        ORDER BY shard";

    BATCHES = "SELECT epoch, first_n, last_n, rows, marks, previous, hash FROM copy_batches \
        WHERE shard = $1 AND (epoch, first_n) > ($2, $3) AND (epoch, first_n) <= ($4, $5) ORDER BY epoch, first_n LIMIT $6";

    BATCH_SINCE = "SELECT epoch, first_n FROM copy_batches WHERE shard = $1 AND detected_to >= $2 \
        ORDER BY epoch, first_n LIMIT 1";

    BATCH_UNTIL = "SELECT epoch, first_n FROM copy_batches WHERE shard = $1 AND detected_from < $2 \
        ORDER BY epoch DESC, first_n DESC LIMIT 1";

    BATCH_HASH = "SELECT hash FROM copy_batches WHERE shard = $1 AND epoch = $2 AND first_n = $3";

    /// The entries of a shard behind one up to another.
    ENTRY_ROWS = "SELECT * FROM transitions_log WHERE shard = $1 AND (epoch, n) > ($2, $3) AND (epoch, n) <= ($4, $5) \
        ORDER BY epoch, n";

    /// What was told of the numbers of a shard.
    NUMBER_EVENTS = "SELECT kind, detail FROM system_events WHERE kind IN ('epoch', 'gap') \
        AND (detail->>'shard')::smallint = $1 ORDER BY seq";

    SEALS = "SELECT n, first_seq, last_seq, seqs, marks, previous, hash FROM audit_seals \
        WHERE log = $1 AND n > $2 AND n <= $3 ORDER BY n LIMIT $4";

    SEAL_SINCE = "SELECT coalesce(min(n), 9223372036854775807) FROM audit_seals WHERE log = $1 AND recorded_at >= $2";

    SEAL_UNTIL = "SELECT coalesce(max(n), 0) FROM audit_seals WHERE log = $1 AND rows_from < $2";

    SEAL_HASH = "SELECT hash FROM audit_seals WHERE log = $1 AND n = $2";

    /// Takes the leases of webhooks that have something to do: a batch that waits, changes held for long enough, or a shard
    /// of which more is copied than they were told. The one that waited longest comes first.
    WEBHOOKS_LEASE = "UPDATE webhook_progress p SET lease = $1, busy_until = now() + $3::interval \
        FROM (SELECT w.* FROM webhook_progress p JOIN webhooks w ON w.id = p.webhook_id \
            WHERE w.enabled AND p.busy_until <= now() AND p.retry_at <= now() AND (\
                EXISTS (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state = 'pending') \
                OR EXISTS (SELECT FROM webhook_held h WHERE h.webhook_id = w.id AND (h.due_at <= now() OR w.debounce_ms IS NULL)) \
                OR EXISTS (SELECT FROM copy_position c LEFT JOIN webhook_positions q ON q.webhook_id = w.id AND q.shard = c.shard \
                    WHERE (c.epoch, c.n) > (coalesce(q.epoch, 0), coalesce(q.n, 0)))) \
            ORDER BY p.busy_until LIMIT $2 FOR UPDATE OF p SKIP LOCKED) w \
        WHERE p.webhook_id = w.id RETURNING w.id, w.url, w.org, w.events, w.debounce_ms, w.secret, \
            CASE WHEN w.previous_until > now() THEN w.previous_secret END AS previous_secret";

    WEBHOOK_LEASE_KEEP = "UPDATE webhook_progress p SET busy_until = now() + $3::interval FROM webhooks w \
        WHERE p.webhook_id = $1 AND p.lease = $2 AND w.id = p.webhook_id AND w.enabled RETURNING p.failures";

    WEBHOOK_LEASE_END = "UPDATE webhook_progress SET lease = NULL, busy_until = now() WHERE webhook_id = $1 AND lease = $2";

    WEBHOOK_WAITING = "SELECT id FROM webhook_deliveries \
        WHERE webhook_id = $1 AND state = 'pending' ORDER BY place LIMIT 1";

    WEBHOOK_EVENTS = "SELECT sequence, user_id, event FROM webhook_events WHERE delivery_id = $1 ORDER BY sequence";

    WEBHOOK_ATTEMPT = "UPDATE webhook_deliveries SET attempts = attempts + 1, tried_at = now() WHERE id = $1 RETURNING attempts";

    WEBHOOK_GIVE_UP = "UPDATE webhook_deliveries SET state = 'dead', ended_at = now(), \
            problem = 'the receiver was away for too long' WHERE id = $1 AND state = 'pending'";

    WEBHOOK_DELIVERY_DROP = "DELETE FROM webhook_deliveries WHERE id = $1";

    /// Shards of which more is copied than a webhook was told.
    WEBHOOK_BEHIND = "SELECT c.shard, coalesce(q.epoch, 0) AS epoch, coalesce(q.n, 0) AS n, c.epoch AS to_epoch, c.n AS to_n \
        FROM copy_position c LEFT JOIN webhook_positions q ON q.webhook_id = $1 AND q.shard = c.shard \
        WHERE (c.epoch, c.n) > (coalesce(q.epoch, 0), coalesce(q.n, 0))";

    /// Of each shard the first $6 rows behind one entry up to another. Of a claim also since when the status holds, which
    /// its row does not say: the transition before it does.
    WEBHOOK_SCAN = "SELECT l.shard, l.epoch, l.n, l.kind, (SELECT s.user_id FROM subjects s WHERE s.subject = l.subject) AS user_id, l.org, l.from_status, l.to_status, l.reason, l.occurred_at, \
            l.detected_at, l.recorded_at, l.last_seen, \
            CASE WHEN l.kind = 'claim' THEN (SELECT b.occurred_at FROM transitions_log b \
                WHERE b.subject = l.subject AND b.kind = 'transition' AND b.occurred_at <= l.occurred_at AND (b.epoch, b.n) < (l.epoch, l.n) \
                ORDER BY b.occurred_at DESC, b.epoch DESC, b.n DESC LIMIT 1) END AS since \
        FROM UNNEST($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) r (shard, epoch, n, to_epoch, to_n) \
            CROSS JOIN LATERAL (SELECT * FROM transitions_log t WHERE t.shard = r.shard AND (t.epoch, t.n) > (r.epoch, r.n) \
                AND (t.epoch, t.n) <= (r.to_epoch, r.to_n) ORDER BY t.epoch, t.n LIMIT $6) l";

    WEBHOOK_MOVE = "INSERT INTO webhook_positions AS p (webhook_id, shard, epoch, n) \
        SELECT $1, u.* FROM UNNEST($2::smallint[], $3::bigint[], $4::bigint[]) u \
        ON CONFLICT (webhook_id, shard) DO UPDATE SET epoch = EXCLUDED.epoch, n = EXCLUDED.n";

    WEBHOOK_HELD = "SELECT user_id, held FROM webhook_held WHERE webhook_id = $1 AND user_id = ANY($2)";

    WEBHOOK_HELD_DROP = "DELETE FROM webhook_held WHERE webhook_id = $1 AND user_id = ANY($2)";

    WEBHOOK_HELD_KEEP = "INSERT INTO webhook_held (webhook_id, user_id, due_at, held) \
        SELECT $1, u.* FROM UNNEST($2::text[], $3::timestamptz[], $4::jsonb[]) u";

    /// Takes what was held for long enough, or all ($2).
    WEBHOOK_HELD_DUE = "DELETE FROM webhook_held h USING (SELECT user_id FROM webhook_held \
            WHERE webhook_id = $1 AND ($2 OR due_at <= now()) ORDER BY due_at LIMIT $3) d \
        WHERE h.webhook_id = $1 AND h.user_id = d.user_id RETURNING h.user_id, h.held";

    WEBHOOK_DELIVERY_ADD = "INSERT INTO webhook_deliveries (id, webhook_id, size, oldest_at, give_up_at) \
        VALUES ($1, $2, $3, $4::timestamptz, $4::timestamptz + $5::interval) RETURNING give_up_at <= now()";

    /// Numbers for so many events; the last of them.
    WEBHOOK_NUMBER = "UPDATE webhook_progress SET told = told + $2 WHERE webhook_id = $1 RETURNING told";

    WEBHOOK_EVENTS_ADD = "INSERT INTO webhook_events (delivery_id, sequence, user_id, event) \
        SELECT $1, u.* FROM UNNEST($2::bigint[], $3::text[], $4::jsonb[]) u";

    WEBHOOK_SUCCEEDED = "UPDATE webhook_progress SET failures = 0, problem = NULL, succeeded_at = now(), retry_at = now() \
        WHERE webhook_id = $1 AND lease = $2";

    WEBHOOK_DELIVERED = "UPDATE webhook_deliveries SET state = 'delivered', ended_at = now(), answer = $2, problem = NULL \
        WHERE id = $1 AND state = 'pending'";

    WEBHOOK_EVENTS_DROP = "DELETE FROM webhook_events e USING webhook_deliveries d \
        WHERE e.delivery_id = $1 AND d.id = e.delivery_id AND d.state = 'delivered'";

    WEBHOOK_FAILED = "UPDATE webhook_progress SET failures = failures + 1, problem = $3, failed_at = now(), retry_at = now() + $4::interval \
        WHERE webhook_id = $1 AND lease = $2";

    /// Given up when its time is over, or the receiver wants nothing any more ($4).
    WEBHOOK_MISSED = "UPDATE webhook_deliveries SET answer = $2, problem = $3, \
            state = CASE WHEN $4 OR give_up_at <= now() THEN 'dead' ELSE 'pending' END, \
            ended_at = CASE WHEN $4 OR give_up_at <= now() THEN now() END \
        WHERE id = $1 AND state = 'pending' RETURNING state = 'dead' AS is_dead";

    WEBHOOK_SWITCH_OFF = "UPDATE webhooks SET enabled = false, updated_at = now() WHERE id = $1";

    WEBHOOKS_OLDEST = "SELECT coalesce(extract(epoch FROM now() - min(d.oldest_at)), 0)::float8 FROM webhook_deliveries d \
        JOIN webhooks w ON w.id = d.webhook_id WHERE d.state = 'pending' AND w.enabled";

    WEBHOOKS_FORGET = "DELETE FROM webhook_deliveries \
        WHERE ended_at < now() - CASE state WHEN 'dead' THEN $2::interval ELSE $1::interval END";
}

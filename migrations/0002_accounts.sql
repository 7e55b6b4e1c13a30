-- People, their logins and their refresh tokens: working state, changed in place. What administrators and
-- people did to it is told by admin_actions, which the same transaction writes and nobody changes.

CREATE TABLE users (
    -- A number, because existing clients read it as one. Presence names the same user by its decimal text.
    id                     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username               text NOT NULL,
    email                  text NOT NULL,
    first_name             text NOT NULL DEFAULT '',
    last_name              text NOT NULL DEFAULT '',
    bio                    text NOT NULL DEFAULT '',
    -- A path or URL of a picture that another service keeps.
    avatar                 text,
    -- What existing clients keep about a person beside that, as they name it: father_name, position, phone_number ...
    -- Nothing is found by it and nothing is decided by it, so it needs no columns.
    profile                jsonb NOT NULL DEFAULT '{}',
    -- A PHC string: algorithm, cost, salt and hash in one, so that the cost can be raised later.
    password_hash          text NOT NULL,
    role                   text NOT NULL DEFAULT 'user',
    status                 text NOT NULL DEFAULT 'active',
    -- Beside status, because existing clients switch an account off without forgetting its status.
    is_active              boolean NOT NULL DEFAULT true,
    org                    text NOT NULL DEFAULT 'main',
    email_verified         boolean NOT NULL DEFAULT false,
    -- Raised when all of a user's tokens end at once; a token that carries a lower one is refused.
    token_version          bigint NOT NULL DEFAULT 1,
    -- When token_version was last raised: after a loss of Redis only versions younger than the longest
    -- life of an access token need to be loaded again.
    tokens_ended_at        timestamptz,
    -- Why, as transitions say it, and the request that did it: for whoever tells Redis in place of that request.
    -- Without a reason it was the user's own doing.
    tokens_end_reason      text,
    tokens_end_actor       text,
    -- Raised with every change of what decides whether the account may be online; Redis has been told when
    -- the confirmed version has caught up.
    gate_version           bigint NOT NULL DEFAULT 0,
    gate_confirmed_version bigint NOT NULL DEFAULT 0,
    -- The request that changed the gate last, for whoever tells Redis in its place.
    gate_actor             text,
    -- A suspension without an end has none here.
    suspended_until        timestamptz,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    last_login_at          timestamptz,
    -- In the trash: invisible to every query, and the names are free again.
    deleted_at             timestamptz,
    -- Removed for good: nothing about the person is left in the row, which stays until no token can name it any more.
    purged_at              timestamptz,
    -- What a search looks at. The line ends keep a search from matching across two fields.
    search                 text NOT NULL GENERATED ALWAYS AS (
        lower(username || E'\n' || email || E'\n' || first_name || ' ' || last_name)
    ) STORED,

    -- Which characters a name may have is checked in the program: what counts as a letter here depends on
    -- the locale that the cluster was made with.
    CONSTRAINT users_username_form CHECK (
        char_length(username) BETWEEN 3 AND 150 AND username = btrim(username) AND username !~ '[[:cntrl:]@]'
    ),
    CONSTRAINT users_email_form CHECK (char_length(email) BETWEEN 3 AND 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    CONSTRAINT users_names_length CHECK (char_length(first_name) <= 150 AND char_length(last_name) <= 150),
    CONSTRAINT users_bio_length CHECK (char_length(bio) <= 500),
    CONSTRAINT users_avatar_length CHECK (char_length(avatar) <= 2048),
    CONSTRAINT users_profile_form CHECK (jsonb_typeof(profile) = 'object' AND octet_length(profile::text) <= 16384),
    CONSTRAINT users_purged_only_if_deleted CHECK (purged_at IS NULL OR deleted_at IS NOT NULL),
    CONSTRAINT users_role_known CHECK (role IN ('user', 'moderator', 'admin')),
    CONSTRAINT users_status_known CHECK (status IN ('active', 'pending', 'suspended', 'banned')),
    CONSTRAINT users_org_form CHECK (org ~ '^[A-Za-z0-9_.-]{1,64}$'),
    CONSTRAINT users_token_version_positive CHECK (token_version > 0),
    CONSTRAINT users_gate_versions_ordered CHECK (gate_confirmed_version BETWEEN 0 AND gate_version),
    CONSTRAINT users_suspended_until_only_if_suspended CHECK (suspended_until IS NULL OR status = 'suspended')
);

-- "Ann" and "ann" are one person to everybody who reads a list. Names of deleted accounts are free.
-- The program tells a taken name by the names of these two indexes. A name cannot hold an @ and an
-- e-mail address must, so a login by either is never ambiguous.
CREATE UNIQUE INDEX users_username_taken ON users (lower(username)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_email_taken ON users (lower(email)) WHERE deleted_at IS NULL;
-- Lists are newest first. Searches have their index in 0003_directory.sql, where the host has what it needs.
CREATE INDEX users_newest ON users (created_at DESC, id DESC) WHERE deleted_at IS NULL;
-- "Is this the last administrator?" locks the few there are.
CREATE INDEX users_admins ON users (id) WHERE role = 'admin' AND deleted_at IS NULL;
-- Suspensions whose end has come, asked for every second.
CREATE INDEX users_suspensions_end ON users (suspended_until) WHERE suspended_until IS NOT NULL;
-- Gates that Redis has not confirmed, asked for every second; nearly always none.
CREATE INDEX users_gates_unconfirmed ON users (id) WHERE gate_confirmed_version < gate_version;
-- Accounts that may not be online: read when Redis has lost its data.
CREATE INDEX users_shut ON users (id) WHERE status <> 'active' OR NOT is_active OR deleted_at IS NOT NULL;
CREATE INDEX users_tokens_ended ON users (tokens_ended_at) WHERE tokens_ended_at IS NOT NULL;

-- One row per login: the family of refresh tokens that began with it. Its name is the claim `sid`.
CREATE TABLE token_families (
    login        text PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    -- Of the whole family, counted from the login: refreshing does not prolong it.
    expires_at   timestamptz NOT NULL,
    device       text,
    user_agent   text,
    address      text,
    ended_at     timestamptz,
    end_reason   text,

    CONSTRAINT token_families_login_form CHECK (login ~ '^[A-Za-z0-9_-]{1,64}$' AND login <> '-'),
    CONSTRAINT token_families_device_known CHECK (device IN ('web', 'mobile', 'desktop')),
    CONSTRAINT token_families_end_complete CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CONSTRAINT token_families_end_reason_known CHECK (
        end_reason IN ('logout', 'logout_all', 'force_logout', 'password_changed', 'reuse', 'abandoned',
                       'banned', 'deleted')
    )
);

CREATE INDEX token_families_live ON token_families (user_id) WHERE ended_at IS NULL;
CREATE INDEX token_families_ended ON token_families (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX token_families_expiry ON token_families (expires_at);

-- Every refresh token of a family. Only hashes: who reads this table can refresh nothing. The tokens are
-- 256 random bits, so a plain SHA-256 is enough. A used token is kept as long as its family, because its
-- return is how a stolen one is noticed.
CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,
    login      text NOT NULL REFERENCES token_families ON DELETE CASCADE,
    generation integer NOT NULL,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz,
    -- Hash of the token it was exchanged for.
    successor  bytea,

    CONSTRAINT refresh_tokens_hash_is_sha256 CHECK (octet_length(hash) = 32 AND octet_length(successor) = 32),
    CONSTRAINT refresh_tokens_generation_positive CHECK (generation > 0),
    CONSTRAINT refresh_tokens_use_complete CHECK ((used_at IS NULL) = (successor IS NULL)),
    -- A family is a line, never a tree: two exchanges of one token cannot both succeed. Also the index by
    -- which a family's tokens go with it.
    CONSTRAINT refresh_tokens_one_per_generation UNIQUE (login, generation)
);

-- The service works as this role. Accounts are put in the trash, never removed by it; families are removed
-- when nothing can refer to them any more, and take their tokens along.
GRANT SELECT, INSERT, UPDATE ON users, token_families, refresh_tokens TO rollcall_app;
GRANT DELETE ON token_families TO rollcall_app;

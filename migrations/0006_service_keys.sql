-- What host applications bring: the ends of their people's logins, and keys for their servers. Their people have no row
-- in users; presence names them `<issuer>~<subject>`.

-- A login of another issuer that was ended before its tokens were. Redis refuses these tokens; this is what Redis is told
-- again when it has forgotten. A row is good for nothing when the last such token is over, and goes then.
CREATE TABLE ended_host_logins (
    user_id       text        NOT NULL,
    -- The login, or '' where all tokens issued before a moment have ended, whatever their login.
    login         text        NOT NULL,
    org           text        NOT NULL,
    -- With login '': tokens issued (iat, in seconds) before this have ended.
    token_version bigint,
    -- What transitions say, and the administrator's request that did it.
    reason        text        NOT NULL,
    actor         text,
    ended_at      timestamptz NOT NULL DEFAULT now(),
    until         timestamptz NOT NULL,

    CONSTRAINT ended_host_logins_key PRIMARY KEY (user_id, login),
    CONSTRAINT ended_host_logins_user CHECK (user_id LIKE '%~%' AND char_length(user_id) <= 128),
    CONSTRAINT ended_host_logins_login_form CHECK (login ~ '^[A-Za-z0-9_-]{0,64}$'),
    CONSTRAINT ended_host_logins_one_kind CHECK ((login = '') = (token_version IS NOT NULL))
);

CREATE INDEX ended_host_logins_lately ON ended_host_logins (ended_at);
CREATE INDEX ended_host_logins_over ON ended_host_logins (until);

-- Keys by which a host's servers speak for all its people. Only hashes: who reads this table has no key. A key is 256
-- random bits, so a plain SHA-256 is enough. A revoked key stays, so that the record of actions keeps its meaning.
CREATE TABLE service_keys (
    id           text        PRIMARY KEY,
    name         text        NOT NULL,
    hash         bytea       NOT NULL,
    -- What it may do; the program knows the words.
    scopes       text[]      NOT NULL,
    -- It speaks of people of this organisation only; NULL: of all.
    org          text,
    created_by   text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    -- To the minute: nobody writes a row for every request.
    last_used_at timestamptz,

    CONSTRAINT service_keys_id_form CHECK (id ~ '^[a-z0-9]{12}$'),
    CONSTRAINT service_keys_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT service_keys_hash_is_sha256 CHECK (octet_length(hash) = 32),
    CONSTRAINT service_keys_scopes_some CHECK (cardinality(scopes) > 0),
    CONSTRAINT service_keys_org_form CHECK (org ~ '^[A-Za-z0-9_.-]{1,64}$')
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ended_host_logins TO rollcall_app;
GRANT SELECT, INSERT, UPDATE ON service_keys TO rollcall_app;

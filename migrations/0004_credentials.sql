-- What proves who somebody is beside the password: second factors, recovery codes, links for a new password.

-- An authenticator. One that is not confirmed yet is asked for by nobody.
CREATE TABLE totp_factors (
    user_id      bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    -- Sealed by the service under a key that this database does not have.
    secret       bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    -- The step (30 s since 1970) of the last code that was accepted: a code of it, or of one before it, is refused.
    last_step    bigint NOT NULL DEFAULT 0,

    CONSTRAINT totp_factors_secret_sealed CHECK (octet_length(secret) BETWEEN 48 AND 128),
    CONSTRAINT totp_factors_step_positive CHECK (last_step >= 0)
);

-- For the day on which the authenticator is lost: each is good once and goes with its use. 80 random bits, so a plain
-- SHA-256 is enough.
CREATE TABLE recovery_codes (
    user_id bigint NOT NULL REFERENCES totp_factors ON DELETE CASCADE,
    hash    bytea NOT NULL,

    CONSTRAINT recovery_codes_hash_is_sha256 CHECK (octet_length(hash) = 32),
    PRIMARY KEY (user_id, hash)
);

-- A link that sets a password once, made by an administrator. One for each account: a newer one takes the place of the
-- older one. It goes with its use; that it was made and used is told by admin_actions.
CREATE TABLE reset_links (
    user_id    bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    hash       bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,

    CONSTRAINT reset_links_hash_is_sha256 CHECK (octet_length(hash) = 32)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON totp_factors, reset_links TO rollcall_app;
GRANT SELECT, INSERT, DELETE ON recovery_codes TO rollcall_app;

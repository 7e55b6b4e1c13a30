-- What people may keep to themselves, what is forgotten after a time, and how a person is erased.

-- Who may see when somebody was last seen ---------------------------------------------------------------------------

-- Of those who chose; everybody else is seen by everyone. By the text that presence knows people by, because people of
-- a host application have no account here. Every node keeps these rows in memory and reads each second what has
-- changed: so a change back to `everyone` is a row, too, and not its absence.
CREATE TABLE last_seen_visibility (
    user_id    text        PRIMARY KEY,
    visibility text        NOT NULL,
    -- Grows with each change of a row, whatever order transactions take.
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT last_seen_visibility_known CHECK (visibility IN ('everyone', 'organisation', 'nobody'))
);
CREATE INDEX last_seen_visibility_changed ON last_seen_visibility (updated_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON last_seen_visibility TO rollcall_app;

-- Addresses -----------------------------------------------------------------------------------------------------------

-- What `forget_addresses` has still to do, however long actions are kept.
CREATE INDEX admin_actions_addressed ON admin_actions (occurred_at) WHERE address IS NOT NULL OR user_agent IS NOT NULL;

-- Forgets from where actions and logins came that are older than `keep`, `most` actions at a time; returns how many
-- rows changed. With the owner's rights, because the service may not change an action; and at least a day is kept
-- whatever the caller says: otherwise the right to call this would be the right to hide where one comes from.
CREATE FUNCTION forget_addresses(keep interval, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    acted  integer;
    logins integer;
BEGIN
    IF keep < interval '1 day' THEN
        RAISE EXCEPTION 'at least a day is kept, not %', keep USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE public.admin_actions a SET address = NULL, user_agent = NULL
    FROM (SELECT occurred_at, id FROM public.admin_actions
          WHERE occurred_at < now() - keep AND (address IS NOT NULL OR user_agent IS NOT NULL)
          ORDER BY occurred_at LIMIT most) old
    WHERE a.occurred_at = old.occurred_at AND a.id = old.id;
    GET DIAGNOSTICS acted = ROW_COUNT;
    UPDATE public.token_families SET address = NULL, user_agent = NULL
    WHERE created_at < now() - keep AND (address IS NOT NULL OR user_agent IS NOT NULL);
    GET DIAGNOSTICS logins = ROW_COUNT;
    RETURN acted + logins;
END
$$;

REVOKE EXECUTE ON FUNCTION forget_addresses(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_addresses(interval, integer) TO rollcall_app;

-- Erasure --------------------------------------------------------------------------------------------------------------

-- Erasures under way. Postgres forgets the account in the transaction that writes this row; a task then tells Redis,
-- waits until the copy has passed the last entry that names the person, unlinks the history, and in the end forgets
-- this row: nothing here outlives the tokens that must be refused.
CREATE TABLE erasures (
    id            uuid        PRIMARY KEY,
    user_id       text        NOT NULL UNIQUE,
    -- The request that decided it.
    request_id    text,
    begun_at      timestamptz NOT NULL DEFAULT now(),
    -- Until then an access token may live that was issued before.
    refused_until timestamptz NOT NULL,
    -- The newest entry of the person's shard when Redis had been told: no later one is of them.
    told_epoch    bigint,
    told_n        bigint,
    unlinked_at   timestamptz,
    CONSTRAINT erasures_told_complete CHECK ((told_epoch IS NULL) = (told_n IS NULL)),
    CONSTRAINT erasures_unlinked_after_told CHECK (unlinked_at IS NULL OR told_n IS NOT NULL)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON erasures TO rollcall_app;

-- Removes the account of somebody who is being erased; what refers to it goes with it: logins, and what else is tied to
-- it. With the owner's rights: the service may put accounts away, and removes none that it has not noted so.
CREATE FUNCTION forget_account(account bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    DELETE FROM public.users u WHERE u.id = account
        AND EXISTS (SELECT FROM public.erasures e WHERE e.user_id = account::text);
    RETURN FOUND;
END
$$;

REVOKE EXECUTE ON FUNCTION forget_account(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_account(bigint) TO rollcall_app;

-- Unlinks the history from a person, who loses the last known state and the claims with it; and empties entries in
-- quarantine that name them. Returns whether the history knew the person. Names have no characters that JSON escapes;
-- the entry is looked at as text, because it may hold what Postgres cannot read.
CREATE FUNCTION unlink_person(person text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    was_known boolean;
BEGIN
    DELETE FROM public.subjects WHERE user_id = person;
    was_known := FOUND;
    UPDATE public.quarantine SET entry = '{"erased":true}'
    WHERE position('"user":"' || person || '"' IN entry::text) > 0 OR position('"u":"' || person || '"' IN entry::text) > 0;
    RETURN was_known;
END
$$;

REVOKE EXECUTE ON FUNCTION unlink_person(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unlink_person(text) TO rollcall_app;

-- The directory of people: what makes it quick to search, and its trash.

-- Part of a name is found by its groups of three letters. The extension comes with Postgres, and since version 13 whoever
-- owns a database may switch it on; but a host may have left it out. Then searches read all accounts: slower, not wrong.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX users_search ON users USING gin (search gin_trgm_ops) WHERE deleted_at IS NULL;
EXCEPTION
    -- Whether it is not installed (58P01, 0A000), not allowed (42501) or its operators are out of sight (42704).
    WHEN undefined_file OR feature_not_supported OR insufficient_privilege OR undefined_object THEN
        RAISE NOTICE 'searches for people have no index: %', SQLERRM;
END
$$;

-- Lists of one organisation, and of those in some state.
CREATE INDEX users_of_org ON users (org, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX users_not_active ON users (status, created_at DESC, id DESC) WHERE deleted_at IS NULL AND status <> 'active';
CREATE INDEX users_with_role ON users (role, created_at DESC, id DESC) WHERE deleted_at IS NULL AND role <> 'user';
-- The trash, last thrown away first; and what housekeeping takes out of it.
CREATE INDEX users_trash ON users (deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;

-- Removes what was in the trash for longer than `kept`, and empty rows removed longer than `token_life` ago, at most
-- `most`, with their logins; returns their numbers and whether they were empty. It runs with the owner's rights and keeps
-- the trash for a day whatever the caller says: the service may put accounts away, and must not be able to remove them.
CREATE FUNCTION forget_trash(kept interval, token_life interval, most integer)
    RETURNS TABLE (id bigint, was_empty boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF kept < interval '1 day' THEN
        RAISE EXCEPTION 'the trash is kept for a day at least, not %', kept USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY DELETE FROM users u WHERE u.id IN (
        SELECT old.id FROM users old
        WHERE old.deleted_at < now() - kept OR old.deleted_at IS NOT NULL AND old.purged_at < now() - token_life
        ORDER BY old.id LIMIT most FOR UPDATE SKIP LOCKED
    ) RETURNING u.id, u.purged_at IS NOT NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION forget_trash(interval, interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_trash(interval, interval, integer) TO rollcall_app;

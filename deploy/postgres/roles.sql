-- The roles of Rollcall in Postgres, for the database that is connected to; it may be applied again and again.
--   psql --set=ON_ERROR_STOP=1 --single-transaction --dbname=rollcall --file=deploy/postgres/roles.sql
--                       as a superuser; from Postgres 15 on also as the database's owner with CREATEROLE and CREATEDB
--   rollcall migrate    as rollcall_owner
--   and the first line again: the reader's rights need the tables
-- No password stands here: \password rollcall_owner, and so on for the others, or certificates, or the host's own way.
--
--   rollcall_owner   owns the database and its schema: `rollcall migrate`, `audit rebuild` (database.migrate_url)
--   rollcall_serve   the nodes (database.url); it has the rights of rollcall_app and none besides
--   rollcall_reader  reads the history, for dashboards: no names of people, no accounts, no secrets
--   rollcall_app     no login; what it may do the migrations say

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['rollcall_owner', 'rollcall_serve', 'rollcall_reader', 'rollcall_app'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
    -- Whoever is no superuser must be a member to hand the database over. Not pg_has_role(): from Postgres 16 on who creates
    -- a role may only administer it, which counts as a member there and is not enough here.
    IF CURRENT_USER <> 'rollcall_owner' AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = CURRENT_USER) THEN
        GRANT rollcall_owner TO CURRENT_USER;
    END IF;
END
$$;

ALTER ROLE rollcall_owner LOGIN;
ALTER ROLE rollcall_serve LOGIN;
ALTER ROLE rollcall_reader LOGIN CONNECTION LIMIT 10;

-- The migrations would grant it, but may not where they did not create it. A node takes these rights on for each connection.
GRANT rollcall_app TO rollcall_owner;
GRANT rollcall_app TO rollcall_serve;

DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO rollcall_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    -- rollcall_app, too: a node asks how large the database is, which takes CONNECT of the role that it has taken on.
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO rollcall_serve, rollcall_reader, rollcall_app', current_database());
END
$$;
ALTER SCHEMA public OWNER TO rollcall_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO rollcall_app, rollcall_reader;

-- A long question holds back the dropping of old months and the cleaning of tables.
ALTER ROLE rollcall_reader SET default_transaction_read_only = on;
ALTER ROLE rollcall_reader SET statement_timeout = '30s';
ALTER ROLE rollcall_reader SET idle_in_transaction_session_timeout = '30s';

-- Numbers stand for people here. Not `subjects`, which says whose they are, and so not the view `transitions`; not
-- `admin_actions`, which names actors and addresses. What people hid behind an invisible status is in the log all the same.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['transitions_log', 'intervals', 'system_events', 'copy_position', 'copy_batches', 'audit_seals'] LOOP
        IF to_regclass('public.' || name) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON public.%I TO rollcall_reader', name);
        END IF;
    END LOOP;
END
$$;

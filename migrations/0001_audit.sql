-- The history of presence: what happened (append-only), and the working state that is derived from it.
--
-- Two roles. The owner runs this file (`rollcall migrate`). `serve` works as `rollcall_app`, which may insert into
-- and select from the append-only tables and nothing else: whoever takes over the service cannot rewrite the past.

-- Roles belong to the cluster, not to the database, and several databases of one cluster may be migrated at once:
-- another migration may create the role, or grant it, between our look and our statement.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rollcall_app') THEN
        CREATE ROLE rollcall_app NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    RAISE NOTICE 'role rollcall_app was created by another migration';
END
$$;

-- So that a `serve` which logs in as the owner can give up the owner's rights (SET ROLE). A separate login for
-- `serve` needs the same grant; its operator gives it.
DO $$
BEGIN
    GRANT rollcall_app TO CURRENT_USER;
EXCEPTION
    WHEN duplicate_object OR unique_violation OR internal_error THEN
        -- 'tuple concurrently updated' is an internal_error: the other migration granted the same.
        RAISE NOTICE 'role rollcall_app was granted by another migration';
    WHEN insufficient_privilege THEN
        IF pg_has_role(CURRENT_USER, 'rollcall_app', 'member') THEN
            RETURN; -- somebody who may has granted it beforehand
        END IF;
        RAISE WARNING 'cannot grant rollcall_app to %: serve keeps the rights of its login', CURRENT_USER;
END
$$;

-- Before Postgres 15 everybody may create objects in public, and so could shadow what the functions below call.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO rollcall_app;

-- People ---------------------------------------------------------------------------------------------------------

-- The only place that ties audit rows to a person. Erasing a person deletes this row; no audit row changes, so the
-- chain of hashes stays whole. bigint, not uuid: it stands in every audit row and in two of its indexes.
CREATE TABLE subjects (
    user_id text   PRIMARY KEY,
    subject bigint GENERATED ALWAYS AS IDENTITY UNIQUE
);

-- What happened (append-only) ------------------------------------------------------------------------------------

-- Every entry of every shard's outbox, so that (shard, epoch, n) without gaps proves that nothing was lost; hence
-- also the entries that change no status, which the view `transitions` leaves out: a claim of which only text, emoji
-- or end changed for others (kind 'claim'), and one of which others noticed nothing (kind 'wish').
-- By month on detected_at, so that retention drops tables instead of deleting rows. detected_at comes from the entry
-- and not from this database's clock: the same entry always lands in the same partition, and the key finds it again.
-- No DEFAULT partition: attaching a month would have to lock and scan it. The copy makes a missing month itself.
CREATE TABLE transitions_log (
    shard          smallint    NOT NULL,
    epoch          bigint      NOT NULL,
    n              bigint      NOT NULL,
    kind           text        NOT NULL,
    subject        bigint      NOT NULL, -- no foreign key: the row outlives the person's row in subjects
    org            text        NOT NULL,
    sequence       bigint,               -- per subject, without gaps; only transitions have one
    from_status    text        NOT NULL, -- words, not numbers: the log must be readable without the program
    to_status      text        NOT NULL,
    reason         text        NOT NULL,
    occurred_at    timestamptz NOT NULL,
    detected_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    last_seen      timestamptz NOT NULL, -- not in the view; presence_last could not be rebuilt without it
    uncertainty_ms bigint      NOT NULL,
    session_id     text,
    device         text,
    actor          text,
    CONSTRAINT transitions_log_entry PRIMARY KEY (shard, epoch, n, detected_at),
    CONSTRAINT transitions_log_kind CHECK (kind IN ('transition', 'claim', 'wish')),
    CONSTRAINT transitions_log_sequence CHECK ((sequence IS NULL) = (kind <> 'transition')),
    CONSTRAINT transitions_log_uncertainty CHECK (uncertainty_ms >= 0)
) PARTITION BY RANGE (detected_at);

-- Three ways in, all newest first. Ties within a millisecond are sorted on the fly, which keeps the indexes narrow.
-- Two of the three grow at their right ends; only the one by subject is written all over.
CREATE INDEX transitions_log_by_subject ON transitions_log (subject, occurred_at);
CREATE INDEX transitions_log_by_time ON transitions_log (occurred_at);
CREATE INDEX transitions_log_by_reason ON transitions_log (reason, occurred_at);

-- user_id is NULL for people who were erased.
CREATE VIEW transitions AS
SELECT s.user_id, l.org, l.shard, l.epoch, l.n, l.sequence, l.from_status, l.to_status, l.reason,
       l.occurred_at, l.detected_at, l.recorded_at, l.uncertainty_ms, l.session_id, l.device, l.actor
FROM transitions_log l LEFT JOIN subjects s ON s.subject = l.subject
WHERE l.kind = 'transition';

-- One row per batch of the copy: the hash covers its rows in transitions_log and the hash of the batch before it in
-- the same shard. A row that is changed, removed or slipped in later breaks the chain. Not partitioned, so that its
-- key is a true one; the function that drops old months clears it.
CREATE TABLE copy_batches (
    shard       smallint    NOT NULL,
    epoch       bigint      NOT NULL,
    first_n     bigint      NOT NULL,
    last_n      bigint      NOT NULL,
    rows        integer     NOT NULL, -- fewer than last_n - first_n + 1 where entries went to quarantine
    marks       bytea       NOT NULL, -- for each number the first 8 bytes of its row's hash, or zeros: which row was changed
    detected_from timestamptz NOT NULL, -- of its rows; the batch goes with the first month that takes a row of it
    detected_to timestamptz NOT NULL,
    previous    bytea       NOT NULL,
    hash        bytea       NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT copy_batches_range PRIMARY KEY (shard, epoch, first_n),
    CONSTRAINT copy_batches_order CHECK (first_n <= last_n),
    CONSTRAINT copy_batches_marks CHECK (octet_length(marks) = 8 * (last_n - first_n + 1))
);

-- What befell the service itself: new epochs, dropped partitions, conflicts.
CREATE TABLE system_events (
    -- The order in which rows are sealed (0005_chain.sql). Numbers of transactions that were rolled back are missing.
    seq         bigint      GENERATED ALWAYS AS IDENTITY,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    kind        text        NOT NULL,
    detail      jsonb       NOT NULL,
    CONSTRAINT system_events_key PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);

CREATE INDEX system_events_by_seq ON system_events (seq);

-- What administrators and the security of accounts did.
CREATE TABLE admin_actions (
    seq         bigint      GENERATED ALWAYS AS IDENTITY, -- as in system_events
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    occurred_at timestamptz NOT NULL DEFAULT now(),
    actor       text,                 -- NULL: nobody was logged in (a failed login), or the service itself
    action      text        NOT NULL,
    target_type text,
    target_id   text,
    severity    text        NOT NULL,
    category    text        NOT NULL,
    before      jsonb,
    after       jsonb,
    address     text,                 -- these two alone are not sealed: they may be shortened or removed later
    user_agent  text,
    session_id  text,
    request_id  text,
    detail      text,
    CONSTRAINT admin_actions_key PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);

CREATE INDEX admin_actions_by_actor ON admin_actions (actor, occurred_at);
CREATE INDEX admin_actions_by_target ON admin_actions (target_id, occurred_at);
CREATE INDEX admin_actions_by_action ON admin_actions (action, occurred_at);
CREATE INDEX admin_actions_by_category ON admin_actions (category, occurred_at);
-- Whoever asks for the everyday ones finds them by time at once; whoever asks for the others should, too.
CREATE INDEX admin_actions_by_severity ON admin_actions (severity, occurred_at) WHERE severity <> 'info';
CREATE INDEX admin_actions_by_target_type ON admin_actions (target_type, occurred_at) WHERE target_type <> 'USER';
CREATE INDEX admin_actions_by_session ON admin_actions (session_id, occurred_at) WHERE session_id IS NOT NULL;
CREATE INDEX admin_actions_by_request ON admin_actions (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX admin_actions_by_seq ON admin_actions (seq);

-- Working state (derived) ----------------------------------------------------------------------------------------

-- Unbroken stretches of one status other than offline; `transitions` seen as periods. (subject, sequence) of the
-- transition that opened one names it, and is unique because it is so in the log: a key of its own would be two more
-- random index writes per transition (opening, closing), a tenth of the copy's work, to check that again.
CREATE TABLE intervals (
    subject    bigint      NOT NULL,
    sequence   bigint      NOT NULL,
    org        text        NOT NULL,
    status     text        NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    end_reason text,
    CONSTRAINT intervals_order CHECK (ended_at >= started_at),
    CONSTRAINT intervals_end CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

-- Nobody is in two statuses at once. The same index finds the interval that a transition ends.
CREATE UNIQUE INDEX intervals_one_open ON intervals (subject) WHERE ended_at IS NULL;

-- Who was present at a moment: only an index of ranges finds those that contain it without walking all that ended
-- since. Of closed ones alone, so that an interval is written to it once; the open ones are found by the index above.
-- Measured with 4.2 million: 2 ms for 1800 people, 60 ms for 28 000, before sorting; 9 us and 88 bytes per interval.
CREATE INDEX intervals_at ON intervals USING gist (tstzrange(started_at, ended_at)) WHERE ended_at IS NOT NULL;

-- Answers for those whom Redis has forgotten, and restores Redis when it has forgotten everybody. Goes with the
-- person: the cascade runs with the owner's rights. Repeats the subject, so that the copy, which reads this row for
-- every user of a batch, need not look there as well.
-- Nothing is indexed but the key, and pages keep room: so an update stays on its page and writes no index (HOT). An
-- index on status, for the restore, would end that; the restore reads the table once for all shards that it restores.
CREATE TABLE presence_last (
    user_id         text        PRIMARY KEY REFERENCES subjects (user_id) ON DELETE CASCADE,
    subject         bigint      NOT NULL,
    shard           smallint    NOT NULL,
    org             text        NOT NULL,
    status          text        NOT NULL,
    since           timestamptz NOT NULL,
    online_since    timestamptz,          -- NULL when offline
    last_seen       timestamptz NOT NULL,
    shown_since     timestamptz NOT NULL,
    shown_online_since timestamptz,       -- NULL when shown offline
    shown_last_seen timestamptz NOT NULL,
    shown_version   bigint      NOT NULL, -- of the last change that others could see; epoch and n may be of a hidden one
    epoch           bigint      NOT NULL,
    n               bigint      NOT NULL,
    sequence        bigint      NOT NULL  -- of the last transition; 0 before the first
) WITH (fillfactor = 70);

-- Claims in force, for the restore. The copy alone writes here, by what each entry says: so this is what Redis had when
-- that entry was made, however calls and outages crossed. What administrators meant to set, and why, is in
-- admin_actions under the request id that their entry carries.
CREATE TABLE claims (
    shard      smallint    NOT NULL,
    user_id    text        NOT NULL REFERENCES subjects (user_id) ON DELETE CASCADE,
    kind       text        NOT NULL,
    claim_id   text        NOT NULL,      -- chosen by the caller, so that a repeated call changes nothing
    status     text        NOT NULL,
    note       text        NOT NULL,      -- what others read beside the status; may be empty
    emoji      text        NOT NULL,
    set_at     timestamptz NOT NULL,      -- by the clock of Redis
    expires_at timestamptz,
    CONSTRAINT claims_key PRIMARY KEY (user_id, kind),
    CONSTRAINT claims_kind CHECK (kind IN ('manual', 'admin'))
);
CREATE INDEX claims_by_shard ON claims (shard, user_id);

-- How far the copy has come in each shard. Its row lock is the fence between two nodes that both believe they own
-- the shard. Both times are by the clock of Redis.
CREATE TABLE copy_position (
    shard       smallint PRIMARY KEY,
    epoch       bigint   NOT NULL,
    n           bigint   NOT NULL,
    hash        bytea    NOT NULL,
    detected_at timestamptz,              -- of entry n: another one under this number shows that Redis was set back
    heard_at    timestamptz,              -- of the shard: what is lost with Redis is dated by it
    is_spared   boolean NOT NULL DEFAULT false -- after a loss: heard_at stays until who was put back had time to return
) WITH (fillfactor = 50);

-- Entries that could not be stored, so that they do not block those behind them. json and not jsonb: jsonb refuses
-- \u0000, which is one of the values that bring entries here.
CREATE TABLE quarantine (
    shard          smallint    NOT NULL,
    epoch          bigint      NOT NULL,
    n              bigint      NOT NULL,
    entry          json        NOT NULL,
    problem        text        NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT quarantine_entry PRIMARY KEY (shard, epoch, n)
);

-- Numbers the lives of the shards' data; a number is never given twice, so versions never repeat.
CREATE SEQUENCE presence_epoch;

-- Partitions -----------------------------------------------------------------------------------------------------

-- These run with the owner's rights, because rollcall_app must not own what it may not change. Each fixes its search
-- path (nobody's objects stand in for ours) and its time zone (months begin at midnight UTC wherever the caller is).

-- Makes the month of `moment` in each append-only table; returns how many partitions were missing. Made apart and
-- attached, because ATTACH lets inserts into the other months go on while CREATE .. PARTITION OF does not.
CREATE FUNCTION ensure_month(moment timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first  timestamptz := date_trunc('month', moment);
    parent text;
    child  text;
    made   integer := 0;
BEGIN
    -- Only a broken clock asks for others; their names would not sort, nor be found again by drop_partitions.
    IF moment NOT BETWEEN '1970-01-01' AND '2199-12-31' THEN
        RAISE EXCEPTION 'no partition for %', moment USING ERRCODE = 'datetime_field_overflow';
    END IF;
    FOREACH parent IN ARRAY ARRAY['transitions_log', 'system_events', 'admin_actions'] LOOP
        child := parent || to_char(first, '_YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || child) IS NOT NULL;
        -- Two nodes may come at once: the second waits here and then finds the table.
        PERFORM pg_advisory_xact_lock(hashtext('rollcall partitions'));
        CONTINUE WHEN to_regclass('public.' || child) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, first, first + interval '1 month');
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Makes last month (clocks differ), this month and the months ahead; returns how many partitions were missing.
CREATE FUNCTION ensure_partitions(months_ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    made integer := 0;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months ahead are 0 to 24, not %', months_ahead USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR month IN -1 .. months_ahead LOOP
        made := made + ensure_month(now() + make_interval(months => month));
    END LOOP;
    RETURN made;
END
$$;

-- Drops the months that lie wholly further back than `keep`, clears what was derived from them, and leaves a system
-- event; returns how many partitions went. At least 31 days are kept whatever the caller says: otherwise the right
-- to call this would be the right to erase the log.
CREATE FUNCTION drop_partitions(keep interval) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    oldest  timestamptz := date_trunc('month', now() - keep);
    old     record;
    dropped text[] := '{}';
    chains  jsonb;
BEGIN
    IF keep < interval '31 days' THEN
        RAISE EXCEPTION 'at least 31 days are kept, not %', keep USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Before the tables: the event of the last drop may be in one of them.
    SELECT detail->'chains' INTO chains
    FROM public.system_events WHERE kind = 'partitions_dropped' ORDER BY seq DESC LIMIT 1;
    FOR old IN
        SELECT child.relname
        FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        JOIN pg_class parent ON parent.oid = inhparent
        WHERE parent.oid IN ('public.transitions_log'::regclass, 'public.system_events'::regclass,
                             'public.admin_actions'::regclass)
          AND child.relkind = 'r'
          AND to_date(right(child.relname, 7), 'YYYY_MM') < oldest
        ORDER BY child.relname
    LOOP
        EXECUTE format('DROP TABLE public.%I', old.relname);
        dropped := dropped || old.relname::text;
    END LOOP;
    IF cardinality(dropped) > 0 THEN
        DELETE FROM public.intervals WHERE ended_at < oldest;
        INSERT INTO public.system_events (kind, detail)
        VALUES ('partitions_dropped', jsonb_build_object('partitions', dropped, 'before', oldest,
                                                         'chains', coalesce(chains, '{}') || drop_seals(oldest)));
    END IF;
    RETURN cardinality(dropped);
END
$$;

SELECT ensure_partitions(3);

-- Rights ---------------------------------------------------------------------------------------------------------

-- Append-only. Rights on a partitioned table cover its partitions only through it; the partitions grant nothing.
GRANT SELECT, INSERT ON transitions_log, copy_batches, system_events, admin_actions, quarantine TO rollcall_app;
GRANT SELECT ON transitions TO rollcall_app;
-- Working state. UPDATE on copy_position is also what SELECT .. FOR UPDATE asks for.
GRANT SELECT, INSERT, UPDATE ON intervals, presence_last, copy_position TO rollcall_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON claims TO rollcall_app;
-- DELETE erases a person.
GRANT SELECT, INSERT, DELETE ON subjects TO rollcall_app;
GRANT USAGE ON SEQUENCE presence_epoch TO rollcall_app;

REVOKE EXECUTE ON FUNCTION ensure_month(timestamptz), ensure_partitions(integer), drop_partitions(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_month(timestamptz), ensure_partitions(integer), drop_partitions(interval) TO rollcall_app;

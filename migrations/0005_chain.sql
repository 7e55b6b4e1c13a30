-- The seals of administrators' actions and of system events. Transitions have theirs in copy_batches, written by the one
-- transaction that copies a batch; these two logs have many writers on many nodes, who must not wait for one another. So
-- each row only takes a number, and a task seals behind them what can no longer change (src/audit/seal.rs).

-- One row per seal: the hash covers its rows, in the order of their numbers, and the seal before it in the same log.
-- Append-only and not partitioned, as copy_batches.
CREATE TABLE audit_seals (
    log         text        NOT NULL,
    n           bigint      NOT NULL, -- 1, 2, 3 ... in each log
    first_seq   bigint      NOT NULL, -- where the seal before ended, plus one
    last_seq    bigint      NOT NULL, -- nothing up to here is still to come
    seqs        bigint[]    NOT NULL, -- its rows: a number that is not among them was rolled back, or slipped in later
    marks       bytea       NOT NULL, -- for each of them the first 8 bytes of its hash: which row was changed
    rows_from   timestamptz NOT NULL, -- the earliest of its rows; the seal goes with the month that takes it
    previous    bytea       NOT NULL,
    hash        bytea       NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT audit_seals_key PRIMARY KEY (log, n),
    CONSTRAINT audit_seals_log CHECK (log IN ('admin_actions', 'system_events')),
    CONSTRAINT audit_seals_order CHECK (n > 0 AND first_seq <= last_seq),
    CONSTRAINT audit_seals_marks CHECK (octet_length(marks) = 8 * cardinality(seqs))
);

-- With which settings each node was last started, so that the next start can tell what is different. Without secrets.
CREATE TABLE node_settings (
    node       text        PRIMARY KEY,
    settings   jsonb       NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
);

-- Clears the seals that cover rows from before `oldest`, which have just been dropped; for drop_partitions alone.
-- Answers, for each chain that lost some, the last that went: by it the first that is kept is known to be the next.
CREATE FUNCTION drop_seals(oldest timestamptz) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    last   record;
    chains jsonb := '{}';
BEGIN
    FOR last IN
        SELECT DISTINCT ON (shard) shard, epoch, first_n, last_n, hash FROM public.copy_batches
        WHERE detected_from < oldest ORDER BY shard, epoch DESC, first_n DESC
    LOOP
        DELETE FROM public.copy_batches WHERE shard = last.shard AND (epoch, first_n) <= (last.epoch, last.first_n);
        chains := chains || jsonb_build_object(last.shard::text, jsonb_build_object(
            'epoch', last.epoch, 'n', last.last_n, 'hash', encode(last.hash, 'hex')));
    END LOOP;
    FOR last IN
        SELECT DISTINCT ON (log) log, n, last_seq, hash FROM public.audit_seals
        WHERE rows_from < oldest ORDER BY log, n DESC
    LOOP
        DELETE FROM public.audit_seals WHERE log = last.log AND n <= last.n;
        chains := chains || jsonb_build_object(last.log, jsonb_build_object(
            'n', last.n, 'seq', last.last_seq, 'hash', encode(last.hash, 'hex')));
    END LOOP;
    RETURN chains;
END
$$;

GRANT SELECT, INSERT ON audit_seals TO rollcall_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON node_settings TO rollcall_app;
REVOKE EXECUTE ON FUNCTION drop_seals(timestamptz) FROM PUBLIC;

//! Every statement of the figures, by name, in the form of those of the history.

use crate::audit::sql::statements;

/// Spells of organisation $3 (or any) that overlap the span from $1 to $2.
macro_rules! spells_within {
    () => {
        "SELECT subject, org, started_at, ended_at FROM spells WHERE ended_at IS NOT NULL \
            AND tstzrange(started_at, ended_at) && tstzrange($1, $2) AND ($3::text IS NULL OR org = $3) \
        UNION ALL SELECT subject, org, started_at, ended_at FROM spells WHERE ended_at IS NULL \
            AND started_at < $2 AND ($3::text IS NULL OR org = $3)"
    };
}

/// How far each shard has been followed and can be, of those that can be followed further.
macro_rules! behind {
    () => {
        "SELECT c.shard, coalesce(f.epoch, 0) AS epoch, coalesce(f.n, 0) AS n, c.epoch AS to_epoch, c.n AS to_n \
        FROM copy_position c LEFT JOIN figure_positions f USING (shard) \
        WHERE (c.epoch, c.n) > (coalesce(f.epoch, 0), coalesce(f.n, 0))"
    };
}

statements! {
    /// One node at a time works on figures.
    LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('rollcall figures'), 0)";

    /// The same for work that takes several transactions; waits.
    LOCK_LONG = "SELECT pg_advisory_lock(hashtext('rollcall figures'), 0)";

    UNLOCK_LONG = "SELECT pg_advisory_unlock(hashtext('rollcall figures'), 0)";

    /// Unlike `SNAPSHOT`, with the right to write.
    SNAPSHOT_TO_WRITE = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";

    /// How far everything is rolled up, by Postgres's clock, and since when nothing was dropped.
    STANDING = "SELECT now() AS now, (SELECT rolled_until FROM figure_state) AS rolled_until, \
            (SELECT max((detail->>'before')::timestamptz) FROM system_events WHERE kind = 'partitions_dropped') AS kept_since";

    /// Shards of which more is copied than has become spells.
    BEHIND = concat!(behind!(), " ORDER BY c.shard");

    /// For how many seconds the oldest row that has not become spells has been in the log; 0 if there is none.
    LAG = concat!("SELECT coalesce(extract(epoch FROM now() - min(l.recorded_at)), 0)::float8 FROM (", behind!(), ") b \
        CROSS JOIN LATERAL (SELECT t.recorded_at FROM transitions_log t WHERE t.shard = b.shard AND (t.epoch, t.n) > (b.epoch, b.n) \
            AND (t.epoch, t.n) <= (b.to_epoch, b.to_n) ORDER BY t.epoch, t.n LIMIT 1) l");

    /// Of each shard the first $6 rows behind one entry up to another. A change is late if one that was copied before it
    /// occurred at the same time or later.
    CHANGES = "SELECT l.shard, l.epoch, l.n, l.kind = 'transition' AS is_change, l.subject, l.sequence, l.org, l.from_status, \
            l.to_status, l.occurred_at, l.kind = 'transition' AND EXISTS (SELECT FROM transitions_log p \
                WHERE p.subject = l.subject AND p.occurred_at >= l.occurred_at AND p.sequence < l.sequence) AS is_late \
        FROM UNNEST($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) r (shard, epoch, n, to_epoch, to_n) \
            CROSS JOIN LATERAL (SELECT * FROM transitions_log t WHERE t.shard = r.shard AND (t.epoch, t.n) > (r.epoch, r.n) \
                AND (t.epoch, t.n) <= (r.to_epoch, r.to_n) ORDER BY t.epoch, t.n LIMIT $6) l \
        ORDER BY l.shard, l.epoch, l.n";

    /// All changes of these people.
    CHANGES_OF = "SELECT subject, sequence, org, from_status, to_status, occurred_at FROM transitions_log \
        WHERE kind = 'transition' AND subject = ANY($1) ORDER BY subject, sequence";

    MOVE = "INSERT INTO figure_positions AS p (shard, epoch, n) SELECT * FROM UNNEST($1::smallint[], $2::bigint[], $3::bigint[]) \
        ON CONFLICT (shard) DO UPDATE SET epoch = EXCLUDED.epoch, n = EXCLUDED.n";

    SPELLS_WITHIN = spells_within!();

    /// Whether anybody is online at some time from $1 to $2.
    SPELLS_ANY = "SELECT EXISTS (SELECT FROM spells WHERE ended_at IS NOT NULL AND tstzrange(started_at, ended_at) && tstzrange($1, $2)) \
        OR EXISTS (SELECT FROM spells WHERE ended_at IS NULL AND started_at < $2)";

    SPELLS_OPEN = "SELECT subject, org, started_at, ended_at FROM spells WHERE ended_at IS NULL AND subject = ANY($1)";

    SPELLS_END = "UPDATE spells s SET ended_at = u.ended_at FROM UNNEST($1::bigint[], $2::timestamptz[]) u (subject, ended_at) \
        WHERE s.subject = u.subject AND s.ended_at IS NULL";

    SPELLS_ADD = "INSERT INTO spells (subject, org, started_at, ended_at) \
        SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[])";

    /// Takes away what these people's spells were from just before $2 on.
    SPELLS_TAKE = "DELETE FROM spells WHERE subject = ANY($1) AND (ended_at IS NULL \
            OR ended_at IS NOT NULL AND tstzrange(started_at, ended_at) && tstzrange($2::timestamptz - interval '1 millisecond', NULL)) \
        RETURNING subject, org, started_at, ended_at";

    SPELLS_DELETE = "DELETE FROM spells s USING UNNEST($1::bigint[], $2::timestamptz[]) u (subject, started_at) \
        WHERE s.subject = u.subject AND s.started_at = u.started_at";

    /// When the first spell of all began.
    SPELLS_BEGIN = "SELECT min(started_at) FROM spells";

    SPELLS_DECLARE = "DECLARE figure_spells NO SCROLL CURSOR FOR SELECT subject, org, started_at, ended_at FROM spells \
        ORDER BY subject, started_at";

    SPELLS_FETCH = "FETCH 20000 FROM figure_spells";

    INTERVALS_DECLARE = "DECLARE figure_intervals NO SCROLL CURSOR FOR \
        SELECT subject, sequence, org, status, started_at, ended_at FROM intervals ORDER BY subject, sequence";

    INTERVALS_FETCH = "FETCH 20000 FROM figure_intervals";

    /// What has become intervals has become spells.
    BEGIN_POSITIONS = "INSERT INTO figure_positions (shard, epoch, n) SELECT shard, epoch, n FROM copy_position \
        ON CONFLICT (shard) DO UPDATE SET epoch = EXCLUDED.epoch, n = EXCLUDED.n";

    BEGIN_STATE = "INSERT INTO figure_state (rolled_until) VALUES ($1)";

    ROLLED_UNTIL = "UPDATE figure_state SET rolled_until = $1";

    ROLLUPS_ADD = "INSERT INTO rollups (org, kind, ends_at, body) \
        SELECT * FROM UNNEST($1::text[], $2::text[], $3::timestamptz[], $4::bytea[])";

    /// Those that end behind $1 up to $2.
    ROLLUPS_BETWEEN = "SELECT org, kind, ends_at, body FROM rollups WHERE ends_at > $1 AND ends_at <= $2";

    ROLLUPS_DELETE = "DELETE FROM rollups r USING UNNEST($1::text[], $2::text[], $3::timestamptz[]) u (org, kind, ends_at) \
        WHERE r.org = u.org AND r.kind = u.kind AND r.ends_at = u.ends_at";

    ROLLUPS_DROP = "DELETE FROM rollups WHERE ends_at > $1 AND ends_at <= $2";

    /// Nothing of a rollup reaches beyond what is rolled up.
    ROLLUPS_BEYOND = "DELETE FROM rollups WHERE ends_at > $1";

    /// Of one organisation, of one kind, those that end behind $3 up to $4.
    ROLLUPS_OF = "SELECT ends_at, body FROM rollups WHERE org = $1 AND kind = $2 AND ends_at > $3 AND ends_at <= $4 ORDER BY ends_at";

    /// Of one organisation those of these kinds and ends.
    ROLLUPS_AT = "SELECT u.place, r.body FROM UNNEST($2::text[], $3::timestamptz[]) WITH ORDINALITY u (kind, ends_at, place) \
        JOIN rollups r ON r.org = $1 AND r.kind = u.kind AND r.ends_at = u.ends_at";

    SPELLS_FORGET = "DELETE FROM spells WHERE ended_at < $1";

    ROLLUPS_FORGET = "DELETE FROM rollups WHERE ends_at <= $1";

    /// When the days, weeks or months ($4) of a zone ($3) begin, from that in which $1 lies to that behind $2.
    PERIODS = "SELECT t AT TIME ZONE $3 FROM generate_series(date_trunc($4, $1::timestamptz AT TIME ZONE $3), \
            ($2::timestamptz AT TIME ZONE $3) + ('1 ' || $4)::interval, ('1 ' || $4)::interval) t";

    /// So many days ($3) before each of these moments, at the same time of day in a zone ($2).
    DAYS_BEFORE = "SELECT ((at AT TIME ZONE $2) - make_interval(days => $3)) AT TIME ZONE $2 \
        FROM UNNEST($1::timestamptz[]) WITH ORDINALITY u (at, place) ORDER BY place";

    /// What people are called in presence; those who were erased are left out.
    USERS = "SELECT subject, user_id FROM subjects WHERE subject = ANY($1)";

    /// The subjects of these users ($1), and of those whose id is like a pattern ($2).
    SUBJECTS_OF = "SELECT subject FROM subjects WHERE user_id = ANY($1) OR user_id ILIKE $2";

    /// The next step begins anew.
    SAMPLE_BEGIN = "WITH s AS (DELETE FROM figure_state), p AS (DELETE FROM figure_positions), \
            r AS (DELETE FROM rollups) DELETE FROM spells";

    /// Bytes of tables with their indexes.
    SIZES = "SELECT pg_total_relation_size('intervals'), pg_total_relation_size('spells'), pg_total_relation_size('rollups')";
}

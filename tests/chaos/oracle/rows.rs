//! What must be true of the rows in Postgres whatever happened: numbers without gaps, statuses that follow from each
//! other, working state that equals what it is derived from, seals that fit.

use anyhow::Context;
use rollcall::audit::chain::{GENESIS, Hash, Seal, SealedRow};
use rollcall::audit::{Audit, Window};
use rollcall::presence::Millis;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

/// Each says what it looks for, and answers a line for each row that breaks it.
const RULES: &[(&str, &str)] = &[
    // A new epoch begins at 1, or behind the last entry that was not forgotten, which its system event tells.
    (
        "numbers of a shard have no gap",
        "WITH e AS (SELECT shard, epoch, n, lag(n, 1, 0::bigint) OVER (PARTITION BY shard, epoch ORDER BY n) AS before
             FROM transitions_log)
         SELECT format('shard %s epoch %s: after %s comes %s', shard, epoch, before, n) FROM e
         WHERE n <> before + 1 AND NOT EXISTS (SELECT FROM system_events v WHERE before = 0
             AND (v.detail->>'shard')::int = e.shard AND (v.detail->>'epoch')::bigint = e.epoch
             AND (v.detail->>'n')::bigint = e.n - 1) LIMIT 20",
    ),
    (
        "sequences of a user have no gap, and each status follows from the one before",
        "WITH e AS (SELECT subject, sequence, from_status, to_status,
                 lag(sequence, 1, 0::bigint) OVER w AS before, lag(to_status, 1, 'offline') OVER w AS status
             FROM transitions_log WHERE kind = 'transition' WINDOW w AS (PARTITION BY subject ORDER BY sequence))
         SELECT format('%s: %s (%s) is followed by %s (%s -> %s)', s.user_id, before, status, sequence, from_status, to_status)
         FROM e JOIN subjects s USING (subject)
         WHERE sequence <> before + 1 OR from_status <> status OR from_status = to_status LIMIT 20",
    ),
    // A correction is dated when it was found that Redis had been set back; Redis does not know of it, nor of what it has
    // forgotten, and may date what it had pending before that.
    (
        "a user's moments do not go back",
        "WITH e AS (SELECT subject, sequence, occurred_at, lag(occurred_at) OVER w AS before, lag(reason) OVER w AS reason,
                 lag(epoch) OVER w = epoch AS is_same_life
             FROM transitions_log WHERE kind = 'transition' WINDOW w AS (PARTITION BY subject ORDER BY sequence))
         SELECT format('%s #%s: %s after %s', s.user_id, sequence, occurred_at, before) FROM e JOIN subjects s USING (subject)
         WHERE occurred_at < before AND reason <> 'store_rewound' AND is_same_life LIMIT 20",
    ),
    (
        "intervals are what transitions say",
        "WITH t AS (SELECT subject, sequence, org, to_status, occurred_at, lead(occurred_at) OVER w AS next_at,
                 lead(reason) OVER w AS next_reason
             FROM transitions_log WHERE kind = 'transition' WINDOW w AS (PARTITION BY subject ORDER BY sequence)),
         said AS (SELECT subject, sequence, org, to_status AS status, occurred_at AS started_at,
                 CASE WHEN next_at IS NOT NULL THEN greatest(next_at, occurred_at) END AS ended_at,
                 next_reason AS end_reason FROM t WHERE to_status <> 'offline'),
         kept AS (SELECT subject, sequence, org, status, started_at, ended_at, end_reason FROM intervals)
         SELECT format('derived only: %s', d) FROM (SELECT * FROM said EXCEPT SELECT * FROM kept) d
         UNION ALL SELECT format('stored only: %s', k) FROM (SELECT * FROM kept EXCEPT SELECT * FROM said) k LIMIT 20",
    ),
    (
        "the last known state is that of the last transition",
        "SELECT format('%s: last known %s (%s), last transition %s (%s)', p.user_id, p.status, p.sequence, t.to_status, t.sequence)
         FROM presence_last p JOIN (SELECT DISTINCT ON (subject) subject, sequence, to_status FROM transitions_log
             WHERE kind = 'transition' ORDER BY subject, sequence DESC) t USING (subject)
         WHERE (p.status, p.sequence) IS DISTINCT FROM (t.to_status, t.sequence) LIMIT 20",
    ),
    (
        "nothing is in quarantine",
        "SELECT format('shard %s epoch %s n %s: %s', shard, epoch, n, problem) FROM quarantine LIMIT 20",
    ),
    (
        "nothing was stepped over or stored twice",
        "SELECT format('%s %s %s', occurred_at, kind, detail) FROM system_events WHERE kind IN ('gap', 'copy_conflict') LIMIT 20",
    ),
];

/// Every rule that is broken, with rows.
pub(super) async fn violations(pool: &PgPool) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut connection = pool.acquire().await?;
    // After an hour these tables are long, and other work comes first.
    sqlx::query("SET statement_timeout = '120s'").execute(&mut *connection).await?;
    for (rule, sql) in RULES {
        let broken: Vec<String> = sqlx::query_scalar(*sql)
            .fetch_all(&mut *connection)
            .await
            .with_context(|| format!("ask whether {rule}"))?;
        found.extend(broken.into_iter().map(|row| format!("{rule}: {row}")));
    }
    Ok(found)
}

/// Follows the seals of every shard from its first batch to the end that its position names.
pub(super) async fn broken_seals(pool: &PgPool) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    // The copy goes on meanwhile: all of this is one moment's.
    let mut moment = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *moment).await?;
    let ends: Vec<(i16, Vec<u8>)> =
        sqlx::query_as("SELECT shard, hash FROM copy_position").fetch_all(&mut *moment).await?;
    for (shard, end) in ends {
        let batches = sqlx::query(
            "SELECT epoch, first_n, last_n, rows, previous, hash FROM copy_batches WHERE shard = $1 ORDER BY epoch, first_n",
        )
        .bind(shard)
        .fetch_all(&mut *moment)
        .await?;
        let mut tip: Hash = GENESIS;
        for batch in &batches {
            let (epoch, first): (i64, i64) = (batch.try_get("epoch")?, batch.try_get("first_n")?);
            if batch.try_get::<Vec<u8>, _>("previous")? != tip {
                found.push(format!(
                    "shard {shard} epoch {epoch}: the batch of {first} does not follow the one before"
                ));
            }
            let stored: Hash = batch.try_get("hash")?;
            if seal(&mut moment, shard, epoch, batch, &tip).await? != stored {
                found.push(format!("shard {shard} epoch {epoch}: the seal of {first} does not fit its rows"));
            }
            // Judged by its own: one wrong seal is not the fault of those behind it.
            tip = stored;
        }
        if end != tip {
            found.push(format!("shard {shard}: the position does not name the end of the chain"));
        }
    }
    moment.rollback().await?;
    // The service's own proof, of the other logs and of the numbers, too.
    let verified = Audit::new(pool.clone()).verify(Window::default(), None, |_| ()).await?;
    found.extend(verified.problems().iter().map(ToString::to_string));
    Ok(found)
}

async fn seal(
    moment: &mut PgConnection,
    shard: i16,
    epoch: i64,
    batch: &PgRow,
    tip: &Hash,
) -> anyhow::Result<Hash> {
    let rows = sqlx::query(
        "SELECT *, (extract(epoch from occurred_at) * 1000)::bigint AS occurred,
             (extract(epoch from detected_at) * 1000)::bigint AS detected,
             (extract(epoch from last_seen) * 1000)::bigint AS seen
         FROM transitions_log WHERE shard = $1 AND epoch = $2 AND n BETWEEN $3 AND $4 ORDER BY n",
    )
    .bind(shard)
    .bind(epoch)
    .bind(batch.try_get::<i64, _>("first_n")?)
    .bind(batch.try_get::<i64, _>("last_n")?)
    .fetch_all(moment)
    .await?;
    let mut seal = Seal::of_batch(tip, u16::try_from(shard)?, epoch);
    for row in &rows {
        let sealed = SealedRow {
            n: row.try_get("n")?,
            kind: row.try_get("kind")?,
            subject: row.try_get("subject")?,
            org: row.try_get("org")?,
            sequence: row.try_get("sequence")?,
            from: row.try_get("from_status")?,
            to: row.try_get("to_status")?,
            reason: row.try_get("reason")?,
            occurred_at: Millis(row.try_get("occurred")?),
            detected_at: Millis(row.try_get("detected")?),
            last_seen: Millis(row.try_get("seen")?),
            uncertainty_ms: row.try_get("uncertainty_ms")?,
            session: row.try_get("session_id")?,
            device: row.try_get("device")?,
            actor: row.try_get("actor")?,
        };
        seal.row(&sealed.hash());
    }
    Ok(seal.finish())
}

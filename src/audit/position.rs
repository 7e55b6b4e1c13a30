//! How far the copy has come in each shard, and the epochs. The lock on a shard's row is the fence between two nodes
//! that both believe they own the shard.

use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;

use super::chain::{self, Hash};
use super::time::{from_postgres, to_postgres};
use super::{Audit, AuditError, CopyError, sql};
use crate::database::Connection;
use crate::presence::Millis;

/// The last entry of a shard that was copied. Epoch 0 before the first epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The life of the shard's data.
    pub epoch: i64,
    /// The number of the entry; 0 before the first.
    pub n: i64,
    /// When that entry was detected, by the clock of Redis: another entry under its number shows that Redis was set
    /// back. `None` where it is not known.
    pub detected_at: Option<Millis>,
    /// When the copy last heard of the shard, by the clock of Redis.
    pub heard_at: Option<Millis>,
    /// Whether people were put back after a loss whose time to return is not known to be over: what becomes of them may
    /// yet be dated as far back as `heard_at`.
    pub is_spared: bool,
}

impl Position {
    /// Whether both name the same entry.
    #[must_use]
    pub const fn same_entry(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.n == other.n
    }
}

/// A new life of a shard's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEpoch {
    /// Its number.
    pub epoch: i64,
    /// Where the copy stood in the life before: `heard_at` dates what was lost with it.
    pub before: Position,
}

/// A position whose row is locked, with the end of its chain.
pub(super) struct Locked {
    pub(super) position: Position,
    pub(super) hash: Hash,
}

impl Audit {
    /// How far the copy has come in a shard.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn position(&self, shard: u16) -> Result<Position, AuditError> {
        let row = sqlx::query(sql::POSITION).bind(column(shard)?).fetch_optional(&self.pool).await?;
        row.map_or(Ok(Position::default()), |row| Ok(read(&row)?.position))
    }

    /// Stores when the copy last heard of these shards, by the clock of Redis. A shard without an epoch is left out.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails or a moment is none.
    pub async fn heard(&self, shards: &[(u16, Millis)]) -> Result<(), AuditError> {
        let mut names = Vec::with_capacity(shards.len());
        let mut moments = Vec::with_capacity(shards.len());
        for &(shard, at) in shards {
            names.push(column(shard)?);
            moments.push(to_postgres("heard_at", at)?);
        }
        sqlx::query(sql::HEARD).bind(names).bind(moments).execute(&self.pool).await?;
        Ok(())
    }

    /// Begins a new life of a shard's data: its entries are numbered from 1 again. Leaves the system event `epoch`
    /// with `reason`.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn next_epoch(&self, shard: u16, reason: &str) -> Result<NewEpoch, AuditError> {
        let mut tx = self.pool.begin().await?;
        let Locked { position: before, hash } = begin(&mut tx, shard).await?;
        let epoch: i64 = sqlx::query_scalar(sql::NEXT_EPOCH).fetch_one(&mut *tx).await?;
        record_epoch(&mut tx, shard, Position { epoch, ..Position::default() }, before, reason).await?;
        move_to(&mut tx, shard, Position { epoch, ..Position::default() }, hash).await?;
        sqlx::query(sql::POSITION_SPARE).bind(column(shard)?).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(NewEpoch { epoch, before })
    }

    /// Follows the epoch that Redis has, from after entry `n`: Postgres was put back to an older state, or two nodes
    /// opened the shard at once. Later epochs will be higher. Leaves the system event `epoch`.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn adopt_epoch(&self, shard: u16, epoch: i64, n: i64) -> Result<Position, AuditError> {
        let mut tx = self.pool.begin().await?;
        let Locked { position: before, hash } = begin(&mut tx, shard).await?;
        let drawn: i64 = sqlx::query_scalar(sql::NEXT_EPOCH).fetch_one(&mut *tx).await?;
        sqlx::query(sql::SKIP_EPOCHS).bind(epoch - drawn).execute(&mut *tx).await?;
        let position = Position { epoch, n, detected_at: None, ..before };
        record_epoch(&mut tx, shard, position, before, "adopted").await?;
        move_to(&mut tx, shard, position, hash).await?;
        tx.commit().await?;
        Ok(position)
    }

    /// Moves on to just before entry `found`, because the entries that should follow `expected` are gone: Postgres was
    /// put back to an older state within the epoch, and Redis keeps copied entries for a minute only. Leaves the system
    /// event `gap` with the missing numbers.
    ///
    /// # Errors
    /// [`CopyError::Moved`] if another node copied this shard meanwhile: then nothing may be missing.
    pub async fn skip_gap(&self, shard: u16, expected: Position, found: i64) -> Result<Position, CopyError> {
        let mut tx = self.pool.begin().await?;
        let Some(Locked { position: actual, hash }) = lock(&mut tx, shard).await? else {
            return Err(CopyError::Moved(Position::default()));
        };
        if !actual.same_entry(&expected) || found <= actual.n + 1 {
            return Err(CopyError::Moved(actual));
        }
        let Position { epoch, n, .. } = actual;
        sqlx::query(sql::SYSTEM_EVENT)
            .bind("gap")
            .bind(json!({ "shard": shard, "epoch": epoch, "from": n + 1, "to": found - 1 }))
            .execute(&mut *tx)
            .await?;
        let moved = Position { n: found - 1, detected_at: None, ..actual };
        move_to(&mut tx, shard, moved, hash).await?;
        tx.commit().await?;
        Ok(moved)
    }
}

/// Locks the shard's position, and makes it if the shard never had one.
async fn begin(connection: &mut Connection, shard: u16) -> Result<Locked, AuditError> {
    sqlx::query(sql::POSITION_BEGIN)
        .bind(column(shard)?)
        .bind(chain::GENESIS)
        .execute(&mut *connection)
        .await?;
    let locked = lock(connection, shard).await?;
    locked.ok_or_else(|| AuditError::Schema(format!("the position of shard {shard} vanished")))
}

pub(super) async fn record_epoch(
    connection: &mut Connection,
    shard: u16,
    position: Position,
    before: Position,
    reason: &str,
) -> Result<(), AuditError> {
    sqlx::query(sql::SYSTEM_EVENT)
        .bind("epoch")
        .bind(json!({
            "shard": shard, "epoch": position.epoch, "n": position.n, "reason": reason,
            "before": { "epoch": before.epoch, "n": before.n, "heard_at": before.heard_at },
        }))
        .execute(connection)
        .await?;
    Ok(())
}

/// The shard as its column has it.
pub(super) fn column(shard: u16) -> Result<i16, AuditError> {
    i16::try_from(shard).map_err(|_| AuditError::Refused(format!("{shard} is no shard")))
}

/// Locks the shard's position until the transaction ends; none if the shard never had an epoch.
pub(super) async fn lock(connection: &mut Connection, shard: u16) -> Result<Option<Locked>, AuditError> {
    let row = sqlx::query(sql::POSITION_LOCKED).bind(column(shard)?).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

/// Moves a position that is locked.
pub(super) async fn move_to(
    connection: &mut Connection,
    shard: u16,
    to: Position,
    hash: Hash,
) -> Result<(), AuditError> {
    sqlx::query(sql::POSITION_MOVE)
        .bind(column(shard)?)
        .bind(to.epoch)
        .bind(to.n)
        .bind(hash)
        // An entry whose time is none lies in quarantine; it cannot be told from another.
        .bind(to.detected_at.and_then(|at| to_postgres("detected_at", at).ok()))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) fn read(row: &PgRow) -> Result<Locked, AuditError> {
    Ok(Locked {
        position: Position {
            epoch: row.try_get("epoch")?,
            n: row.try_get("n")?,
            detected_at: row.try_get::<Option<OffsetDateTime>, _>("detected_at")?.map(from_postgres),
            heard_at: row.try_get::<Option<OffsetDateTime>, _>("heard_at")?.map(from_postgres),
            is_spared: row.try_get("is_spared")?,
        },
        hash: row.try_get("hash")?,
    })
}

//! Claims in force: kept by the copy, as each entry that changed them says they stand, and read when Redis has lost them.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;

use super::position::column;
use super::queries::needed;
use super::time::{from_postgres, to_postgres};
use super::{Audit, AuditError, sql};
use crate::database::Connection;
use crate::presence::{Claim, Claims, Entry, UserId, Whose};

/// A claim in force, or one whose end has passed since the last entry about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRow {
    /// On whose status.
    pub user: UserId,
    /// Whose wish.
    pub whose: Whose,
    /// What it says.
    pub claim: Claim,
}

impl Audit {
    /// The claims on the next `users` users of a shard behind `after`, in the order of their ids; all claims of a user
    /// come together. Empty at the end.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn claims_of_shard(
        &self,
        shard: u16,
        after: Option<&UserId>,
        users: u32,
    ) -> Result<Vec<ClaimRow>, AuditError> {
        let rows = sqlx::query(sql::CLAIMS_OF_SHARD)
            .bind(column(shard)?)
            .bind(after.map(UserId::as_str))
            .bind(i64::from(users))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// The claims on these users, in no order.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn claims_of(&self, users: &[UserId]) -> Result<Vec<ClaimRow>, AuditError> {
        let names: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let rows = sqlx::query(sql::CLAIMS_OF).bind(names).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &PgRow) -> Result<ClaimRow, AuditError> {
    Ok(ClaimRow {
        user: needed(row, "user_id")?,
        whose: needed(row, "kind")?,
        claim: Claim {
            id: row.try_get("claim_id")?,
            status: needed(row, "status")?,
            text: row.try_get("note")?,
            emoji: row.try_get("emoji")?,
            until: row.try_get::<Option<OffsetDateTime>, _>("expires_at")?.map(from_postgres),
        },
    })
}

/// Makes the table say what the entries say, in their order: the last word on each user counts.
pub(super) async fn store(
    connection: &mut Connection,
    shard: i16,
    entries: &[&Entry],
) -> Result<(), AuditError> {
    let told = entries.iter().filter_map(|entry| Some((&entry.user, (*entry, entry.claims.as_ref()?))));
    let last: BTreeMap<&UserId, (&Entry, &Claims)> = told.collect();
    if last.is_empty() {
        return Ok(());
    }
    let slots = last.into_iter().flat_map(|(user, (entry, claims))| {
        [(Whose::Manual, &claims.manual), (Whose::Admin, &claims.admin)]
            .map(|(whose, claim)| (user.as_str(), whose.as_str(), entry.detected_at, claim.as_ref()))
    });
    let (kept, dropped): (Vec<_>, Vec<_>) = slots.partition(|(.., claim)| claim.is_some());
    sqlx::query(sql::CLAIMS_DROP)
        .bind(dropped.iter().map(|(user, ..)| *user).collect::<Vec<_>>())
        .bind(dropped.iter().map(|(_, kind, ..)| *kind).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    let of =
        |pick: fn(&Claim) -> &str| kept.iter().filter_map(|(.., claim)| claim.map(pick)).collect::<Vec<_>>();
    let ends = kept.iter().filter_map(|(.., claim)| claim.map(|claim| claim.until));
    let ends = ends.map(|until| until.map(|until| to_postgres("until", until)).transpose());
    let moments = kept.iter().map(|(_, _, at, _)| to_postgres("detected_at", *at));
    sqlx::query(sql::CLAIMS_KEEP)
        .bind(shard)
        .bind(kept.iter().map(|(user, ..)| *user).collect::<Vec<_>>())
        .bind(kept.iter().map(|(_, kind, ..)| *kind).collect::<Vec<_>>())
        .bind(of(|claim| &claim.id))
        .bind(of(|claim| claim.status.as_str()))
        .bind(of(|claim| &claim.text))
        .bind(of(|claim| &claim.emoji))
        .bind(ends.collect::<Result<Vec<_>, _>>()?)
        .bind(moments.collect::<Result<Vec<_>, _>>()?)
        .execute(connection)
        .await?;
    Ok(())
}

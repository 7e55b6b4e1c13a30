//! A shard of Redis that was set back to an older state: a failover or a crash lost the tail of what it had
//! acknowledged. What was copied before stays. The copy goes back to the newest entry that both have, the epoch is
//! raised, and whoever now differs gets one transition that says so.

use std::time::Duration;

use serde_json::json;
use sqlx::Row;

use super::copy::{Copied, Place, seal, store};
use super::position::{Locked, Position, column, lock, move_to, record_epoch};
use super::queries::{last_known, needed};
use super::time::to_postgres;
use super::{Audit, AuditError, CopyError, LastKnown, sql};
use crate::database::Connection;
use crate::presence::{Entry, EntryKind, Millis, Reason, Status, UserId};

/// How a shard was found that had been set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBack {
    /// The epoch of the newest entry that both have: what Redis has, unless it has forgotten a later one.
    pub epoch: i64,
    /// Number of the newest entry that both have.
    pub n: i64,
    /// When that entry was detected, if it is still in the outbox.
    pub detected_at: Option<Millis>,
    /// When it was set back, by the clock of Redis: the first entry after, or now.
    pub at: Millis,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Where the copy goes on, under the new epoch.
    pub position: Position,
    /// The transitions of people whose status differed.
    pub corrections: Vec<Entry>,
    /// People whose claims were changed by what Redis has forgotten.
    pub claimed: Vec<UserId>,
}

impl Audit {
    /// Epoch and number of the newest of these entries (number, detected at) of a shard that is stored. Its epoch may be
    /// a later one than Redis knows, which may have forgotten that its epoch was raised; or an earlier one, if nothing has
    /// happened since it was raised.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails.
    pub async fn newest_common(
        &self,
        shard: u16,
        entries: &[(i64, Millis)],
    ) -> Result<Option<(i64, i64)>, AuditError> {
        let mut moments = Vec::with_capacity(entries.len());
        for (_, at) in entries {
            moments.push(to_postgres("detected_at", *at)?);
        }
        let (first, last) = (moments.iter().min().copied(), moments.iter().max().copied());
        let newest = sqlx::query_as(sql::NEWEST_COMMON)
            .bind(column(shard)?)
            .bind(entries.iter().map(|(n, _)| *n).collect::<Vec<_>>())
            .bind(moments)
            .bind(first)
            .bind(last);
        Ok(newest.fetch_optional(&self.pool).await?)
    }

    /// Goes back to the newest common entry under a new epoch. The corrections follow what was copied, so that the old
    /// epoch has no gap either. Leaves the system event `store_rewound` with the numbers that Redis has forgotten.
    ///
    /// # Errors
    /// [`CopyError::Moved`] if another node copied this shard meanwhile: then it may not have been set back at all.
    pub async fn rewind(&self, shard: u16, expected: Position, found: SetBack) -> Result<Rewound, CopyError> {
        let mut tx = self.pool.begin().await?;
        // An old snapshot may have been put back, with a long history behind it.
        tx.take_time(Duration::from_secs(600)).await?;
        let Some(Locked { position: actual, mut hash }) = lock(&mut tx, shard).await? else {
            return Err(CopyError::Moved(Position::default()));
        };
        if !actual.same_entry(&expected) {
            return Err(CopyError::Moved(actual));
        }
        let claimed = claimed(&mut tx, shard, found).await?;
        let place = Place { shard, epoch: actual.epoch };
        let corrections = corrections(&mut tx, shard, actual, found).await?;
        let entries: Vec<&Entry> = corrections.iter().collect();
        let log = store(&mut tx, place, &entries, &mut Copied::default()).await?;
        hash = seal(&mut tx, place, &log, hash).await?;
        let epoch: i64 = sqlx::query_scalar(sql::NEXT_EPOCH).fetch_one(&mut *tx).await?;
        let position = Position { epoch, n: found.n, detected_at: found.detected_at, ..actual };
        sqlx::query(sql::SYSTEM_EVENT)
            .bind("store_rewound")
            .bind(json!({
                "shard": shard, "epoch": found.epoch, "forgotten_from": found.n + 1,
                "forgotten_to": { "epoch": actual.epoch, "n": actual.n },
                "corrected": corrections.len(), "new_epoch": epoch,
            }))
            .execute(&mut *tx)
            .await?;
        record_epoch(&mut tx, shard, position, actual, "store_rewound").await?;
        move_to(&mut tx, shard, position, hash).await?;
        tx.commit().await?;
        Ok(Rewound { position, corrections, claimed })
    }
}

async fn claimed(connection: &mut Connection, shard: u16, found: SetBack) -> Result<Vec<UserId>, AuditError> {
    let reasons = [
        Reason::ManualSet,
        Reason::ManualCleared,
        Reason::ManualExpired,
        Reason::AdminSet,
        Reason::AdminCleared,
        Reason::AdminExpired,
    ];
    let rows = sqlx::query(sql::CLAIMED_SINCE)
        .bind(column(shard)?)
        .bind(found.epoch)
        .bind(found.n)
        .bind(reasons.map(Reason::as_str).to_vec())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| needed(row, "user_id")).collect()
}

/// One transition for everybody whose status the forgotten entries have changed: back to what it was before them.
async fn corrections(
    connection: &mut Connection,
    shard: u16,
    position: Position,
    found: SetBack,
) -> Result<Vec<Entry>, AuditError> {
    let changed = sqlx::query(sql::CHANGED_SINCE)
        .bind(column(shard)?)
        .bind(found.epoch)
        .bind(found.n)
        .fetch_all(&mut *connection)
        .await?;
    let mut names = Vec::with_capacity(changed.len());
    let mut before = Vec::with_capacity(changed.len());
    for row in &changed {
        names.push(row.try_get::<&str, _>("user_id")?);
        before.push(
            row.try_get::<&str, _>("from_status")?
                .parse::<Status>()
                .map_err(|error| AuditError::Schema(format!("from_status: {error}")))?,
        );
    }
    let known = sqlx::query(sql::LAST).bind(names).fetch_all(connection).await?;
    let mut entries = Vec::with_capacity(known.len());
    for ((row, to), n) in known.iter().zip(before).zip(position.n + 1..) {
        let last = last_known(row)?.ok_or_else(|| AuditError::Schema("a last state vanished".to_owned()))?;
        entries.push(correction(last, to, n, position.epoch, found.at));
    }
    Ok(entries)
}

/// From the last known status back to `to`, which Redis has again.
fn correction(last: LastKnown, to: Status, n: i64, epoch: i64, at: Millis) -> Entry {
    let at = at.max(last.since);
    let is_present = |status: Status| status != Status::Offline;
    let since_present = |was: bool, is: bool, since: Millis| match (was, is) {
        (_, false) => Millis(0),
        (true, true) => since,
        (false, true) => at,
    };
    let (shown_from, shown_to) = (last.status.shown(), to.shown());
    let is_seen = shown_from != shown_to;
    Entry {
        n,
        kind: EntryKind::Transition,
        from: last.status,
        to,
        reason: Reason::StoreRewound,
        occurred_at: at,
        detected_at: at,
        since: at,
        online_since: since_present(is_present(last.status), is_present(to), last.online_since),
        last_seen: last.last_seen,
        shown_since: if is_seen { at } else { last.shown_since },
        shown_online_since: since_present(
            is_present(shown_from),
            is_present(shown_to),
            last.shown_online_since,
        ),
        shown_last_seen: last.shown_last_seen,
        shown_version: if is_seen { (epoch << 32) + n } else { last.shown_version },
        uncertainty_ms: 0,
        session: None,
        device: None,
        actor: None,
        claims: None,
        text: None,
        emoji: None,
        user: last.user,
        org: last.org,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::Org;

    fn last(status: Status) -> LastKnown {
        LastKnown {
            user: UserId::parse("7").unwrap(),
            org: Org::default(),
            status,
            since: Millis(100),
            online_since: Millis(if status == Status::Offline { 0 } else { 50 }),
            last_seen: Millis(90),
            shown_since: Millis(80),
            shown_online_since: Millis(if status.shown() == Status::Offline { 0 } else { 60 }),
            shown_last_seen: Millis(70),
            shown_version: 5,
            epoch: 1,
            n: 3,
            sequence: 2,
        }
    }

    #[test]
    fn a_correction_says_from_when_on_the_older_state_holds_again() {
        let back = correction(last(Status::Offline), Status::Online, 9, 2, Millis(200));
        assert_eq!(
            (back.since, back.online_since, back.shown_online_since),
            (Millis(200), Millis(200), Millis(200))
        );
        assert_eq!(back.shown_version, (2 << 32) + 9);
        let gone = correction(last(Status::Busy), Status::Offline, 9, 2, Millis(20));
        assert_eq!(gone.occurred_at, Millis(100), "never before the status that it ends");
        assert_eq!(
            (gone.online_since, gone.shown_online_since, gone.last_seen),
            (Millis(0), Millis(0), Millis(90))
        );
    }

    #[test]
    fn nobody_else_learns_of_a_correction_between_invisible_and_offline() {
        let hidden = correction(last(Status::Invisible), Status::Offline, 9, 2, Millis(200));
        assert_eq!(
            (hidden.shown_since, hidden.shown_last_seen, hidden.shown_version),
            (Millis(80), Millis(70), 5)
        );
    }
}

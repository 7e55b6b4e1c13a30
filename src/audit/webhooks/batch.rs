//! The next batch of a webhook: the one that waits, or a new one made of what happened since. One transaction.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::held::{Held, When};
use super::scan::{Entry, Scan, scan};
use super::{Delivery, Leased, MOST_EVENTS, Next, PATIENCE, ShownChange, lease};
use crate::audit::queries::needed;
use crate::audit::retention::interval;
use crate::audit::time::to_postgres;
use crate::audit::{Audit, AuditError, sql};
use crate::database::Connection;
use crate::presence::{Millis, UserId};

/// An event on its way into a delivery.
struct Pick {
    user: UserId,
    told: ShownChange,
    recorded_at: Millis,
}

impl Audit {
    /// What there is to do next for a webhook. What is answered to be sent counts as tried.
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails; then nothing was changed.
    pub async fn next_delivery(&self, leased: &Leased) -> Result<Next, AuditError> {
        let mut tx = self.pool.begin().await?;
        let Some(failures) = lease::keep(&mut tx, leased).await? else {
            return Ok(Next::Lost);
        };
        let next = match waiting(&mut tx, leased.id, failures).await? {
            Some(next) => next,
            None => make(&mut tx, leased, failures).await?,
        };
        tx.commit().await?;
        Ok(next)
    }
}

/// The batch that waits to be sent.
async fn waiting(
    connection: &mut Connection,
    webhook: Uuid,
    failures: i32,
) -> Result<Option<Next>, AuditError> {
    let id = sqlx::query_scalar(sql::WEBHOOK_WAITING).bind(webhook).fetch_optional(&mut *connection).await?;
    let Some(id) = id else { return Ok(None) };
    let events = events(connection, id).await?;
    if events.is_empty() {
        // Everybody it was about was erased.
        sqlx::query(sql::WEBHOOK_DELIVERY_DROP).bind(id).execute(connection).await?;
        return Ok(Some(Next::More));
    }
    let attempt = attempt(connection, id).await?;
    Ok(Some(Next::Send(Delivery { id, attempt, failures, events, has_more: true })))
}

async fn events(
    connection: &mut Connection,
    id: Uuid,
) -> Result<Vec<(i64, UserId, ShownChange)>, AuditError> {
    let rows = sqlx::query(sql::WEBHOOK_EVENTS).bind(id).fetch_all(connection).await?;
    let event = |row: &PgRow| {
        let Json(told): Json<ShownChange> = row.try_get("event")?;
        Ok((row.try_get("sequence")?, needed(row, "user_id")?, told))
    };
    rows.iter().map(event).collect()
}

/// Counts an attempt.
async fn attempt(connection: &mut Connection, id: Uuid) -> Result<i32, AuditError> {
    Ok(sqlx::query_scalar(sql::WEBHOOK_ATTEMPT).bind(id).fetch_one(connection).await?)
}

/// Makes a batch of what happened since, and moves the positions.
async fn make(connection: &mut Connection, leased: &Leased, failures: i32) -> Result<Next, AuditError> {
    // What is held of before nothing was held any more comes first.
    if leased.debounce.is_none() {
        let (count, picks) = let_go(connection, leased, MOST_EVENTS).await?;
        if !picks.is_empty() {
            return send(connection, leased, failures, picks, true).await;
        }
        if count > 0 {
            return Ok(Next::More);
        }
    }
    let scan = scan(connection, leased.id).await?;
    let mut picks = Vec::new();
    let taken = match leased.debounce {
        None => pick(leased, &scan, &mut picks),
        Some(span) => hold(connection, leased, span, &scan, &mut picks).await?,
    };
    move_to(connection, leased.id, scan.positions(taken).into_iter()).await?;
    let is_whole = taken == scan.rows.len() && scan.is_whole();
    // Only when all is read it is known what was not undone.
    if is_whole && leased.debounce.is_some() && picks.len() < MOST_EVENTS {
        let most = MOST_EVENTS - picks.len();
        picks.extend(let_go(connection, leased, most).await?.1);
    }
    if !picks.is_empty() {
        let has_more = !is_whole || picks.len() == MOST_EVENTS;
        return send(connection, leased, failures, picks, has_more).await;
    }
    Ok(if is_whole { Next::Idle } else { Next::More })
}

/// Picks what the webhook wants of the rows, up to a full batch; answers how many rows are done with.
fn pick(leased: &Leased, scan: &Scan, picks: &mut Vec<Pick>) -> usize {
    for (place, row) in scan.rows.iter().enumerate() {
        if picks.len() == MOST_EVENTS {
            return place;
        }
        let wanted = row.told.clone().filter(|(_, told)| is_wanted(leased, told));
        picks.extend(wanted.map(|(user, told)| Pick { user, told, recorded_at: row.at.recorded_at }));
    }
    scan.rows.len()
}

fn is_of(leased: &Leased, told: &ShownChange) -> bool {
    leased.org.as_ref().is_none_or(|org| *org == told.org)
}

fn is_wanted(leased: &Leased, told: &ShownChange) -> bool {
    is_of(leased, told) && leased.events.contains(&told.kind)
}

/// Adds the rows to what is held, and picks what was due before the next change came; answers how many rows are done
/// with.
async fn hold(
    connection: &mut Connection,
    leased: &Leased,
    span: Duration,
    scan: &Scan,
    picks: &mut Vec<Pick>,
) -> Result<usize, AuditError> {
    let names: Vec<&str> =
        scan.rows.iter().filter_map(|row| row.told.as_ref()).map(|(user, _)| user.as_str()).collect();
    if names.is_empty() {
        return Ok(scan.rows.len());
    }
    let mut held: HashMap<UserId, Held> = HashMap::new();
    let rows =
        sqlx::query(sql::WEBHOOK_HELD).bind(leased.id).bind(&names).fetch_all(&mut *connection).await?;
    for row in rows {
        let Json(one): Json<Held> = row.try_get("held")?;
        held.insert(needed(&row, "user_id")?, one);
    }
    let mut taken = scan.rows.len();
    for (place, row) in scan.rows.iter().enumerate() {
        if picks.len() == MOST_EVENTS {
            taken = place;
            break;
        }
        let Some((user, told)) = row.told.clone().filter(|(_, told)| is_of(leased, told)) else { continue };
        let next = match held.remove(&user) {
            Some(before) if before.is_over(row.at) => {
                picks.extend(left(leased, user.clone(), before));
                Held::new(told, row.at, span)
            }
            Some(before) => before.and(told, row.at, span),
            None => Held::new(told, row.at, span),
        };
        held.insert(user, next);
    }
    sqlx::query(sql::WEBHOOK_HELD_DROP).bind(leased.id).bind(names).execute(&mut *connection).await?;
    keep(connection, leased.id, held).await?;
    Ok(taken)
}

/// What is left to tell of somebody, if the webhook wants it.
fn left(leased: &Leased, user: UserId, held: Held) -> Option<Pick> {
    let When { recorded_at, .. } = held.due;
    let told = held.left().filter(|told| is_wanted(leased, told))?;
    Some(Pick { user, told, recorded_at })
}

async fn keep(
    connection: &mut Connection,
    webhook: Uuid,
    held: HashMap<UserId, Held>,
) -> Result<(), AuditError> {
    let due: Result<Vec<_>, _> =
        held.values().map(|held| to_postgres("due_at", held.due.recorded_at)).collect();
    let (names, held): (Vec<_>, Vec<_>) =
        held.into_iter().map(|(user, held)| (String::from(user), Json(held))).unzip();
    sqlx::query(sql::WEBHOOK_HELD_KEEP)
        .bind(webhook)
        .bind(names)
        .bind(due?)
        .bind(held)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes what was held for long enough (all, where nothing is held any more): how many changes, and what is left of them.
async fn let_go(
    connection: &mut Connection,
    leased: &Leased,
    most: usize,
) -> Result<(usize, Vec<Pick>), AuditError> {
    let rows = sqlx::query(sql::WEBHOOK_HELD_DUE)
        .bind(leased.id)
        .bind(leased.debounce.is_none())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let mut picks = Vec::with_capacity(rows.len());
    for row in &rows {
        let Json(held): Json<Held> = row.try_get("held")?;
        picks.extend(left(leased, needed(row, "user_id")?, held));
    }
    picks.sort_by_key(|pick| pick.recorded_at);
    Ok((rows.len(), picks))
}

async fn move_to(
    connection: &mut Connection,
    webhook: Uuid,
    positions: impl Iterator<Item = (i16, Entry)>,
) -> Result<(), AuditError> {
    let (shards, entries): (Vec<i16>, Vec<Entry>) = positions.unzip();
    let (epochs, numbers): (Vec<i64>, Vec<i64>) = entries.into_iter().unzip();
    if !shards.is_empty() {
        let moved = sqlx::query(sql::WEBHOOK_MOVE).bind(webhook).bind(shards).bind(epochs).bind(numbers);
        moved.execute(connection).await?;
    }
    Ok(())
}

/// Stores a batch, to be tried for the first time.
async fn send(
    connection: &mut Connection,
    leased: &Leased,
    failures: i32,
    picks: Vec<Pick>,
    has_more: bool,
) -> Result<Next, AuditError> {
    let (id, size) = (Uuid::now_v7(), i32::try_from(picks.len()).unwrap_or(i32::MAX));
    let oldest = picks.iter().map(|pick| pick.recorded_at).min().unwrap_or_default();
    let is_old: bool = sqlx::query_scalar(sql::WEBHOOK_DELIVERY_ADD)
        .bind(id)
        .bind(leased.id)
        .bind(size)
        .bind(to_postgres("recorded_at", oldest)?)
        .bind(interval(PATIENCE)?)
        .fetch_one(&mut *connection)
        .await?;
    let last: i64 = sqlx::query_scalar(sql::WEBHOOK_NUMBER)
        .bind(leased.id)
        .bind(size)
        .fetch_one(&mut *connection)
        .await?;
    let numbered = picks.into_iter().zip(last - i64::from(size) + 1..);
    let events: Vec<_> = numbered.map(|(pick, number)| (number, pick.user, pick.told)).collect();
    sqlx::query(sql::WEBHOOK_EVENTS_ADD)
        .bind(id)
        .bind(events.iter().map(|(number, ..)| *number).collect::<Vec<_>>())
        .bind(events.iter().map(|(_, user, _)| user.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|(.., told)| Json(told.clone())).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    // Behind a receiver that has been away for longer than that, each batch would otherwise wait for an attempt of its own.
    if is_old && failures > 0 {
        sqlx::query(sql::WEBHOOK_GIVE_UP).bind(id).execute(connection).await?;
        return Ok(Next::More);
    }
    let attempt = attempt(connection, id).await?;
    Ok(Next::Send(Delivery { id, attempt, failures, events, has_more }))
}

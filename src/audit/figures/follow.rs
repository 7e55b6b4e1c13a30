//! The log becomes spells. Each shard is read behind a position of its own, as webhooks do: nothing appears behind what was
//! read. Positions, spells, and how far everything is rolled up change in one transaction.

use std::collections::{BTreeMap, HashMap};

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::kind::{HOUR, floor};
use super::spell::{Change, NEVER, Orgs, Spell, is_shown, spells, spliced, stretches};
use super::sql;
use super::stock::{add_spells, postgres, set_back, spell};
use crate::audit::AuditError;
use crate::audit::queries::{moment, needed};
use crate::database::Connection;

/// Rows of the log of a shard that are read at a time.
const ROWS: i64 = 500;

/// How far a shard has been followed, and how far it can be.
struct Behind {
    shard: i16,
    place: (i64, i64),
    end: (i64, i64),
}

/// What happened to a person, in its order.
#[derive(Default)]
struct News {
    changes: Vec<Change>,
    /// One of them is late: what was before it is not what is stored.
    is_late: bool,
}

/// What becomes of spells.
#[derive(Default)]
struct Effect {
    ended: Vec<(i64, i64)>,
    begun: Vec<Spell>,
    /// The first moment of which something else is true now.
    earliest: Option<i64>,
}

impl Effect {
    /// Something changes at a moment. A spell that ends then belongs to the piece of time that ends there, too.
    fn touch(&mut self, at: i64) {
        self.earliest = Some(self.earliest.map_or(at - 1, |earliest| earliest.min(at - 1)));
    }
}

/// Follows the log by some rows; answers whether it goes on in some shard beyond what was read. `rolled_until` is set back
/// where they are older.
pub(super) async fn follow(connection: &mut Connection, rolled_until: i64) -> Result<bool, AuditError> {
    let mut behind = behind(connection).await?;
    if behind.is_empty() {
        return Ok(false);
    }
    let mut orgs = Orgs::default();
    let rows = rows(connection, &behind).await?;
    let mut people: BTreeMap<i64, News> = BTreeMap::new();
    let mut read: HashMap<i16, (i64, (i64, i64))> = HashMap::new();
    for row in &rows {
        let seen = read.entry(row.try_get("shard")?).or_default();
        *seen = (seen.0 + 1, (row.try_get("epoch")?, row.try_get("n")?));
        if row.try_get("is_change")? {
            let change = change(row, &mut orgs)?;
            let news = people.entry(change.subject).or_default();
            news.is_late |= row.try_get::<bool, _>("is_late")?;
            news.changes.push(change);
        }
    }
    for shard in &mut behind {
        shard.place = match read.get(&shard.shard) {
            Some((ROWS.., last)) => *last,
            _ => shard.end,
        };
    }
    let (late, timely): (Vec<_>, Vec<_>) = people.into_iter().partition(|(_, news)| news.is_late);
    let mut effect = Effect::default();
    follow_timely(connection, &timely, &mut orgs, &mut effect).await?;
    follow_late(connection, &late, &mut orgs, &mut effect).await?;
    write(connection, &effect, &orgs).await?;
    if let Some(earliest) = effect.earliest.filter(|earliest| *earliest < rolled_until) {
        set_back(connection, floor(earliest, HOUR)).await?;
    }
    move_on(connection, &behind).await?;
    Ok(read.values().any(|(count, _)| *count >= ROWS))
}

async fn behind(connection: &mut Connection) -> Result<Vec<Behind>, AuditError> {
    let rows = sqlx::query(sql::BEHIND).fetch_all(connection).await?;
    let behind = |row: &PgRow| -> Result<_, AuditError> {
        Ok(Behind {
            shard: row.try_get("shard")?,
            place: (row.try_get("epoch")?, row.try_get("n")?),
            end: (row.try_get("to_epoch")?, row.try_get("to_n")?),
        })
    };
    rows.iter().map(behind).collect()
}

async fn rows(connection: &mut Connection, behind: &[Behind]) -> Result<Vec<PgRow>, AuditError> {
    let of = |pick: fn(&Behind) -> i64| behind.iter().map(pick).collect::<Vec<_>>();
    let rows = sqlx::query(sql::CHANGES)
        .bind(behind.iter().map(|behind| behind.shard).collect::<Vec<_>>())
        .bind(of(|behind| behind.place.0))
        .bind(of(|behind| behind.place.1))
        .bind(of(|behind| behind.end.0))
        .bind(of(|behind| behind.end.1))
        .bind(ROWS);
    Ok(rows.fetch_all(connection).await?)
}

fn change(row: &PgRow, orgs: &mut Orgs) -> Result<Change, AuditError> {
    Ok(Change {
        subject: row.try_get("subject")?,
        sequence: row.try_get("sequence")?,
        org: orgs.number(row.try_get("org")?),
        from: needed(row, "from_status")?,
        to: needed(row, "to_status")?,
        at: moment(row, "occurred_at")?.0,
    })
}

/// Of people whose changes came in the order of time: each ends the spell that is open, or begins one.
async fn follow_timely(
    connection: &mut Connection,
    people: &[(i64, News)],
    orgs: &mut Orgs,
    effect: &mut Effect,
) -> Result<(), AuditError> {
    let subjects: Vec<i64> = people.iter().map(|(subject, _)| *subject).collect();
    let mut stored = HashMap::new();
    for row in sqlx::query(sql::SPELLS_OPEN).bind(subjects).fetch_all(connection).await? {
        let spell = spell(&row, orgs)?;
        stored.insert(spell.subject, spell);
    }
    for (subject, news) in people {
        let mut open = stored.get(subject).copied();
        for change in &news.changes {
            let shown = is_shown(change.to).then_some(change.org);
            if open.map(|spell| spell.org) == shown {
                continue;
            }
            effect.touch(change.at);
            match open.take() {
                Some(spell) if stored.get(subject) == Some(&spell) => {
                    effect.ended.push((*subject, change.at))
                }
                Some(spell) => effect.begun.push(Spell { end: change.at, ..spell }),
                None => {}
            }
            open = shown.map(|org| Spell { subject: *subject, org, start: change.at, end: NEVER });
        }
        effect.begun.extend(open.filter(|spell| stored.get(subject) != Some(spell)));
    }
    Ok(())
}

/// Of people with a change that came too late: their spells from the first of these changes on are made anew, of all the
/// log has of them.
async fn follow_late(
    connection: &mut Connection,
    people: &[(i64, News)],
    orgs: &mut Orgs,
    effect: &mut Effect,
) -> Result<(), AuditError> {
    let times = people.iter().flat_map(|(_, news)| news.changes.iter().map(|change| change.at));
    let Some(cut) = times.min() else { return Ok(()) };
    let subjects: Vec<i64> = people.iter().map(|(subject, _)| *subject).collect();
    let mut changes: HashMap<i64, Vec<Change>> = HashMap::new();
    for row in sqlx::query(sql::CHANGES_OF).bind(&subjects).fetch_all(&mut *connection).await? {
        let change = change(&row, orgs)?;
        changes.entry(change.subject).or_default().push(change);
    }
    let mut kept: HashMap<i64, Vec<Spell>> = HashMap::new();
    let taken = sqlx::query(sql::SPELLS_TAKE).bind(&subjects).bind(postgres(cut)?);
    for row in taken.fetch_all(connection).await? {
        let spell = spell(&row, orgs)?;
        kept.entry(spell.subject).or_default().push(spell);
    }
    for (subject, news) in people {
        let newest = news.changes.last().map_or(0, |change| change.sequence);
        let mut lived = changes.remove(subject).unwrap_or_default();
        lived.retain(|change| change.sequence <= newest);
        let new = spells(*subject, &stretches(&lived));
        effect.begun.extend(spliced(kept.get(subject).map_or(&[], Vec::as_slice), cut, &new));
    }
    effect.touch(cut);
    Ok(())
}

async fn write(connection: &mut Connection, effect: &Effect, orgs: &Orgs) -> Result<(), AuditError> {
    if !effect.ended.is_empty() {
        let ends: Result<Vec<_>, _> = effect.ended.iter().map(|(_, at)| postgres(*at)).collect();
        sqlx::query(sql::SPELLS_END)
            .bind(effect.ended.iter().map(|(subject, _)| *subject).collect::<Vec<_>>())
            .bind(ends?)
            .execute(&mut *connection)
            .await?;
    }
    add_spells(connection, &effect.begun, orgs).await
}

async fn move_on(connection: &mut Connection, behind: &[Behind]) -> Result<(), AuditError> {
    sqlx::query(sql::MOVE)
        .bind(behind.iter().map(|behind| behind.shard).collect::<Vec<_>>())
        .bind(behind.iter().map(|behind| behind.place.0).collect::<Vec<_>>())
        .bind(behind.iter().map(|behind| behind.place.1).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

//! What is derived from the log, derived again: `intervals` and `presence_last` are compared with what the log says,
//! and where they differ the log is right.
//!
//! People are taken in ranges, each in a transaction of its own. A repair locks every shard's position first, so the
//! copy waits meanwhile (a fraction of a second) and goes on between ranges. A check locks nothing: it looks at a
//! snapshot, in which the copy has written a batch wholly or not at all. What months that were dropped said cannot be
//! derived any more: such rows stay as they are.

use std::collections::{BTreeMap, HashMap};

use sqlx::postgres::PgRow;
use sqlx::types::time::OffsetDateTime;
use sqlx::{PgConnection, Row};

use super::fold::{End, Folded, Interval, Known, Last, fold};
use super::queries::{last_known, moment, needed, shard, word};
use super::retell::Standing;
use super::time::from_postgres;
use super::timeline::entry_kind;
use super::write::{insert_intervals, store_last};
use super::{Audit, AuditError, LastKnown, sql};
use crate::presence::{Entry, Millis, Org, Status, UserId};

/// People of a range, at most: the log counts rows for so many at a time.
const PEOPLE: i64 = 2_000;
/// Rows of the log of a range, unless one person has more.
const ROWS: i64 = 50_000;
/// Differences that are told one by one.
const TOLD: usize = 100;

/// How far a rebuild has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Names in the log up to here are done.
    pub subject: i64,
    /// The last of them.
    pub end: i64,
    /// Rows of the log read so far.
    pub rows: u64,
}

/// Something that is not as the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose name in the log.
    pub subject: i64,
    /// Who; none if the person was erased.
    pub user: Option<UserId>,
    /// What differs, in words.
    pub what: String,
}

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// People of whom the log tells.
    pub people: u64,
    /// Rows of the log.
    pub rows: u64,
    /// Rows of `intervals` and `presence_last` that were missing, wrong or too many.
    pub different: u64,
    /// The first of them.
    pub told: Vec<Difference>,
}

/// A row of the log.
struct Logged {
    entry: Entry,
    shard: u16,
    epoch: i64,
    sequence: Option<i64>,
}

/// One person, as the log tells it and as it is kept.
#[derive(Default)]
struct Person {
    /// None if the person was erased.
    user: Option<UserId>,
    log: Vec<Logged>,
    intervals: Vec<Kept>,
    last: Option<LastKnown>,
}

/// A row of `intervals`.
struct Kept {
    subject: i64,
    sequence: i64,
    org: Org,
    status: Status,
    started_at: Millis,
    end: Option<End>,
}

/// What a range needs to be as the log says.
#[derive(Default)]
struct Repair<'a> {
    told: Vec<Difference>,
    surplus: Vec<(i64, i64)>,
    missing: Vec<Interval<'a>>,
    last: BTreeMap<(u16, i64), Vec<Last<'a>>>,
}

impl Audit {
    /// Compares `intervals` and `presence_last` with the log and, unless `check`, makes them what it says. Safe beside
    /// running nodes. Needs the owner's rights (it makes an index for the time of its work, and the service's role may
    /// not delete intervals) and no time limits, see [`super::connect_as_owner`].
    ///
    /// # Errors
    /// [`AuditError`] if Postgres fails; ranges that were told as progress are done.
    pub async fn rebuild(&self, check: bool, mut tell: impl FnMut(Progress)) -> Result<Rebuilt, AuditError> {
        // One that was left behind may be half built.
        sqlx::query(sql::REBUILD_INDEX_DROP).execute(&self.pool).await?;
        sqlx::query(sql::REBUILD_INDEX).execute(&self.pool).await?;
        let end: i64 = sqlx::query_scalar(sql::REBUILD_END).fetch_one(&self.pool).await?;
        let (mut rebuilt, mut after) = (Rebuilt::default(), 0);
        while after < end {
            after = self.rebuild_range(after, end, check, &mut rebuilt).await?;
            tell(Progress { subject: after, end, rows: rebuilt.rows });
        }
        sqlx::query(sql::REBUILD_INDEX_DROP).execute(&self.pool).await?;
        Ok(rebuilt)
    }

    /// Does the next people behind `after`; answers the last of them.
    async fn rebuild_range(
        &self,
        after: i64,
        end: i64,
        check: bool,
        rebuilt: &mut Rebuilt,
    ) -> Result<i64, AuditError> {
        let mut tx = self.pool.begin().await?;
        let fence = if check { sql::SNAPSHOT } else { sql::POSITIONS_LOCKED };
        sqlx::query(fence).execute(&mut *tx).await?;
        let last: i64 = sqlx::query_scalar(sql::REBUILD_RANGE)
            .bind(after)
            .bind(end.min(after + PEOPLE))
            .bind(ROWS)
            .fetch_one(&mut *tx)
            .await?;
        let mut people = read(&mut tx, after, last).await?;
        people.values_mut().for_each(retell);
        let mut repair = Repair::default();
        for (subject, person) in people.iter().filter(|(_, person)| !person.log.is_empty()) {
            rebuilt.people += 1;
            rebuilt.rows += person.log.len() as u64;
            repair.compare(*subject, person);
        }
        if !check {
            repair.write(&mut tx).await?;
        }
        tx.commit().await?;
        rebuilt.different += repair.told.len() as u64;
        rebuilt.told.extend(repair.told.into_iter().take(TOLD.saturating_sub(rebuilt.told.len())));
        Ok(last)
    }
}

/// Everything that is stored of a range of people.
async fn read(
    connection: &mut PgConnection,
    after: i64,
    last: i64,
) -> Result<BTreeMap<i64, Person>, AuditError> {
    let mut people = BTreeMap::<i64, Person>::new();
    for row in sqlx::query(sql::REBUILD_LAST).bind(after).bind(last).fetch_all(&mut *connection).await? {
        let person = people.entry(row.try_get("person")?).or_default();
        (person.user, person.last) = (word(&row, "name")?, last_known(&row)?);
    }
    for row in sqlx::query(sql::REBUILD_INTERVALS).bind(after).bind(last).fetch_all(&mut *connection).await? {
        let kept = kept(&row)?;
        people.entry(kept.subject).or_default().intervals.push(kept);
    }
    for row in sqlx::query(sql::REBUILD_LOG).bind(after).bind(last).fetch_all(connection).await? {
        let person = people.entry(row.try_get("subject")?).or_default();
        let logged = logged(&row, person.user.as_ref())?;
        person.log.push(logged);
    }
    Ok(people)
}

fn kept(row: &PgRow) -> Result<Kept, AuditError> {
    let ended: Option<OffsetDateTime> = row.try_get("ended_at")?;
    let end = match ended {
        Some(at) => Some(End { at: from_postgres(at), reason: needed(row, "end_reason")? }),
        None => None,
    };
    Ok(Kept {
        subject: row.try_get("subject")?,
        sequence: row.try_get("sequence")?,
        org: needed(row, "org")?,
        status: needed(row, "status")?,
        started_at: moment(row, "started_at")?,
        end,
    })
}

/// A row of the log as an entry; what the log does not say is added by [`retell`]. Somebody who was erased goes by
/// the name in the log.
fn logged(row: &PgRow, user: Option<&UserId>) -> Result<Logged, AuditError> {
    let nameless = || UserId::parse(&row.try_get::<i64, _>("subject")?.to_string()).map_err(schema);
    let occurred_at = moment(row, "occurred_at")?;
    let entry = Entry {
        n: row.try_get("n")?,
        kind: entry_kind(row)?,
        user: user.cloned().map_or_else(nameless, Ok)?,
        org: needed(row, "org")?,
        from: needed(row, "from_status")?,
        to: needed(row, "to_status")?,
        reason: needed(row, "reason")?,
        occurred_at,
        detected_at: moment(row, "detected_at")?,
        since: occurred_at,
        online_since: occurred_at,
        last_seen: moment(row, "last_seen")?,
        shown_since: occurred_at,
        shown_last_seen: occurred_at,
        shown_version: 0,
        uncertainty_ms: row.try_get("uncertainty_ms")?,
        session: word(row, "session_id")?,
        device: word(row, "device")?,
        actor: row.try_get("actor")?,
    };
    Ok(Logged { entry, shard: shard(row)?, epoch: row.try_get("epoch")?, sequence: row.try_get("sequence")? })
}

fn schema(error: impl std::fmt::Display) -> AuditError {
    AuditError::Schema(error.to_string())
}

/// Adds what follows from the rows before. What cannot be known stays as it is kept, or else is dated by the entry.
fn retell(person: &mut Person) {
    let first = person.log.iter().find_map(|logged| logged.sequence);
    let mut standing = Standing::before(first);
    for logged in &mut person.log {
        standing = standing.after(&logged.entry, logged.epoch);
    }
    if let Some(Logged { entry, epoch, .. }) = person.log.last_mut() {
        let kept = person.last.as_ref();
        let or_kept = |known: Option<Millis>, pick: fn(&LastKnown) -> Millis, otherwise| {
            known.or_else(|| kept.map(pick)).unwrap_or(otherwise)
        };
        let (at, present) = (entry.occurred_at, entry.to != Status::Offline);
        entry.since = or_kept(standing.since, |last| last.since, at);
        entry.online_since =
            or_kept(standing.online_since, |last| last.online_since, if present { at } else { Millis(0) });
        entry.shown_since = or_kept(standing.shown_since, |last| last.shown_since, at);
        entry.shown_last_seen =
            or_kept(standing.shown_last_seen, |last| last.shown_last_seen, entry.last_seen);
        let version = standing.shown_version.or_else(|| kept.map(|last| last.shown_version));
        entry.shown_version = version.unwrap_or(*epoch * (1 << 32) + entry.n);
    }
}

impl<'a> Repair<'a> {
    fn compare(&mut self, subject: i64, person: &'a Person) {
        let entries: Vec<&Entry> = person.log.iter().map(|logged| &logged.entry).collect();
        let first = person.log.iter().find_map(|logged| logged.sequence);
        let unseen = person.last.as_ref().map_or(0, |last| last.sequence);
        let sequence = first.map_or(unseen, |first| first - 1);
        let known = Known { subject, sequence, present_since: None };
        let folded = fold(&entries, &HashMap::from([(&entries[0].user, known)]));
        let numbered = folded.log.iter().map(|row| row.sequence);
        if !numbered.eq(person.log.iter().map(|logged| logged.sequence)) {
            self.tell(
                subject,
                person,
                "the log itself has a gap in the sequence: nothing was derived from it",
            );
            return;
        }
        if first.is_some() {
            self.compare_intervals(subject, person, &folded, sequence);
        }
        if let (Some(_), Some(newest), [last]) = (&person.user, person.log.last(), folded.last.as_slice())
            && !person.last.as_ref().is_some_and(|kept| says(kept, newest, last.sequence))
        {
            self.tell(subject, person, "the last known state");
            self.last.entry((newest.shard, newest.epoch)).or_default().push(*last);
        }
    }

    /// Intervals up to `dropped` began before what is left of the log: only their end can follow from it.
    fn compare_intervals(&mut self, subject: i64, person: &'a Person, folded: &Folded<'a>, dropped: i64) {
        let mut there = BTreeMap::<i64, Vec<Interval<'a>>>::new();
        for kept in &person.intervals {
            there.entry(kept.sequence).or_default().push(kept.as_interval());
        }
        let ended = folded.ended.first().map(|(_, end)| *end);
        let older = there.range(..=dropped).filter_map(|(_, kept)| kept.first().copied());
        let older: Vec<_> = older
            .map(|kept| Interval { end: kept.end.or_else(|| ended_by(&kept, ended?)), ..kept })
            .collect();
        for wanted in older.iter().chain(&folded.opened) {
            match there.remove(&wanted.sequence) {
                Some(kept) if kept == [*wanted] => continue,
                Some(_) => self.surplus.push((subject, wanted.sequence)),
                None => {}
            }
            self.tell(subject, person, &format!("the interval that transition {} began", wanted.sequence));
            self.missing.push(*wanted);
        }
        for sequence in there.into_keys() {
            self.tell(subject, person, &format!("transition {sequence} began no interval"));
            self.surplus.push((subject, sequence));
        }
    }

    fn tell(&mut self, subject: i64, person: &Person, what: &str) {
        self.told.push(Difference { subject, user: person.user.clone(), what: what.to_owned() });
    }

    async fn write(&self, connection: &mut PgConnection) -> Result<(), AuditError> {
        if !self.surplus.is_empty() {
            let (subjects, sequences): (Vec<i64>, Vec<i64>) = self.surplus.iter().copied().unzip();
            sqlx::query(sql::INTERVALS_DELETE)
                .bind(subjects)
                .bind(sequences)
                .execute(&mut *connection)
                .await?;
        }
        insert_intervals(connection, &self.missing).await?;
        for ((shard, epoch), last) in &self.last {
            store_last(connection, super::position::column(*shard)?, *epoch, last).await?;
        }
        Ok(())
    }
}

impl Kept {
    fn as_interval(&self) -> Interval<'_> {
        let Self { subject, sequence, ref org, status, started_at, end } = *self;
        Interval { subject, sequence, org, status, started_at, end }
    }
}

/// How the first transition that is left ends an interval that began before.
fn ended_by(kept: &Interval<'_>, end: End) -> Option<End> {
    Some(End { at: end.at.max(kept.started_at), ..end })
}

/// Whether the kept state is that of the newest row.
fn says(kept: &LastKnown, newest: &Logged, sequence: i64) -> bool {
    let Logged { entry, epoch, .. } = newest;
    (&kept.org, kept.status, kept.epoch, kept.n, kept.sequence)
        == (&entry.org, entry.to, *epoch, entry.n, sequence)
        && (kept.since, kept.online_since, kept.last_seen)
            == (entry.since, entry.online_since, entry.last_seen)
        && (kept.shown_since, kept.shown_last_seen, kept.shown_version)
            == (entry.shown_since, entry.shown_last_seen, entry.shown_version)
}

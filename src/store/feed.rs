//! Reads every shard's outbox as it grows, so that a node hears what other nodes changed: what is known of users' standing
//! is kept by it (`standings.rs`), and whoever listens is told. Nothing is copied here and nothing is acknowledged; who
//! comes late begins at the end.
//!
//! Looked at on a timer and not waited for (`XREAD BLOCK`): one question about all streams costs Redis 20 us, and 200
//! among a million sessions (measured); a burst of changes is read in few answers, and no connection is held.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::prelude::*;
use futures::future::join_all;
use tokio::time::MissedTickBehavior;

use super::keys::{Keys, Shard};
use super::link::Link;
use super::news::{self, News};
use super::standings::Standings;
use super::{StoreError, reply};
use crate::presence::{Millis, Outgoing};

/// How often the outboxes are looked at.
const PERIOD: Duration = Duration::from_millis(25);

/// How often each of many questions is asked, where one cannot be about all shards.
const PERIOD_OF_SHARD: Duration = Duration::from_millis(50);

/// How often it is seen to that the outbox is still the one that was read: a Redis that was emptied or set back numbers
/// its entries anew.
const VERIFY: Duration = Duration::from_millis(500);

/// What was told longer ago than this may be forgotten.
const NEWS_KEPT: Duration = Duration::from_secs(50);

/// Entries of all streams in one answer: 5 ms of Redis' time. Where more is waiting it is asked again at once.
const MOST: usize = 2_000;

/// Entries of one stream in one answer.
const MOST_OF_STREAM: usize = 500;

/// What a node hears.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// New entries of a shard, in order; none is left out between two of these.
    Entries(Shard, &'a [Outgoing]),
    /// What happened in a shard that is no change of status, in order.
    News(Shard, &'a [News]),
    /// The outbox of a shard is read from here on; what happened before may have been missed.
    Anew(Shard),
}

/// Who is told. It is called by the task that reads: it should not take long.
pub type Listener<'a> = &'a (dyn Fn(Heard<'_>) + Send + Sync);

/// Follows the outboxes of all shards.
pub(super) struct Feed {
    link: Link,
    keys: Keys,
    standings: Arc<Standings>,
}

/// How far an outbox is read.
struct Place {
    shard: Shard,
    log: Key,
    news: Key,
    /// The news that was read last.
    told: String,
    /// The entry that was read last: its number, and when it was written; 0 before the first.
    last: Option<(i64, Millis)>,
}

impl Feed {
    pub(super) const fn new(link: Link, keys: Keys, standings: Arc<Standings>) -> Self {
        Self { link, keys, standings }
    }

    /// Reads, until it is dropped.
    pub(super) async fn work(&self, listener: Listener<'_>) {
        let place = |shard| Place {
            shard,
            log: self.keys.log(shard).into(),
            news: self.keys.news(shard).into(),
            told: String::new(),
            last: None,
        };
        let places = (0..self.keys.shards()).map(place);
        if self.link.is_clustered() {
            // One question is about one slot; and who waits for a frozen primary must not hold up the others.
            join_all(places.map(|place| self.follow(vec![place], PERIOD_OF_SHARD, listener))).await;
        } else {
            self.follow(places.collect(), PERIOD, listener).await;
        }
    }

    async fn follow(&self, mut places: Vec<Place>, period: Duration, listener: Listener<'_>) {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut verified, mut read) = (Instant::now(), Instant::now());
        loop {
            ticks.tick().await;
            let verify = verified.elapsed() >= VERIFY;
            match self.look(&mut places, verify, listener).await {
                Ok(is_all) => {
                    if std::mem::replace(&mut read, Instant::now()).elapsed() > NEWS_KEPT {
                        places.iter().for_each(|place| listener(Heard::Anew(place.shard)));
                    }
                    if verify {
                        verified = Instant::now();
                    }
                    if !is_all {
                        ticks.reset_immediately();
                    }
                }
                Err(error) => tracing::debug!(%error, "cannot read the outboxes"),
            }
        }
    }

    /// Reads what is new; answers whether it was all there is. With `verify`, the entry that was read last must still be
    /// there and the same.
    async fn look(
        &self,
        places: &mut [Place],
        verify: bool,
        listener: Listener<'_>,
    ) -> Result<bool, StoreError> {
        for place in places.iter_mut().filter(|place| place.last.is_none()) {
            self.begin(place, listener).await?;
        }
        let most = (MOST / places.len().max(1)).clamp(2, MOST_OF_STREAM);
        let at = Instant::now();
        let mut streams = self.read(places, verify, most).await?;
        let mut is_all = true;
        for place in places.iter_mut().filter(|place| place.last.is_some()) {
            let read = streams.remove(&place.log).map(Value::into_array).unwrap_or_default();
            let is_whole = read.len() < most;
            is_all &= is_whole;
            let mut entries = read.into_iter().map(reply::entry).collect::<Result<Vec<_>, _>>()?;
            if !place.goes_on(&mut entries, verify) {
                tracing::debug!(shard = place.shard, "the outbox is not the one that was read");
                place.last = None;
                self.standings.end(place.shard);
                continue;
            }
            self.standings.hear(place.shard, &entries, is_whole.then_some(at));
            // News first: whoever enters a room and then hides is seen to enter and to leave it, and not the other way round.
            let (news, newest) = news::read(streams.remove(&place.news).unwrap_or(Value::Null))?;
            is_all &= news.len() < most;
            place.told = newest.unwrap_or(std::mem::take(&mut place.told));
            if !news.is_empty() {
                listener(Heard::News(place.shard, &news));
            }
            if !entries.is_empty() {
                listener(Heard::Entries(place.shard, &entries));
            }
        }
        Ok(is_all)
    }

    /// What is new in these outboxes, by their keys; with `verify` from the entry on that was read last.
    async fn read(
        &self,
        places: &[Place],
        verify: bool,
        most: usize,
    ) -> Result<HashMap<Key, Value>, StoreError> {
        let (mut streams_asked, mut ids) = (Vec::new(), Vec::new());
        for place in places {
            let Some((n, _)) = place.last else { continue };
            streams_asked.extend([place.log.clone(), place.news.clone()]);
            ids.push(format!("{}-0", if verify { (n - 1).max(0) } else { n }));
            ids.push(place.told.clone());
        }
        let Some(first) = streams_asked.first() else { return Ok(HashMap::new()) };
        let primary = self.link.primary(first.as_bytes())?;
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let reply = primary.client().xread::<Value, _, _>(Some(most), None, streams_asked, ids).await;
        streams(primary.judge(reply)?)
    }

    /// Reads from the end of an outbox on.
    async fn begin(&self, place: &mut Place, listener: Listener<'_>) -> Result<(), StoreError> {
        let primary = self.link.primary(place.log.as_bytes())?;
        let newest = primary.client().xrevrange::<Value, _, _, _>(place.log.clone(), "+", "-", Some(1)).await;
        let newest = primary.judge(newest)?.into_array().into_iter().next().map(reply::entry).transpose()?;
        place.last = match newest {
            None => Some((0, Millis::default())),
            // An entry of a later version that says not even when it was written: its successors will.
            Some(entry) => entry.detected_at().map(|at| (entry.n(), at)),
        };
        let told = primary.client().xrevrange::<Value, _, _, _>(place.news.clone(), "+", "-", Some(1)).await;
        let (_, told) = news::read(primary.judge(told)?)?;
        place.told = told.unwrap_or_else(|| "0-0".to_owned());
        if let Some((_, heard)) = place.last {
            self.standings.begin(place.shard, heard);
            listener(Heard::Anew(place.shard));
        }
        Ok(())
    }
}

/// What `XREAD` answered, by the names of the streams; those without news are missing.
fn streams(reply: Value) -> Result<HashMap<Key, Value>, StoreError> {
    match reply {
        Value::Map(map) => Ok(map.inner()),
        Value::Null => Ok(HashMap::new()),
        _ => Err(StoreError::Reply { script: "outbox", part: 0 }),
    }
}

impl Place {
    /// Whether these entries follow on what was read, without a gap. Takes the one out that was only looked at again.
    fn goes_on(&mut self, entries: &mut Vec<Outgoing>, verify: bool) -> bool {
        let Some((mut n, mut at)) = self.last else { return false };
        if verify && n > 0 {
            let is_same =
                entries.first().is_some_and(|entry| entry.n() == n && entry.detected_at() == Some(at));
            if !is_same {
                return false;
            }
            entries.remove(0);
        }
        for entry in entries.iter() {
            let Some(detected_at) = entry.detected_at().filter(|_| entry.n() == n + 1) else { return false };
            (n, at) = (n + 1, detected_at);
        }
        self.last = Some((n, at));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::presence::RawEntry;

    fn entry(n: i64, detected_at: i64) -> Outgoing {
        let detected_at = Some(Millis(detected_at));
        Outgoing::Raw(RawEntry {
            n,
            user: None,
            detected_at,
            problem: String::new(),
            fields: BTreeMap::new(),
        })
    }

    fn place(n: i64, at: i64) -> Place {
        Place {
            shard: 0,
            log: Key::from(""),
            news: Key::from(""),
            told: String::new(),
            last: Some((n, Millis(at))),
        }
    }

    #[test]
    fn entries_follow_without_a_gap() {
        let mut place = place(4, 100);
        assert!(place.goes_on(&mut vec![entry(5, 110), entry(6, 110)], false));
        assert_eq!(place.last, Some((6, Millis(110))));
        assert!(place.goes_on(&mut Vec::new(), false));
        assert!(!place.goes_on(&mut vec![entry(8, 120)], false));
    }

    #[test]
    fn another_outbox_is_noticed() {
        let seen = || place(4, 100);
        let mut entries = vec![entry(4, 100), entry(5, 110)];
        assert!(seen().goes_on(&mut entries, true));
        assert_eq!(entries.len(), 1);
        for mut entries in [vec![], vec![entry(4, 90)], vec![entry(5, 110)], vec![entry(1, 100)]] {
            assert!(!seen().goes_on(&mut entries, true), "{entries:?}");
        }
        // Before the first entry there is nothing to look at again.
        assert!(place(0, 0).goes_on(&mut vec![entry(1, 5)], true));
    }
}

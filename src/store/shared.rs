//! Signs of life above the pace of a login: not refused, but shared. Those that say the same wait for one call on Redis,
//! and all of them get its answer.
//!
//! Of each login one such call is under way at a time. Whatever comes meanwhile waits in rounds, one for each thing that
//! is said, [`ROUNDS`] at most. A round leaves the line before its call begins, so everybody is answered by a call that
//! began after they came: an ended login is never told that it is online. A flood costs Redis one call a round trip, and
//! this node a line of the table for each login that has requests waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use super::{Answer, Bearer, Sign, Store, StoreError};
use crate::presence::{LoginId, UserId};

/// Different things that may wait in the line of a login: a few tabs, with what each has said before and says now.
const ROUNDS: usize = 4;

type Outcome = Result<Answer, StoreError>;

/// Those who say the same, and what they are answered.
struct Round {
    sign: Sign,
    answer: OnceCell<Outcome>,
}

/// A login's line.
#[derive(Default)]
struct Line {
    /// Held while a call is under way.
    turn: Arc<AsyncMutex<()>>,
    /// Rounds whose call has not begun, each with how many wait in it.
    waiting: Vec<(Arc<Round>, usize)>,
    /// How many have come and not gone, those of calls under way included.
    people: usize,
}

type Key = (UserId, LoginId);

/// The lines of all logins that have one.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<Key, Line>>);

/// Somebody's place in a line. Leaves it when it is dropped, answered or not.
struct Place<'a> {
    lines: &'a Lines,
    key: Key,
    round: Arc<Round>,
    turn: Arc<AsyncMutex<()>>,
}

impl Store {
    /// As [`Store::sign`], for a sign of life that is one too many: it shares a call with others of its login that say the
    /// same. `None` if too many different things wait already.
    pub async fn sign_shared(&self, sign: &Sign) -> Option<Outcome> {
        let place = self.lines.join(sign)?;
        // Where whoever makes the call goes away, the next of the round makes it anew.
        let call = || async {
            let _turn = place.turn.lock().await;
            place.begin();
            self.sign(&place.round.sign).await
        };
        Some(place.round.answer.get_or_init(call).await.clone())
    }
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, sign: &Sign) -> Option<Place<'_>> {
        let Bearer { user, login, .. } = sign.bearer();
        let key = (user.clone(), login.clone());
        let mut lines = self.lock();
        let line = lines.entry(key.clone()).or_default();
        let round = match line.waiting.iter().position(|(round, _)| round.sign.says_the_same(sign)) {
            Some(at) => {
                line.waiting[at].1 += 1;
                Arc::clone(&line.waiting[at].0)
            }
            None if line.waiting.len() < ROUNDS => {
                let round = Arc::new(Round { sign: sign.clone(), answer: OnceCell::new() });
                line.waiting.push((Arc::clone(&round), 1));
                round
            }
            None => return None,
        };
        line.people += 1;
        let turn = Arc::clone(&line.turn);
        drop(lines);
        Some(Place { lines: self, key, round, turn })
    }
}

impl Place<'_> {
    /// Nobody joins this round any more.
    fn begin(&self) {
        if let Some(line) = self.lines.lock().get_mut(&self.key) {
            line.waiting.retain(|(round, _)| !Arc::ptr_eq(round, &self.round));
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        let Some(line) = lines.get_mut(&self.key) else { return };
        line.people -= 1;
        if line.people == 0 {
            lines.remove(&self.key);
            return;
        }
        if let Some((_, waiting)) = line.waiting.iter_mut().find(|(round, _)| Arc::ptr_eq(round, &self.round))
        {
            *waiting -= 1;
        }
        line.waiting.retain(|(_, waiting)| *waiting > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::{Activity, Org, Pace, Reason, Tab};
    use crate::store::Beat;

    fn sign(tab: &str, activity: Activity, idle_ms: i64) -> Sign {
        let bearer = Bearer {
            user: UserId::parse("1").unwrap(),
            org: Org::default(),
            login: LoginId::parse("k").unwrap(),
            token_version: 0,
        };
        Sign::Beat(Beat {
            bearer,
            tab: tab.parse().unwrap_or_else(|_| Tab::default()),
            activity: Some(activity),
            idle_ms: Some(idle_ms),
            pace: Pace::Visible,
            device: None,
            connection: None,
            reason: Reason::Connect,
            takes: true,
        })
    }

    #[test]
    fn those_who_say_the_same_share_a_round_until_its_call_begins() {
        let lines = Lines::default();
        let first = lines.join(&sign("a", Activity::Idle, 5_100)).unwrap();
        let same = lines.join(&sign("a", Activity::Idle, 5_900)).unwrap();
        assert!(Arc::ptr_eq(&first.round, &same.round), "within a second");
        let other = lines.join(&sign("a", Activity::Active, 0)).unwrap();
        assert!(!Arc::ptr_eq(&first.round, &other.round));
        first.begin();
        let late = lines.join(&sign("a", Activity::Idle, 5_100)).unwrap();
        assert!(!Arc::ptr_eq(&first.round, &late.round), "the call of the first has begun");
    }

    #[test]
    fn a_line_has_a_bound_and_is_forgotten_with_its_last() {
        let lines = Lines::default();
        let mut places: Vec<_> = (0..ROUNDS)
            .map(|tab| lines.join(&sign(&tab.to_string(), Activity::Active, 0)).unwrap())
            .collect();
        let more = sign("more", Activity::Active, 0);
        assert!(lines.join(&more).is_none());
        assert_eq!(lines.lock().len(), 1);
        places.pop();
        assert!(lines.join(&more).is_some(), "one has gone before its turn");
        places.clear();
        assert!(lines.lock().is_empty());
    }
}

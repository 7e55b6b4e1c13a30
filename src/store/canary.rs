//! A lease of nobody, set again and again at each primary: if its end is not heard, the event path is dead, whatever the
//! connection says.

use std::time::Duration;

use fred::prelude::*;

use crate::metrics::record;

/// How long a canary lives: less than passes between two beats.
const LIFE: Duration = Duration::from_secs(1);

/// So many in a row must go unheard: one event may be lost to a full buffer.
const MOST_UNHEARD: u32 = 2;

/// How far the present canary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is none.
    Gone,
    /// It has been set, and its end is to come.
    Alive,
    /// Its end must have been published.
    Ended,
}

/// The canary of one listener.
#[derive(Debug)]
pub(super) struct Canary {
    key: String,
    stage: Stage,
    is_heard: bool,
    unheard: u32,
}

impl Canary {
    pub(super) const fn new(key: String) -> Self {
        Self { key, stage: Stage::Gone, is_heard: false, unheard: 0 }
    }

    /// Whether an expired key is the canary.
    pub(super) fn hears(&mut self, key: &str) -> bool {
        let is_it = key == self.key;
        self.is_heard |= is_it;
        is_it
    }

    /// One step of its life, on a timer slower than [`LIFE`]. Answers whether the event path has been found dead.
    pub(super) async fn beat(&mut self, client: &Client) -> bool {
        let is_dead = self.stage == Stage::Ended && self.judge();
        // Redis tells of an end when somebody looks. What fails here says nothing of events: begin again.
        let (step, next) = if self.stage == Stage::Alive {
            (client.exists::<Value, _>(self.key.as_str()).await, Stage::Ended)
        } else {
            self.is_heard = false;
            let life = Some(Expiration::PX(LIFE.as_millis() as i64));
            (client.set::<Value, _, _>(self.key.as_str(), 1, life, None, false).await, Stage::Alive)
        };
        self.stage = if step.is_ok() { next } else { Stage::Gone };
        is_dead
    }

    fn judge(&mut self) -> bool {
        if self.is_heard {
            self.unheard = 0;
            return false;
        }
        record::canary_unheard();
        self.unheard += 1;
        self.unheard.is_multiple_of(MOST_UNHEARD)
    }
}

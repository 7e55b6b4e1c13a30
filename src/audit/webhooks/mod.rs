//! What other servers are told of changes: rows of the log become deliveries, each once, in order, and none is lost.
//!
//! A node takes the lease of a webhook that has something to do (`lease`). In one transaction (`batch`) the rows behind
//! the webhook's positions are read (`scan`), what others may know of each is picked out (`shown`), what may be undone
//! soon is held back (`held`), and the rest becomes a delivery, with the positions that say so. Only then it is sent, and
//! what became of it is noted (`outcome`). So a node may die anywhere: the next one finds the same delivery under the
//! same id, or none and the positions as they were.
//!
//! Nothing is queued for a receiver that is away but one batch: the log is the queue.

mod batch;
mod held;
mod lease;
mod outcome;
mod scan;
mod shown;

use std::time::Duration;

use uuid::Uuid;

use crate::presence::{ChangeKind, Org, UserId};

pub use outcome::Missed;
pub use shown::ShownChange;

/// The most events of a delivery.
const MOST_EVENTS: usize = 100;

/// A batch that was not taken so long after its oldest event was recorded, or after it was sent again, is given up.
pub const PATIENCE: Duration = Duration::from_secs(3 * 86_400);

/// A webhook whose lease a node holds, and how it is registered.
#[derive(Clone, Debug)]
pub struct Leased {
    /// The webhook.
    pub id: Uuid,
    /// What shows that the node holds the lease.
    pub lease: Uuid,
    /// Where to.
    pub url: String,
    /// People of this organisation only; `None`: of all.
    pub org: Option<Org>,
    /// Of what.
    pub events: Vec<ChangeKind>,
    /// Changes that are undone within this time are not told.
    pub debounce: Option<Duration>,
    /// The secret, sealed.
    pub secret: Vec<u8>,
    /// The one before, sealed, while it still signs.
    pub previous_secret: Option<Vec<u8>>,
}

/// A batch to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The same however often it is sent.
    pub id: Uuid,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// Attempts for this webhook that failed in a row before.
    pub failures: i32,
    /// What it says, by number.
    pub events: Vec<(i64, UserId, ShownChange)>,
    /// Whether there may be more to send behind it by now.
    pub has_more: bool,
}

/// What there is to do for a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// To send this.
    Send(Delivery),
    /// Nothing to send; there may be more to read.
    More,
    /// Nothing.
    Idle,
    /// Nothing any more: another node has the lease, or the webhook is switched off or gone.
    Lost,
}

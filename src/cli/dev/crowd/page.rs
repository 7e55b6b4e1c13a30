//! What somebody has open: some tabs of one page load, kept over HTTP or over sockets.

use std::time::Duration;

use serde_json::{Value, json};

use super::requests::Requests;
use super::sockets::Sockets;
use super::visit::Mood;
use super::{Trouble, World};

/// Who it is, to the service.
#[derive(Clone, Debug)]
pub(super) struct Caller<'a> {
    pub(super) world: &'a World,
    pub(super) token: &'a str,
    pub(super) device: &'static str,
}

/// A page load.
pub(super) enum Page<'a> {
    Requests(Requests<'a>),
    Sockets(Sockets<'a>),
}

impl Page<'_> {
    /// Keeps all tabs present in this mood for so long.
    pub(super) async fn be(&mut self, mood: Mood, time: Duration) -> Result<(), Trouble> {
        match self {
            Self::Requests(page) => page.be(mood, time).await,
            Self::Sockets(page) => page.be(mood, time).await,
        }
    }

    /// The network is gone, and nobody can say so.
    pub(super) fn lose(&mut self) {
        if let Self::Sockets(page) = self {
            page.lose();
        }
    }

    /// Closes all tabs in order.
    pub(super) async fn leave(&mut self) -> Result<(), Trouble> {
        match self {
            Self::Requests(page) => page.leave().await,
            Self::Sockets(page) => page.leave().await,
        }
    }
}

/// What a page says of a person who has been so for `since`: idle when nobody has touched it for the time that the service
/// goes by.
pub(super) fn activity(world: &World, mood: Mood, since: Duration) -> Value {
    let idle_away = Duration::from_millis(world.policy.idle_away.0.unsigned_abs());
    let (activity, idle) = match mood {
        Mood::Idle => ("idle", idle_away + since),
        Mood::Active | Mood::Hidden | Mood::Busy | Mood::Lost => ("active", Duration::ZERO),
    };
    let idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
    json!({"activity": activity, "idle_ms": idle_ms, "hidden": mood == Mood::Hidden})
}

/// The wish not to be disturbed for so long. It ends by itself, also where its page is lost before.
pub(super) fn busy(time: Duration) -> Value {
    json!({"status": "busy", "text": "In a meeting", "expires_in_ms": u64::try_from(time.as_millis()).unwrap_or(u64::MAX)})
}

/// What a tab is called within its login.
pub(super) fn tab_name(tab: usize) -> String {
    format!("tab-{tab}")
}

//! Tabs that send heartbeats over HTTP.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::page::{Caller, activity, busy, tab_name};
use super::visit::Mood;
use super::{Trouble, send};

const HEARTBEAT: &str = "/api/users/heartbeat/";
const STATUS: &str = "/api/presence/status/";

/// What a heartbeat answers, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Pace {
    next_heartbeat_in_ms: u64,
}

/// One page load.
pub(super) struct Requests<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) tabs: usize,
    pub(super) connection: String,
}

impl Requests<'_> {
    /// Keeps the pace that the service tells, for so long.
    pub(super) async fn be(&self, mood: Mood, time: Duration) -> Result<(), Trouble> {
        let began = Instant::now();
        let end = began + time;
        if mood == Mood::Busy {
            let request = self.caller.world.put(STATUS, &busy(time));
            let _: Value = send(request.bearer_auth(self.caller.token)).await?;
        }
        while Instant::now() < end {
            let mut next = Duration::MAX;
            for tab in 0..self.tabs {
                let mut beat = activity(self.caller.world, mood, began.elapsed());
                beat["device"] = self.caller.device.into();
                beat["session"] = tab_name(tab).into();
                beat["connection"] = self.connection.as_str().into();
                let pace: Pace = self.post(&beat).await?;
                next = next.min(Duration::from_millis(pace.next_heartbeat_in_ms));
            }
            sleep_until(end.min(Instant::now() + next)).await;
        }
        Ok(())
    }

    /// Says goodbye for each tab.
    pub(super) async fn leave(&self) -> Result<(), Trouble> {
        for tab in 0..self.tabs {
            let goodbye = json!({"session": tab_name(tab), "connection": self.connection, "logout": true});
            let _: Pace = self.post(&goodbye).await?;
        }
        Ok(())
    }

    async fn post<T: DeserializeOwned>(&self, body: &Value) -> Result<T, Trouble> {
        send(self.caller.world.post(HEARTBEAT, body).bearer_auth(self.caller.token)).await
    }
}

//! One of the crowd: plays visits, one after the other, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::visit::{Farewell, Mood, Visit};
use super::{Trouble, World, send};

/// After something went wrong.
const PAUSE: Duration = Duration::from_secs(1);
const DEVICES: [&str; 4] = ["web", "web", "mobile", "desktop"];
const HEARTBEAT: &str = "/api/users/heartbeat/";
const LOGOUT: &str = "/api/auth/logout/";

/// Somebody.
pub(super) struct Person {
    username: String,
    device: &'static str,
    rng: StdRng,
    world: Arc<World>,
    /// The access token, while logged in.
    token: Option<String>,
}

/// What a heartbeat answers, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Pace {
    next_heartbeat_in_ms: u64,
}

/// One page load.
struct Page {
    tabs: usize,
    connection: String,
}

impl Person {
    /// Somebody whose life is decided by their number.
    pub(super) fn new(username: String, number: u32, world: Arc<World>) -> Self {
        let mut rng = StdRng::seed_from_u64(number.into());
        Self { username, device: DEVICES[rng.random_range(0..DEVICES.len())], rng, world, token: None }
    }

    /// Comes and goes until dropped.
    pub(super) async fn live(&mut self) {
        loop {
            let visit = Visit::plan(&mut self.rng);
            match self.play(&visit).await {
                Ok(()) => sleep(Duration::from_secs_f64(visit.absence)).await,
                Err(Trouble::LoggedOut) => {
                    self.token = None;
                    sleep(PAUSE).await;
                }
                Err(Trouble::Passing(error)) => {
                    tracing::debug!(who = self.username, error = format!("{error:#}"), "a visit failed");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn play(&mut self, visit: &Visit) -> Result<(), Trouble> {
        if self.token.is_none() {
            self.token = Some(self.world.log_in(&self.username).await?);
        }
        let page = Page { tabs: visit.tabs, connection: format!("{:016x}", self.rng.random::<u64>()) };
        for (mood, seconds) in &visit.moods {
            self.be(*mood, Duration::from_secs_f64(*seconds), &page).await?;
        }
        match visit.farewell {
            Farewell::Goodbye => {
                for tab in 0..page.tabs {
                    let _: Pace = self.post(HEARTBEAT, &self.goodbye(&page, tab)).await?;
                }
            }
            Farewell::Logout => {
                let _: Value = self.post(LOGOUT, &json!({})).await?;
                self.token = None;
            }
            Farewell::Silence => {}
        }
        Ok(())
    }

    /// Keeps the pace that the service tells, for so long.
    async fn be(&self, mood: Mood, time: Duration, page: &Page) -> Result<(), Trouble> {
        let began = Instant::now();
        let end = began + time;
        while Instant::now() < end {
            let mut next = Duration::MAX;
            for tab in 0..page.tabs {
                let beat = self.beat(page, tab, mood, began.elapsed());
                let pace: Pace = self.post(HEARTBEAT, &beat).await?;
                next = next.min(Duration::from_millis(pace.next_heartbeat_in_ms));
            }
            sleep_until(end.min(Instant::now() + next)).await;
        }
        Ok(())
    }

    /// A page says idle when nobody has touched it for the time that the service goes by.
    fn beat(&self, page: &Page, tab: usize, mood: Mood, since: Duration) -> Value {
        let idle_away = Duration::from_millis(self.world.policy.idle_away.0.unsigned_abs());
        let (activity, idle) = match mood {
            Mood::Idle => ("idle", idle_away + since),
            Mood::Active | Mood::Hidden => ("active", Duration::ZERO),
        };
        json!({
            "activity": activity,
            "idle_ms": u64::try_from(idle.as_millis()).unwrap_or(u64::MAX),
            "hidden": mood == Mood::Hidden,
            "device": self.device,
            "session": tab_name(tab),
            "connection": page.connection,
        })
    }

    fn goodbye(&self, page: &Page, tab: usize) -> Value {
        json!({"session": tab_name(tab), "connection": page.connection, "logout": true})
    }

    async fn post<T: serde::de::DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Trouble> {
        let token = self.token.as_deref().ok_or(Trouble::LoggedOut)?;
        send(self.world.post(path, body).bearer_auth(token)).await
    }
}

fn tab_name(tab: usize) -> String {
    format!("tab-{tab}")
}

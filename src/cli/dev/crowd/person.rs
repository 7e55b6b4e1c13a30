//! One of the crowd: plays visits, one after the other.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::page::{Caller, Page};
use super::requests::Requests;
use super::sockets::Sockets;
use super::visit::{Farewell, Mood, Visit};
use super::{Trouble, World, send};

/// After something went wrong.
const PAUSE: Duration = Duration::from_secs(1);
const DEVICES: [&str; 4] = ["web", "web", "mobile", "desktop"];
const LOGOUT: &str = "/api/auth/logout/";
/// Of five people so many hold sockets; the others send requests.
const WITH_SOCKETS: u32 = 3;
/// One in so many watches everybody.
const WATCHING: u32 = 10;

/// Somebody.
pub(super) struct Person {
    username: String,
    device: &'static str,
    number: u32,
    rng: StdRng,
    world: Arc<World>,
    /// The access token, while logged in.
    token: Option<String>,
}

impl Person {
    /// Somebody whose life is decided by their number.
    pub(super) fn new(username: String, number: u32, world: Arc<World>) -> Self {
        let mut rng = StdRng::seed_from_u64(number.into());
        let device = DEVICES[rng.random_range(0..DEVICES.len())];
        Self { username, device, number, rng, world, token: None }
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
        let token = match self.token.clone() {
            Some(token) => token,
            None => self.token.insert(self.world.log_in(&self.username).await?).clone(),
        };
        let connection = format!("{:016x}", self.rng.random::<u64>());
        let mut page = self.page(&token, visit.tabs, connection);
        for (mood, seconds) in &visit.moods {
            let time = Duration::from_secs_f64(*seconds);
            if *mood == Mood::Lost {
                page.lose();
                sleep(time).await;
            } else {
                page.be(*mood, time).await?;
            }
        }
        match visit.farewell {
            Farewell::Goodbye => page.leave().await?,
            Farewell::Logout => {
                let _: Value = send(self.world.post(LOGOUT, &json!({})).bearer_auth(&token)).await?;
                self.token = None;
            }
            Farewell::Silence => {}
        }
        Ok(())
    }

    fn page<'a>(&'a self, token: &'a str, tabs: usize, connection: String) -> Page<'a> {
        let caller = Caller { world: &self.world, token, device: self.device };
        if self.number % 5 < WITH_SOCKETS {
            let watches = self.number.is_multiple_of(WATCHING);
            Page::Sockets(Sockets { caller, tabs, watches, lines: Vec::new() })
        } else {
            Page::Requests(Requests { caller, tabs, connection })
        }
    }
}

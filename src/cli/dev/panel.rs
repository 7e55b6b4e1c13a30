//! The line on the terminal that shows what the demo does: what the API and the metrics of the service itself say.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::cli::exposition::sum;
use crate::metrics::names;

/// How often it is drawn.
const PERIOD: Duration = Duration::from_secs(1);
/// Where lines stay (no terminal) a line of so many periods is enough.
const LINES_EVERY: usize = 5;
/// Pause between attempts to log in.
const PAUSE: Duration = Duration::from_millis(250);
/// Over how many periods comings and goings are counted: a minute.
const WINDOW: usize = 60;

/// Asks and draws. It asks as `admin`, who is therefore online.
#[derive(Debug)]
pub(super) struct Panel {
    client: Client,
    base: String,
    internal: String,
    token: String,
    /// The totals of the last minute, newest last.
    totals: VecDeque<Totals>,
}

/// What `/api/presence/stats/` answers, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Stats {
    online: u64,
    away: u64,
    busy: u64,
    sessions: u64,
}

/// Counts since the service began.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Totals {
    at: Instant,
    heartbeats: f64,
    came: f64,
    went: f64,
    /// Entries that are in Postgres.
    audited: f64,
}

impl Panel {
    pub(super) fn new(base: String, internal: String) -> Self {
        Self { client: Client::new(), base, internal, token: String::new(), totals: VecDeque::new() }
    }

    /// Logs in, again and again until it works: a fresh service opens its shards first.
    pub(super) async fn log_in_as_soon_as_possible(&mut self, password: &str) {
        while let Err(error) = self.log_in(password).await {
            tracing::debug!(error = format!("{error:#}"), "cannot log in yet");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn log_in(&mut self, password: &str) -> anyhow::Result<()> {
        let url = format!("{}/api/auth/login/", self.base);
        let body = json!({"username": "admin", "password": password});
        let response = self.client.post(url).json(&body).send().await?.error_for_status()?;
        let answer: serde_json::Value = response.json().await?;
        self.token = answer["tokens"]["access"].as_str().context("a token")?.to_owned();
        Ok(())
    }

    /// Draws until dropped.
    pub(super) async fn run(&mut self, password: &str) {
        let terminal = std::io::stdout().is_terminal();
        let mut ticks = tokio::time::interval(PERIOD);
        for tick in 0.. {
            ticks.tick().await;
            let line = match self.line(password).await {
                Ok(line) => line,
                Err(error) => format!("(no figures: {error:#})"),
            };
            let mut out = std::io::stdout();
            // A terminal that is gone is no reason to stop serving.
            let _ = if terminal {
                write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush())
            } else if tick % LINES_EVERY == 0 {
                writeln!(out, "{line}")
            } else {
                Ok(())
            };
        }
    }

    async fn line(&mut self, password: &str) -> anyhow::Result<String> {
        let stats = self.stats(password).await?;
        let url = format!("{}/metrics", self.internal);
        let now = totals(&self.client.get(url).send().await?.text().await?);
        let last = self.totals.back().copied().unwrap_or(now);
        let first = self.totals.front().copied().unwrap_or(now);
        self.totals.push_back(now);
        if self.totals.len() > WINDOW {
            self.totals.pop_front();
        }
        let seconds = now.at.duration_since(last.at).as_secs_f64().max(PERIOD.as_secs_f64() / 2.0);
        Ok(format!(
            "online {:3}  away {:3}  busy {:3}  sessions {:3} | last minute: came {:3}, went {:3} | {:3.0} heartbeats/s | {} \
             changes audited",
            stats.online,
            stats.away,
            stats.busy,
            stats.sessions,
            now.came - first.came,
            now.went - first.went,
            (now.heartbeats - last.heartbeats) / seconds,
            now.audited
        ))
    }

    async fn stats(&mut self, password: &str) -> anyhow::Result<Stats> {
        for _ in 0..2 {
            let url = format!("{}/api/presence/stats/", self.base);
            let response = self.client.get(url).bearer_auth(&self.token).send().await?;
            match response.status() {
                StatusCode::OK => return Ok(response.json().await?),
                // The token has run out, or somebody logged admin out.
                StatusCode::UNAUTHORIZED => self.log_in(password).await?,
                status => bail!("the counts were answered with {status}"),
            }
        }
        bail!("a fresh token is not accepted")
    }
}

fn totals(exposition: &str) -> Totals {
    Totals {
        at: Instant::now(),
        heartbeats: sum(exposition, names::HEARTBEATS.name, ""),
        came: sum(exposition, names::TRANSITIONS.name, "from=\"offline\""),
        went: sum(exposition, names::TRANSITIONS.name, "to=\"offline\""),
        audited: sum(exposition, names::AUDIT_ROWS.name, "result=\"stored\""),
    }
}

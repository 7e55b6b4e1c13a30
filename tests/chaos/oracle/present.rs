//! What everybody is now, by the service's own answers, by Redis and by Postgres, while nobody changes its ways.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use reqwest::Client;
use rollcall::presence::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::crowd::{Crowd, Mode, What, Witness, look};

/// Users of one question.
const AT_ONCE: usize = 1_000;

/// Asks one node as an administrator.
pub(super) struct Viewer {
    client: Client,
    base: String,
    token: String,
}

impl Viewer {
    pub(super) fn new(crowd: &Crowd, base: &str) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(),
            base: base.to_owned(),
            token: crowd.world.token("crowd~viewer", "viewer", Role::Admin)?,
        })
    }

    async fn ask(&self, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let request = match body {
            Some(body) => self.client.post(url).json(&body),
            None => self.client.get(url),
        };
        let answer = request.bearer_auth(&self.token).send().await?;
        ensure!(answer.status().is_success(), "{path} was answered with {}", answer.status());
        Ok(answer.json().await?)
    }

    /// The status of each user.
    async fn statuses(&self, users: &[String]) -> anyhow::Result<HashMap<String, String>> {
        let mut found = HashMap::new();
        for part in users.chunks(AT_ONCE) {
            let answer = self.ask("/api/presence/query/", Some(json!({ "users": part }))).await?;
            for view in answer["results"].as_array().context("views")? {
                let text = |name: &str| view[name].as_str().unwrap_or_default().to_owned();
                found.insert(text("user_id"), text("status"));
            }
        }
        Ok(found)
    }
}

/// What the clients themselves would say.
fn expected(crowd: &Crowd) -> Vec<(String, &'static str)> {
    let says = |seen: &Witness| match (seen.mode, seen.claim) {
        (Mode::Silent | Mode::Gone, _) => "offline",
        (Mode::Live { .. }, Some(claim)) => claim,
        (Mode::Live { idle: false }, None) => "online",
        (Mode::Live { idle: true }, None) => "away",
    };
    crowd.clients.iter().map(|client| look(client)).map(|seen| (seen.user.clone(), says(&seen))).collect()
}

/// The same as others see it.
fn shown(truth: &[(String, &'static str)]) -> Vec<(String, &'static str)> {
    let shown = |status| if status == "invisible" { "offline" } else { status };
    truth.iter().map(|(user, status)| (user.clone(), shown(*status))).collect()
}

/// Every difference between what is expected and what is said.
pub(super) async fn differences(crowd: &Crowd, bases: &[&str], pool: &PgPool) -> anyhow::Result<Vec<String>> {
    let expected = expected(crowd);
    let shown = shown(&expected);
    let users: Vec<String> = expected.iter().map(|(user, _)| user.clone()).collect();
    let mut found = Vec::new();
    for base in bases {
        let viewer = Viewer::new(crowd, base)?;
        let said = viewer.statuses(&users).await.context("ask for views")?;
        compare(&shown, &said, &format!("the API at {base}"), &mut found);
        found.extend(counts(&shown, &viewer).await.context("ask for counts")?);
    }
    let last: Vec<(String, String)> =
        sqlx::query_as("SELECT user_id, status FROM presence_last").fetch_all(pool).await?;
    compare(&expected, &last.into_iter().collect(), "the last known state", &mut found);
    let open: Vec<(String, String)> = sqlx::query_as(
        "SELECT s.user_id, i.status FROM intervals i JOIN subjects s USING (subject) WHERE i.ended_at IS NULL",
    )
    .fetch_all(pool)
    .await?;
    compare(&expected, &open.into_iter().collect(), "the open interval", &mut found);
    found.extend(watchers(crowd, &shown));
    for client in &crowd.clients {
        let seen = look(client);
        let is_live = matches!(seen.mode, Mode::Live { .. });
        let last = seen.log.iter().rfind(|request| request.what != What::Pong);
        if let Some(last) = last.filter(|last| is_live && last.acknowledged().is_none()) {
            found.push(format!("{} is not let in again: {last}", seen.user));
        }
    }
    Ok(found)
}

/// What watchers see last is what is.
fn watchers(crowd: &Crowd, shown: &[(String, &str)]) -> Vec<String> {
    let shown: HashMap<&str, &str> = shown.iter().map(|(user, status)| (user.as_str(), *status)).collect();
    let mut found = Vec::new();
    for client in &crowd.clients {
        let seen = look(client);
        for (user, status) in seen.sights.iter().flat_map(|sights| sights.statuses()) {
            let is = shown.get(user).copied().unwrap_or("offline");
            if is != status {
                found.push(format!("{user} is {is}, {} over a socket sees {status}", seen.user));
            }
        }
    }
    found
}

fn compare(expected: &[(String, &str)], said: &HashMap<String, String>, by: &str, found: &mut Vec<String>) {
    for (user, status) in expected {
        let said = said.get(user).map_or("offline", String::as_str);
        if said != *status {
            found.push(format!("{user} is {status}, {by} says {said}"));
        }
    }
}

/// Counts are the sum of the views; the viewer is online, too, for asking.
async fn counts(expected: &[(String, &str)], viewer: &Viewer) -> anyhow::Result<Option<String>> {
    let stats = viewer.ask("/api/presence/stats/", None).await?;
    let count = |status: &str| expected.iter().filter(|(_, is)| *is == status).count();
    let mine = (count("online") + 1, count("away"), count("busy"));
    let number =
        |name: &str| stats[name].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let said = (number("online"), number("away"), number("busy"));
    Ok((said != mine).then(|| {
        format!("the counts at {} say {said:?}, expected {mine:?} (online, away, busy)", viewer.base)
    }))
}

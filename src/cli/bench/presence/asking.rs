//! What administrators ask, over HTTP, while a million heartbeats go on: counts, and the newest of those present.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;
use time::OffsetDateTime;

use crate::auth::{Grant, Tokens};
use crate::cli::bench::apart::apart;
use crate::cli::bench::report::{Report, Target, quantile};
use crate::presence::{LoginId, Org, Role, UserId};

/// How often each question is asked, one after the other, and the pause in between.
const TIMES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(5);
/// How many are listed.
const LISTED: usize = 50;

/// Asks both, in turns.
///
/// `asker` has an account and is present: whoever asks is, and the list is of those who have one.
pub(super) async fn measure(
    address: &str,
    tokens: &Tokens,
    asker: &UserId,
    report: &mut Report,
) -> anyhow::Result<()> {
    let grant = Grant {
        user: asker.clone(),
        org: Org::default(),
        login: LoginId::parse("bench-admin")?,
        token_version: 0,
        role: Role::Admin,
    };
    let token = tokens.issue(&grant, OffsetDateTime::now_utc());
    let stats = format!("http://{address}/api/presence/stats/");
    let list = format!("http://{address}/api/users/admin/users/online/?limit={LISTED}");
    let mut took = apart(in_turns([stats, list], token)).await?;
    report.title("Questions of administrators over HTTP, the others go on")?;
    for (name, took) in ["counts", "the newest 50 who are present"].into_iter().zip(&mut took) {
        report.row(&format!("{name}, p50"), quantile(took, 0.5), "ms", Target::None)?;
        report.row(&format!("{name}, p99"), quantile(took, 0.99), "ms", Target::Most(10.0))?;
    }
    Ok(())
}

/// How long each answer to each question took, in ms.
async fn in_turns<const N: usize>(questions: [String; N], token: String) -> anyhow::Result<[Vec<f64>; N]> {
    let client = reqwest::Client::new();
    let mut took = [const { Vec::new() }; N];
    for _ in 0..TIMES {
        for (url, took) in questions.iter().zip(&mut took) {
            let started = Instant::now();
            let answer = client.get(url).bearer_auth(&token).send().await?.error_for_status()?;
            let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
            took.push(started.elapsed().as_secs_f64() * 1_000.0);
            let listed = body["online_users"].as_array().map_or(LISTED, Vec::len);
            ensure!(listed == LISTED, "{listed} were listed instead of {LISTED}");
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(took)
}

//! Webhooks: what was recorded is told to the servers that asked for it, in batches of up to a second, each when the one
//! before was taken.
//!
//! Any node may work for any webhook; the lease in Postgres says which does. What has been made for a webhook is stored
//! before it is sent, so a node that stops or dies here loses nothing, and another sends at most that batch again.

mod event;

use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Node;
use super::ticks::Ticks;
use crate::accounts::AccountError;
use crate::audit::{Delivery, Leased, Missed, Next};
use crate::auth::{SigningSecret, signature};
use crate::courier::{Answer, Letter};
use crate::metrics::labels::Webhook;
use crate::metrics::record;
use crate::moment::Timestamp;

/// How often there is a look at who has something to be told: what happens meanwhile is one batch.
const PERIOD: Duration = Duration::from_secs(1);
/// Webhooks that a node works for at once: each takes a connection to Postgres now and then.
const AT_ONCE: usize = 8;
/// After so long it is another's turn, however much there is.
const TURN: Duration = Duration::from_secs(15);
/// What a stop waits for answers that are on their way.
const GRACE: Duration = Duration::from_secs(2);
/// What a stop waits for all of it. What is not noted then is sent again.
const LAST: Duration = Duration::from_secs(4);

/// The first pause after an attempt that failed; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// How long a pause is by chance, in hundredths of what it should be: so that not all that failed together come together.
const JITTER: std::ops::Range<u32> = 80..120;

/// A task.
pub(super) async fn run(node: Node) {
    let mut ticks = Ticks::every(PERIOD, &node.stop);
    let mut running = JoinSet::new();
    let mut is_sealed = false;
    while ticks.next().await {
        while let Some(ended) = running.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a webhook's work broke off; it goes on when its lease is over");
            }
        }
        // A secret changes with a start.
        if !is_sealed {
            is_sealed = matches!(node.stop.run_until_cancelled(reseal(&node)).await, Some(Ok(())));
        }
        // Before it is known who hides what, everything would be hidden.
        if !node.app.visibilities.choices().are_known() {
            continue;
        }
        let leases = node.app.audit.lease_webhooks(AT_ONCE - running.len());
        match node.stop.run_until_cancelled(leases).await {
            Some(Ok(leased)) => leased.into_iter().for_each(|one| {
                running.spawn(work(node.clone(), one));
            }),
            Some(Err(error)) => tracing::warn!(%error, "webhooks wait; trying again"),
            None => {}
        }
    }
    let _ = tokio::time::timeout(LAST, async { while running.join_next().await.is_some() {} }).await;
}

/// Works for one webhook, for a turn.
async fn work(node: Node, leased: Leased) {
    if let Err(error) = tell(&node, &leased).await {
        tracing::warn!(webhook = %leased.id, error = format!("{error:#}"), "a webhook waits; trying again");
    }
    if let Err(error) = node.app.audit.end_lease(&leased).await {
        tracing::debug!(webhook = %leased.id, %error, "a lease ends by itself");
    }
}

async fn tell(node: &Node, leased: &Leased) -> anyhow::Result<()> {
    let secrets = secrets(node, leased);
    let began = Instant::now();
    while !node.stop.is_cancelled() && began.elapsed() < TURN {
        let delivery = match node.app.audit.next_delivery(leased).await? {
            Next::Send(delivery) => delivery,
            Next::More => continue,
            Next::Idle | Next::Lost => return Ok(()),
        };
        let sent = send(node, leased, secrets.as_deref(), &delivery);
        let Some(answer) = unless_stopped(&node.stop, sent).await else {
            return Ok(());
        };
        let goes_on = note(node, leased, &delivery, &answer).await?;
        // What happens from now on is a batch with what happens until the next look.
        if !(goes_on && delivery.has_more) {
            return Ok(());
        }
    }
    Ok(())
}

/// Waits for an answer; a stop leaves it a little time.
async fn unless_stopped<T>(stop: &CancellationToken, answer: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        answer = answer => Some(answer),
        () = stopped => None,
    }
}

/// The secrets that sign; nothing if the present one does not open. One before it that does not is done without: else
/// rotating would not help.
fn secrets(node: &Node, leased: &Leased) -> Option<Vec<SigningSecret>> {
    let open =
        |sealed: &[u8]| SigningSecret::open(&node.app.vault, leased.id, sealed).map(|(secret, _)| secret);
    let mut secrets = vec![open(&leased.secret)?];
    secrets.extend(leased.previous_secret.as_deref().and_then(open));
    Some(secrets)
}

/// Seals anew what was sealed under the secret before the present one, which may be taken away soon.
async fn reseal(node: &Node) -> Result<(), AccountError> {
    for (webhook, sealed) in node.app.accounts.webhook_seals().await? {
        if let Some((secret, true)) = SigningSecret::open(&node.app.vault, webhook, &sealed) {
            let anew = secret.sealed(&node.app.vault, webhook);
            node.app.accounts.reseal_webhook(webhook, &sealed, &anew).await?;
        }
    }
    Ok(())
}

#[tracing::instrument(name = "webhook", parent = None, skip_all)]
async fn send(
    node: &Node,
    leased: &Leased,
    secrets: Option<&[SigningSecret]>,
    delivery: &Delivery,
) -> Answer {
    let Some(secrets) = secrets else {
        return Answer::unsent(
            "the secret was sealed under another ROLLCALL_AUTH_SECRET: rotate it".to_owned(),
        );
    };
    let address = match node.app.courier.address(&leased.url) {
        Ok(address) => address,
        Err(error) => return Answer::unsent(error.to_string()),
    };
    let now = time::OffsetDateTime::now_utc();
    let events = event::events(&node.app.visibilities.choices(), leased, &delivery.events);
    let letter = Letter {
        id: delivery.id,
        webhook: leased.id,
        attempt: delivery.attempt,
        sent_at: Timestamp::from(now),
        events: &events,
    };
    let sign = |body: &[u8]| signature(secrets, now.unix_timestamp(), body);
    node.app.courier.deliver(&address, &letter, sign).await
}

/// Notes what became of a delivery; answers whether the next one may follow.
async fn note(node: &Node, leased: &Leased, delivery: &Delivery, answer: &Answer) -> anyhow::Result<bool> {
    if let Some(status) = answer.status.filter(|_| answer.is_good()) {
        node.app.audit.delivered(leased, delivery.id, status).await?;
        record::webhook_delivery(Webhook::Delivered);
        record::webhook_events(delivery.events.len() as u64);
        return Ok(true);
    }
    let problem = answer.problem.clone().unwrap_or_default();
    let missed = Missed {
        answer: answer.status,
        problem: problem.clone(),
        is_gone: answer.is_gone(),
        delay: pause(delivery.failures) * rand::rng().random_range(JITTER) / 100,
    };
    let (webhook, attempt) = (leased.id, delivery.attempt);
    if node.app.audit.missed(leased, delivery.id, &missed).await? {
        record::webhook_delivery(Webhook::Dead);
        tracing::warn!(%webhook, delivery = %delivery.id, attempt, problem, "a delivery was given up");
    } else {
        record::webhook_delivery(Webhook::Failed);
        tracing::info!(%webhook, delivery = %delivery.id, attempt, problem, "a delivery was not taken; trying again later");
    }
    Ok(false)
}

/// The pause after so many failures before this one.
fn pause(failures: i32) -> Duration {
    let doubled = u32::try_from(failures).ok().and_then(|times| 2_u32.checked_pow(times));
    doubled.map_or(LONGEST_PAUSE, |times| FIRST_PAUSE.saturating_mul(times).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        let pauses: Vec<u64> = (0..12).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert_eq!(pause(i32::MAX), LONGEST_PAUSE);
    }
}

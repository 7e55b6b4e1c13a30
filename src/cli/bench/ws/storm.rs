//! A node is killed with all its clients, who come back to another one; later all of them go at once. The audit must
//! have each of them come once, go once and for the right reason, and nothing in between.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use futures::{SinkExt, StreamExt};
use rand::RngExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::socket::{Socket, open};
use super::tally::{Tally, at};
use super::{Bench, PATIENCE, millis, until};
use crate::audit::{Filter, MAX_LIMIT, Transition};
use crate::cli::bench::report::{Target, tell};
use crate::presence::{Reason, Status, UserId};

/// What their names begin with.
const KIND: &str = "stormy";
/// Whoever lost their connection comes back within this time, and waits twice as long after each failure ...
const JITTER: Duration = Duration::from_secs(5);
/// ... but no longer than this.
const LONGEST: Duration = Duration::from_secs(20);
/// Somebody comes every so often at first: this is no part of the measurement.
const ARRIVALS: Duration = Duration::from_millis(1);
/// By then whoever did not come back would have gone: the life of a session over a socket, and what noticing may take.
const GONE_AFTER: Duration = Duration::from_secs(65);

/// How clients leave when all is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    Stay,
    /// Those with even numbers close, as pages do; the others are gone without a word.
    Now,
}

/// What all clients share.
struct World {
    /// Where they connect: the node that is killed, and the one that takes them.
    addresses: [String; 2],
    /// From the death of the node to each welcome.
    back: Arc<Tally>,
    attempts: AtomicU64,
    leave: watch::Receiver<Leave>,
}

impl Bench {
    pub(super) async fn storm(&mut self, clients: u32) -> anyhow::Result<()> {
        let (told, leave) = watch::channel(Leave::Stay);
        let addresses = [self.node.address.clone(), self.other.address.clone()];
        let world = Arc::new(World { addresses, back: Tally::new()?, attempts: AtomicU64::new(0), leave });
        let mut lives = JoinSet::new();
        for (number, token) in (0..).zip(self.tokens_of(KIND, clients)?) {
            lives.spawn(live(Arc::clone(&world), number, token));
        }
        until("all clients have come", async || world.back.count() == u64::from(clients)).await?;
        self.until_recorded(clients as usize, clients).await?;
        world.attempts.store(0, Ordering::Relaxed);
        world.back.begin(clients.into());
        let (before, killed) = (self.other.process()?.time()?, Instant::now());
        self.node.kill().await?;
        let back = world.back.complete(PATIENCE).await;
        let busy = self.other.process()?.time()? - before;
        ensure!(back.len() == u64::from(clients), "{} of {clients} clients came back", back.len());
        self.report
            .title(&format!("A node with {clients} clients is killed; they come back within {JITTER:?}"))?;
        for (name, share) in [("back after, p50", 0.5), ("p99", 0.99), ("all", 1.0)] {
            self.report.row(name, at(&back, share), "ms", Target::None)?;
        }
        let attempts = u32::try_from(world.attempts.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        self.report.row("attempts for each", f64::from(attempts) / f64::from(clients), "", Target::None)?;
        let each = millis(busy) / f64::from(clients);
        self.report.row("processor of the node, for each", each, "ms", Target::None)?;
        tell("  waiting for longer than a session lives\n")?;
        sleep(GONE_AFTER.saturating_sub(killed.elapsed())).await;
        let gone = self.told().await?.iter().filter(|row| row.to == Status::Offline).count();
        self.report.row("of them shown offline meanwhile", figure(gone), "", Target::Equal(0.0))?;
        told.send_replace(Leave::Now);
        while let Some(ended) = lives.join_next().await {
            ended?;
        }
        self.gone(clients).await
    }

    /// All have gone at once: half with a goodbye, half without.
    async fn gone(&mut self, clients: u32) -> anyhow::Result<()> {
        self.report.title(&format!("All {clients} go at once: half close, half are gone without a word"))?;
        let rows = self.until_recorded(2 * clients as usize, clients).await?;
        let mut stories: HashMap<UserId, Vec<(Status, Reason)>> = HashMap::new();
        for row in rows.into_iter().rev() {
            if let Some(user) = row.user {
                stories.entry(user).or_default().push((row.to, row.reason));
            }
        }
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for story in stories.values() {
            *kinds.entry(format!("{story:?}")).or_default() += 1;
        }
        let of = |end: Reason| {
            let story = vec![(Status::Online, Reason::Connect), (Status::Offline, end)];
            kinds.get(&format!("{story:?}")).copied().unwrap_or(0)
        };
        let half = f64::from(clients) / 2.0;
        let (closed, expired) = (of(Reason::Closed), of(Reason::Expired));
        self.report.row("came once, closed once", figure(closed), "", Target::Equal(half.ceil()))?;
        self.report.row("came once, expired once", figure(expired), "", Target::Equal(half.floor()))?;
        let others = stories.len() - closed - expired;
        self.report.row("anything else", figure(others), "", Target::Equal(0.0))?;
        Ok(())
    }

    /// Waits until the audit has so many transitions of these clients; answers them, newest first.
    async fn until_recorded(&self, rows: usize, clients: u32) -> anyhow::Result<Vec<Transition>> {
        let mut found = Vec::new();
        // Looking is dear with so many.
        let pause = Duration::from_millis(u64::from(clients) / 20);
        until(&format!("the audit has {rows} rows"), async || {
            sleep(pause).await;
            found = self.told().await.unwrap_or_default();
            found.len() >= rows
        })
        .await?;
        Ok(found)
    }

    /// The transitions of these clients, newest first.
    async fn told(&self) -> anyhow::Result<Vec<Transition>> {
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.app.audit.transitions(&Filter::default(), cursor, MAX_LIMIT).await?;
            let is_one =
                |row: &Transition| row.user.as_ref().is_some_and(|user| user.as_str().starts_with(KIND));
            rows.extend(page.rows.into_iter().filter(is_one));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(rows),
            }
        }
    }
}

/// A client's life: connected, and if not, on the way back.
async fn live(world: Arc<World>, number: u32, token: String) {
    sleep(ARRIVALS * number).await;
    let (mut place, mut pause) = (0, JITTER);
    loop {
        world.attempts.fetch_add(1, Ordering::Relaxed);
        if let Ok(socket) = open(&world.addresses[place], number, &token).await {
            world.back.note();
            pause = JITTER;
            if stay(socket, &world, number).await {
                return;
            }
        }
        place = (place + 1) % world.addresses.len();
        let wait = rand::rng().random_range(Duration::ZERO..pause);
        pause = (pause * 2).min(LONGEST);
        sleep(wait).await;
    }
}

/// Stays until the connection is lost, or until it is time to go; answers whether it was.
async fn stay(mut socket: Socket, world: &World, number: u32) -> bool {
    let mut leave = world.leave.clone();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return false,
                Some(Ok(_)) => {}
            },
            _ = leave.wait_for(|leave| *leave == Leave::Now) => break,
        }
    }
    if number.is_multiple_of(2) {
        let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
        // Whoever does not hear it learns it from the silence.
        let _ = socket.send(Message::Close(Some(frame))).await;
        while let Some(Ok(_)) = socket.next().await {}
    }
    true
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn figure(count: usize) -> f64 {
    count as f64
}

//! The people of the measurement: each begins one session and shows itself every heartbeat interval, through the same
//! store calls as any node. Who is silenced has sent its last heartbeat, as a phone that lost its network.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Mutex as AsyncMutex;

use crate::app::App;
use crate::cli::bench::report::tell;
use crate::presence::{Activity, ConnectionId, Device, LoginId, Millis, Org, Pace, Reason, Tab, UserId};
use crate::store::{Answer, Bearer, Beat};

/// Ids begin here: 16 characters, the longest that the promise on memory speaks of.
const FIRST_USER: u64 = 9_000_000_000_000_000;
/// Store calls at a time.
const AT_ONCE: usize = 400;
/// Heartbeats of a call, at most (`store/batcher.rs`).
const FULL_CALL: usize = 50;
/// How often heartbeats are sent whose time has come: people do not beat together.
const TICK: Duration = Duration::from_millis(2);
/// Heartbeats sent between two looks at whether to rest.
const MOST_OF_TURN: usize = 10_000;
/// Nobody comes while so many heartbeats wait: those who are there would fall behind by more with each newcomer.
const MOST_BEHIND: u32 = 5_000;
/// Over so long the last heartbeats of those who are silenced are spread.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// A call that failed while the shard was opened or Redis was busy is made again after this pause, so many times.
const PAUSE: Duration = Duration::from_millis(200);
const ATTEMPTS: u32 = 50;

/// Who is to be silenced: every so many-th, until none is left.
#[derive(Clone, Copy, Debug, Default)]
struct Silencing {
    every: u32,
    left: u32,
}

/// Everybody.
pub(super) struct Crowd {
    app: App,
    people: u32,
    /// Accounts of the last of them, who are the newest and so the first of a list.
    accounts: Vec<UserId>,
    begun: AtomicU32,
    silent: Vec<AtomicBool>,
    silencing: Mutex<Silencing>,
    resting: AtomicBool,
    /// Heartbeats whose time has come and that are not sent: newcomers wait for them.
    behind: AtomicU32,
    /// Held while heartbeats are under way.
    sending: AsyncMutex<()>,
    sent: AtomicU64,
    failed: AtomicU64,
}

impl Crowd {
    pub(super) fn new(app: App, people: u32, accounts: Vec<UserId>) -> Self {
        Self {
            app,
            people,
            accounts,
            begun: AtomicU32::new(0),
            silent: (0..people).map(|_| AtomicBool::new(false)).collect(),
            silencing: Mutex::default(),
            resting: AtomicBool::new(false),
            behind: AtomicU32::new(0),
            sending: AsyncMutex::default(),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Heartbeats sent, and how many of them failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// How many they are.
    pub(super) fn people(&self) -> u64 {
        self.people.into()
    }

    /// So many have no account; the others come after them.
    fn nameless(&self) -> u32 {
        self.people - u32::try_from(self.accounts.len()).unwrap_or(self.people)
    }

    /// Who asks questions: an administrator.
    pub(super) fn asker(&self) -> &UserId {
        &self.accounts[0]
    }

    fn user(&self, number: u32) -> anyhow::Result<UserId> {
        let from_end = (self.people - 1 - number) as usize;
        match self.accounts.get(from_end) {
            Some(user) => Ok(user.clone()),
            None => Ok(UserId::parse(&(FIRST_USER + u64::from(number)).to_string())?),
        }
    }

    /// What an ordinary page says: names as long as the service and its browser client make them.
    fn beat(&self, number: u32, reason: Reason) -> anyhow::Result<Beat> {
        let bearer = Bearer {
            user: self.user(number)?,
            org: Org::default(),
            login: LoginId::parse(&format!("login-{number:06x}"))?,
            token_version: 0,
        };
        Ok(Beat {
            bearer,
            tab: Tab::parse(&format!("{:08x}", number.wrapping_mul(2_654_435_761)))?,
            activity: Some(Activity::Active),
            idle_ms: None,
            pace: Pace::Visible,
            device: Some(Device::Web),
            connection: Some(ConnectionId::parse(&format!("connection{number:06x}"))?),
            reason,
            takes: true,
        })
    }

    /// Everybody begins a session.
    pub(super) async fn begin(&self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let step = (self.people / 20).max(1);
        // Whoever has an account comes when all others are there: of two that run at once either may be the newer.
        let ends = (1..).map(|step_number| step_number * step).take_while(|end| *end < self.nameless());
        let (ends, mut first) = (ends.chain([self.nameless(), self.people]), 0);
        for last in ends {
            stream::iter(first..last)
                .map(|number| self.login(number))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
            first = last;
            self.begun.store(last, Ordering::Relaxed);
            let rate = f64::from(last) / started.elapsed().as_secs_f64();
            tell(&format!("\r  {last} of {} sessions begun, {rate:.0}/s ", self.people))?;
        }
        tell("\n")?;
        Ok(started.elapsed())
    }

    async fn login(&self, number: u32) -> anyhow::Result<()> {
        while self.behind.load(Ordering::Relaxed) > MOST_BEHIND {
            tokio::time::sleep(TICK).await;
        }
        let beat = self.beat(number, Reason::Login)?;
        for _ in 1..ATTEMPTS {
            if matches!(self.app.store.beat(&beat).await, Ok(Answer::Standing { .. })) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.app.store.beat(&beat).await?;
        Ok(())
    }

    /// Sends everybody's heartbeats when their time has come, until dropped.
    pub(super) async fn live(&self) -> anyhow::Result<()> {
        let cycle = seconds(self.app.policy.visible.interval);
        let (mut next, mut owed, mut last) = (0, 0.0, Instant::now());
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let begun = self.begun.load(Ordering::Relaxed);
            let elapsed = last.elapsed().as_secs_f64();
            last = Instant::now();
            if begun == 0 || self.resting.load(Ordering::Relaxed) {
                continue;
            }
            owed += (f64::from(begun) * elapsed / cycle).min(f64::from(begun));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "fewer than people")]
            self.behind.store(owed as u32, Ordering::Relaxed);
            let mut turn = Vec::new();
            while owed >= 1.0 && turn.len() < MOST_OF_TURN {
                owed -= 1.0;
                turn.push(next);
                next = (next + 1) % begun;
            }
            turn.retain(|number| !self.silent[*number as usize].load(Ordering::Relaxed));
            let _sending = self.sending.lock().await;
            if self.resting.load(Ordering::Relaxed) {
                continue;
            }
            self.send(&turn).await?;
            self.silence_some_of(&turn);
        }
    }

    async fn send(&self, turn: &[u32]) -> anyhow::Result<()> {
        let beats = turn.iter().map(|number| self.beat(*number, Reason::Connect));
        let beats: Vec<Beat> = beats.collect::<anyhow::Result<_>>()?;
        let calls = beats.into_iter().map(|beat| {
            let app = self.app.clone();
            async move { app.store.beat(&beat).await }
        });
        let mut answers = stream::iter(calls).buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            self.sent.fetch_add(1, Ordering::Relaxed);
            if !matches!(answer, Ok(Answer::Standing { .. })) {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Everybody shows themselves once, as fast as answers come.
    pub(super) async fn all_at_once(&self) -> anyhow::Result<()> {
        let everybody: Vec<u32> = (0..self.people).collect();
        for turn in everybody.chunks(10_000) {
            self.send(turn).await?;
        }
        Ok(())
    }

    /// Everybody shows themselves once, in full calls, of which one is made when the one before is answered. On a runtime
    /// of one thread, where a call goes when all of its heartbeats wait.
    pub(super) async fn in_full_calls(&self, app: &App) -> anyhow::Result<()> {
        let everybody: Vec<u32> = (0..self.people).collect();
        for call in everybody.chunks(FULL_CALL) {
            let beats: Vec<Beat> = call
                .iter()
                .map(|number| self.beat(*number, Reason::Connect))
                .collect::<anyhow::Result<_>>()?;
            let answers = join_all(beats.iter().map(|beat| app.store.beat(beat))).await;
            let failed =
                answers.iter().filter(|answer| !matches!(answer, Ok(Answer::Standing { .. }))).count();
            ensure!(failed == 0, "{failed} of {} heartbeats failed", beats.len());
        }
        Ok(())
    }

    /// The ordinary heartbeats pause; waits for those that are under way.
    pub(super) async fn rest(&self) {
        self.resting.store(true, Ordering::Relaxed);
        drop(self.sending.lock().await);
    }

    /// They go on.
    pub(super) fn go_on(&self) {
        self.resting.store(false, Ordering::Relaxed);
    }

    /// Whoever fell silent comes back with the next heartbeat.
    pub(super) fn call_back(&self) {
        self.silent.iter().for_each(|silent| silent.store(false, Ordering::Relaxed));
    }

    fn silencing(&self) -> MutexGuard<'_, Silencing> {
        self.silencing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silence_some_of(&self, turn: &[u32]) {
        let mut silencing = self.silencing();
        // Who has an account is left alone: one of them asks questions, and each is a sign of life.
        for number in turn.iter().filter(|number| **number < self.nameless()) {
            if silencing.left > 0 && number.is_multiple_of(silencing.every) {
                self.silent[*number as usize].store(true, Ordering::Relaxed);
                silencing.left -= 1;
            }
        }
    }

    /// So many have sent their last heartbeat, spread over [`WINDOW`]. Answers from when until when they are due, by the
    /// clock of Redis.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the people")]
    pub(super) async fn silence(&self, count: u32) -> anyhow::Result<(Millis, Millis)> {
        let rhythm = self.app.policy.visible;
        let in_window = f64::from(self.people) * WINDOW.as_secs_f64() / seconds(rhythm.interval);
        let from = self.app.store.now().await?;
        *self.silencing() = Silencing { every: (in_window as u32 / count).max(1), left: count };
        while self.silencing().left > 0 {
            tokio::time::sleep(TICK).await;
        }
        Ok((from + rhythm.ttl, self.app.store.now().await? + rhythm.ttl))
    }
}

#[expect(clippy::cast_precision_loss, reason = "spans are far below 2^52 ms")]
fn seconds(span: Millis) -> f64 {
    span.0 as f64 / 1_000.0
}

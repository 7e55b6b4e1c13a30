//! Many clients that stay: each a task that reads all it is sent, answers pings, and says what it is told to say.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{SinkExt, StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::task::AbortOnDropHandle;

use super::socket::{Kind, Socket, open};
use super::tally::Tally;

/// Connections that are being made at a time.
const AT_ONCE: usize = 128;

/// What a client is told to do.
#[derive(Debug)]
pub(super) enum Word {
    /// Send a heartbeat; it was due then.
    Beat(Instant),
    /// Send this.
    Say(Arc<str>),
}

/// What all of them note.
#[derive(Debug)]
pub(super) struct Seen {
    /// From a heartbeat to its answer.
    pub(super) pongs: Arc<Tally>,
    /// Each answer gives one permit, for whoever sends the next heartbeat then.
    pub(super) answered: Semaphore,
    pub(super) snapshots: Arc<Tally>,
    /// Changes of those who are watched.
    pub(super) changes: Arc<Tally>,
    lost: AtomicU64,
}

/// Connected clients. They go when this is dropped.
pub(super) struct Crowd {
    words: Vec<UnboundedSender<Word>>,
    pub(super) seen: Arc<Seen>,
    _lives: Vec<AbortOnDropHandle<()>>,
}

impl Crowd {
    /// Connects one client for each token.
    pub(super) async fn connect(address: &str, tokens: Vec<String>) -> anyhow::Result<Self> {
        let seen = Arc::new(Seen {
            pongs: Tally::new()?,
            answered: Semaphore::new(0),
            snapshots: Tally::new()?,
            changes: Tally::new()?,
            lost: AtomicU64::new(0),
        });
        let connecting = stream::iter((0..).zip(tokens)).map(|(number, token)| {
            let seen = Arc::clone(&seen);
            async move {
                let socket = open(address, number, &token).await?;
                let (words, told) = unbounded_channel();
                let life = tokio::spawn(Client { socket, told, seen, due: VecDeque::new() }.live());
                anyhow::Ok((words, AbortOnDropHandle::new(life)))
            }
        });
        let (words, lives) =
            connecting.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?.into_iter().unzip();
        Ok(Self { words, seen, _lives: lives })
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    /// Tells one of them something; numbers beyond the last begin again.
    pub(super) fn tell(&self, number: usize, word: Word) {
        // Of a client that lost its connection `lost` tells.
        let _ = self.words[number % self.words.len()].send(word);
    }

    /// How many lost their connection.
    pub(super) fn lost(&self) -> u64 {
        self.seen.lost.load(Ordering::Relaxed)
    }
}

struct Client {
    socket: Socket,
    told: UnboundedReceiver<Word>,
    seen: Arc<Seen>,
    /// When the heartbeats were due that are not answered yet.
    due: VecDeque<Instant>,
}

impl Client {
    async fn live(mut self) {
        loop {
            let flow = tokio::select! {
                word = self.told.recv() => match word {
                    Some(word) => self.say(word).await,
                    None => return,
                },
                message = self.socket.next() => self.hear(message),
            };
            if flow.is_break() {
                self.seen.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }

    async fn say(&mut self, word: Word) -> ControlFlow<()> {
        let message = match word {
            Word::Beat(due) => {
                self.due.push_back(due);
                Message::text(r#"{"type":"heartbeat","activity":"active"}"#)
            }
            Word::Say(text) => Message::text(&*text),
        };
        match self.socket.send(message).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn hear(&mut self, message: Option<Result<Message, Error>>) -> ControlFlow<()> {
        let Some(Ok(message)) = message else { return ControlFlow::Break(()) };
        let Message::Text(text) = message else { return ControlFlow::Continue(()) };
        match Kind::of(&text) {
            Kind::Pong => {
                if let Some(due) = self.due.pop_front() {
                    self.seen.pongs.note_span(due.elapsed());
                    self.seen.answered.add_permits(1);
                }
            }
            Kind::Snapshot => self.seen.snapshots.note(),
            Kind::Presence => self.seen.changes.note(),
            Kind::Welcome | Kind::Other => {}
        }
        ControlFlow::Continue(())
    }
}

//! The loop of one socket: it waits for the client, for the hub, for the time and for the node's end, and does what the
//! [`Session`] says. Whatever ends it, the hub forgets it; only a goodbye of the client ends the session, too.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::SinkExt;
use tokio::time::{sleep_until, timeout};

use super::Live;
use super::act::{Act, Input, Times};
use super::acts::name;
use super::existing::Existing;
use super::goodbye::Goodbye;
use super::hub::{Place, Post};
use super::protocol::ServerFrame;
use super::session::Session;
use crate::auth::Claims;
use crate::http::jittered;
use crate::metrics::record;
use crate::presence::{ConnectionId, Millis, Room};

/// Longer frames are not read; bytes. A thousand long names fit.
pub(super) const LONGEST_FRAME: usize = 64 * 1024;
/// How long a client may take to take what is sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the client's close frame is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The client is gone, or does not take what is sent.
pub(super) type Flow = ControlFlow<()>;

/// One socket.
pub(super) struct Socket {
    pub(super) live: Live,
    pub(super) session: Session,
    pub(super) ws: WebSocket,
    /// Who it is, once that is known.
    pub(super) claims: Option<Arc<Claims>>,
    /// Its place in the hub, once it was welcomed.
    pub(super) place: Option<Place>,
    /// Rooms that the client wants to be in.
    pub(super) rooms: BTreeSet<Room>,
    /// Whether the user was shown offline when last heard of: idle for too long, or invisible.
    pub(super) is_away: bool,
    /// Whether a sign of life failed since: it may have begun a session all the same.
    pub(super) is_unsure: bool,
    /// A client of an older protocol.
    pub(super) existing: Option<Existing>,
    /// When all that is watched is to be looked at anew.
    pub(super) refresh_at: Option<Instant>,
}

impl Socket {
    pub(super) fn new(live: Live, ws: WebSocket, existing: Option<Existing>) -> Self {
        let rhythm = live.app.policy.socket;
        let span = |Millis(ms)| Duration::from_millis(ms.try_into().unwrap_or_default());
        let times = Times { interval: span(rhythm.interval), ttl: span(rhythm.ttl) };
        let session = Session::new(times, name(), name::<ConnectionId>(), Instant::now());
        Self {
            live,
            session,
            ws,
            claims: None,
            place: None,
            existing,
            rooms: BTreeSet::new(),
            is_away: false,
            is_unsure: false,
            refresh_at: None,
        }
    }

    /// Serves it to its end. `token`: what came with the handshake and is not verified yet.
    ///
    /// Whatever is done has a place of its own while it is done: that is 10 KB, ten times what waiting takes, and nearly all
    /// sockets wait.
    pub(super) async fn run(mut self, token: Option<String>) {
        if let Some(token) = token
            && Box::pin(self.perform(Act::Verify(token))).await.is_break()
        {
            return;
        }
        if self.arrive().await.is_break() {
            return;
        }
        let closing = self.live.closing.clone();
        let mut sleep = pin!(sleep_until(self.next_tick().into()));
        loop {
            let acts = tokio::select! {
                () = closing.cancelled() => vec![Act::Close(Goodbye::Restarting(self.live.return_after()))],
                post = post(self.place.as_ref()) => match Box::pin(self.deliver(post)).await {
                    ControlFlow::Continue(()) => Vec::new(),
                    ControlFlow::Break(()) => return,
                },
                message = self.ws.recv() => match message {
                    Some(Ok(Message::Close(frame))) => return Box::pin(self.left(frame)).await,
                    Some(Ok(message)) => self.heard(&message),
                    // Gone without a word: the lease runs on, so that coming back is nobody's news.
                    Some(Err(_)) | None => return,
                },
                () = sleep.as_mut() => self.on_time(),
            };
            for act in acts {
                if Box::pin(self.perform(act)).await.is_break() {
                    return;
                }
            }
            sleep.as_mut().reset(self.next_tick().into());
        }
    }

    fn next_tick(&self) -> Instant {
        let next = self.session.next_tick();
        self.refresh_at.map_or(next, |refresh| refresh.min(next))
    }

    fn on_time(&mut self) -> Vec<Act> {
        let now = Instant::now();
        let Millis(interval) = jittered(self.live.app.policy.socket.interval);
        let mut acts = self.session.tick(Duration::from_millis(interval.try_into().unwrap_or_default()), now);
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = None;
            acts.push(Act::Refresh);
        }
        acts
    }

    fn heard(&mut self, message: &Message) -> Vec<Act> {
        let translated;
        let input = match message {
            Message::Text(text) if text.len() > LONGEST_FRAME => Input::Oversized,
            Message::Text(text) => {
                translated = self.translate(text);
                Input::Text(translated.as_deref().unwrap_or(text))
            }
            Message::Binary(_) => Input::Binary,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Input::Pong,
        };
        let (message, acts) = self.session.hear(&input, Instant::now());
        record::live_heard(message);
        acts
    }

    /// Sends one frame.
    pub(super) async fn send(&mut self, frame: &ServerFrame<'_>) -> Flow {
        let text = match &self.existing {
            Some(_) => Existing::tell(frame),
            None => Some(frame.encode()),
        };
        let Some(text) = text else { return Flow::Continue(()) };
        record::live_sent(frame.label(), 1);
        self.push(Message::Text(text.into())).await
    }

    /// Sends a message; a client that does not take it in time is given up.
    pub(super) async fn push(&mut self, message: Message) -> Flow {
        match timeout(SEND_TIMEOUT, self.ws.send(message)).await {
            Ok(Ok(())) => Flow::Continue(()),
            Ok(Err(_)) => Flow::Break(()),
            Err(_) => {
                record::live_dropped(Goodbye::Slow.label());
                Flow::Break(())
            }
        }
    }

    /// Sends several messages at once.
    pub(super) async fn push_all(&mut self, messages: Vec<Message>) -> Flow {
        let all = async {
            for message in messages {
                self.ws.feed(message).await?;
            }
            self.ws.flush().await
        };
        match timeout(SEND_TIMEOUT, all).await {
            Ok(Ok(())) => Flow::Continue(()),
            Ok(Err(_)) => Flow::Break(()),
            Err(_) => {
                record::live_dropped(Goodbye::Slow.label());
                Flow::Break(())
            }
        }
    }

    /// Says goodbye, closes, and waits a moment for the client to have read it.
    pub(super) async fn close(&mut self, goodbye: Goodbye) -> Flow {
        record::live_dropped(goodbye.label());
        let after = goodbye.reconnect_in().map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        let frame = ServerFrame::Goodbye { code: goodbye.code(), reconnect_in_ms: after };
        if self.send(&frame).await.is_continue() {
            let close = CloseFrame { code: goodbye.close_code(), reason: goodbye.code().into() };
            if self.push(Message::Close(Some(close))).await.is_continue() {
                let answered = async { while let Some(Ok(_)) = self.ws.recv().await {} };
                let _ = timeout(CLOSE_TIMEOUT, answered).await;
            }
        }
        Flow::Break(())
    }

    /// The client closed: a goodbye, unless it says that something went wrong.
    async fn left(mut self, frame: Option<CloseFrame>) {
        let code = frame.map_or(close_code::NORMAL, |frame| frame.code);
        if matches!(code, close_code::NORMAL | close_code::AWAY | close_code::STATUS) {
            self.say_goodbye().await;
        }
        // The close frame is answered by the library when it is asked for more.
        let _ = timeout(CLOSE_TIMEOUT, self.ws.flush()).await;
    }
}

/// What waits for a socket; nothing does before it was welcomed.
async fn post(place: Option<&Place>) -> Post {
    match place {
        Some(place) => place.reader().mailbox().take().await,
        None => std::future::pending().await,
    }
}

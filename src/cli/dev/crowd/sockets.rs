//! Tabs that hold sockets: they say something when it changes, answer pings, and drop what they are told.

use std::time::Duration;

use anyhow::{Context, anyhow};
use futures::future::try_join_all;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::page::{Caller, activity, busy, tab_name};
use super::visit::Mood;
use super::{PATIENCE, Trouble, World};
use crate::http::LIVE_PATH;

/// What the library reads at once, in bytes. Its default of 128 KiB is there for each of thousands of sockets.
const READ_BUFFER: usize = 1024;

type Line = WebSocketStream<TcpStream>;

/// One page load. A connection that was lost is made again when it is needed.
pub(super) struct Sockets<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) tabs: usize,
    /// Whether it watches everybody.
    pub(super) watches: bool,
    pub(super) lines: Vec<Line>,
}

impl Sockets<'_> {
    /// Says what has changed, and listens for so long.
    pub(super) async fn be(&mut self, mood: Mood, time: Duration) -> Result<(), Trouble> {
        let end = Instant::now() + time;
        while self.lines.len() < self.tabs {
            let line = self.open(self.lines.len()).await?;
            self.lines.push(line);
        }
        let beat = with_type("heartbeat", activity(self.caller.world, mood, Duration::ZERO));
        for line in &mut self.lines {
            say(line, &beat).await?;
        }
        if let Some(line) = self.lines.first_mut()
            && mood == Mood::Busy
        {
            say(line, &with_type("status_change", busy(time))).await?;
        }
        try_join_all(self.lines.iter_mut().map(|line| listen(line, end))).await.map(drop)
    }

    /// Drops the connections without a word.
    pub(super) fn lose(&mut self) {
        self.lines.clear();
    }

    /// Closes them as pages do that go away.
    pub(super) async fn leave(&mut self) -> Result<(), Trouble> {
        for mut line in self.lines.drain(..) {
            let away = CloseFrame { code: CloseCode::Away, reason: "".into() };
            timeout(PATIENCE, line.close(Some(away))).await.context("no close")?.map_err(trouble)?;
            let answered = async { while let Some(Ok(_)) = line.next().await {} };
            timeout(PATIENCE, answered).await.context("no answer to a close")?;
        }
        Ok(())
    }

    async fn open(&self, tab: usize) -> Result<Line, Trouble> {
        let mut line =
            timeout(PATIENCE, connect(self.caller.world, self.caller.token)).await.context("no socket")??;
        say(&mut line, &json!({"type": "hello", "session": tab_name(tab), "device": self.caller.device}))
            .await?;
        if self.watches && tab == 0 {
            say(&mut line, &json!({"type": "watch", "orgs": ["main"]})).await?;
        }
        Ok(line)
    }
}

async fn connect(world: &World, token: &str) -> Result<Line, Trouble> {
    let authority = world.base.trim_start_matches("http://");
    let mut request = format!("ws://{authority}{LIVE_PATH}").into_client_request().map_err(trouble)?;
    let bearer = HeaderValue::try_from(format!("Bearer {token}")).context("a token")?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let stream = TcpStream::connect(authority).await.context("connecting")?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let (line, _) = client_async_with_config(request, stream, Some(config)).await.map_err(trouble)?;
    Ok(line)
}

async fn say(line: &mut Line, frame: &Value) -> Result<(), Trouble> {
    let sent = line.send(Message::text(frame.to_string()));
    timeout(PATIENCE, sent).await.context("a frame was not taken")?.map_err(trouble)
}

/// Reads until then; the library answers pings meanwhile.
async fn listen(line: &mut Line, end: Instant) -> Result<(), Trouble> {
    loop {
        match timeout_at(end, line.next()).await {
            Err(_) => return Ok(()),
            Ok(Some(Ok(Message::Close(Some(frame))))) if is_logout(frame.code) => {
                return Err(Trouble::LoggedOut);
            }
            Ok(None | Some(Ok(Message::Close(_)))) => return Err(anyhow!("closed").into()),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(trouble(error)),
        }
    }
}

/// Whether the token is good for nothing any more.
fn is_logout(code: CloseCode) -> bool {
    matches!(u16::from(code), 4401 | 4409)
}

fn trouble(error: Error) -> Trouble {
    match error {
        Error::Http(response) if response.status() == StatusCode::UNAUTHORIZED => Trouble::LoggedOut,
        error => Trouble::Passing(error.into()),
    }
}

fn with_type(kind: &str, mut frame: Value) -> Value {
    frame["type"] = kind.into();
    frame
}

//! A real socket for a test: what a page's client does, step by step.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long a test waits for what should come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket to a service.
pub struct Socket(pub WebSocketStream<TcpStream>);

/// How a socket is opened.
pub struct Opening<'a> {
    /// Where, for example `http://127.0.0.1:8000`.
    pub base: &'a str,
    /// The path with its query.
    pub path: &'a str,
    /// Header fields beside those of every handshake.
    pub headers: Vec<(&'static str, String)>,
}

impl Opening<'_> {
    /// Opens it.
    pub async fn open(self) -> Result<Socket, Error> {
        let authority = self.base.trim_start_matches("http://");
        let mut request = format!("ws://{authority}{}", self.path).into_client_request().unwrap();
        for (name, value) in self.headers {
            request.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
        }
        let stream = TcpStream::connect(authority).await.map_err(Error::Io)?;
        client_async(request, stream).await.map(|(socket, _)| Socket(socket))
    }
}

impl Socket {
    /// Opens a socket as pages do: with the token among the subprotocols.
    pub async fn open(base: &str, token: &str) -> Self {
        let headers = vec![("sec-websocket-protocol", format!("rollcall.v1, bearer.{token}"))];
        Opening { base, path: "/api/presence/live/", headers }.open().await.unwrap()
    }

    /// The same, and says hello; answers the welcome, too.
    pub async fn hello(base: &str, token: &str, hello: Value) -> (Self, Value) {
        let mut socket = Self::open(base, token).await;
        socket.say(with_type("hello", hello)).await;
        let welcome = socket.next_of("welcome").await;
        (socket, welcome)
    }

    /// Sends a frame.
    pub async fn say(&mut self, frame: Value) {
        self.say_text(&frame.to_string()).await;
    }

    /// Sends text.
    pub async fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Watches, and answers the views of the snapshot.
    pub async fn watch(&mut self, targets: Value) -> Value {
        self.say(with_type("watch", targets)).await;
        self.next_of("snapshot").await
    }

    /// The next frame.
    pub async fn next(&mut self) -> Value {
        timeout(PATIENCE, self.try_next()).await.expect("a frame").expect("an open socket")
    }

    /// The next frame; `None` when the socket has been closed.
    pub async fn try_next(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The next frame of a type; others are passed over.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The next presence of somebody in a status: as a change, or in a snapshot, which takes its place where the server had to
    /// look anew.
    pub async fn sees(&mut self, user: &str, status: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] != "presence" && frame["type"] != "snapshot" {
                continue;
            }
            let views = frame["views"].as_array().map_or(std::slice::from_ref(&frame), Vec::as_slice);
            if let Some(seen) = views.iter().find(|seen| seen["user_id"] == user && seen["status"] == status)
            {
                return seen.clone();
            }
        }
    }

    /// Asserts that everything that was said before has been answered, and that nothing of this type came: a heartbeat is
    /// answered after it.
    pub async fn nothing_of(&mut self, kind: &str) {
        self.say(json!({"type": "heartbeat", "activity": "active"})).await;
        loop {
            let frame = self.next().await;
            assert_ne!(frame["type"], kind, "{frame}");
            if frame["type"] == "pong" {
                return;
            }
        }
    }

    /// Waits until the server closes; answers the code of the `goodbye` frame and that of the close frame.
    pub async fn closed(&mut self) -> (Value, u16) {
        let mut goodbye = Value::Null;
        let closing = async {
            while let Some(Ok(message)) = self.0.next().await {
                match message {
                    Message::Text(text) => {
                        let frame: Value = serde_json::from_str(&text).unwrap();
                        if frame["type"] == "goodbye" {
                            goodbye = frame;
                        }
                    }
                    Message::Close(frame) => return frame.map_or(1005, |frame| frame.code.into()),
                    _ => {}
                }
            }
            1006
        };
        let code = timeout(PATIENCE, closing).await.expect("the server closes");
        (goodbye, code)
    }

    /// Says hello and waits to be sent away.
    pub async fn closed_after_hello(&mut self) -> (Value, u16) {
        self.say(json!({"type": "hello"})).await;
        self.closed().await
    }

    /// Closes as a page does that goes away.
    pub async fn leave(mut self) {
        let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
        self.0.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

fn with_type(kind: &str, mut frame: Value) -> Value {
    frame["type"] = kind.into();
    frame
}

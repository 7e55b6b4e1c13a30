//! Frames cut in pieces: networks owe nobody whole frames, nor clients whole messages.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Sink, SinkExt, Stream, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::service::Service;
use crate::support::socket::Socket;

/// A connection that sends each byte in a segment of its own.
struct Crumbs(TcpStream);

impl AsyncWrite for Crumbs {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl AsyncRead for Crumbs {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

/// The next frame of a type.
async fn next_of(socket: &mut (impl Stream<Item = Result<Message, Error>> + Unpin), kind: &str) -> Value {
    let found = async {
        while let Some(message) = socket.next().await {
            let Message::Text(text) = message.unwrap() else { continue };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == kind {
                return frame;
            }
        }
        panic!("the socket was closed before a {kind}");
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), found).await.unwrap()
}

/// A message in fragments of these lengths, the last one what is left, with a ping before each but the first.
async fn say_in_fragments(
    socket: &mut (impl Sink<Message, Error = Error> + Unpin),
    text: &str,
    lengths: &[usize],
) {
    let (mut rest, mut code) = (text.as_bytes(), OpCode::Data(Data::Text));
    for length in lengths {
        let (part, after) = rest.split_at(*length);
        socket.send(Message::Frame(Frame::message(part.to_vec(), code, false))).await.unwrap();
        socket.send(Message::Ping(b"in between".to_vec().into())).await.unwrap();
        (rest, code) = (after, OpCode::Data(Data::Continue));
    }
    socket.send(Message::Frame(Frame::message(rest.to_vec(), code, true))).await.unwrap();
}

#[tokio::test]
async fn every_byte_may_come_alone() {
    let service = Service::start().await;
    service.beat(&service.token("ben", "b"), json!({})).await;
    let authority = service.base.trim_start_matches("http://");
    let stream = TcpStream::connect(authority).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut request = format!("ws://{authority}/api/presence/live/").into_client_request().unwrap();
    let token = format!("rollcall.v1, bearer.{}", service.token("ada", "a"));
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_str(&token).unwrap());
    let (mut socket, _) = client_async(request, Crumbs(stream)).await.unwrap();
    socket.send(Message::text(r#"{"type":"hello","session":"one"}"#)).await.unwrap();
    assert_eq!(next_of(&mut socket, "welcome").await["user"], "ada");
    socket.send(Message::text(r#"{"type":"watch","users":["ben"]}"#)).await.unwrap();
    assert_eq!(next_of(&mut socket, "snapshot").await["views"][0]["status"], "online");
    // More than is read at once.
    let long = format!(r#"{{"type":"unwatch","users":["{}"]}}"#, "x".repeat(3_000));
    socket.send(Message::text(long)).await.unwrap();
    assert_eq!(next_of(&mut socket, "error").await["code"], "invalid_value");
    socket.send(Message::Ping(b"there?".to_vec().into())).await.unwrap();
    socket.send(Message::text(r#"{"type":"heartbeat","activity":"active"}"#)).await.unwrap();
    assert_eq!(next_of(&mut socket, "pong").await["status"], "online");
}

#[tokio::test]
async fn messages_may_come_in_fragments() {
    let service = Service::start().await;
    let (mut socket, _) = Socket::hello(&service.base, &service.token("ada", "a"), json!({})).await;
    let words = "zurück um fünf 🌿";
    let text = json!({"type": "status_change", "status": "busy", "text": words}).to_string();
    // In the middle of names, of a character, and nothing at all.
    let inside = text.find('ü').unwrap() + 1;
    say_in_fragments(&mut socket.0, &text, &[0, 1, inside - 1, 0, 4]).await;
    assert_eq!(next_of(&mut socket.0, "pong").await["status"], "busy");
    let path = "/api/presence/users/ada/";
    let (_, view) = service.get(&service.token("ben", "b"), path).await;
    assert_eq!(view["text"], words);
    // Too long is too long in pieces, too.
    let long = format!(r#"{{"type":"hello","token":"{}"}}"#, "x".repeat(70_000));
    say_in_fragments(&mut socket.0, &long, &[30_000, 30_000]).await;
    assert_eq!(next_of(&mut socket.0, "error").await["code"], "too_large");
    // Bytes that are no text end the connection, by the protocol, and not the session.
    let broken = Message::Frame(Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true));
    socket.0.send(broken).await.unwrap();
    while let Some(Ok(message)) = socket.0.next().await {
        assert!(!message.is_text(), "{message}");
    }
    let (_, view) = service.get(&service.token("ben", "b"), path).await;
    assert_eq!(view["status"], "busy");
}

//! A client's socket, as a page opens one: from one of many addresses of this machine, because each has 28 000 ports.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use futures::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Clients of one address.
const OF_ADDRESS: u32 = 20_000;
/// How long a welcome is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the library reads at once: its default would be 128 KiB for each client.
const BUFFER: usize = 2_048;

/// An open socket.
pub(super) type Socket = WebSocketStream<TcpStream>;

/// What a frame of the server is, by how it begins; the rest of it is not read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Welcome,
    Pong,
    Snapshot,
    Presence,
    Other,
}

impl Kind {
    pub(super) fn of(text: &str) -> Self {
        let kind = text.strip_prefix(r#"{"type":""#).and_then(|rest| rest.split('"').next());
        match kind {
            Some("welcome") => Self::Welcome,
            Some("pong") => Self::Pong,
            Some("snapshot") => Self::Snapshot,
            Some("presence") => Self::Presence,
            _ => Self::Other,
        }
    }
}

/// Opens the socket of a client, by its number, and waits until it is welcomed.
pub(super) async fn open(address: &str, number: u32, token: &str) -> anyhow::Result<Socket> {
    let node: SocketAddr = address.parse()?;
    let socket = TcpSocket::new_v4()?;
    // The first address of all is the only one that every system has.
    if number >= OF_ADDRESS {
        let own = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number / OF_ADDRESS);
        socket.bind((own, 0).into())?;
    }
    let stream = socket.connect(node).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{address}/api/presence/live/").into_client_request()?;
    let protocols = HeaderValue::from_str(&format!("rollcall.v1, bearer.{token}"))?;
    request.headers_mut().insert("sec-websocket-protocol", protocols);
    let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0);
    let (mut ws, _) = client_async_with_config(request, stream, Some(config)).await?;
    ws.send(Message::text(r#"{"type":"hello","session":"tab","device":"web"}"#)).await?;
    timeout(PATIENCE, welcomed(&mut ws)).await.context("not welcomed in time")??;
    Ok(ws)
}

/// Waits for the welcome. A store that does not answer at once is asked again by the node.
async fn welcomed(ws: &mut Socket) -> anyhow::Result<()> {
    while let Some(message) = ws.next().await {
        if matches!(message?, Message::Text(text) if Kind::of(&text) == Kind::Welcome) {
            return Ok(());
        }
    }
    bail!("closed before it was welcomed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_known_by_how_they_begin() {
        assert_eq!(Kind::of(r#"{"type":"pong","status":"online"}"#), Kind::Pong);
        assert_eq!(Kind::of(r#"{"type":"pongs"}"#), Kind::Other);
        assert_eq!(Kind::of("{}"), Kind::Other);
    }
}

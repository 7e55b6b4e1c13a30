//! A TCP proxy before one store of one node, whose behaviour can be changed while connections run through it: this is
//! the network that faults happen in.
//!
//! TCP delivers in order or not at all, so bytes cannot be left out of a connection that goes on. What stands for loss
//! is [`Mode::Deaf`]: commands arrive and run, their answers vanish, and the connection is cut when the fault ends. And
//! [`Proxy::lose`] is a host, or something between, that vanishes without a word: nobody ever hears of the connections that
//! it had, while new ones find another host.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// How late a store notices that somebody is gone without a word.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// What happens to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They pass.
    Pass,
    /// Connections are closed, and new ones as soon as they are accepted.
    Cut,
    /// Nothing moves in either direction; nothing is closed.
    Stall,
    /// Each chunk arrives so much later.
    Delay(Duration),
    /// Requests pass, answers vanish.
    Deaf,
}

/// A running proxy. It ends with the program.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    lost: watch::Sender<()>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and passes to the Unix socket `upstream`.
    pub(crate) async fn before(upstream: PathBuf) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for a proxy")?;
        let address = listener.local_addr()?;
        let (mode, told) = watch::channel(Mode::Pass);
        let (lost, losing) = watch::channel(());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // What is lost before a connection begins is not this one.
                let mut losing = losing.clone();
                losing.mark_unchanged();
                tokio::spawn(connect(client, upstream.clone(), told.clone(), losing));
            }
        });
        Ok(Self { address, mode, lost })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// The connections that there are fall silent for good; new ones pass.
    pub(crate) fn lose(&self) {
        self.lost.send_replace(());
    }
}

async fn connect(
    client: TcpStream,
    upstream: PathBuf,
    mut mode: watch::Receiver<Mode>,
    mut losing: watch::Receiver<()>,
) {
    // A stalled network answers no handshake either; the kernel has accepted already, so what follows waits.
    if mode.wait_for(|mode| !matches!(mode, Mode::Stall)).await.is_ok_and(|mode| *mode == Mode::Cut) {
        return;
    }
    // A store that is not there: the client sees its connection closed, as it would without a proxy.
    let Ok(server) = UnixStream::connect(upstream).await else { return };
    let _ = client.set_nodelay(true);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::select! {
        () = pump(&mut from_client, &mut to_server, mode.clone(), false) => {}
        () = pump(&mut from_server, &mut to_client, mode.clone(), true) => {}
        () = cut(mode) => {}
        Ok(()) = losing.changed() => {
            // The other end learns of it as late as its own keepalive has it; this one when it gives up by itself.
            tokio::time::sleep(KEEPALIVE).await;
            drop((from_server, to_server));
            while from_client.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
        }
    }
}

/// Ends when the connection must: at a cut, or when answers have vanished and the network is whole again.
async fn cut(mut mode: watch::Receiver<Mode>) {
    let mut was_deaf = false;
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Cut || (was_deaf && now != Mode::Deaf) {
            return;
        }
        was_deaf |= now == Mode::Deaf;
        if mode.changed().await.is_err() {
            return;
        }
    }
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut mode: watch::Receiver<Mode>,
    answers: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let Ok(now) = mode.wait_for(|mode| *mode != Mode::Stall).await.map(|mode| *mode) else { return };
        match now {
            Mode::Delay(by) => tokio::time::sleep(by).await,
            Mode::Deaf if answers => continue,
            _ => {}
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

//! How Redis is started here, and how it shows that it is ready.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::binaries::Binaries;
use super::guardian::Launch;
use super::place::Place;
use super::server::{self, Readiness};
use super::{DevStackError, failed};

/// A port of 127.0.0.1 that nobody uses now.
pub(super) fn free_port() -> Result<u16, DevStackError> {
    let taken = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    Ok(taken.map_err(failed("find a free port"))?.port())
}

/// The command line. Expiry events and listpack sizes are what presence needs of a production server, too.
pub(super) fn launch(binaries: &Binaries, place: &Place, persists: bool, port: Option<u16>) -> Launch {
    let (socket, dir) = (place.redis_socket().display().to_string(), place.redis_dir());
    let (port, workdir) = (port.unwrap_or(0).to_string(), dir.display().to_string());
    let settings = [
        ("--port", port.as_str()),
        ("--bind", "127.0.0.1"),
        ("--unixsocket", &socket),
        ("--unixsocketperm", "700"),
        ("--save", ""),
        ("--appendonly", if persists { "yes" } else { "no" }),
        ("--appendfsync", "everysec"),
        ("--maxmemory-policy", "noeviction"),
        ("--notify-keyspace-events", "Ex"),
        ("--hash-max-listpack-value", "512"),
        ("--hash-max-listpack-entries", "128"),
        ("--daemonize", "no"),
        ("--dir", &workdir),
    ];
    Launch {
        name: "redis",
        program: binaries.redis_server.clone(),
        args: settings.iter().flat_map(|(key, value)| [(*key).to_owned(), (*value).to_owned()]).collect(),
        dir,
        log: place.redis_log(),
        identity: None,
        stop_signal: "TERM",
        farewell: "TERM",
        data: &["appendonlydir", "dump.rdb"],
    }
}

/// Asks a Redis over its socket.
#[derive(Debug)]
pub(super) struct Probe {
    socket: PathBuf,
}

impl Probe {
    pub(super) fn new(place: &Place) -> Self {
        Self::at(place.redis_socket())
    }

    pub(super) fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    fn ping(&self) -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        // `-NOAUTH` is an answer of one with a password. Anything else is `-LOADING`: it reads its data and will be ready.
        Ok(&answer == b"+PONG" || &answer == b"-NOAU")
    }
}

impl server::Probe for Probe {
    fn readiness(&self, _pid: u32) -> Readiness {
        match self.ping() {
            Ok(true) => Readiness::Ready,
            _ => Readiness::NotYet,
        }
    }

    fn is_occupied(&self) -> bool {
        UnixStream::connect(&self.socket).is_ok()
    }

    fn tidy(&self) {
        // Redis replaces the socket of a killed predecessor by itself.
    }

    fn may_retry(&self, _log_tail: &str) -> bool {
        false
    }
}

//! Several Redis servers on ports of 127.0.0.1, for what one server cannot show: clusters and sentinels. Guarded like the
//! others: they end with the process, and their directory with them.

use std::path::PathBuf;
use std::sync::Arc;

use super::binaries::{self, Search};
use super::guardian::{Broom, Launch};
use super::redis::{Probe, free_port};
use super::server::{Data, Server};
use super::{DevStackError, failed};

/// Ports are free when they are chosen; another process may be faster.
const TRIES: usize = 5;

/// A socket beside the port: by it a server shows that it is there.
const SOCKET: &str = "redis.sock";

/// Servers that belong together.
#[derive(Debug)]
pub struct Fleet {
    members: Vec<Member>,
    program: PathBuf,
    dir: PathBuf,
    // The last field: it goes when the servers are gone.
    _broom: Broom,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in &self.members {
            // Nothing of them is to be kept, and one that is frozen ends no other way.
            member.server.kill();
            let _ = std::fs::remove_file(self.dir.join(member.port.to_string()).join(SOCKET));
        }
    }
}

/// One server of a fleet.
#[derive(Debug)]
pub struct Member {
    server: Server,
    port: u16,
}

impl Member {
    /// The server: to be killed, frozen and started again.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Fleet {
    /// A fleet without servers yet, in a directory that goes with it.
    ///
    /// # Errors
    /// [`DevStackError`]: no Redis is installed, or there is no shell.
    pub fn new(dir: PathBuf, search: &Search) -> Result<Self, DevStackError> {
        let program = binaries::redis_server(search)?;
        let broom = Broom::over(std::slice::from_ref(&dir))?;
        Ok(Self { members: Vec::new(), program, dir, _broom: broom })
    }

    /// Starts one more server, with what `settings` makes of its port and a second free one: lines of `redis.conf`.
    /// With `sentinel` it is one. Answers its place in [`Fleet::members`].
    ///
    /// # Errors
    /// [`DevStackError`] if it does not start.
    pub fn add(
        &mut self,
        sentinel: bool,
        settings: impl Fn(u16, u16) -> String,
    ) -> Result<usize, DevStackError> {
        let mut tries = 0;
        loop {
            let (port, second) = (free_port()?, free_port()?);
            let server = self.server(port, sentinel, &settings(port, second))?;
            tries += 1;
            match server.start(Data::Kept) {
                Ok(()) => self.members.push(Member { server, port }),
                Err(_) if tries < TRIES => continue,
                Err(error) => return Err(error),
            }
            return Ok(self.members.len() - 1);
        }
    }

    /// The servers, in the order in which they were added.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    fn server(&self, port: u16, sentinel: bool, settings: &str) -> Result<Server, DevStackError> {
        let dir = self.dir.join(port.to_string());
        std::fs::create_dir_all(&dir).map_err(failed(format!("make {}", dir.display())))?;
        let (socket, config) = (dir.join(SOCKET), dir.join("redis.conf"));
        let text = format!(
            "port {port}\nbind 127.0.0.1\nunixsocket {}\ndir {}\ndaemonize no\n{settings}",
            socket.display(),
            dir.display()
        );
        std::fs::write(&config, text).map_err(failed(format!("write {}", config.display())))?;
        let mut args = vec![config.display().to_string()];
        args.extend(sentinel.then(|| "--sentinel".to_owned()));
        let launch = Launch {
            name: "redis",
            program: self.program.clone(),
            args,
            log: dir.join("redis.log"),
            dir,
            identity: None,
            stop_signal: "TERM",
            farewell: "KILL",
            data: &["appendonlydir", "dump.rdb"],
        };
        Ok(Server::new(launch, Arc::new(Probe::at(socket))))
    }
}

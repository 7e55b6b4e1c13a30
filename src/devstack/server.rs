//! One server: started, stopped, killed, frozen, on purpose and again. All calls may come from any thread.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::guardian::{Guarded, Launch};
use super::{DevStackError, failed};

/// How long a server may take to become ready, or to end in order.
const LIMIT: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(10);

/// How far a server is.
#[derive(Debug)]
pub(super) enum Readiness {
    Ready,
    NotYet,
}

/// How one kind of server shows what it is doing.
pub(super) trait Probe: Send + Sync + std::fmt::Debug {
    /// Whether the server with this process id answers.
    fn readiness(&self, pid: u32) -> Readiness;
    /// Whether some server, of an earlier process, still works in the place.
    fn is_occupied(&self) -> bool;
    /// Removes what a killed server left behind and a new one would stumble over.
    fn tidy(&self);
    /// Whether a failed start may succeed if tried again: the end of an earlier server is still going on.
    fn may_retry(&self, log_tail: &str) -> bool;
}

/// What a start should find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Whatever the server kept (nothing, for a Redis that does not persist).
    Kept,
    /// Nothing: Redis comes back empty.
    Lost,
}

/// A server of the stack.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    probe: Arc<dyn Probe>,
    running: Mutex<Option<Guarded>>,
}

impl Server {
    pub(super) fn new(launch: Launch, probe: Arc<dyn Probe>) -> Self {
        Self { launch, probe, running: Mutex::new(None) }
    }

    /// Starts the server, if it is not running, and waits until it answers.
    ///
    /// # Errors
    /// [`DevStackError::Server`] with the end of its log if it ends or does not answer within 20 s;
    /// [`DevStackError::Io`].
    pub fn start(&self, data: Data) -> Result<(), DevStackError> {
        let mut running = self.running();
        if running.as_mut().is_some_and(|guarded| !guarded.has_ended()) {
            return Ok(());
        }
        let deadline = Instant::now() + LIMIT;
        while self.probe.is_occupied() {
            self.give_up_at(deadline, "is still running, started by an earlier process")?;
        }
        if data == Data::Lost {
            self.forget()?;
        }
        loop {
            self.probe.tidy();
            let mut guarded = Guarded::spawn(&self.launch)?;
            if self.becomes_ready(&mut guarded, deadline)? {
                *running = Some(guarded);
                return Ok(());
            }
            if !self.probe.may_retry(&log_tail(&self.launch.log)) {
                return Err(self.error("ended at once"));
            }
            self.give_up_at(deadline, "ends at once, again and again")?;
        }
    }

    /// Ends the server in order; by force after 20 s.
    ///
    /// # Errors
    /// [`DevStackError::Io`] if the signal cannot be sent.
    pub fn stop(&self) -> Result<(), DevStackError> {
        let mut running = self.running();
        let Some(mut guarded) = running.take() else {
            return Ok(());
        };
        signal(self.launch.stop_signal, &[guarded.pid()])?;
        let deadline = Instant::now() + LIMIT;
        while !guarded.has_ended() && Instant::now() < deadline {
            std::thread::sleep(STEP);
        }
        guarded.kill();
        Ok(())
    }

    /// Ends the server as a crash would (`SIGKILL`).
    pub fn kill(&self) {
        if let Some(mut guarded) = self.running().take() {
            guarded.kill();
        }
    }

    /// The process id; `None` while it is not running.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(Guarded::pid)
    }

    /// Stops the server's clock (`SIGSTOP`, for Postgres with all its backends): it accepts and never answers.
    ///
    /// # Errors
    /// [`DevStackError::Io`] if the signal cannot be sent.
    pub fn freeze(&self) -> Result<(), DevStackError> {
        self.signal_all("STOP")
    }

    /// Lets a frozen server run on.
    ///
    /// # Errors
    /// [`DevStackError::Io`] if the signal cannot be sent.
    pub fn thaw(&self) -> Result<(), DevStackError> {
        self.signal_all("CONT")
    }

    /// The last lines of the server's log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        log_tail(&self.launch.log)
    }

    fn running(&self) -> MutexGuard<'_, Option<Guarded>> {
        // A test that panicked while it held the lock leaves nothing half done.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn becomes_ready(&self, guarded: &mut Guarded, deadline: Instant) -> Result<bool, DevStackError> {
        loop {
            if guarded.has_ended() {
                return Ok(false);
            }
            if matches!(self.probe.readiness(guarded.pid()), Readiness::Ready) {
                return Ok(true);
            }
            if let Err(error) = self.give_up_at(deadline, "did not become ready") {
                guarded.kill();
                return Err(error);
            }
        }
    }

    fn give_up_at(&self, deadline: Instant, what: &str) -> Result<(), DevStackError> {
        if Instant::now() > deadline {
            return Err(self.error(&format!("{what} (waited {} s)", LIMIT.as_secs())));
        }
        std::thread::sleep(STEP);
        Ok(())
    }

    fn error(&self, what: &str) -> DevStackError {
        DevStackError::Server {
            server: self.launch.name,
            what: what.to_owned(),
            log: self.launch.log.clone(),
            tail: self.log_tail(),
        }
    }

    fn forget(&self) -> Result<(), DevStackError> {
        for name in self.launch.data {
            let path = self.launch.dir.join(name);
            let removed =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(format!("remove {}", path.display()))(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn signal_all(&self, name: &str) -> Result<(), DevStackError> {
        let Some(pid) = self.pid() else { return Ok(()) };
        let mut pids = children(pid)?;
        pids.insert(0, pid);
        signal(name, &pids)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be told to anyone here; the guardian ends what a failed stop leaves.
        let _ = self.stop();
    }
}

/// Sends a signal by the shell's own `kill`: slim images have no other.
fn signal(name: &str, pids: &[u32]) -> Result<(), DevStackError> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "kill -s \"$@\"", "kill", name]).args(pids.iter().map(u32::to_string));
    // A process that is gone already is no error: what was wanted of it has no object any more.
    command.stderr(Stdio::null()).status().map_err(failed("send a signal"))?;
    Ok(())
}

fn children(pid: u32) -> Result<Vec<u32>, DevStackError> {
    let output = Command::new("ps")
        .args(["-A", "-o", "pid=", "-o", "ppid="])
        .output()
        .map_err(failed("list processes with `ps`"))?;
    let parent = pid.to_string();
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let (child, of) = line.trim().split_once(' ')?;
            if of.trim() == parent { child.parse().ok() } else { None }
        })
        .collect())
}

/// The last 2 kB of a log, from the start of a line.
fn log_tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(2048)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) if text.len() >= 2048 => {
            text.split_once('\n').map_or(text.clone(), |(_, rest)| rest.to_owned())
        }
        Ok(text) => text,
        Err(error) => format!("(no log: {error})"),
    }
}

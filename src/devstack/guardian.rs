//! Children that die with us. Without unsafe code there is no death signal, and macOS has none at all.
//!
//! So each child is a shell that leaves a watcher behind and then becomes the server (`exec`). The watcher's
//! standard input is a pipe whose other end we hold: when it closes without the word `over`, we are gone, and the
//! watcher ends the server. The child has a process group of its own, so that Ctrl-C reaches us alone and the
//! servers are stopped in order.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::identity::Identity;
use super::{DevStackError, failed};

/// `$1` is the farewell signal, the rest is the server. `$$` is the server's id, also inside the watcher.
const SERVER: &str = r#"
farewell=$1; shift
exec 3<&0
(
  read -r word <&3
  [ "$word" = over ] && exit
  kill -CONT $$ && kill -s "$farewell" $$ || exit
  n=0
  while kill -0 $$ && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
  kill -KILL $$
) </dev/null >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"#;

/// The arguments are removed, once no server shows a sign of life in them.
const BROOM: &str = r#"
read -r word
n=0
while [ -n "$(find "$@" -name postmaster.pid 2>/dev/null)$(find "$@" -name redis.sock 2>/dev/null)" ] && [ $n -lt 70 ]
do sleep 0.1; n=$((n + 1)); done
rm -rf "$@"
"#;

/// How a server is started.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// `redis` or `postgres`.
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    /// Its working directory.
    pub(super) dir: PathBuf,
    pub(super) log: PathBuf,
    pub(super) identity: Option<Identity>,
    /// The signal that means an orderly end.
    pub(super) stop_signal: &'static str,
    /// The signal when we are gone and nobody waits.
    pub(super) farewell: &'static str,
    /// What to remove for a start without data, below `dir`.
    pub(super) data: &'static [&'static str],
}

/// A running server with its watcher.
#[derive(Debug)]
pub(super) struct Guarded {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Guarded {
    /// Starts a server; its output is added to its log file.
    pub(super) fn spawn(launch: &Launch) -> Result<Self, DevStackError> {
        let log = || -> std::io::Result<File> { File::options().create(true).append(true).open(&launch.log) };
        let opened = log().and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = opened.map_err(failed(format!("write {}", launch.log.display())))?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SERVER, launch.name, launch.farewell])
            .arg(&launch.program)
            .args(&launch.args)
            .current_dir(&launch.dir)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .process_group(0);
        if let Some(identity) = launch.identity {
            identity.apply(&mut command);
        }
        let mut child = command.spawn().map_err(failed(format!("start {}", launch.name)))?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the server has ended; its watcher is then dismissed.
    pub(super) fn has_ended(&mut self) -> bool {
        let ended = !matches!(self.child.try_wait(), Ok(None));
        if ended {
            self.dismiss();
        }
        ended
    }

    /// Ends the server at once and collects it.
    pub(super) fn kill(&mut self) {
        // Fails only if the server has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.dismiss();
    }

    fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // A watcher that is gone needs no word.
            let _ = pipe.write_all(b"over\n");
        }
    }
}

/// Removes the directories of an ephemeral stack when the process is gone and the servers have ended.
#[derive(Debug)]
pub(super) struct Broom {
    child: Child,
}

impl Broom {
    /// Waits behind the door with its broom.
    pub(super) fn over(dirs: &[PathBuf]) -> Result<Self, DevStackError> {
        let child = Command::new("/bin/sh")
            .args(["-c", BROOM, "broom"])
            .args(dirs)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(failed("start a shell"))?;
        Ok(Self { child })
    }
}

impl Drop for Broom {
    fn drop(&mut self) {
        // `wait` closes the pipe first, which is the sign to sweep.
        let _ = self.child.wait();
    }
}

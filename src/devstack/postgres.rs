//! How Postgres is set up and started here, and how it shows that it is ready.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::binaries::Binaries;
use super::guardian::Launch;
use super::identity::Identity;
use super::place::Place;
use super::server::{self, Readiness};
use super::{DevStackError, failed};

const CLUSTER: &str = "cluster";
const OWNER: &str = "rollcall";

/// Makes the cluster and the database `rollcall` in it, once.
pub(super) fn prepare(binaries: &Binaries, place: &Place, identity: &Identity) -> Result<(), DevStackError> {
    let cluster = place.postgres_dir().join(CLUSTER);
    if cluster.join("PG_VERSION").exists() {
        return Ok(());
    }
    // A set-up that was interrupted leaves no PG_VERSION under the final name: it is made aside and moved.
    let aside = place.postgres_dir().join("cluster.new");
    let locales = [&["--locale=C.UTF-8"][..], &["--no-locale"][..]];
    let mut made = Err(String::new());
    for locale in locales {
        clear(&aside)?;
        made = initdb(binaries, &aside, identity, locale)?;
        if made.is_ok() {
            break;
        }
    }
    made.and(create_database(binaries, &aside, identity)?).map_err(|tail| DevStackError::Server {
        server: "postgres",
        what: "could not be set up".into(),
        log: aside.clone(),
        tail,
    })?;
    std::fs::rename(&aside, &cluster).map_err(failed("put the new cluster in its place"))
}

fn clear(dir: &Path) -> Result<(), DevStackError> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed(format!("remove {}", dir.display()))(error))
        }
        _ => Ok(()),
    }
}

fn initdb(
    binaries: &Binaries,
    cluster: &Path,
    identity: &Identity,
    locale: &[&str],
) -> Result<Result<(), String>, DevStackError> {
    let mut command = Command::new(&binaries.initdb);
    command.args(["--auth=trust", "--no-sync", "-E", "UTF8", "-U", OWNER, "-D"]).arg(cluster).args(locale);
    run(command, cluster, identity, "")
}

/// By single-user mode: it needs neither a running server nor a client program.
fn create_database(
    binaries: &Binaries,
    cluster: &Path,
    identity: &Identity,
) -> Result<Result<(), String>, DevStackError> {
    let mut command = Command::new(&binaries.postgres);
    command.args(["--single", "-F", "-D"]).arg(cluster).arg("postgres");
    run(command, cluster, identity, &format!("CREATE DATABASE {OWNER} OWNER {OWNER};\n"))
}

/// Runs to the end; the inner error is what the program printed.
fn run(
    mut command: Command,
    cluster: &Path,
    identity: &Identity,
    input: &str,
) -> Result<Result<(), String>, DevStackError> {
    identity.apply(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let what = || format!("set up Postgres in {}", cluster.display());
    let mut child =
        command.current_dir(cluster.parent().unwrap_or(cluster)).spawn().map_err(failed(what()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ended without reading has its say in its output.
        let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed(what()))?;
    Ok(if output.status.success() {
        Ok(())
    } else {
        Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    })
}

/// The command line. Without `durable` a crash of the machine loses data, and everything is faster.
pub(super) fn launch(binaries: &Binaries, place: &Place, identity: &Identity, durable: bool) -> Launch {
    let sockets = format!("unix_socket_directories={}", place.sockets().display());
    let mut settings = vec![
        "listen_addresses=".to_owned(),
        sockets,
        "port=5432".into(),
        "unix_socket_permissions=0700".into(),
        "max_connections=200".into(),
        "timezone=UTC".into(),
        "log_timezone=UTC".into(),
    ];
    if !durable {
        settings.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"].map(str::to_owned));
    }
    let cluster = place.postgres_dir().join(CLUSTER);
    let mut args = vec!["-D".to_owned(), cluster.display().to_string()];
    args.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
    Launch {
        name: "postgres",
        program: binaries.postgres.clone(),
        args,
        dir: place.postgres_dir(),
        log: place.postgres_log(),
        identity: Some(*identity),
        // "Fast": sessions are ended, everything is written.
        stop_signal: "INT",
        // "Immediate": the backends end, too, and shared memory is given back.
        farewell: "QUIT",
        data: &[],
    }
}

/// Reads `postmaster.pid`, as `pg_ctl` does: its first line is the process, its last one the state.
#[derive(Debug)]
pub(super) struct Probe {
    pid_file: PathBuf,
    socket: PathBuf,
    cluster: String,
}

impl Probe {
    pub(super) fn new(place: &Place) -> Self {
        let cluster = place.postgres_dir().join(CLUSTER);
        Self {
            pid_file: cluster.join("postmaster.pid"),
            socket: place.postgres_socket(),
            cluster: cluster.display().to_string(),
        }
    }

    /// The command line of the living process that the pid file names.
    fn holder(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.pid_file).ok()?;
        let pid = text.lines().next()?.trim();
        let output = Command::new("ps").args(["-ww", "-o", "args=", "-p", pid]).output().ok()?;
        let command = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!command.is_empty()).then_some(command)
    }
}

impl server::Probe for Probe {
    fn readiness(&self, pid: u32) -> Readiness {
        let text = std::fs::read_to_string(&self.pid_file).unwrap_or_default();
        let ours = text.lines().next().is_some_and(|line| line.trim() == pid.to_string());
        if ours && text.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            Readiness::Ready
        } else {
            Readiness::NotYet
        }
    }

    fn is_occupied(&self) -> bool {
        UnixStream::connect(&self.socket).is_ok()
            || self.holder().is_some_and(|command| command.contains(&self.cluster))
    }

    fn tidy(&self) {
        // Postgres takes any living process of this number for its predecessor, and numbers come round (in a
        // container at once). A dead one it judges better itself: it also looks for backends left behind.
        if self.holder().is_some_and(|command| !command.contains(&self.cluster)) {
            let _ = std::fs::remove_file(&self.pid_file);
        }
    }

    fn may_retry(&self, log_tail: &str) -> bool {
        // Backends of a killed postmaster need a moment to notice.
        log_tail.lines().rev().take(4).any(|line| line.contains("shared memory block"))
    }
}

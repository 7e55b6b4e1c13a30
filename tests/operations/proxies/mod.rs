//! nginx and Caddy with the files of `deploy`, before real nodes: real ports and certificates take the place of those in
//! the files, and nothing else of them is changed.

mod caddy;
mod nginx;
mod story;
mod upstream;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a proxy may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy that goes with the test.
pub struct Proxy {
    child: Child,
    /// By plain HTTP.
    pub plain: SocketAddr,
    /// By TLS.
    pub tls: SocketAddr,
    dir: TempDir,
}

impl Proxy {
    /// Starts a program, and waits until it listens.
    fn start(mut command: Command, dir: TempDir, plain: SocketAddr, tls: SocketAddr) -> Self {
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut proxy = Self { child, plain, tls, dir };
        let started = Instant::now();
        while [plain, tls].iter().any(|address| TcpStream::connect(address).is_err()) {
            let ended = proxy.child.try_wait().unwrap();
            assert!(ended.is_none() && started.elapsed() < PATIENCE, "{}", proxy.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy
    }

    /// Everything that it has written: its log, and files of logs.
    pub fn log(&self) -> String {
        let files = ["log", "access.log", "error.log"].map(|name| self.dir.path().join(name));
        files.iter().map(|file| std::fs::read_to_string(file).unwrap_or_default()).collect()
    }

    /// Where a page finds it.
    pub fn base(&self) -> String {
        format!("http://{}", self.plain)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx ends its workers where it is asked to, and not where it is killed.
        if let Some(id) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// A file of the repository in which each of these texts, which must be there, is replaced.
fn variant(file: &str, changes: &[(&str, String)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let mut text = std::fs::read_to_string(path).unwrap();
    for (written, meant) in changes {
        assert!(text.contains(written), "{file} has no {written}");
        text = text.replace(written, meant);
    }
    text
}

/// A port of this machine that nobody uses now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A certificate that signs itself, and its key.
fn certificate(dir: &Path) -> [PathBuf; 2] {
    let files = ["rollcall.crt", "rollcall.key"].map(|name| dir.join(name));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=rollcall.example.com", "-addext", "subjectAltName=IP:127.0.0.1", "-out"])
        .arg(&files[0])
        .arg("-keyout")
        .arg(&files[1])
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    files
}

/// Runs a check of a configuration, which must have nothing against it.
fn check(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

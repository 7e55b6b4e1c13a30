//! A server that does one thing with every request, and counts: what a proxy does with a node that fails can be seen only
//! from there.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The server. Its threads end with the process.
pub struct Upstream {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    /// Reads each request to its end, then closes without a word: nobody can know whether it was done.
    pub fn that_hangs_up() -> Self {
        Self::start(|_| false)
    }

    /// Answers each request, and keeps the connection.
    pub fn that_answers() -> Self {
        Self::start(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_ok())
    }

    fn start(answer: fn(&mut TcpStream) -> bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        std::thread::spawn({
            let (connections, requests) = (Arc::clone(&connections), Arc::clone(&requests));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    connections.fetch_add(1, Ordering::Relaxed);
                    let requests = Arc::clone(&requests);
                    std::thread::spawn(move || serve(stream, &requests, answer));
                }
            }
        });
        Self { address, connections, requests }
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: TcpStream, requests: &AtomicUsize, answer: fn(&mut TcpStream) -> bool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while read(&mut reader).is_some() {
        requests.fetch_add(1, Ordering::Relaxed);
        if !answer(&mut stream) {
            return;
        }
    }
}

/// Reads one request; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()
}

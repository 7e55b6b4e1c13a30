//! A word with one server of a fleet, over its port.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rollcall::devstack::Member;

/// Sends commands, one a line, and answers the last reply: text without its frame. None may be refused.
pub fn tell(member: &Member, commands: &str) -> String {
    try_tell(member, commands).unwrap_or_else(|refused| panic!("the server refused: {refused}"))
}

/// The same; answers what the server says where it refuses one.
pub fn try_tell(member: &Member, commands: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", member.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut last = String::new();
    for command in commands.lines() {
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        last = reply(&mut BufReader::new(&mut stream))?;
    }
    Ok(last)
}

fn reply(stream: &mut impl BufRead) -> Result<String, String> {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let (kind, rest) = line.trim_end().split_at(1);
    match kind {
        "$" if rest != "-1" => {
            let mut text = vec![0; rest.parse::<usize>().unwrap() + 2];
            stream.read_exact(&mut text).unwrap();
            Ok(String::from_utf8_lossy(&text[..text.len() - 2]).into_owned())
        }
        "*" => {
            let parts: Result<Vec<_>, _> = (0..rest.parse().unwrap_or(0)).map(|_| reply(stream)).collect();
            Ok(parts?.join("\n"))
        }
        "-" => Err(rest.to_owned()),
        _ => Ok(rest.to_owned()),
    }
}

/// Waits for a condition outside of any runtime.
pub fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

//! What `rollcall dev` says when it is ready: where things are, who can log in, and lines to try.

use std::io::Write;
use std::path::PathBuf;

use crate::config::Span;
use crate::presence::{Millis, Policy};

/// The facts of a started service.
#[derive(Debug)]
pub(super) struct Banner {
    /// `http://host:port` of the public listener.
    pub(super) base: String,
    /// The same of the internal one.
    pub(super) internal: String,
    pub(super) password: String,
    /// How many people the crowd has; 0 without one.
    pub(super) crowd: usize,
    pub(super) policy: Policy,
    pub(super) data_dir: PathBuf,
    pub(super) database_url: String,
}

impl Banner {
    /// Prints it to standard output.
    pub(super) fn print(&self) -> std::io::Result<()> {
        write!(std::io::stdout(), "{}", self.text())
    }

    fn text(&self) -> String {
        let Self { base, internal, password, database_url, .. } = self;
        let data_dir = self.data_dir.display();
        let (crowd, play) = (self.crowd_line(), self.play_line());
        let times = self.times();
        format!(
            "
  rollcall is ready     {base}/
  console               {base}/console/{play}
  metrics, readiness    {internal}/metrics  {internal}/readyz
  data                  {data_dir}  (remove it for a fresh start)
  log in as             admin, moderator or user{crowd}
  password              {password}
  times of presence     {times}
  limits                none

Try it:

  # log in, which is a sign of life
  TOKEN=$(curl -s {base}/api/auth/login/ -H 'content-type: application/json' \\
    -d '{{\"username\":\"user\",\"password\":\"{password}\"}}' | sed 's/.*\"access\":\"\\([^\"]*\\)\".*/\\1/')

  # a heartbeat: online for as long as they follow each other
  curl -s -X POST {base}/api/users/heartbeat/ -H \"authorization: Bearer $TOKEN\"

  # how many are here
  curl -s {base}/api/presence/stats/ -H \"authorization: Bearer $TOKEN\"

  # every change of status, once
  psql '{database_url}' -c \\
    'SELECT user_id, from_status, to_status, reason, occurred_at FROM transitions ORDER BY recorded_at DESC LIMIT 20'

Ctrl-C stops everything.

"
        )
    }

    fn crowd_line(&self) -> String {
        match self.crowd {
            0 => String::new(),
            count => format!("; or any of {count} people of the crowd, such as ada.berg"),
        }
    }

    fn play_line(&self) -> String {
        match self.crowd {
            0 => String::new(),
            _ => format!(
                "\n  to play with          {}/demo/  in several windows, each of which is somebody",
                self.base
            ),
        }
    }

    fn times(&self) -> String {
        let Policy { visible, hidden, linger, idle_away, .. } = self.policy;
        format!(
            "heartbeat {} / gone after {}, hidden page {} / {}, goodbye {}, idle {}",
            span(visible.interval),
            span(visible.ttl),
            span(hidden.interval),
            span(hidden.ttl),
            span(linger),
            span(idle_away)
        )
    }
}

fn span(millis: Millis) -> Span {
    Span::from_millis(millis.0.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_to_try_name_this_service() {
        let banner = Banner {
            base: "http://127.0.0.1:8000".to_owned(),
            internal: "http://127.0.0.1:9000".to_owned(),
            password: "abcd-efgh-jkmn".to_owned(),
            crowd: 0,
            policy: Policy::default(),
            data_dir: PathBuf::from("/data"),
            database_url: "postgres://rollcall@localhost:5432/rollcall?host=/data/sockets".to_owned(),
        };
        let text = banner.text();
        assert!(text.contains("curl -s http://127.0.0.1:8000/api/auth/login/"));
        assert!(text.contains(r#"-d '{"username":"user","password":"abcd-efgh-jkmn"}'"#));
        assert!(text.contains("psql 'postgres://rollcall@localhost:5432/rollcall?host=/data/sockets'"));
        assert!(text.contains("heartbeat 30s / gone after 2m"));
        assert!(text.contains("http://127.0.0.1:8000/console/") && !text.contains("/demo/"));
    }
}

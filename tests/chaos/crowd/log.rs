//! What a client did and what it heard, with times: the witness against which everything else is held.

use std::fmt;

/// What a request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A heartbeat, of somebody active or idle.
    Beat { idle: bool },
    /// The answer to a socket's ping.
    Pong,
    /// The page says that it closes.
    Goodbye,
    /// The login ends.
    Logout,
    /// A login by name and password, which is a sign of life.
    Login,
    /// A status of the client's own is set, or taken back with `None`.
    Claim(Option<&'static str>),
    /// A heartbeat by the token of a login that has ended.
    Ghost,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Acknowledged: the status, since when, and when it was judged by the clock of Redis (ms); `""` and 0 where the
    /// answer does not say.
    Done { status: String, since: i64, at: i64 },
    /// Refused, with status and code. `ran` says whether it may have been done all the same.
    Refused { status: u16, code: String, ran: bool },
    /// No answer: it may have been done, or be done yet.
    Nothing,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) sent: i64,
    pub(crate) done: i64,
    pub(crate) node: usize,
    pub(crate) login: u32,
    pub(crate) what: What,
    pub(crate) heard: Heard,
    /// Said over a socket.
    pub(crate) by_socket: bool,
}

/// A heartbeat over a socket is answered and not recorded within so many ms of a sign that was.
const NOT_RECORDED: i64 = 1_000;

impl Request {
    /// When it was done, if it was acknowledged: from the first moment that is possible to the last.
    pub(crate) fn acknowledged(&self) -> Option<(i64, i64)> {
        match self.heard {
            Heard::Done { at, .. } if self.by_socket => Some((at - NOT_RECORDED, at)),
            Heard::Done { at, .. } if at > 0 => Some((at, at)),
            Heard::Done { .. } => Some((self.sent, self.done)),
            _ => None,
        }
    }

    /// Whether it may have changed something without an answer that says so.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.heard, Heard::Nothing | Heard::Refused { ran: true, .. })
    }

    /// Whether it is a sign of life, where it is let in: an ended login's is not, unless it was let in all the same.
    pub(crate) fn is_sign(&self) -> bool {
        match self.what {
            What::Beat { .. } | What::Pong | What::Login | What::Claim(_) => true,
            What::Ghost => self.acknowledged().is_some(),
            What::Goodbye | What::Logout => false,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, done, node, login, what, heard, by_socket: _ } = self;
        write!(f, "{sent} +{} node {node} login {login} {what:?}: {heard:?}", done - sent)
    }
}

//! Clients of `/ws/presence/`, which were written for other servers and speak one of two older protocols, OffChat's or
//! ConnectFlow's. Each is a translation on both sides of the same [`Session`](super::session::Session) and the same loop:
//! what such a client says becomes a frame of our own protocol before the session hears it; `told` writes what it is told.
//! docs/existing-clients.md says what they can rely on.

mod acts;
mod told;

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;

pub use told::Tongue;

use super::protocol::ServerFrame;
use crate::presence::{Policy, Status, UserId};

/// What nobody understands, on purpose: what is wrong in an older protocol is wrong in ours, too, and counted as such.
const NONSENSE: &str = "";
/// A sign of life.
const HEARTBEAT: &str = r#"{"type":"heartbeat"}"#;

/// A client of an older protocol.
#[derive(Debug)]
pub struct Existing {
    /// Which of the two; OffChat's until the client says otherwise.
    tongue: Tongue,
    /// For how long somebody is idle whose page says `AWAY`, and whose page says `OFFLINE`; ms.
    idle: [i64; 2],
    /// The status that the client said last.
    last: Option<Word>,
    /// Whom the client takes for present, and how. Nothing in these protocols says "this is everybody", so who has gone
    /// unheard must be told to have gone; and no version tells what is news, so it is told once.
    present: HashMap<UserId, Status>,
}

/// A frame, as far as it matters: what else is in it is not read.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: String,
    status: Option<String>,
}

/// A status of ConnectFlow's. Its server reads them in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Online,
    Away,
    Busy,
    Offline,
}

impl Word {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "ONLINE" => Some(Self::Online),
            "AWAY" => Some(Self::Away),
            "BUSY" => Some(Self::Busy),
            "OFFLINE" => Some(Self::Offline),
            _ => None,
        }
    }
}

impl Existing {
    /// A client that has not said anything.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        let idle = [policy.idle_away.0, policy.idle_offline.0];
        Self { tongue: Tongue::OffChat, idle, last: None, present: HashMap::new() }
    }

    /// Which protocol the client speaks, as far as is known.
    #[must_use]
    pub const fn tongue(&self) -> Tongue {
        self.tongue
    }

    /// What the client says, in our own protocol.
    pub fn translate(&mut self, text: &str) -> String {
        let Ok(said) = serde_json::from_str::<Said>(text) else { return NONSENSE.to_owned() };
        match (said.kind.as_str(), said.status.as_deref().and_then(Word::parse)) {
            ("ping", _) => HEARTBEAT.to_owned(),
            ("heartbeat", _) => {
                self.speak_connectflow();
                HEARTBEAT.to_owned()
            }
            ("status_change", Some(word)) => {
                self.speak_connectflow();
                let is_repeated = self.last.replace(word) == Some(word);
                self.status(word, is_repeated)
            }
            _ => NONSENSE.to_owned(),
        }
    }

    /// The page sends `AWAY`, `OFFLINE` and `ONLINE` by timers and by the first movement of the mouse: this is activity and
    /// no wish. `BUSY` is a wish that no movement of the mouse takes back: what does is an `ONLINE` of a page that is
    /// `ONLINE` already, which no timer and no mouse sends.
    fn status(&self, word: Word, is_repeated: bool) -> String {
        let [away, offline] = self.idle;
        let idle = |ms: i64| json!({"type": "heartbeat", "activity": "idle", "idle_ms": ms}).to_string();
        match (word, is_repeated) {
            (Word::Online, true) => json!({"type": "status_change", "status": "online"}).to_string(),
            (Word::Online, false) => json!({"type": "heartbeat", "activity": "active"}).to_string(),
            (_, true) => HEARTBEAT.to_owned(),
            (Word::Busy, false) => json!({"type": "status_change", "status": "busy"}).to_string(),
            (Word::Away, false) => idle(away),
            (Word::Offline, false) => idle(offline),
        }
    }

    /// What the client understands of what is said to every client: the answer to its heartbeat.
    #[must_use]
    pub fn tell(frame: &ServerFrame<'_>) -> Option<String> {
        matches!(frame, ServerFrame::Pong { .. }).then(|| r#"{"type":"pong"}"#.to_owned())
    }

    /// Notes that the client is told of somebody's status; answers whether that is news.
    fn note(&mut self, user: &UserId, status: Status) -> bool {
        if status == Status::Offline {
            self.present.remove(user);
            return true;
        }
        match self.present.get_mut(user) {
            Some(known) => std::mem::replace(known, status) != status,
            None => self.present.insert(user.clone(), status).is_none(),
        }
    }

    /// The client turns out to speak ConnectFlow's protocol. If it was told anything, then in words that it does not know.
    fn speak_connectflow(&mut self) {
        if self.tongue == Tongue::OffChat {
            self.tongue = Tongue::ConnectFlow;
            self.present.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::protocol::ClientFrame;

    fn translated(existing: &mut Existing, text: &str) -> String {
        let ours = existing.translate(text);
        assert_eq!(ClientFrame::parse(&ours).is_err(), ours == NONSENSE, "{ours}");
        ours
    }

    #[test]
    fn what_they_say_is_ours_or_nonsense() {
        let mut existing = Existing::new(&Policy::default());
        assert_eq!(translated(&mut existing, r#"{"type":"ping"}"#), HEARTBEAT);
        for wrong in [
            "",
            "[1]",
            "{}",
            "null",
            r#"{"type":"status_change","status":5}"#,
            r#"{"type":"status_change","status":"ASLEEP"}"#,
            r#"{"type":"status_change"}"#,
            r#"{"type":"hello","token":"x"}"#,
            r#"{"type":"watch","orgs":["main"]}"#,
        ] {
            assert_eq!(translated(&mut existing, wrong), NONSENSE, "{wrong}");
        }
        assert_eq!(existing.tongue(), Tongue::OffChat);
        assert_eq!(translated(&mut existing, r#"{"type":"heartbeat","at":7}"#), HEARTBEAT);
        assert_eq!(existing.tongue(), Tongue::ConnectFlow);
        assert_eq!(translated(&mut existing, r#"{"type":"ping"}"#), HEARTBEAT);
        assert_eq!(existing.tongue(), Tongue::ConnectFlow);
    }

    #[test]
    fn only_an_online_that_is_meant_takes_busy_back() {
        let mut existing = Existing::new(&Policy::default());
        let said = [
            ("BUSY", r#"{"status":"busy","type":"status_change"}"#),
            ("BUSY", HEARTBEAT),
            ("ONLINE", r#"{"activity":"active","type":"heartbeat"}"#),
            ("away", r#"{"activity":"idle","idle_ms":300000,"type":"heartbeat"}"#),
            ("AWAY", HEARTBEAT),
            ("OFFLINE", r#"{"activity":"idle","idle_ms":1800000,"type":"heartbeat"}"#),
            ("ONLINE", r#"{"activity":"active","type":"heartbeat"}"#),
            ("ONLINE", r#"{"status":"online","type":"status_change"}"#),
        ];
        for (word, ours) in said {
            let frame = json!({"type": "status_change", "status": word}).to_string();
            assert_eq!(translated(&mut existing, &frame), ours, "{word}");
        }
    }
}

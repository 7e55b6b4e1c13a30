//! What the layers amount to, and where the stores do not fit together.

use super::Layers;
use crate::accounts::Account;
use crate::audit::{LastKnown, Position};
use crate::presence::{GateKind, Status};
use crate::store::Facts;

impl Layers {
    /// What each layer says of these facts.
    pub(super) fn of(facts: &Facts) -> Self {
        let sessions = match facts.sessions.as_slice() {
            [] => Status::Offline,
            some if some.iter().all(|session| session.idle) => Status::Away,
            _ => Status::Online,
        };
        let claims = facts.claims.in_force().map(|claim| claim.status);
        let gate = facts.gate.as_ref().and_then(|gate| gate.kind);
        let status = match (gate, sessions) {
            (None, Status::Online | Status::Away) => claims.unwrap_or(sessions),
            _ => Status::Offline,
        };
        Self { sessions, claims, gate, status, shown: status.shown() }
    }
}

/// What does not fit together, and why.
pub(super) fn of(
    facts: &Facts,
    layers: &Layers,
    last: Option<&LastKnown>,
    account: Option<&Account>,
    position: Position,
) -> Vec<String> {
    let mut found = Vec::new();
    let status = facts.record.as_ref().map_or(Status::Offline, |record| record.status);
    if status != layers.status {
        found.push(format!("Redis says {status}, but sessions, claims and gate amount to {}", layers.status));
    }
    let listed = facts.listed.map_or(Status::Offline, |(status, _)| status);
    if status != listed {
        found.push(format!("the record says {status}, but counts and lists have {listed}"));
    }
    let n = facts.record.as_ref().map_or(0, |record| record.n);
    let kept = last.map_or(Status::Offline, |last| last.status);
    let same = match (&facts.record, last) {
        (Some(record), Some(last)) => (record.status, record.since) == (last.status, last.since),
        _ => status == kept,
    };
    if !same {
        found.push(format!("Redis says {status}, Postgres {kept}: {}", lag(facts, position, n)));
    }
    let told = layers.gate;
    if let Some(account) = account.filter(|account| account.gate() != told) {
        let word = |gate: Option<GateKind>| gate.map_or("none", GateKind::as_str);
        let of_account = word(account.gate());
        found.push(format!("the account's gate is {of_account}, that of Redis {}", word(told)));
    }
    found
}

/// Why Postgres may have another status than Redis.
fn lag(facts: &Facts, position: Position, n: i64) -> String {
    let (head, waiting) = (facts.head, facts.head.n - position.n);
    if head.epoch != position.epoch {
        format!("the history is of epoch {}, Redis of {}", position.epoch, head.epoch)
    } else if n > position.n {
        format!("entry {n} is one of the {waiting} that wait to be copied")
    } else if facts.record.is_none() {
        "Redis has no record of them, and nothing that waits to be copied explains it".to_owned()
    } else {
        "everything up to the user's last entry was copied, so one of the two is wrong".to_owned()
    }
}

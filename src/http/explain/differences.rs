//! What the layers amount to, and where the stores do not fit together.

use super::Layers;
use crate::accounts::Account;
use crate::audit::{LastKnown, Position};
use crate::presence::{GateKind, Status};
use crate::store::{Facts, Opened};

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
    let kept = last.map_or(Status::Offline, |last| last.status);
    let same = match (&facts.record, last) {
        (Some(record), Some(last)) => (record.status, record.since) == (last.status, last.since),
        _ => status == kept,
    };
    if !same {
        found.push(format!(
            "Redis says {status}, Postgres {kept}: {}",
            lag(facts.head, position, facts.record.as_ref().map(|record| record.n))
        ));
    }
    let told = layers.gate;
    if let Some(account) = account.filter(|account| account.gate() != told) {
        let word = |gate: Option<GateKind>| gate.map_or("none", GateKind::as_str);
        let of_account = word(account.gate());
        found.push(format!("the account's gate is {of_account}, that of Redis {}", word(told)));
    }
    found
}

/// Why Postgres may have another status than Redis. `head` was read before `position`; `n`: the user's last entry, if
/// Redis has a record.
fn lag(head: Opened, position: Position, n: Option<i64>) -> String {
    if head.epoch != position.epoch {
        return format!("the history is of epoch {}, Redis of {}", position.epoch, head.epoch);
    }
    match n {
        Some(n) if n > position.n => {
            format!("entry {n} is one of the {} that wait to be copied", head.n - position.n)
        }
        _ if position.n > head.n => "the shard went on while this was looked at; ask again".to_owned(),
        None => "Redis has no record of them, and nothing that waits to be copied explains it".to_owned(),
        Some(_) => "everything up to the user's last entry was copied, so one of the two is wrong".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_called_wrong_only_where_nothing_else_explains_it() {
        let position = |epoch, n| Position { epoch, n, ..Position::default() };
        let head = Opened { epoch: 2, n: 10 };
        for (position, n, reason) in [
            (position(1, 10), Some(10), "of epoch 1"),
            (position(2, 7), Some(9), "entry 9 is one of the 3 that wait"),
            (position(2, 11), Some(10), "ask again"),
            (position(2, 11), None, "ask again"),
            (position(2, 10), None, "has no record"),
            (position(2, 10), Some(10), "one of the two is wrong"),
        ] {
            let said = lag(head, position, n);
            assert!(said.contains(reason), "{said}");
        }
    }
}

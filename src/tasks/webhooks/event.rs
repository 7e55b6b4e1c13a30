//! Changes as a webhook may know them: who keeps to themselves when they were last seen does so before other servers, too.

use crate::accounts::Choices;
use crate::audit::{Leased, ShownChange};
use crate::courier::Event;
use crate::moment::Timestamp;
use crate::presence::{ChangeKind, UserId};

/// The events of a delivery.
pub(super) fn events(
    choices: &Choices<'_>,
    leased: &Leased,
    changes: &[(i64, UserId, ShownChange)],
) -> Vec<Event> {
    let event = |(number, user, change): &(i64, UserId, ShownChange)| {
        // A webhook of one organisation is one of its members; one that is told of all is a member of none.
        let is_of_same_org = leased.org.as_ref() == Some(&change.org);
        event(leased, *number, user, change, choices.of(user).admits(is_of_same_org))
    };
    changes.iter().map(event).collect()
}

/// To whoever may not see when somebody was last seen, somebody who is offline is like somebody who was never seen: the
/// event itself says that they left, and none of its times.
fn event(leased: &Leased, number: i64, user: &UserId, change: &ShownChange, is_open: bool) -> Event {
    let has_times = is_open || change.kind != ChangeKind::Offline;
    let time = |at| Some(Timestamp::from(at)).filter(|_| has_times);
    Event::Change {
        id: format!("{}.{number}", leased.id),
        kind: change.kind.as_str(),
        user_id: user.clone(),
        org: change.org.clone(),
        status: change.status,
        previous: change.previous,
        since: time(change.since),
        last_seen: change.last_seen.filter(|_| is_open).map(Timestamp::from),
        reason: change.reason,
        occurred_at: time(change.occurred_at),
        sequence: number,
        version: Some(change.version).filter(|_| has_times),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::presence::{Millis, Org, Reason, Status};

    fn sent(kind: ChangeKind, status: Status, is_open: bool) -> Value {
        let leased = Leased {
            id: Uuid::nil(),
            lease: Uuid::nil(),
            url: String::new(),
            org: None,
            events: Vec::new(),
            debounce: None,
            secret: Vec::new(),
            previous_secret: None,
        };
        let change = ShownChange {
            kind,
            org: Org::default(),
            status,
            previous: Status::Online,
            since: Millis(1_000),
            last_seen: Some(Millis(900)),
            reason: Some(Reason::Logout),
            occurred_at: Millis(1_000),
            version: 7,
        };
        serde_json::to_value(event(&leased, 3, &UserId::parse("42").unwrap(), &change, is_open)).unwrap()
    }

    #[test]
    fn an_event_is_told_whole_or_without_what_is_hidden() {
        let whole = sent(ChangeKind::Offline, Status::Offline, true);
        let expected = json!({
            "id": "00000000-0000-0000-0000-000000000000.3", "type": "offline", "user_id": "42", "org": "main",
            "status": "offline", "previous": "online", "since": "1970-01-01T00:00:01.000Z",
            "last_seen": "1970-01-01T00:00:00.900Z", "reason": "logout", "occurred_at": "1970-01-01T00:00:01.000Z",
            "sequence": 3, "version": 7,
        });
        assert_eq!(whole, expected);
        let hidden = sent(ChangeKind::Offline, Status::Offline, false);
        assert_eq!([&hidden["since"], &hidden["last_seen"], &hidden["occurred_at"]], [&Value::Null; 3]);
        assert!(hidden.get("version").is_none());
        let present = sent(ChangeKind::Status, Status::Away, false);
        assert_eq!((&present["since"], &present["last_seen"]), (&whole["since"], &Value::Null));
        assert_eq!(present["version"], 7);
    }
}

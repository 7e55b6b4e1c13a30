//! What is left of the facts about somebody as others saw them. Of whoever is offline to others nothing tells that they
//! are invisible: no session, no record of Redis (which it has of nobody for long who is offline), no comparison.

use crate::audit::LastKnown;
use crate::presence::{Claim, Status};
use crate::store::Facts;

/// A version is `epoch * 2^32 + n`.
const N: i64 = 1 << 32;

/// What others may know of these facts.
pub(super) fn facts(facts: Facts) -> Facts {
    let visible = |claim: &Claim| claim.status != Status::Invisible;
    let mut facts = facts;
    facts.claims.manual = facts.claims.manual.filter(visible);
    facts.claims.admin = facts.claims.admin.filter(visible);
    facts.record = facts.record.filter(|record| record.shown.status != Status::Offline);
    match &mut facts.record {
        None => {
            facts.sessions.clear();
            facts.listed = None;
        }
        // They may have come unseen.
        Some(record) => {
            record.online_since = record.shown.online_since;
            for session in &mut facts.sessions {
                session.opened = session.opened.map(|opened| opened.max(record.online_since));
            }
        }
    }
    facts
}

/// What others may know of the last known state; none of somebody whom they never saw.
pub(super) fn last(last: LastKnown) -> Option<LastKnown> {
    let shown = LastKnown {
        status: last.status.shown(),
        since: last.shown_since,
        online_since: last.shown_online_since,
        last_seen: last.shown_last_seen,
        epoch: last.shown_version / N,
        n: last.shown_version % N,
        ..last
    };
    Some(shown).filter(|last| last.shown_version > 0)
}

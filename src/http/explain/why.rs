//! Why somebody is still online, or is not, in words that need no knowledge of sessions and leases.

use std::time::Duration;

use super::Layers;
use crate::audit::Told;
use crate::http::time::Timestamp;
use crate::presence::{EntryKind, Millis, Mode, Pace, Policy, Reason, Status};
use crate::store::{Facts, SessionFacts};

/// A hidden page that nobody came back to for so long has been forgotten, it seems.
const FORGOTTEN: Millis = Millis(3_600_000);

/// A sentence for each reason; `entries`: the user's history, newest first.
pub(super) fn of(facts: &Facts, layers: &Layers, entries: &[Told], policy: &Policy) -> Vec<String> {
    if let Some(gate) = layers.gate {
        return vec![format!("the account is {gate}: every sign of life is refused, whatever it comes from")];
    }
    if facts.sessions.is_empty() {
        return absent(facts, entries);
    }
    let mut why: Vec<String> =
        facts.sessions.iter().map(|session| session_words(session, facts.now, policy)).collect();
    if let Some(claim) = facts.claims.in_force() {
        let whose = if facts.claims.admin.is_some() { "an administrator" } else { "the user" };
        let until =
            claim.until.map_or_else(String::new, |until| format!(", until {}", Timestamp::from(until)));
        why.push(format!("{whose} has set {}{until}: that goes before what sessions say", claim.status));
    }
    if let Some(until) = facts.grace_until.filter(|until| *until > facts.now) {
        why.push(format!(
            "nobody expires on this shard before {}: there was a stall, and clients need time to find back",
            Timestamp::from(until)
        ));
    }
    why
}

/// Why nobody is there.
fn absent(facts: &Facts, entries: &[Told]) -> Vec<String> {
    let mut why = vec!["no page, app or socket of theirs shows itself".to_owned()];
    let left =
        entries.iter().find(|entry| entry.kind == EntryKind::Transition && entry.to == Status::Offline);
    if let Some(left) = left.filter(|left| left.from != Status::Offline) {
        let ago = span(facts.now - left.place.occurred_at);
        let (at, what) = (Timestamp::from(left.place.occurred_at), ended(left.reason));
        why.push(format!("the last one ended at {at}, {ago} ago: {what}"));
    }
    why
}

/// What a reason to go offline means.
const fn ended(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired => {
            "it fell silent until its time was over, as when a network, a battery or a browser gives up"
        }
        Reason::Closed => "it said goodbye: a page was closed, or an app left",
        Reason::IdleTimeout => "it said for too long that nobody uses it",
        Reason::Logout => "its user logged out",
        Reason::LogoutAll => "its user logged out everywhere",
        Reason::ForceLogout => "an administrator, or a changed password, ended the login",
        Reason::Suspended | Reason::Banned | Reason::Deactivated => "the account may not be online",
        Reason::StoreLost => "Redis lost its data, and nobody of theirs came back after that",
        Reason::StoreRewound => "Redis was set back to an older state, in which they were not there",
        _ => "what was claimed for them ended it",
    }
}

/// One session: what it is, for how long, and what keeps it.
pub(super) fn session_words(session: &SessionFacts, now: Millis, policy: &Policy) -> String {
    let Some(_) = &session.id else {
        return format!(
            "they were present when Redis lost its data, and have {} left to show themselves",
            span(session.deadline - now)
        );
    };
    let what = match session.pace {
        Pace::Visible => "a visible page",
        Pace::Hidden => "a hidden page",
        Pace::Socket => "a socket",
    };
    let device = session.device.map_or_else(String::new, |device| format!(" on {device}"));
    let open = session.opened.map(|opened| now - opened);
    let since = open.map_or_else(String::new, |open| format!(", open for {}", span(open)));
    let idle = idle_for(session, now, policy);
    let usage = match (session.idle, idle) {
        (true, Some(idle)) => format!(", idle for {}", span(idle)),
        (true, None) => ", idle".to_owned(),
        (false, _) => ", in use as far as it says".to_owned(),
    };
    let keeps = match session.mode {
        Mode::Closing => format!("said goodbye, and has {} left to come back", span(session.deadline - now)),
        Mode::Capped => format!("ends in {} unless somebody uses it", span(session.deadline - now)),
        Mode::Standard | Mode::Long => {
            let beats = span(policy.rhythm(session.pace).interval);
            let last = span(now - (session.deadline - session.granted));
            format!("beats every {beats}, last {last} ago")
        }
    };
    let alone = idle.or(open).is_some_and(|alone| alone >= FORGOTTEN);
    let forgotten = if session.pace == Pace::Hidden && session.mode != Mode::Closing && alone {
        ". A forgotten tab, it seems: nobody looks at it, but it goes on beating"
    } else {
        ""
    };
    format!("{what}{device}{since}{usage}; {keeps}{forgotten}")
}

/// For how long it has been idle: the end that idleness has set it is that much nearer.
pub(super) fn idle_for(session: &SessionFacts, now: Millis, policy: &Policy) -> Option<Millis> {
    let until = session.idle_until.filter(|_| session.idle)?;
    Some(now - (until - policy.idle_offline)).filter(|idle| idle.0 >= 0)
}

/// For people: whole seconds, and of what is long not even those.
pub(super) fn span(span: Millis) -> String {
    let seconds = u64::try_from(span.0 / 1_000).unwrap_or(0);
    let rough = match seconds {
        0..600 => seconds,
        600..86_400 => seconds / 60 * 60,
        _ => seconds / 3_600 * 3_600,
    };
    humantime::format_duration(Duration::from_secs(rough)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_people_need() {
        for (ms, said) in
            [(999, "0s"), (61_000, "1m 1s"), (10_830_000, "3h"), (90_061_000, "1day 1h"), (-5, "0s")]
        {
            assert_eq!(span(Millis(ms)), said);
        }
    }
}

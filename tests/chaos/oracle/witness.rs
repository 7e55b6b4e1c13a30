//! One client's own log, held against what the service recorded of its user.

use std::ops::Range;

use super::history::{Row, statuses};
use crate::crowd::{Heard, Request, What, fits};
use crate::times::{BOUND, GRACE, LATE, LINGER, RECOVERY, SLACK, TTL};

/// A shard that came back empty is told within so many ms which logins have ended.
const TOLD_AGAIN: i64 = 5_000;

/// A heartbeat may be answered with a status that another node changed so many ms ago.
const BEHIND: i64 = 1_000;

/// What may be excused, of the whole run.
#[derive(Clone, Debug, Default)]
pub(super) struct Excuses {
    /// Nobody could be heard or expire; whether it gave grace.
    pub(super) outages: Vec<(Range<i64>, bool)>,
    /// Something was broken: a request may have lain in a frozen process or on a stalled line.
    pub(super) faults: Vec<Range<i64>>,
    /// What Redis forgot.
    pub(super) lost: Vec<Range<i64>>,
}

impl Excuses {
    fn is_lost(&self, from: i64, to: i64) -> bool {
        // A second more: the copy's and the restore's own.
        self.lost.iter().any(|lost| lost.start <= to && from <= lost.end + 1_000)
    }

    /// By when something that was due then must have been noticed.
    pub(super) fn noticed_by(&self, due: i64) -> i64 {
        let mut by = due + BOUND + SLACK;
        for (outage, stall) in &self.outages {
            let over = outage.end + RECOVERY + if *stall { GRACE } else { 0 };
            if outage.start <= by && due <= over {
                by = by.max(over + BOUND + SLACK);
            }
        }
        by
    }

    /// When a request may have had its effect, if it had one.
    fn window(&self, request: &Request) -> Option<(i64, i64)> {
        let open = || request.is_open().then(|| (request.sent, self.effective_until(request)));
        request.acknowledged().or_else(open)
    }

    /// Until when a request without an answer may still take effect: one that lay in a frozen process, or on a stalled
    /// line, goes on when they do.
    fn effective_until(&self, request: &Request) -> i64 {
        let mut until = request.done + LATE;
        for fault in &self.faults {
            if fault.start <= until && request.sent <= fault.end {
                until = until.max(fault.end + LATE);
            }
        }
        until
    }
}

/// What a client and the rows of its user say together.
pub(super) struct Case<'a> {
    pub(super) requests: &'a [Request],
    /// All rows of the user, in their order.
    pub(super) rows: &'a [Row],
    /// The first that was not judged yet.
    pub(super) fresh: usize,
    /// Requests sent before were judged before.
    pub(super) since: i64,
    pub(super) excuses: &'a Excuses,
    /// Whether Postgres knows its logins.
    pub(super) has_account: bool,
}

impl Case<'_> {
    /// Everything that does not fit.
    pub(super) fn judge(&self) -> Vec<String> {
        let mut found = Vec::new();
        for row in &self.rows[self.fresh..] {
            match (row.from.as_str(), row.to.as_str()) {
                ("offline", _) => found.extend(self.came(row)),
                (_, "offline") => found.extend(self.left(row)),
                _ => {}
            }
            if row.is_end() && row.detected > self.excuses.noticed_by(row.occurred) {
                let late = row.detected - row.occurred;
                found.push(format!("noticed {late} ms after the deadline: {row}"));
            }
        }
        for (place, request) in self.requests.iter().enumerate().filter(|(_, it)| it.sent >= self.since) {
            found.extend(self.answered(request).or_else(|| self.forgotten(place)));
        }
        found
    }

    /// What an answer said is what the history says of that moment.
    fn answered(&self, request: &Request) -> Option<String> {
        let Heard::Done { status, since, at } = &request.heard else { return self.refused(request) };
        if request.what == What::Ghost {
            return (!self.may_be_forgotten(request))
                .then(|| format!("a login that has ended was let in again: {request}"));
        }
        if *at == 0 || self.excuses.is_lost(*at, *at) {
            return None;
        }
        if *at + 5 < request.sent || *at > request.done + 5 {
            return Some(format!("judged outside of the time of the request: {request}"));
        }
        if status.is_empty() {
            return None;
        }
        // Moments are milliseconds: what happened in the same one may have come before or after.
        let around = statuses(self.rows, at - BEHIND, at + 1);
        if self.was_overdue(request, *at) {
            return None;
        }
        if !around.iter().any(|(said, _)| said == status) {
            return Some(format!("the history says {around:?}, the answer said: {request}"));
        }
        let began = request.by_socket || around.iter().any(|(said, from)| said == status && from == since);
        (status != "offline" && !began && !self.excuses.is_lost(*since, *at))
            .then(|| format!("the history says {around:?}, the answer another `since`: {request}"))
    }

    /// A beat that was answered with another status than the one that the client had set before, and was acknowledged.
    fn forgotten(&self, place: usize) -> Option<String> {
        let beat = &self.requests[place];
        let (What::Beat { .. }, Heard::Done { status, at, .. }) = (beat.what, &beat.heard) else {
            return None;
        };
        let set = self.requests[..place].iter().rev().find(|it| matches!(it.what, What::Claim(_)))?;
        let What::Claim(claim) = set.what else { return None };
        let is_due = set.acknowledged().is_some_and(|(_, latest)| *at > latest + BEHIND);
        // One before, which nobody knows to have been done, may have been done after it.
        let overtaken = self.requests[..place].iter().any(|it| {
            matches!(it.what, What::Claim(_)) && it.is_open() && self.excuses.effective_until(it) >= set.sent
        });
        let excused = overtaken || self.excuses.is_lost(set.sent, set.done + TOLD_AGAIN);
        (is_due && !excused && !fits(claim, status)).then(|| format!("this was forgotten: {set}: {beat}"))
    }

    /// Whether Redis may have forgotten that a login ended. Of accounts Postgres knows it, and tells a shard that lost its
    /// data; of tokens that a host issued Redis alone knows it, until they die.
    fn may_be_forgotten(&self, ghost: &Request) -> bool {
        if self.has_account {
            return self.excuses.is_lost(ghost.sent - TOLD_AGAIN, ghost.sent);
        }
        !self.excuses.lost.is_empty()
    }

    /// Whether a request is a sign of life: also one of a login that has ended, where that may have been forgotten.
    fn is_sign(&self, request: &Request) -> bool {
        request.is_sign() || request.what == What::Ghost && self.may_be_forgotten(request)
    }

    /// A client in good standing is refused only by a service that cannot.
    fn refused(&self, request: &Request) -> Option<String> {
        match &request.heard {
            Heard::Refused { status: 401, .. } if request.what == What::Ghost => None,
            Heard::Refused { status: 503, .. } => None,
            Heard::Refused { .. } => Some(format!("refused for no reason: {request}")),
            _ => None,
        }
    }

    /// Whether a change that had come about by then was noticed only later, as after an outage, and is dated back. Of a
    /// beat that can only be the end of another session of the user, which is the last one if the client then ends its own;
    /// a goodbye, which is no sign of life, does not even put off the end of its own.
    fn was_overdue(&self, request: &Request, at: i64) -> bool {
        let may_be = |row: &Row| {
            row.to != "offline" || request.what == What::Goodbye || self.was_ended(request, row.detected)
        };
        self.rows.iter().any(|row| may_be(row) && row.occurred <= at && at <= row.detected && row.is_end())
    }

    /// Nobody comes online without having sent something then.
    fn came(&self, row: &Row) -> Option<String> {
        let said = self.requests.iter().filter(|request| self.is_sign(request)).any(|request| {
            self.excuses.window(request).is_some_and(|(from, to)| (from - 1..=to + 1).contains(&row.occurred))
        });
        let excused = said || self.excuses.is_lost(row.occurred, row.occurred);
        (!excused).then(|| format!("came online without a sign of life: {row}"))
    }

    fn left(&self, row: &Row) -> Vec<String> {
        let mut found = Vec::new();
        match row.reason.as_str() {
            "expired" | "closed" => {
                found.extend(self.too_early(row));
                found.extend(self.never_granted(row));
            }
            "logout" => {
                // A login whose answer nobody got is taken back, which is a logout, too.
                let ends = |request: &&Request| {
                    request.what == What::Logout
                        || request.what == What::Login && request.acknowledged().is_none()
                };
                let said = self.requests.iter().filter(ends).any(|request| {
                    (request.sent - 1..=self.excuses.effective_until(request)).contains(&row.occurred)
                });
                if !said {
                    found.push(format!("logged out without having asked for it: {row}"));
                }
            }
            "store_lost" if !self.excuses.lost.is_empty() => found.extend(self.misdated(row)),
            "store_rewound" if !self.excuses.lost.is_empty() => {}
            _ => found.push(format!("went offline for a reason that nobody gave: {row}")),
        }
        found.extend(self.kept_beating(row));
        found
    }

    /// Offline before a deadline that was granted and acknowledged.
    fn too_early(&self, row: &Row) -> Option<String> {
        // Of the requests of a second that are no beats the first alone counts.
        let grants = |request: &&Request| request.is_sign() && !matches!(request.what, What::Claim(_));
        let granted = self.requests.iter().rev().filter(grants).find(|request| {
            let Some((earliest, latest)) = request.acknowledged() else { return false };
            // In the very millisecond of the end, it came after it: before it, it would have put it off.
            latest < row.detected
                && earliest + TTL > row.occurred + 1
                && !self.was_ended(request, row.detected)
        })?;
        if self.excuses.is_lost(granted.sent, row.detected) {
            return None;
        }
        Some(format!("offline although this granted {TTL} ms: {granted}: {row}"))
    }

    /// Whether the client itself ended that login, or may have, after this beat or at the same time.
    fn was_ended(&self, beat: &Request, until: i64) -> bool {
        self.requests
            .iter()
            .filter(|request| !request.is_sign() && request.login == beat.login)
            .any(|request| request.sent <= until && self.excuses.effective_until(request) >= beat.sent)
    }

    /// A deadline later than any that was or may have been granted.
    fn never_granted(&self, row: &Row) -> Option<String> {
        let latest =
            self.requests.iter().filter(|request| request.sent <= row.detected).filter_map(|request| {
                let (_, at) = self.excuses.window(request)?;
                Some(at + if self.is_sign(request) { TTL } else { LINGER })
            });
        let latest = latest.max().unwrap_or(0);
        if row.occurred <= latest + 1 || self.excuses.is_lost(row.occurred - TTL, row.detected) {
            return None;
        }
        Some(format!("the deadline is {} ms later than any that was granted: {row}", row.occurred - latest))
    }

    /// Lost with the store, at a moment that is further from the true one than the row admits.
    fn misdated(&self, row: &Row) -> Option<String> {
        let signs = self.requests.iter().filter(|request| request.is_sign());
        let last = signs.filter_map(Request::acknowledged).rfind(|(_, at)| *at <= row.detected)?.1;
        let wrong = (last + TTL - row.occurred).abs();
        // A request without an answer may have been the last sign; a goodbye may have come after it.
        let is_known = self
            .requests
            .iter()
            .filter(|request| request.sent >= last)
            .all(|request| !request.is_open() && request.is_sign());
        (is_known && wrong > row.uncertainty)
            .then(|| format!("{wrong} ms from the deadline, admitted are {}: {row}", row.uncertainty))
    }

    /// Offline although it tried, all the time, at the pace that it was told. Without exception: no outage of this
    /// program is of the length that would excuse it.
    fn kept_beating(&self, row: &Row) -> Option<String> {
        if row.reason == "logout" || row.reason == "closed" {
            return None;
        }
        if row.reason == "store_rewound" && self.changed_while_lost(row) {
            return None;
        }
        const LONGEST_GAP: i64 = 4_500;
        let from = row.occurred - TTL + 1_000;
        let tries: Vec<_> =
            self.requests.iter().filter(|request| (from..=row.detected).contains(&request.sent)).collect();
        let mut last = from;
        for request in tries {
            if request.sent - last > LONGEST_GAP || !matches!(request.what, What::Beat { .. } | What::Pong) {
                return None;
            }
            last = request.sent;
        }
        (row.detected - last <= LONGEST_GAP).then(|| format!("offline although it kept beating: {row}"))
    }

    /// Whether the status that was set back had come about in what Redis forgot: then it cannot know better.
    fn changed_while_lost(&self, row: &Row) -> bool {
        let before = self.rows.iter().rev().find(|before| before.sequence < row.sequence);
        before.is_some_and(|before| {
            self.excuses
                .lost
                .iter()
                .any(|lost| lost.contains(&before.occurred) || lost.contains(&before.detected))
        })
    }
}

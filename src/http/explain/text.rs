//! The explanation as lines for people.

use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

use super::{ExplainedSession, Explanation, Layers, Stored, why};
use crate::presence::{Millis, Status};
use crate::store::Facts;

/// Why, in a sentence.
pub(super) fn summary(facts: &Facts, layers: &Layers) -> String {
    let status = layers.status;
    let count = facts.sessions.len();
    let hidden = if status == Status::Invisible { ", which others see as offline" } else { "" };
    match (layers.gate, layers.sessions, layers.claims) {
        (Some(gate), ..) => format!("offline, because the account is {gate}"),
        (None, Status::Offline, Some(claim)) => {
            format!("offline, because there is no session; {claim} is claimed for the return")
        }
        (None, Status::Offline, None) => "offline, because there is no session".to_owned(),
        (None, sessions, Some(_)) => {
            format!("{status}{hidden}, because it is claimed; by the sessions alone it would be {sessions}")
        }
        (None, Status::Away, None) => format!("away, because all sessions ({count}) are idle"),
        (None, ..) => format!("{status}, because a session is active"),
    }
}

fn span(ms: i64) -> String {
    let span = humantime::format_duration(Duration::from_millis(ms.unsigned_abs()));
    if ms < 0 { format!("overdue by {span}") } else { format!("{span} left") }
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn or_unknown(value: Option<impl Display>) -> String {
    value.map_or_else(|| "not known".to_owned(), |value| value.to_string())
}

impl Display for ExplainedSession {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { activity, pace, mode, transport, last_sign, deadline, .. } = self;
        let id = self.id.as_ref().map_or_else(|| "restored".to_owned(), ToString::to_string);
        let (device, connection) = (or_none(self.device), or_none(self.connection.as_ref()));
        writeln!(
            f,
            "{id}: {activity}, {pace}, {mode}, device {device}, by {transport}, connection {connection}"
        )?;
        write!(f, "    since {}, node {}", or_unknown(self.since), or_unknown(self.node.as_ref()))?;
        writeln!(f, ", last sign {last_sign} ({} ago)", why::span(Millis(self.quiet_ms)))?;
        write!(f, "    deadline {deadline} ({})", span(self.left_ms))?;
        match self.idle_until {
            Some(until) => write!(f, ", idle until {until} at most"),
            None => Ok(()),
        }
    }
}

impl Display for Stored {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { org, status, since, last_seen, version, n, .. } = self;
        write!(f, "{status} since {}, last seen {}, ", or_none(*since), or_none(*last_seen))?;
        write!(f, "organisation {org}, version {version}, last entry {n}")
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "user {} at {}", self.user_id, self.now)?;
        writeln!(f, "  {}", self.summary)?;
        self.why.iter().try_for_each(|why| writeln!(f, "  - {why}"))?;
        self.write_layers(f)?;
        self.write_stores(f)?;
        writeln!(f, "history, newest first")?;
        for entry in &self.entries {
            writeln!(f, "  {entry}")?;
        }
        Ok(())
    }
}

impl Explanation {
    fn write_layers(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "sessions say {}", self.layers.sessions)?;
        for session in &self.sessions {
            writeln!(f, "  {session}")?;
        }
        writeln!(f, "claims say {}", or_none(self.layers.claims))?;
        for claim in &self.claims {
            let until = or_none(claim.until);
            writeln!(f, "  {}: {} {:?} {}, end {until}", claim.whose, claim.status, claim.text, claim.emoji)?;
        }
        writeln!(f, "gate says {}", or_none(self.layers.gate))?;
        if let Some(gate) = &self.gate {
            writeln!(f, "  version {}, end {}", gate.version, or_none(gate.until))?;
        }
        if let Some(account) = &self.account {
            let active = if account.is_active { "" } else { ", switched off" };
            writeln!(f, "  account {}: {}{active}", account.username, account.status)?;
        }
        writeln!(f, "so the status is {}; others see {}", self.layers.status, self.layers.shown)
    }

    fn write_stores(&self, f: &mut Formatter<'_>) -> Result {
        let shard = &self.shard;
        writeln!(f, "shard {}, epoch {}, n {}", shard.shard, shard.epoch, shard.n)?;
        writeln!(f, "  owner {}, grace until {}", or_none(shard.owner.as_ref()), or_none(shard.grace_until))?;
        let (epoch, n, heard_at) = (shard.copied_epoch, shard.copied_n, or_none(shard.heard_at));
        writeln!(f, "  copied to epoch {epoch}, n {n}; last heard of {heard_at}")?;
        writeln!(f, "redis: {}", or_none(self.redis.as_ref()))?;
        writeln!(f, "postgres: {}", or_none(self.postgres.as_ref()))?;
        if self.agree {
            return writeln!(f, "they agree");
        }
        writeln!(f, "they differ")?;
        self.differences.iter().try_for_each(|difference| writeln!(f, "  {difference}"))
    }
}

//! The times of presence, with defaults that follow from each other and contradictions that are refused.

use crate::presence::{Policy, Rhythm};

use super::{Span, error};

/// Heartbeats, times to live, idling.
#[derive(Clone, Debug, clap::Args)]
pub struct Presence {
    /// How often a visible page sends a heartbeat over HTTP
    #[arg(
        id = "presence_heartbeat",
        long = "presence-heartbeat",
        env = "ROLLCALL_PRESENCE_HEARTBEAT",
        value_name = "DURATION",
        default_value = "30s"
    )]
    pub heartbeat: Span,

    /// How long its session lives without one
    #[arg(
        id = "presence_ttl",
        long = "presence-ttl",
        env = "ROLLCALL_PRESENCE_TTL",
        value_name = "DURATION",
        default_value = "120s"
    )]
    pub ttl: Span,

    /// How often a hidden page sends one [default: min(60s, (hidden TTL - 1s)/2)]
    #[arg(
        id = "presence_hidden_heartbeat",
        long = "presence-hidden-heartbeat",
        env = "ROLLCALL_PRESENCE_HIDDEN_HEARTBEAT",
        value_name = "DURATION"
    )]
    hidden_heartbeat: Option<Span>,

    /// How long its session lives without one [default: max(200s, TTL)]
    #[arg(
        id = "presence_hidden_ttl",
        long = "presence-hidden-ttl",
        env = "ROLLCALL_PRESENCE_HIDDEN_TTL",
        value_name = "DURATION"
    )]
    hidden_ttl: Option<Span>,

    /// How often a socket is pinged [default: min(25s, (socket TTL - 1s)/2)]
    #[arg(
        id = "presence_socket_ping",
        long = "presence-socket-ping",
        env = "ROLLCALL_PRESENCE_SOCKET_PING",
        value_name = "DURATION"
    )]
    socket_ping: Option<Span>,

    /// How long a socket's session lives without an answer
    #[arg(
        id = "presence_socket_ttl",
        long = "presence-socket-ttl",
        env = "ROLLCALL_PRESENCE_SOCKET_TTL",
        value_name = "DURATION",
        default_value = "60s"
    )]
    pub socket_ttl: Span,

    /// What a session that says goodbye has left, so that a reload does not flicker
    #[arg(
        id = "presence_linger",
        long = "presence-linger",
        env = "ROLLCALL_PRESENCE_LINGER",
        value_name = "DURATION",
        default_value = "5s"
    )]
    pub linger: Span,

    /// After how long without input a client should report idle
    #[arg(
        id = "presence_idle_away",
        long = "presence-idle-away",
        env = "ROLLCALL_PRESENCE_IDLE_AWAY",
        value_name = "DURATION",
        default_value = "5m"
    )]
    pub idle_away: Span,

    /// After how long without input a session ends
    #[arg(
        id = "presence_idle_offline",
        long = "presence-idle-offline",
        env = "ROLLCALL_PRESENCE_IDLE_OFFLINE",
        value_name = "DURATION",
        default_value = "30m"
    )]
    pub idle_offline: Span,
}

impl Presence {
    /// The heartbeat of a hidden page.
    #[must_use]
    pub fn hidden_heartbeat(&self) -> Span {
        self.hidden_heartbeat.unwrap_or_else(|| half(self.hidden_ttl()).min(Span::from_secs(60)))
    }

    /// The time to live of a hidden page's session.
    #[must_use]
    pub fn hidden_ttl(&self) -> Span {
        self.hidden_ttl.unwrap_or_else(|| self.ttl.max(Span::from_secs(200)))
    }

    /// The interval of pings.
    #[must_use]
    pub fn socket_ping(&self) -> Span {
        self.socket_ping.unwrap_or_else(|| half(self.socket_ttl).min(Span::from_secs(25)))
    }

    /// The times as presence knows them.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let rhythm = |interval: Span, ttl: Span| Rhythm { interval: interval.millis(), ttl: ttl.millis() };
        Policy {
            visible: rhythm(self.heartbeat, self.ttl),
            hidden: rhythm(self.hidden_heartbeat(), self.hidden_ttl()),
            socket: rhythm(self.socket_ping(), self.socket_ttl),
            linger: self.linger.millis(),
            idle_away: self.idle_away.millis(),
            idle_offline: self.idle_offline.millis(),
        }
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let rhythms = [
            ("presence_heartbeat", self.heartbeat, "presence_ttl", self.ttl),
            ("presence_hidden_heartbeat", self.hidden_heartbeat(), "presence_hidden_ttl", self.hidden_ttl()),
            ("presence_socket_ping", self.socket_ping(), "presence_socket_ttl", self.socket_ttl),
        ];
        for (interval_id, interval, ttl_id, ttl) in rhythms {
            problems.extend(contradiction(interval_id, interval, ttl_id, ttl));
        }
        problems
    }
}

/// The longest interval that leaves room for one lost heartbeat and a second of delay.
fn half(ttl: Span) -> Span {
    let millis = u64::try_from(ttl.duration().as_millis()).unwrap_or(u64::MAX);
    Span::from_millis(millis.saturating_sub(1000) / 2)
}

fn contradiction(interval_id: &str, interval: Span, ttl_id: &str, ttl: Span) -> Option<String> {
    const SHORTEST: Span = Span::from_millis(100);
    if half(ttl) < interval.max(SHORTEST) {
        return Some(format!(
            "{} is {ttl}, shorter than 2 x {} ({interval}) + 1s: one lost heartbeat would end a session",
            error::names(ttl_id),
            error::variable(interval_id)
        ));
    }
    (interval < SHORTEST)
        .then(|| format!("{} is {interval}: expected at least {SHORTEST}", error::names(interval_id)))
}

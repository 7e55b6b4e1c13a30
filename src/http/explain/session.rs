//! One session of an explanation.

use serde::Serialize;
use utoipa::ToSchema;

use super::why;
use crate::http::time::Timestamp;
use crate::presence::{Activity, ConnectionId, Device, Millis, Mode, Pace, Policy, SessionId};
use crate::store::SessionFacts;

/// One session.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedSession {
    /// `null`: it stands for all there were before Redis lost them, until they show themselves.
    #[schema(value_type = Option<String>, example = "k3v1.tab1")]
    pub(super) id: Option<SessionId>,
    #[schema(value_type = Option<String>)]
    pub(super) device: Option<Device>,
    /// `active` or `idle`.
    #[schema(value_type = String)]
    pub(super) activity: Activity,
    /// `visible`, `hidden` or `socket`.
    #[schema(value_type = String)]
    pub(super) pace: Pace,
    /// `socket`, or `http`: heartbeats over requests.
    pub(super) transport: &'static str,
    /// Since when it lasts; `null`: it was opened by a version that did not note that.
    pub(super) since: Option<Timestamp>,
    /// The node that holds its socket; of others the one that opened it. `null`: not known.
    pub(super) node: Option<String>,
    /// What it is and what keeps it, in words.
    pub(super) words: String,
    /// How often it should show itself, in ms.
    pub(super) interval_ms: i64,
    /// For how long it has said that nobody uses it, in ms; `null`: it does not.
    pub(super) idle_ms: Option<i64>,
    /// `standard`; `capped` (idle for nearly too long), `closing` (said goodbye) or `long` (granted at a slower pace).
    pub(super) mode: &'static str,
    #[schema(value_type = Option<String>)]
    pub(super) connection: Option<ConnectionId>,
    pub(super) last_sign: Timestamp,
    /// How long ago that was, in ms.
    pub(super) quiet_ms: i64,
    /// When it ends without another sign of life.
    pub(super) deadline: Timestamp,
    /// How long that is from now, in ms; negative: it is overdue.
    pub(super) left_ms: i64,
    /// What its alarm has left, in ms; `null`: it went off.
    pub(super) lease_left_ms: Option<i64>,
    /// When it ends for idleness, however well it beats.
    pub(super) idle_until: Option<Timestamp>,
}

impl ExplainedSession {
    /// What matters of a session.
    pub(super) fn of(session: &SessionFacts, now: Millis, policy: &Policy) -> Self {
        let last_sign = session.deadline - session.granted;
        Self {
            id: session.id.clone(),
            transport: if session.pace == Pace::Socket { "socket" } else { "http" },
            since: session.opened.map(Timestamp::from),
            node: session.node.clone(),
            words: why::session_words(session, now, policy),
            interval_ms: policy.rhythm(session.pace).interval.0,
            idle_ms: why::idle_for(session, now, policy).map(|idle| idle.0),
            quiet_ms: (now - last_sign).0,
            device: session.device,
            activity: if session.idle { Activity::Idle } else { Activity::Active },
            pace: session.pace,
            mode: match session.mode {
                Mode::Standard => "standard",
                Mode::Capped => "capped",
                Mode::Closing => "closing",
                Mode::Long => "long",
            },
            connection: session.connection.clone(),
            last_sign: last_sign.into(),
            deadline: session.deadline.into(),
            left_ms: (session.deadline - now).0,
            lease_left_ms: session.lease_left.map(|left| left.0),
            idle_until: session.idle_until.map(Timestamp::from),
        }
    }
}

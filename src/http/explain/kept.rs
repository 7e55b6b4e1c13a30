//! What of an explanation is kept about the person: the part of it that one is given who asks for their own data.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ExplainedClaim, ExplainedGate, ExplainedSession, Explanation, Stored};

/// Presence as both stores have it.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeptPresence {
    /// Tabs, windows and apps that are open.
    sessions: Vec<ExplainedSession>,
    /// What the person, or an administrator, wants to be shown.
    claims: Vec<ExplainedClaim>,
    gate: Option<ExplainedGate>,
    /// `null`: Redis has no record, as of anybody who has been offline for some time.
    redis: Option<Stored>,
    /// `null`: nothing was copied yet.
    postgres: Option<Stored>,
}

impl From<Explanation> for KeptPresence {
    fn from(explanation: Explanation) -> Self {
        let Explanation { sessions, claims, gate, redis, postgres, .. } = explanation;
        // Which machines the service runs on is nothing about the person.
        let sessions =
            sessions.into_iter().map(|session| ExplainedSession { node: None, ..session }).collect();
        Self { sessions, claims, gate, redis, postgres }
    }
}

//! Why a user has the status that they have: every fact of Redis and Postgres that it follows from, layer by layer,
//! and whether the two agree. `rollcall explain` prints the same.

mod differences;
mod kept;
mod session;
mod shown;
mod stored;
mod text;
mod why;

use serde::Serialize;
use utoipa::ToSchema;

pub use kept::KeptPresence;
pub use session::ExplainedSession;

use super::error::ApiError;
use super::routes::timeline::TimelineEntry;
use super::time::Timestamp;
use crate::accounts::{AccountId, Accounts};
use crate::audit::{Audit, Position, Sight};
use crate::presence::{Claim, Gate, GateKind, Org, Policy, Status, UserId};
use crate::store::{Facts, Store};

/// Entries of the history that belong to the answer.
const ENTRIES: u32 = 10;

/// A claim in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedClaim {
    /// `manual` (the user's own) or `admin`, which goes before.
    whose: &'static str,
    id: String,
    #[schema(value_type = String)]
    status: Status,
    text: String,
    emoji: String,
    until: Option<Timestamp>,
}

/// The last word on whether the account may be online.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedGate {
    /// Why it may not; `null`: it may.
    #[schema(value_type = Option<String>)]
    kind: Option<GateKind>,
    version: i64,
    until: Option<Timestamp>,
}

/// The account in Postgres.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedAccount {
    username: String,
    /// `active`, `pending`, `suspended` or `banned`.
    status: &'static str,
    is_active: bool,
    /// Why it may not be online; `null`: it may.
    #[schema(value_type = Option<String>)]
    gate: Option<GateKind>,
}

/// What each layer says, the lower over the upper.
#[derive(Debug, Serialize, ToSchema)]
pub struct Layers {
    /// What the sessions amount to.
    #[schema(value_type = String)]
    sessions: Status,
    /// What the claim in force says; it counts only while there is a session.
    #[schema(value_type = Option<String>)]
    claims: Option<Status>,
    /// Why nothing of that counts.
    #[schema(value_type = Option<String>)]
    gate: Option<GateKind>,
    /// What follows.
    #[schema(value_type = String)]
    status: Status,
    /// What others see.
    #[schema(value_type = String)]
    shown: Status,
}

/// A status as one of the stores has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stored {
    #[schema(value_type = String)]
    org: Org,
    #[schema(value_type = String)]
    status: Status,
    since: Option<Timestamp>,
    online_since: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    /// As others see it.
    shown_since: Option<Timestamp>,
    /// As others see it.
    shown_last_seen: Option<Timestamp>,
    /// `epoch * 2^32 + n` of the last change that others could see.
    version: i64,
    /// The number of the user's last entry.
    n: i64,
}

/// The user's shard, and how far the copy has followed it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedShard {
    shard: u16,
    epoch: i64,
    /// The number of its newest entry.
    n: i64,
    /// The node that watches and copies it; `null`: none.
    owner: Option<String>,
    /// Nobody expires before.
    grace_until: Option<Timestamp>,
    copied_epoch: i64,
    /// The number of the last entry that is in Postgres.
    copied_n: i64,
    /// When the copy last heard of the shard.
    heard_at: Option<Timestamp>,
}

/// Why a user has this status.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    #[schema(value_type = String, example = "42")]
    user_id: UserId,
    /// The clock that decides.
    now: Timestamp,
    /// In a sentence.
    summary: String,
    /// What keeps them online, or what ended it, in plain words: a sentence for each reason.
    why: Vec<String>,
    layers: Layers,
    sessions: Vec<ExplainedSession>,
    claims: Vec<ExplainedClaim>,
    gate: Option<ExplainedGate>,
    account: Option<ExplainedAccount>,
    shard: ExplainedShard,
    /// `null`: Redis has no record, as of anybody who has been offline for some time.
    redis: Option<Stored>,
    /// `null`: nothing was copied yet.
    postgres: Option<Stored>,
    /// Whether all of this fits together.
    agree: bool,
    /// What does not, and why.
    differences: Vec<String>,
    /// The last ten, newest first.
    entries: Vec<TimelineEntry>,
}

/// Explains a user's status, as it is or as others may know it; none if the user is unknown everywhere.
///
/// # Errors
/// A store does not answer.
pub async fn explain(
    store: &Store,
    audit: &Audit,
    accounts: &Accounts,
    user: &UserId,
    sight: Sight,
) -> Result<Option<Explanation>, ApiError> {
    let mut facts = store.facts(user).await?;
    // After Redis: what is copied meanwhile makes the two agree, not differ.
    let position = audit.position(facts.shard).await?;
    let mut last = audit.last(std::slice::from_ref(user)).await?.pop().flatten();
    let entries = audit.latest(user, ENTRIES, sight).await?;
    if sight == Sight::Shown {
        (facts, last) = (shown::facts(facts), last.and_then(shown::last));
    }
    let account = match AccountId::of(user) {
        Some(id) => accounts.by_id(id).await?,
        None => None,
    };
    let is_known = facts.record.is_some() || facts.claims.in_force().is_some() || facts.gate.is_some();
    if !is_known && last.is_none() && entries.is_empty() && account.is_none() {
        return Ok(None);
    }
    let layers = Layers::of(&facts);
    let differences = if sight == Sight::Shown && facts.record.is_none() {
        Vec::new()
    } else {
        differences::of(&facts, &layers, last.as_ref(), account.as_ref(), position)
    };
    Ok(Some(Explanation {
        user_id: user.clone(),
        now: facts.now.into(),
        summary: text::summary(&facts, &layers),
        why: why::of(&facts, &layers, &entries, store.policy()),
        sessions: sessions(&facts, store.policy()),
        claims: claims(&facts),
        gate: gate(&facts),
        account: account.as_ref().map(ExplainedAccount::of),
        shard: shard(&facts, position),
        redis: facts.record.as_ref().map(Stored::in_redis),
        postgres: last.as_ref().map(Stored::in_postgres),
        agree: differences.is_empty(),
        differences,
        entries: entries.into_iter().map(|told| TimelineEntry::told(told, sight)).collect(),
        layers,
    }))
}

fn sessions(facts: &Facts, policy: &Policy) -> Vec<ExplainedSession> {
    facts.sessions.iter().map(|session| ExplainedSession::of(session, facts.now, policy)).collect()
}

fn gate(facts: &Facts) -> Option<ExplainedGate> {
    let Gate { kind, version, until } = facts.gate.clone()?;
    Some(ExplainedGate { kind, version, until: until.map(Timestamp::from) })
}

fn claims(facts: &Facts) -> Vec<ExplainedClaim> {
    let explained = |whose, claim: &Claim| ExplainedClaim {
        whose,
        id: claim.id.clone(),
        status: claim.status,
        text: claim.text.clone(),
        emoji: claim.emoji.clone(),
        until: claim.until.map(Timestamp::from),
    };
    let (admin, manual) = (facts.claims.admin.as_ref(), facts.claims.manual.as_ref());
    let admin = admin.map(|claim| explained("admin", claim));
    admin.into_iter().chain(manual.map(|claim| explained("manual", claim))).collect()
}

fn shard(facts: &Facts, position: Position) -> ExplainedShard {
    ExplainedShard {
        shard: facts.shard,
        epoch: facts.head.epoch,
        n: facts.head.n,
        owner: facts.owner.clone(),
        grace_until: facts.grace_until.map(Timestamp::from),
        copied_epoch: position.epoch,
        copied_n: position.n,
        heard_at: position.heard_at.map(Timestamp::from),
    }
}

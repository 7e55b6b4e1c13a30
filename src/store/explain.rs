//! What operators ask: everything that one user's status is made of, and how far each shard has come.

use fred::prelude::*;

use super::keys::Shard;
use super::reply::Parts;
use super::{Opened, Shown, Store, StoreError, parse_score, scripts};
use crate::presence::{
    Claim, Claims, ConnectionId, Device, Gate, Millis, Mode, Org, Pace, SessionId, Status, UserId,
};

/// The script whose replies are read here.
const NAME: &str = "user_explain";

/// A user's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The organisation.
    pub org: Org,
    /// The true status (`invisible` included).
    pub status: Status,
    /// Since when, truly.
    pub since: Millis,
    /// Present without a break since; 0 when offline.
    pub online_since: Millis,
    /// Last sign of life, truly.
    pub last_seen: Millis,
    /// What others see.
    pub shown: Shown,
    /// `n` of the user's last entry; 0 before the first.
    pub n: i64,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its name; none of the one that stands for all there were before a restore.
    pub id: Option<SessionId>,
    /// Whether nobody is using it.
    pub idle: bool,
    /// The rhythm it keeps.
    pub pace: Pace,
    /// Where it is in its life.
    pub mode: Mode,
    /// When it ends without another sign of life.
    pub deadline: Millis,
    /// `deadline - granted` is its last sign of life.
    pub granted: Millis,
    /// When it ends for idleness; none while somebody uses it.
    pub idle_until: Option<Millis>,
    /// The kind of device, if it said.
    pub device: Option<Device>,
    /// The connection that holds it, if it said.
    pub connection: Option<ConnectionId>,
    /// What its alarm has left, in ms; none if it is gone.
    pub lease_left: Option<Millis>,
    /// The number of the node that has it.
    number: i64,
    /// The node that holds its socket; of other sessions the one that opened it, or whose connection took it over. None
    /// where it is not known.
    pub node: Option<String>,
    /// Since when it lasts; none of one that was opened by a version which did not note that.
    pub opened: Option<Millis>,
}

/// Everything that a user's status is made of.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The clock that decides.
    pub now: Millis,
    /// The user's shard.
    pub shard: Shard,
    /// How far it has come.
    pub head: Opened,
    /// The node that watches and copies the shard; none while it has no owner.
    pub owner: Option<String>,
    /// Nobody on this shard expires before; none if there is no grace.
    pub grace_until: Option<Millis>,
    /// None of somebody whom Redis does not know, or has forgotten after everything was copied.
    pub record: Option<Record>,
    /// Sessions, the oldest first.
    pub sessions: Vec<SessionFacts>,
    /// Claims in force.
    pub claims: Claims,
    /// The last word on whether the account may be online.
    pub gate: Option<Gate>,
    /// How the user stands among those present: what counts and lists are made of.
    pub listed: Option<(Status, Millis)>,
}

impl Store {
    /// Everything that a user's status is made of.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost the user's shard.
    pub async fn facts(&self, user: &UserId) -> Result<Facts, StoreError> {
        let shard = self.keys.shard_of(user);
        let mut keys = self.keys.shared(shard);
        keys.extend([self.keys.record(user), self.keys.owner(shard)]);
        let args = vec![self.clock.now(), user.as_str().into()];
        let reply = self.link.call(&scripts::USER_EXPLAIN, keys, args).await?;
        let mut parts = Parts::new(NAME, reply);
        let mut facts = match parts.text()?.as_str() {
            "ok" => facts(shard, parts)?,
            "restoring" => return Err(StoreError::Restoring),
            _ => return Err(parts.wrong()),
        };
        let numbers: Vec<i64> =
            facts.sessions.iter().map(|session| session.number).filter(|n| *n > 0).collect();
        // The names may be on a server that is down, while the shard is not.
        let names = self.node_names(&numbers).await.unwrap_or_default();
        for session in &mut facts.sessions {
            session.node = names.get(&session.number).cloned();
        }
        Ok(facts)
    }

    /// How far each shard has come, in their order; none for one without data.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn heads(&self) -> Result<Vec<Option<Opened>>, StoreError> {
        futures::future::try_join_all((0..self.keys.shards()).map(|shard| self.shard(shard))).await
    }
}

fn facts(shard: Shard, mut parts: Parts) -> Result<Facts, StoreError> {
    let now = parts.millis()?;
    let head = Opened { epoch: parts.int()?, n: parts.int()? };
    let (owner, grace_until) = (some(parts.text()?), parts.millis()?);
    let record = list(&mut parts)?.map(record).transpose()?;
    let sessions = parts.value()?.into_array().into_iter().map(session).collect::<Result<_, _>>()?;
    let mut claims = Claims::default();
    for claim in parts.value()?.into_array() {
        place_claim(&mut claims, Parts::new(NAME, claim))?;
    }
    let gate = list(&mut parts)?.map(gate).transpose()?;
    let listed = parse_score(&parts.text()?);
    let grace_until = unless_never(grace_until);
    Ok(Facts { now, shard, head, owner, grace_until, record, sessions, claims, gate, listed })
}

/// A part that is a list itself; none if it is empty.
fn list(parts: &mut Parts) -> Result<Option<Parts>, StoreError> {
    let list = parts.value()?;
    let is_empty = list.array_len().is_none_or(|length| length == 0);
    Ok((!is_empty).then(|| Parts::new(NAME, list)))
}

fn record(mut parts: Parts) -> Result<Record, StoreError> {
    let status = parts.status()?;
    let (since, online_since, last_seen) = (parts.millis()?, parts.millis()?, parts.millis()?);
    let org = parts.parse()?;
    let shown = Shown {
        status: status.shown(),
        since: parts.millis()?,
        online_since: parts.millis()?,
        last_seen: parts.millis()?,
        version: parts.int()?,
    };
    Ok(Record { org, status, since, online_since, last_seen, shown, n: parts.int()? })
}

/// The code of a session is `((tag * 4 + mode) * 3 + pace) * 2 + idle`, see `lua/lib/user.lua`.
fn session(reply: Value) -> Result<SessionFacts, StoreError> {
    let mut parts = Parts::new(NAME, reply);
    let (id, code) = (parts.text()?.parse().ok(), parts.int()?);
    let pace = [Pace::Visible, Pace::Hidden, Pace::Socket];
    let mode = [Mode::Standard, Mode::Capped, Mode::Closing, Mode::Long];
    let pick = |number: i64, count: i64| usize::try_from(number.rem_euclid(count)).unwrap_or_default();
    Ok(SessionFacts {
        id,
        idle: code % 2 == 1,
        pace: pace[pick(code / 2, 3)],
        mode: mode[pick(code / 6, 4)],
        deadline: parts.millis()?,
        granted: parts.millis()?,
        device: parts.text()?.parse().ok(),
        connection: parts.text()?.parse().ok(),
        idle_until: unless_never(parts.millis()?),
        lease_left: Some(parts.millis()?).filter(|left| left.0 >= 0),
        number: parts.int()?,
        node: None,
        opened: unless_never(parts.millis()?),
    })
}

fn place_claim(claims: &mut Claims, mut parts: Parts) -> Result<(), StoreError> {
    let whose = parts.text()?;
    let claim = Claim {
        id: parts.text()?,
        status: parts.status()?,
        text: parts.text()?,
        emoji: parts.text()?,
        until: unless_never(parts.millis()?),
    };
    match whose.as_str() {
        "manual" => claims.manual = Some(claim),
        "admin" => claims.admin = Some(claim),
        _ => return Err(parts.wrong()),
    }
    Ok(())
}

fn gate(mut parts: Parts) -> Result<Gate, StoreError> {
    Ok(Gate { kind: parts.text()?.parse().ok(), version: parts.int()?, until: unless_never(parts.millis()?) })
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn unless_never(at: Millis) -> Option<Millis> {
    Some(at).filter(|at| at.0 > 0)
}

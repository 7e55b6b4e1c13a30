//! What is due in a shard, and letting it happen. Any node may, at any time, twice: the due score alone decides.

use std::time::Duration;

use fred::prelude::Value;

use super::keys::Shard;
use super::looks::InRooms;
use super::reply::Parts;
use super::{Store, StoreError, millis, scripts};
use crate::presence::{Org, UserId};

/// Most users of one expiry call. At a million users a death takes Redis up to 60 us, so that this many hold it up for 12 ms;
/// they fall due in one shard together only after an outage.
const EXPIRIES_PER_CALL: usize = 200;

/// What stands in place of the sessions that somebody had before a loss (`RESTORED` of `lua/lib/user.lua`).
const RESTORED: &str = "*";

/// Something of a user that is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DueMember {
    /// Whose.
    pub user: UserId,
    /// The handle of which session ([`Keys::handle`](super::Keys::handle)); `None` for the end of a claim or a gate, and
    /// for what a restore put in place of sessions.
    pub session: Option<String>,
}

/// What is due in a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// For how long the first of all has been due.
    pub overdue: Option<Duration>,
    /// What must be expired directly.
    pub members: Vec<DueMember>,
    /// Sessions whose rooms must be looked at, after the others have been expired.
    pub in_rooms: Vec<InRooms>,
}

/// What became of one user whose something was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Sessions that ended.
    pub sessions: u64,
    /// How long after the deadline the user went offline, if that happened.
    pub delay: Option<Duration>,
}

impl Store {
    /// Lists what has been due for longer than `settled` in each of some shards ([`Store::shards_per_call`] at most), at
    /// most `limit` of all; with `touch`, makes Redis expire the leases that have just come to their end.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn due(
        &self,
        shards: &[Shard],
        settled: Duration,
        limit: u32,
        touch: bool,
    ) -> Result<Vec<Due>, StoreError> {
        let keys: Vec<String> = shards.iter().map(|shard| self.keys.due(*shard)).collect();
        let leases = |shard: &Shard| if touch { self.keys.leases(*shard) } else { String::new() };
        let mut args = vec![self.clock.now(), millis(settled), i64::from(limit).into()];
        args.extend(shards.iter().map(|shard| Value::from(leases(shard))));
        let reply = self.link.call(&scripts::SHARD_DUE, keys, args).await?;
        let mut parts = Parts::new(scripts::SHARD_DUE.name, reply);
        shards.iter().map(|_| due(parts.value()?)).collect()
    }

    /// What was due of some users of one shard happens, if the time has come. In the order asked.
    ///
    /// # Errors
    /// If Redis did not answer; it may have happened all the same, and may be asked again.
    pub async fn expire(&self, shard: Shard, users: &[UserId]) -> Result<Vec<Expired>, StoreError> {
        let mut done = vec![Expired { sessions: 0, delay: None }; users.len()];
        let mut open: Vec<(usize, Org)> = (0..users.len()).map(|index| (index, Org::default())).collect();
        while !open.is_empty() {
            let mut stale = Vec::new();
            for chunk in open.chunks(EXPIRIES_PER_CALL) {
                stale.extend(self.expire_chunk(shard, users, chunk, &mut done).await?);
            }
            open = stale;
        }
        Ok(done)
    }

    async fn expire_chunk(
        &self,
        shard: Shard,
        users: &[UserId],
        chunk: &[(usize, Org)],
        done: &mut [Expired],
    ) -> Result<Vec<(usize, Org)>, StoreError> {
        let mut keys = self.keys.shared(shard);
        let mut args = vec![self.clock.now(), millis(self.stall)];
        for (index, org) in chunk {
            keys.extend(self.keys.place(&users[*index], org));
            args.push(users[*index].as_str().into());
            args.push(org.as_str().into());
        }
        let reply = self.link.call(&scripts::USER_EXPIRE, keys, args).await;
        chunk.iter().for_each(|(index, _)| self.standings.forget(shard, &users[*index]));
        let mut parts = Parts::new(scripts::USER_EXPIRE.name, reply?);
        match parts.text()?.as_str() {
            "ok" => {}
            "restoring" => return Err(StoreError::Restoring),
            _ => return Ok(Vec::new()),
        }
        let mut stale = Vec::new();
        for (index, _) in chunk {
            let said = parts.text()?;
            if let Some(org) = said.strip_prefix("stale ") {
                stale.push((*index, org.parse().map_err(|_| parts.wrong())?));
            } else if let Some((sessions, delay)) = said.split_once(' ') {
                let sessions = sessions.parse().map_err(|_| parts.wrong())?;
                let delay = delay.parse::<u64>().ok().map(Duration::from_millis);
                done[*index] = Expired { sessions, delay };
            }
        }
        Ok(stale)
    }
}

/// What is due in one shard.
fn due(found: Value) -> Result<Due, StoreError> {
    let mut parts = Parts::new(scripts::SHARD_DUE.name, found);
    let overdue = parts.text()?.parse().ok().map(Duration::from_millis);
    let mut due = Due { overdue, ..Due::default() };
    for member in parts.rest().filter_map(Value::into_string) {
        match parse_look(&member) {
            Some(look) => due.in_rooms.push(look),
            None => due.members.extend(parse_member(&member)),
        }
    }
    Ok(due)
}

fn parse_member(member: &str) -> Option<DueMember> {
    let (kind, rest) = member.split_once(':')?;
    match kind {
        "s" => {
            let (user, session) = rest.split_once(':')?;
            let session = Some(session.to_owned()).filter(|session| session != RESTORED);
            Some(DueMember { user: user.parse().ok()?, session })
        }
        _ => Some(DueMember { user: rest.parse().ok()?, session: None }),
    }
}

fn parse_look(member: &str) -> Option<InRooms> {
    let (user, handle) = member.strip_prefix("r:")?.split_once(':')?;
    Some(InRooms { user: user.parse().ok()?, handle: handle.to_owned() })
}

//! Rooms: which sessions of users are in which channel, group or document of their organisation.
//!
//! A membership lives on the shard of the user and is a lease that ends with the session (`looks.rs`). Nothing of it is in
//! Postgres: after a loss of Redis clients join again.

use std::ops::Range;
use std::time::Duration;

use fred::prelude::*;
use futures::future::try_join_all;
use moka::sync::Cache;

use super::keys::{Keys, Shard};
use super::reads::told;
use super::reply::Parts;
use super::scripts::{self, Script};
use super::users::TRIES;
use super::{Bearer, Store, StoreError};
use crate::presence::{GateKind, Millis, Org, Room, SessionId, Tab, UserId};

/// Most rooms that a session may be in.
pub const MOST_ROOMS: usize = 50;

/// So long a room's size counts that a node has counted.
const COUNTED: Duration = Duration::from_secs(1);

/// A call that reads members ends after so many: about 2 ms of Redis' time.
const MEMBERS_PER_CALL: i64 = 1_000;

/// What became of a wish to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The session is in the room now.
    Joined,
    /// It was before.
    Already,
    /// Not while the user is shown offline.
    Hidden,
    /// The session is in [`MOST_ROOMS`], or the room has as many members as it may have.
    Full,
    /// There is no such session in the organisation of the token, or it has said goodbye.
    NoSession,
    /// The account may not be online.
    Gated(GateKind),
    /// The login, or every token of this version, has ended.
    Ended,
}

/// Who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Users, the one first who has been there longest; at most as many as were asked for.
    pub users: Vec<UserId>,
    /// How many users there are in all.
    pub count: u64,
}

/// How large rooms may be, and how large this node has found them to be.
pub(super) struct Sizes {
    most: u64,
    counted: Cache<String, u64>,
}

impl Sizes {
    pub(super) fn new(most: u64) -> Self {
        Self { most, counted: Cache::builder().max_capacity(100_000).time_to_live(COUNTED).build() }
    }
}

/// What a script of one session and one room answers.
enum Said {
    Noted(String),
    Gated(GateKind),
    Ended,
    Stale(Org),
}

impl Store {
    /// A session enters a room of its user's organisation. It stays until it leaves or ends. Others hear of a user's first
    /// session only. How many are there is counted over all shards by this node, once a second: so a room may become
    /// larger than it should by as many as join it within that second.
    ///
    /// # Errors
    /// If Redis did not acknowledge it: then it may or may not have happened, and may be repeated.
    pub async fn join(&self, bearer: &Bearer, tab: &Tab, room: &Room) -> Result<Join, StoreError> {
        let org = &bearer.org;
        let name = Keys::room_name(org, room);
        let key = self.keys.room(self.keys.shard_of(&bearer.user), &name);
        let args = vec![
            self.clock.now(),
            bearer.user.as_str().into(),
            org.as_str().into(),
            session(bearer, tab),
            bearer.token_version.into(),
            room.as_str().into(),
            int(MOST_ROOMS),
            int(self.size(&name).await?),
            int(self.sizes.most),
        ];
        Ok(match self.ask_of_room(&scripts::ROOM_JOIN, &bearer.user, Some(key), args).await? {
            // What lets the bearer into a room holds for the organisation of the token alone.
            Said::Stale(_) => Join::NoSession,
            Said::Gated(kind) => Join::Gated(kind),
            Said::Ended => Join::Ended,
            Said::Noted(note) => match note.as_str() {
                "joined" => Join::Joined,
                "already" => Join::Already,
                "hidden" => Join::Hidden,
                "full" => Join::Full,
                _ => Join::NoSession,
            },
        })
    }

    /// A session leaves a room. One that is not there leaves nothing.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn leave(&self, bearer: &Bearer, tab: &Tab, room: &Room) -> Result<(), StoreError> {
        let args = |org: &Org| {
            vec![bearer.user.as_str().into(), org.as_str().into(), session(bearer, tab), room.as_str().into()]
        };
        let key =
            |org: &Org| Some(self.keys.room(self.keys.shard_of(&bearer.user), &Keys::room_name(org, room)));
        self.judge_of_room(&scripts::ROOM_LEAVE, bearer, key, args).await.map(drop)
    }

    /// Somebody in a room types, or no longer does. Whether it was told: nothing is of a session that is not in the room,
    /// or whose user is shown offline.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn typing(
        &self,
        bearer: &Bearer,
        tab: &Tab,
        room: &Room,
        on: bool,
    ) -> Result<bool, StoreError> {
        let args = |org: &Org| {
            vec![
                self.clock.now(),
                bearer.user.as_str().into(),
                org.as_str().into(),
                session(bearer, tab),
                room.as_str().into(),
                i64::from(on).into(),
            ]
        };
        let note = self.judge_of_room(&scripts::ROOM_TYPING, bearer, |_| None, args).await?;
        Ok(note == "told")
    }

    /// Who is shown in a room, at most so many of them.
    ///
    /// # Errors
    /// If Redis did not answer; [`StoreError::Restoring`] if it has lost a shard: part of a room is no room.
    pub async fn members(&self, org: &Org, room: &Room, limit: usize) -> Result<Members, StoreError> {
        let name = Keys::room_name(org, room);
        let shards = self.keys.shards();
        let each = if self.link.is_clustered() { 1 } else { shards };
        let groups = (0..shards).step_by(usize::from(each)).map(|first| first..first + each);
        let calls = groups.map(|shards| self.members_of(shards, org, &name, limit));
        let (mut members, mut count) = (Vec::new(), 0);
        for (found, counted) in try_join_all(calls).await? {
            members.extend(found);
            count += counted;
        }
        members.sort_unstable();
        members.truncate(limit);
        Ok(Members { users: members.into_iter().map(|(_, user)| user).collect(), count })
    }

    async fn members_of(
        &self,
        mut shards: Range<Shard>,
        org: &Org,
        name: &str,
        limit: usize,
    ) -> Result<(Vec<(Millis, UserId)>, u64), StoreError> {
        let (mut members, mut count) = (Vec::new(), 0);
        while !shards.is_empty() {
            let keys_of = |shard| {
                [
                    self.keys.meta(shard),
                    self.keys.due(shard),
                    self.keys.on(shard, org),
                    self.keys.room(shard, name),
                ]
            };
            let keys: Vec<String> = shards.clone().flat_map(keys_of).collect();
            let args = vec![int(limit), MEMBERS_PER_CALL.into()];
            let mut parts =
                told(&scripts::ROOM_MEMBERS, self.link.call(&scripts::ROOM_MEMBERS, keys, args).await?)?;
            let read = Shard::try_from(parts.count()?).ok().filter(|read| *read > 0);
            shards.start += read.ok_or_else(|| parts.wrong())?;
            count += parts.count()?;
            let words: Vec<String> = parts.rest().filter_map(Value::into_string).collect();
            let member =
                |pair: &[String]| Some((Millis(pair[1].parse().ok()?), UserId::parse(&pair[0]).ok()?));
            members.extend(words.chunks_exact(2).filter_map(member));
        }
        Ok((members, count))
    }

    /// How many sessions are in rooms.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn sessions_in_rooms(&self) -> Result<u64, StoreError> {
        let counts = (0..self.keys.shards()).map(|shard| async move {
            let key = self.keys.joined(shard);
            let primary = self.link.primary(&key)?;
            primary.judge(primary.client().hlen::<u64, _>(key).await)
        });
        Ok(try_join_all(counts).await?.into_iter().sum())
    }

    /// How many sessions are in a room, as this node has counted within the last second.
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        if let Some(counted) = self.sizes.counted.get(name) {
            return Ok(counted);
        }
        let counts = (0..self.keys.shards()).map(|shard| async move {
            let key = self.keys.room(shard, name);
            let primary = self.link.primary(&key)?;
            primary.judge(primary.client().zcard::<u64, _>(key).await)
        });
        let counted = try_join_all(counts).await?.into_iter().sum();
        self.sizes.counted.insert(name.to_owned(), counted);
        Ok(counted)
    }

    /// Calls a script of one session and one room until the organisation it was told is the stored one; answers its note.
    async fn judge_of_room(
        &self,
        script: &'static Script,
        bearer: &Bearer,
        key: impl Fn(&Org) -> Option<String>,
        args: impl Fn(&Org) -> Vec<Value>,
    ) -> Result<String, StoreError> {
        let mut org = bearer.org.clone();
        for _ in 0..TRIES {
            match self.ask_of_room(script, &bearer.user, key(&org), args(&org)).await? {
                Said::Noted(note) => return Ok(note),
                Said::Stale(truth) => org = truth,
                Said::Gated(_) | Said::Ended => break,
            }
        }
        Err(StoreError::Overloaded)
    }

    async fn ask_of_room(
        &self,
        script: &'static Script,
        user: &UserId,
        room: Option<String>,
        args: Vec<Value>,
    ) -> Result<Said, StoreError> {
        let shard = self.keys.shard_of(user);
        let mut keys = self.keys.shared(shard);
        keys.extend([self.keys.record(user), self.keys.joined(shard), self.keys.news(shard)]);
        keys.extend(room);
        let mut parts = Parts::new(script.name, self.link.call(script, keys, args).await?);
        match parts.text()?.as_str() {
            "ok" => Ok(Said::Noted(parts.text()?)),
            "gated" => Ok(Said::Gated(parts.parse()?)),
            "ended" => Ok(Said::Ended),
            "stale" => Ok(Said::Stale(parts.parse()?)),
            "restoring" => Err(StoreError::Restoring),
            _ => Err(parts.wrong()),
        }
    }
}

fn session(bearer: &Bearer, tab: &Tab) -> Value {
    SessionId { login: bearer.login.clone(), tab: tab.clone() }.to_string().into()
}

fn int(number: impl TryInto<i64>) -> Value {
    number.try_into().unwrap_or(i64::MAX).into()
}

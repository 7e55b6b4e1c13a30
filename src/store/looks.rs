//! Looks at sessions that are in rooms. Each has one in `due`, when its lease will end as far as was known at the last look,
//! or now, once it has ended: so a heartbeat pays nothing for rooms, and whatever ends a session ends its memberships.

use std::time::Duration;

use super::keys::{Keys, Shard};
use super::reads::told;
use super::users::TRIES;
use super::{Bearer, Store, StoreError, millis, scripts};
use crate::presence::{SessionId, Tab, UserId};

/// Most sessions looked at by one call; each may be in [`MOST_ROOMS`](super::rooms::MOST_ROOMS).
const LOOKS_PER_CALL: usize = 50;

/// A session that is overdue and has not been ended, because of a grace or a silent owner, is looked at again after.
const AGAIN: Duration = Duration::from_secs(1);

/// A session that is in rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InRooms {
    /// Whose.
    pub user: UserId,
    /// Its handle ([`Keys::handle`]).
    pub handle: String,
}

impl InRooms {
    fn of(bearer: &Bearer, tab: &Tab) -> Self {
        let session = SessionId { login: bearer.login.clone(), tab: tab.clone() };
        Self { user: bearer.user.clone(), handle: Keys::handle(&session) }
    }
}

impl Store {
    /// A session leaves all its rooms.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn leave_all(&self, bearer: &Bearer, tab: &Tab) -> Result<(), StoreError> {
        self.look(self.keys.shard_of(&bearer.user), &[InRooms::of(bearer, tab)], true).await.map(drop)
    }

    /// Looks at sessions of one shard that are in rooms: those that no longer last leave them. Answers how many did.
    ///
    /// # Errors
    /// If Redis did not answer; what was not looked at stays due.
    pub async fn look_at_rooms(&self, shard: Shard, sessions: &[InRooms]) -> Result<u64, StoreError> {
        self.look(shard, sessions, false).await
    }

    async fn look(&self, shard: Shard, sessions: &[InRooms], leave: bool) -> Result<u64, StoreError> {
        // First each is taken to be in no room: most last, and then it does not matter in which they are.
        let mut open: Vec<_> = sessions.iter().map(|session| (session, String::new())).collect();
        let mut left = 0;
        for _ in 0..TRIES {
            let mut stale = Vec::new();
            for chunk in open.chunks(LOOKS_PER_CALL) {
                left += self.look_at_some(shard, chunk, leave, &mut stale).await?;
            }
            open = stale;
        }
        Ok(left)
    }

    /// Looks at sessions with the rooms that each is taken to be in; adds those that are in others to `stale`.
    async fn look_at_some<'a>(
        &self,
        shard: Shard,
        sessions: &[(&'a InRooms, String)],
        leave: bool,
        stale: &mut Vec<(&'a InRooms, String)>,
    ) -> Result<u64, StoreError> {
        let script = &scripts::ROOM_DUE;
        let mut keys = self.keys.shared(shard);
        keys.extend([self.keys.joined(shard), self.keys.news(shard)]);
        let mut args = vec![self.clock.now(), i64::from(leave).into(), millis(AGAIN)];
        for (InRooms { user, handle }, rooms) in sessions {
            keys.push(self.keys.record(user));
            keys.extend(rooms.split_whitespace().map(|name| self.keys.room(shard, name)));
            args.extend([format!("{user}:{handle}").into(), rooms.as_str().into()]);
        }
        let mut parts = told(script, self.link.call(script, keys, args).await?)?;
        let mut left = 0;
        for (session, _) in sessions {
            let said = parts.text()?;
            if let Some(rooms) = said.strip_prefix("stale ") {
                stale.push((*session, rooms.to_owned()));
            } else if said.starts_with("left ") {
                left += 1;
            }
        }
        Ok(left)
    }
}

//! What waits for one connection until it can be sent: of each person the newest change only, so that somebody who reads
//! slowly gets fewer changes and not older ones. What is too much even so is not kept: the reader is to come back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::change::Change;
use crate::live::protocol::{Counts, Happened, Member};
use crate::presence::{Org, Room, UserId};

/// People whose changes may wait for one reader.
const MOST: usize = 5_000;
/// Events that may wait for one reader who gets each of them.
const MOST_EVENTS: usize = 10_000;

/// What of a room the newest is kept of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RoomSlot {
    /// Whether somebody is there.
    Member(UserId),
    /// Whether somebody types.
    Typing(UserId),
    /// How many are there.
    Count,
}

/// What waits.
#[derive(Debug, Default)]
pub struct Post {
    /// The newest change of each.
    pub changes: HashMap<UserId, Arc<Change>>,
    /// The newest counts of each organisation.
    pub counts: HashMap<Org, Counts>,
    /// The newest of each kind that happened with each in rooms.
    pub rooms: HashMap<(Room, RoomSlot), Arc<Happened>>,
    /// Every change, in order, for those who want each.
    pub events: Vec<Arc<Change>>,
    /// How many events were too many.
    pub missed: u64,
    /// Changes were too many: some are lost.
    pub is_overflowing: bool,
    /// Something may have been missed: all that is watched is to be looked at anew.
    pub is_outdated: bool,
    /// The login may have ended, or the account may be gated: ask.
    pub is_suspect: bool,
}

/// The mailbox of a connection.
#[derive(Debug, Default)]
pub struct Mailbox {
    post: Mutex<Post>,
    bell: Notify,
}

impl Mailbox {
    fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in, and rings.
    pub fn put(&self, put: impl FnOnce(&mut Post)) {
        put(&mut self.post());
        self.bell.notify_one();
    }

    /// A change of somebody who is watched.
    pub fn change(&self, change: &Arc<Change>) {
        self.put(|post| {
            if post.changes.len() >= MOST && !post.changes.contains_key(change.user()) {
                post.is_overflowing = true;
            } else {
                post.changes.insert(change.user().clone(), Arc::clone(change));
            }
        });
    }

    /// Something that happened in a room that is watched.
    pub fn room(&self, room: &Room, happened: &Arc<Happened>) {
        let slot = match &**happened {
            Happened::Joined(Member { user_id, .. }) | Happened::Left { user_id } => {
                RoomSlot::Member(user_id.clone())
            }
            Happened::Typing { user_id, .. } => RoomSlot::Typing(user_id.clone()),
            Happened::Count(_) => RoomSlot::Count,
        };
        self.put(|post| {
            if post.rooms.len() >= MOST {
                post.is_overflowing = true;
            } else {
                post.rooms.insert((room.clone(), slot), Arc::clone(happened));
            }
        });
    }

    /// A change of anybody, for those who want each.
    pub fn event(&self, change: &Arc<Change>) {
        self.put(|post| {
            if post.events.len() < MOST_EVENTS {
                post.events.push(Arc::clone(change));
            } else {
                post.missed += 1;
            }
        });
    }

    /// Waits until something is there, and takes it out.
    pub async fn take(&self) -> Post {
        self.bell.notified().await;
        std::mem::take(&mut *self.post())
    }

    /// Forgets what is not newer than what the reader has been shown.
    pub fn settle<'a>(&self, shown: impl Iterator<Item = (&'a UserId, i64)>) {
        let mut post = self.post();
        for (user, version) in shown {
            if post.changes.get(user).is_some_and(|change| change.entry.shown_version <= version) {
                post.changes.remove(user);
            }
        }
    }
}

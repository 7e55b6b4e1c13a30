//! Who watches what: the tables behind the hub's lock.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use super::list::List;
use super::room::WatchedRoom;
use super::{Reader, Seat};
use crate::http::Timestamp;
use crate::live::protocol::{Counts, Happened, Member, Targets};
use crate::presence::{Entry, EntryKind, Org, Room, Status, UserId};
use crate::store::News;

/// A room of an organisation.
pub type RoomKey = (Org, Room);

/// An organisation that is watched.
#[derive(Debug, Default)]
pub struct WatchedOrg {
    /// Who watches.
    pub readers: List,
    /// Too many people to tell of each: readers get counts alone.
    pub is_large: bool,
    /// What was told last.
    pub counts: Option<Counts>,
}

/// Something that happened in a room, and who is to be told.
#[derive(Debug)]
pub struct RoomNews {
    room: Room,
    happened: Arc<Happened>,
    readers: Vec<Reader>,
}

impl RoomNews {
    /// Tells them.
    pub fn tell(&self) {
        for reader in &self.readers {
            reader.mailbox.room(&self.room, &self.happened);
        }
    }
}

/// The tables.
#[derive(Debug, Default)]
pub struct Registry {
    /// Connections of each user.
    pub own: HashMap<UserId, List>,
    /// Who watches somebody by name.
    pub users: HashMap<UserId, List>,
    /// Who watches an organisation.
    pub orgs: HashMap<Org, WatchedOrg>,
    /// Who watches a room.
    pub rooms: HashMap<RoomKey, WatchedRoom>,
    /// In which of these rooms people are.
    in_rooms: HashMap<UserId, Vec<RoomKey>>,
    /// Rooms that somebody is looking at: what happens with anybody may concern them.
    looked_at: HashSet<RoomKey>,
    /// Those who want everything.
    pub all: List,
    /// More people than these are not told of one by one.
    pub audience: u64,
}

fn readers_of(list: Option<&List>) -> Vec<Reader> {
    list.into_iter().flat_map(List::readers).cloned().collect()
}

/// Removes a reader from one of many lists, and the list with its last reader.
pub fn leave<K: Hash + Eq>(lists: &mut HashMap<K, List>, key: K, seat: Seat) {
    if let Slot::Occupied(mut slot) = lists.entry(key) {
        slot.get_mut().remove(seat);
        if slot.get().is_empty() {
            slot.remove();
        }
    }
}

impl Registry {
    /// Who watches the user of an entry, and who wants everything.
    pub fn concerned(&self, entry: &Entry) -> (Vec<Reader>, Vec<Reader>) {
        let mut watchers = readers_of(self.users.get(&entry.user));
        let org = self.orgs.get(&entry.org).filter(|org| !org.is_large);
        watchers.extend(readers_of(org.map(|org| &org.readers)));
        for key in self.in_rooms.get(&entry.user).into_iter().flatten() {
            let room =
                self.rooms.get(key).filter(|room| !room.is_large(self.audience) && room.seen(&entry.user));
            watchers.extend(readers_of(room.map(|room| &room.readers)));
        }
        (watchers, readers_of(Some(&self.all)))
    }

    /// The connections of a user.
    pub fn connections(&self, user: &UserId) -> Vec<Reader> {
        readers_of(self.own.get(user))
    }

    /// Every connection.
    pub fn everybody(&self) -> Vec<Reader> {
        self.own.values().flat_map(List::readers).cloned().collect()
    }

    /// Takes news of a room in; answers what its watchers are told.
    pub fn room_news(&mut self, news: &News, now: Instant) -> Option<RoomNews> {
        let (News::Joined { user, org, room, .. }
        | News::Left { user, org, room }
        | News::Typing { user, org, room, .. }) = news
        else {
            return None;
        };
        let key = (org.clone(), room.clone());
        let watched = self.rooms.get_mut(&key)?;
        let happened = match news {
            News::Joined { user, status, since, version, .. } => watched.join(Member {
                user_id: user.clone(),
                status: *status,
                since: Timestamp::unless_never(*since),
                version: *version,
            }),
            News::Left { user, .. } => watched.leave(user),
            News::Typing { user, on, .. } => watched.type_(user, *on, now),
            News::Ended { .. } => None,
        };
        match news {
            News::Joined { .. } => self.note_member(user, &key),
            News::Left { .. } => self.note_gone(user, &key),
            _ => {}
        }
        self.told(&key, happened?)
    }

    /// Members of rooms who went out of sight, or came back into it.
    pub fn room_presence(&mut self, entry: &Entry) -> Vec<RoomNews> {
        if entry.kind != EntryKind::Transition || !entry.is_shown() {
            return Vec::new();
        }
        let member = Member {
            user_id: entry.user.clone(),
            status: entry.to.shown(),
            since: Timestamp::unless_never(entry.shown_since),
            version: entry.shown_version,
        };
        let is_seen = member.status != Status::Offline;
        let mut told = Vec::new();
        let mut keys: HashSet<RoomKey> = self.looked_at.clone();
        keys.extend(self.in_rooms.get(&entry.user).into_iter().flatten().cloned());
        for key in keys {
            let happened = self.rooms.get_mut(&key).and_then(|room| room.show(member.clone(), is_seen));
            told.extend(happened.and_then(|happened| self.told(&key, happened)));
        }
        told
    }

    /// What time alone brings.
    pub fn room_ticks(&mut self, audience: u64, now: Instant) -> Vec<RoomNews> {
        self.audience = audience;
        let mut happened = Vec::new();
        for (key, room) in &mut self.rooms {
            happened.extend(room.end_typing(now).into_iter().map(|happened| (key.clone(), happened)));
            happened.extend(room.tell_count(audience).map(|count| (key.clone(), count)));
        }
        happened.into_iter().filter_map(|(key, happened)| self.told(&key, happened)).collect()
    }

    /// Somebody is about to look who is in a room.
    pub fn room_looked_at(&mut self, key: &RoomKey) -> &mut WatchedRoom {
        self.looked_at.insert(key.clone());
        let room = self.rooms.entry(key.clone()).or_default();
        room.begin_look();
        room
    }

    /// Somebody has looked who is in a room; nobody knows if it failed.
    pub fn room_found(&mut self, key: &RoomKey, found: Option<&[UserId]>) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        let gone = room.end_look(found);
        if !room.is_looked_at() {
            self.looked_at.remove(key);
        }
        let members: Vec<UserId> = room.members().cloned().collect();
        gone.iter().for_each(|user| self.note_gone(user, key));
        members.iter().for_each(|user| self.note_member(user, key));
    }

    /// Nobody watches a room any more.
    pub fn forget_room(&mut self, key: &RoomKey) {
        self.looked_at.remove(key);
        let room = self.rooms.remove(key).unwrap_or_default();
        room.members().for_each(|user| self.note_gone(user, key));
    }

    /// Somebody in these lists sees with other eyes from now on.
    pub fn see_as(&mut self, reader: &Reader, watched: &Targets) {
        let of = &reader.viewer;
        let lists = self.own.get_mut(&of.user).into_iter().chain([&mut self.all]);
        lists.for_each(|list| list.swap(reader));
        for user in &watched.users {
            self.users.get_mut(user).into_iter().for_each(|list| list.swap(reader));
        }
        for org in &watched.orgs {
            self.orgs.get_mut(org).into_iter().for_each(|org| org.readers.swap(reader));
        }
        for room in &watched.rooms {
            let room = self.rooms.get_mut(&(of.org.clone(), room.clone()));
            room.into_iter().for_each(|room| room.readers.swap(reader));
        }
    }

    fn told(&self, key: &RoomKey, happened: Happened) -> Option<RoomNews> {
        let room = self.rooms.get(key)?;
        // Of a large one comings and goings are told by numbers.
        let is_counted = matches!(happened, Happened::Joined(_) | Happened::Left { .. });
        if is_counted && room.is_large(self.audience) {
            return None;
        }
        Some(RoomNews {
            room: key.1.clone(),
            happened: Arc::new(happened),
            readers: room.readers.readers().cloned().collect(),
        })
    }

    fn note_member(&mut self, user: &UserId, key: &RoomKey) {
        let rooms = self.in_rooms.entry(user.clone()).or_default();
        if !rooms.contains(key) {
            rooms.push(key.clone());
        }
    }

    fn note_gone(&mut self, user: &UserId, key: &RoomKey) {
        if let Slot::Occupied(mut slot) = self.in_rooms.entry(user.clone()) {
            slot.get_mut().retain(|room| room != key);
            if slot.get().is_empty() {
                slot.remove();
            }
        }
    }
}

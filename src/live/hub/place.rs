//! A reader's place in the hub: what they watch is told to them for as long as they have it.

use std::collections::HashSet;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::registry::{RoomKey, leave};
use super::{Hub, Reader};
use crate::auth::Claims;
use crate::live::protocol::Targets;
use crate::metrics::labels::WatchKind;
use crate::metrics::record;
use crate::presence::{Room, UserId};

/// A place in the hub. Whoever drops it is told of nothing any more.
#[derive(Debug)]
pub struct Place {
    hub: Arc<Hub>,
    reader: Reader,
    watched: Targets,
    has_all: bool,
    is_carrying: bool,
}

impl Place {
    pub(super) fn new(hub: Arc<Hub>, reader: Reader) -> Self {
        Self { hub, reader, watched: Targets::default(), has_all: false, is_carrying: false }
    }

    /// Whoever has it.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What is watched from here.
    #[must_use]
    pub const fn watched(&self) -> &Targets {
        &self.watched
    }

    fn room_key(&self, room: &Room) -> RoomKey {
        (self.reader.viewer.org.clone(), room.clone())
    }

    /// Tells of these, too, from now on; answers those that were not watched before. Whoever watches rooms looks next who
    /// is in them, and says so ([`Place::found`]).
    pub fn watch(&mut self, targets: &Targets) -> Targets {
        let mut added = Targets::default();
        let mut registry = self.hub.registry();
        for user in &targets.users {
            if registry.users.entry(user.clone()).or_default().add(&self.reader) {
                added.users.push(user.clone());
            }
        }
        for org in &targets.orgs {
            if registry.orgs.entry(org.clone()).or_default().readers.add(&self.reader) {
                added.orgs.push(org.clone());
            }
        }
        for room in &targets.rooms {
            if registry.room_looked_at(&self.room_key(room)).readers.add(&self.reader) {
                added.rooms.push(room.clone());
            }
        }
        drop(registry);
        count(&added, 1.0);
        self.watched.users.extend(added.users.iter().cloned());
        self.watched.orgs.extend(added.orgs.iter().cloned());
        self.watched.rooms.extend(added.rooms.iter().cloned());
        added
    }

    /// A look is about to be taken again at the rooms that are watched.
    pub fn look_again(&self) {
        let mut registry = self.hub.registry();
        for room in &self.watched.rooms {
            registry.room_looked_at(&self.room_key(room));
        }
    }

    /// A look at a room found these in it; `None` if it failed.
    pub fn found(&self, room: &Room, users: Option<&[UserId]>) {
        self.hub.registry().room_found(&self.room_key(room), users);
    }

    /// No longer tells of these.
    pub fn unwatch(&mut self, targets: &Targets) {
        let (mut registry, seat) = (self.hub.registry(), self.reader.seat);
        for user in &targets.users {
            leave(&mut registry.users, user.clone(), seat);
        }
        for org in &targets.orgs {
            if let Slot::Occupied(mut slot) = registry.orgs.entry(org.clone()) {
                slot.get_mut().readers.remove(seat);
                if slot.get().readers.is_empty() {
                    slot.remove();
                }
            }
        }
        for room in &targets.rooms {
            let key = self.room_key(room);
            let Some(watched) = registry.rooms.get_mut(&key) else { continue };
            watched.readers.remove(seat);
            if watched.readers.is_empty() {
                registry.forget_room(&key);
            }
        }
        drop(registry);
        count(&self.watched, -1.0);
        let users: HashSet<&UserId> = targets.users.iter().collect();
        self.watched.users.retain(|user| !users.contains(user));
        self.watched.orgs.retain(|org| !targets.orgs.contains(org));
        self.watched.rooms.retain(|room| !targets.rooms.contains(room));
        count(&self.watched, 1.0);
    }

    /// Tells of every change there is.
    pub fn watch_all(&mut self) {
        self.hub.registry().all.add(&self.reader);
        self.has_all = true;
    }

    /// Whether the connection carries a session now.
    pub fn carry(&mut self, is_carrying: bool) {
        let was_carrying = std::mem::replace(&mut self.is_carrying, is_carrying);
        if is_carrying && !was_carrying {
            self.hub.carrying.fetch_add(1, Ordering::Relaxed);
        } else if was_carrying && !is_carrying {
            self.hub.carrying.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The same person sees with other eyes from now on: another token, another role.
    pub fn see_as(&mut self, viewer: Arc<Claims>) {
        self.reader.viewer = viewer;
        self.hub.registry().see_as(&self.reader, &self.watched);
    }

    fn leave(&mut self, watched: &Targets) {
        self.carry(false);
        self.unwatch(watched);
        let mut registry = self.hub.registry();
        leave(&mut registry.own, self.reader.viewer.user.clone(), self.reader.seat);
        if self.has_all {
            registry.all.remove(self.reader.seat);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let watched = std::mem::take(&mut self.watched);
        count(&watched, -1.0);
        self.leave(&watched);
    }
}

/// Counts these as watched, or no longer.
#[expect(clippy::cast_precision_loss, reason = "a reader watches a thousand at most")]
fn count(targets: &Targets, sign: f64) {
    let kinds = [
        (WatchKind::Users, targets.users.len()),
        (WatchKind::Orgs, targets.orgs.len()),
        (WatchKind::Rooms, targets.rooms.len()),
    ];
    for (kind, targets) in kinds.into_iter().filter(|(_, targets)| *targets > 0) {
        record::live_watches(kind, sign * targets as f64);
    }
}

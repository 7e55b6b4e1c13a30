//! Who is connected to this node and watches whom: what the node hears of the outboxes goes from here to the mailboxes of
//! those whom it concerns. One lock: what is done under it is finding the mailboxes, not filling them.

mod change;
mod list;
mod mailbox;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use list::List;

pub use change::{Change, Eye, may_see};
pub use mailbox::{Mailbox, Post};

use super::protocol::{Counts, Targets};
use crate::auth::Claims;
use crate::presence::{Entry, Org, Outgoing, Reason, UserId};
use crate::store::Heard;

/// Names a connection within its node.
pub type Seat = u64;

/// Somebody who is told of changes.
#[derive(Clone, Debug)]
pub struct Reader {
    seat: Seat,
    viewer: Arc<Claims>,
    mailbox: Arc<Mailbox>,
}

impl Reader {
    /// Who it is, as they may see others.
    #[must_use]
    pub fn viewer(&self) -> &Arc<Claims> {
        &self.viewer
    }

    /// What waits for them.
    #[must_use]
    pub const fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }
}

/// An organisation that is watched.
#[derive(Debug, Default)]
struct WatchedOrg {
    readers: List,
    /// Too many people to tell of each: readers get counts alone.
    is_large: bool,
    counts: Option<Counts>,
}

#[derive(Debug, Default)]
struct Registry {
    /// Connections of each user.
    own: HashMap<UserId, List>,
    users: HashMap<UserId, List>,
    orgs: HashMap<Org, WatchedOrg>,
    /// Those who want everything.
    all: List,
}

/// The hub of a node.
#[derive(Debug, Default)]
pub struct Hub {
    registry: Mutex<Registry>,
    seats: AtomicU64,
}

/// A place in the hub. Whoever drops it is told of nothing any more.
#[derive(Debug)]
pub struct Place {
    hub: Arc<Hub>,
    reader: Reader,
    watched: Targets,
    has_all: bool,
}

impl Hub {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for somebody.
    #[must_use]
    pub fn enter(self: &Arc<Self>, viewer: Arc<Claims>) -> Place {
        let seat = self.seats.fetch_add(1, Ordering::Relaxed);
        let reader = Reader { seat, viewer, mailbox: Arc::default() };
        self.registry().own.entry(reader.viewer.user.clone()).or_default().add(&reader);
        Place { hub: Arc::clone(self), reader, watched: Targets::default(), has_all: false }
    }

    /// What the node hears.
    pub fn hear(&self, heard: Heard<'_>) {
        match heard {
            Heard::Entries(_, entries) => {
                entries.iter().filter_map(Outgoing::entry).for_each(|entry| self.tell(entry))
            }
            Heard::Anew(_) => self.doubt(),
        }
    }

    fn tell(&self, entry: &Entry) {
        let (watchers, everybody, suspects) = self.registry().concerned(entry);
        if ends_logins(entry.reason) {
            suspects.iter().for_each(|reader| reader.mailbox.put(|post| post.is_suspect = true));
        }
        if watchers.is_empty() && everybody.is_empty() {
            return;
        }
        let change = Arc::new(Change::new(entry.clone()));
        for reader in watchers.iter().filter(|reader| change.concerns(&reader.viewer)) {
            reader.mailbox.change(&change);
        }
        for reader in
            everybody.iter().filter(|reader| entry.is_shown() && may_see(&reader.viewer, &entry.org))
        {
            reader.mailbox.event(&change);
        }
    }

    /// Something may have been missed: everybody looks anew at what they watch, and whether they are still welcome.
    fn doubt(&self) {
        let readers: Vec<Reader> = self.registry().own.values().flat_map(List::readers).cloned().collect();
        for reader in readers {
            reader.mailbox.put(|post| {
                post.is_outdated = true;
                post.is_suspect = true;
            });
        }
    }

    /// The organisations that are watched.
    #[must_use]
    pub fn orgs(&self) -> Vec<Org> {
        self.registry().orgs.keys().cloned().collect()
    }

    /// Tells how many are present of an organisation; `audience`: of how many people each change is told. Whoever watches
    /// one that has shrunk below it looks anew.
    pub fn count(&self, org: &Org, counts: Counts, audience: u64) {
        let (readers, has_shrunk) = {
            let mut registry = self.registry();
            let Some(watched) = registry.orgs.get_mut(org) else { return };
            let was_large = watched.is_large;
            // Between the two bounds it stays as it was, so that it does not flutter.
            watched.is_large = counts.users() > audience || was_large && counts.users() * 10 > audience * 8;
            let has_shrunk = was_large && !watched.is_large;
            if watched.counts.replace(counts) == Some(counts) && !has_shrunk {
                return;
            }
            (watched.readers.readers().cloned().collect::<Vec<_>>(), has_shrunk)
        };
        for reader in readers {
            reader.mailbox.put(|post| {
                post.counts.insert(org.clone(), counts);
                post.is_outdated |= has_shrunk;
            });
        }
    }
}

/// Changes after which a login of the user may have ended.
const fn ends_logins(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Logout
            | Reason::LogoutAll
            | Reason::ForceLogout
            | Reason::Suspended
            | Reason::Banned
            | Reason::Deactivated
    )
}

impl Registry {
    /// Who watches the user, who wants everything, and the user's own connections.
    fn concerned(&self, entry: &Entry) -> (Vec<Reader>, Vec<Reader>, Vec<Reader>) {
        let of = |list: Option<&List>| list.into_iter().flat_map(List::readers).cloned().collect::<Vec<_>>();
        let mut watchers = of(self.users.get(&entry.user));
        let org = self.orgs.get(&entry.org).filter(|org| !org.is_large);
        watchers.extend(of(org.map(|org| &org.readers)));
        (watchers, of(Some(&self.all)), of(self.own.get(&entry.user)))
    }
}

fn leave<K: Hash + Eq>(lists: &mut HashMap<K, List>, key: K, seat: Seat) {
    if let Slot::Occupied(mut slot) = lists.entry(key) {
        slot.get_mut().remove(seat);
        if slot.get().is_empty() {
            slot.remove();
        }
    }
}

impl Place {
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

    /// Tells of these, too, from now on.
    pub fn watch(&mut self, targets: &Targets) {
        let mut registry = self.hub.registry();
        for user in &targets.users {
            if registry.users.entry(user.clone()).or_default().add(&self.reader) {
                self.watched.users.push(user.clone());
            }
        }
        for org in &targets.orgs {
            if registry.orgs.entry(org.clone()).or_default().readers.add(&self.reader) {
                self.watched.orgs.push(org.clone());
            }
        }
    }

    /// No longer tells of these.
    pub fn unwatch(&mut self, targets: &Targets) {
        let mut registry = self.hub.registry();
        for user in &targets.users {
            leave(&mut registry.users, user.clone(), self.reader.seat);
        }
        for org in &targets.orgs {
            if let Slot::Occupied(mut slot) = registry.orgs.entry(org.clone()) {
                slot.get_mut().readers.remove(self.reader.seat);
                if slot.get().readers.is_empty() {
                    slot.remove();
                }
            }
        }
        self.watched.users.retain(|user| !targets.users.contains(user));
        self.watched.orgs.retain(|org| !targets.orgs.contains(org));
    }

    /// Tells of every change there is.
    pub fn watch_all(&mut self) {
        self.hub.registry().all.add(&self.reader);
        self.has_all = true;
    }

    /// Somebody sees with other eyes from now on: another token, another role.
    pub fn see_as(&mut self, viewer: Arc<Claims>) {
        let watched = std::mem::take(&mut self.watched);
        self.leave(&watched);
        self.reader.viewer = viewer;
        self.hub.registry().own.entry(self.reader.viewer.user.clone()).or_default().add(&self.reader);
        if self.has_all {
            self.watch_all();
        }
        self.watch(&watched);
    }

    fn leave(&mut self, watched: &Targets) {
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
        self.leave(&watched);
    }
}

//! Who is connected to this node and watches whom: what the node hears of the outboxes goes from here to the mailboxes of
//! those whom it concerns. One lock: what is done under it is finding the mailboxes, not filling them.

mod change;
mod list;
mod mailbox;
mod place;
mod registry;
mod room;
mod skew;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use registry::{Registry, RoomNews};
use skew::Skew;

pub use change::{Change, Eye, may_see};
pub use mailbox::{Mailbox, Post};
pub use place::Place;

use super::protocol::Counts;
use crate::auth::Claims;
use crate::metrics::record;
use crate::presence::{Entry, Org, Outgoing, Reason, UserId};
use crate::store::{Heard, Keys, News};

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

/// The hub of a node.
#[derive(Debug, Default)]
pub struct Hub {
    registry: Mutex<Registry>,
    seats: AtomicU64,
    skew: Skew,
    /// Places that carry a session.
    carrying: AtomicU64,
}

impl Hub {
    pub(self) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far this node's clock is before that of Redis, in seconds.
    pub fn set_skew(&self, seconds: f64) {
        self.skew.set(seconds);
    }

    /// Takes a place for somebody.
    #[must_use]
    pub fn enter(self: &Arc<Self>, viewer: Arc<Claims>) -> Place {
        let seat = self.seats.fetch_add(1, Ordering::Relaxed);
        let reader = Reader { seat, viewer, mailbox: Arc::default() };
        self.registry().own.entry(reader.viewer.user.clone()).or_default().add(&reader);
        Place::new(Arc::clone(self), reader)
    }

    /// Connections that carry a session.
    #[must_use]
    pub fn carrying(&self) -> u64 {
        self.carrying.load(Ordering::Relaxed)
    }

    /// What the node hears; `keys`: which users are on which shard.
    pub fn hear(&self, heard: Heard<'_>, keys: &Keys) {
        match heard {
            Heard::Entries(_, entries) => {
                record::live_changes(entries.len());
                entries.iter().filter_map(Outgoing::entry).for_each(|entry| self.tell(entry));
            }
            Heard::News(_, news) => news.iter().for_each(|news| self.tell_news(news)),
            Heard::Anew(shard) => self.doubt(|user| keys.shard_of(user) == shard),
        }
    }

    fn tell_news(&self, news: &News) {
        if let News::Ended { user } = news {
            return self.suspect(user);
        }
        let told = self.registry().room_news(news, Instant::now());
        told.iter().for_each(RoomNews::tell);
    }

    /// A login of the user may have ended.
    fn suspect(&self, user: &UserId) {
        let readers = self.registry().connections(user);
        readers.iter().for_each(|reader| reader.mailbox.put(|post| post.is_suspect = true));
    }

    fn tell(&self, entry: &Entry) {
        if ends_logins(entry.reason) {
            self.suspect(&entry.user);
        }
        let (rooms, (watchers, everybody)) = {
            let mut registry = self.registry();
            (registry.room_presence(entry), registry.concerned(entry))
        };
        rooms.iter().for_each(RoomNews::tell);
        if watchers.is_empty() && everybody.is_empty() {
            return;
        }
        let change = Arc::new(Change::new(entry.clone()));
        let mut told = 0;
        for reader in watchers.iter().filter(|reader| change.concerns(&reader.viewer)) {
            reader.mailbox.change(&change);
            told += 1;
        }
        let is_event = |reader: &&Reader| entry.is_shown() && may_see(&reader.viewer, &entry.org);
        for reader in everybody.iter().filter(is_event) {
            reader.mailbox.event(&change);
            told += 1;
        }
        if told > 0 {
            record::live_told(told);
            self.skew.age_of(entry.detected_at).into_iter().for_each(record::live_fanout);
        }
    }

    /// Something of these users may have been missed: they are asked whether they are still welcome, and everybody looks
    /// anew at what they watch.
    fn doubt(&self, concerns: impl Fn(&UserId) -> bool) {
        let readers = self.registry().everybody();
        for reader in readers {
            let is_suspect = concerns(&reader.viewer.user);
            reader.mailbox.put(|post| {
                post.is_outdated = true;
                post.is_suspect |= is_suspect;
            });
        }
    }

    /// The organisations that are watched.
    #[must_use]
    pub fn orgs(&self) -> Vec<Org> {
        self.registry().orgs.keys().cloned().collect()
    }

    /// What time alone brings: typing ends, and the sizes of rooms are told that have more members than the audience.
    pub fn tick(&self, audience: u64, now: Instant) {
        let told = self.registry().room_ticks(audience, now);
        told.iter().for_each(RoomNews::tell);
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

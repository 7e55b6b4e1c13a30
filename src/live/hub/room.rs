//! Rooms that somebody on this node watches: who is in them, as far as others may see, and who types.
//!
//! Members come from a look at the store, when a room is first watched here, and from the news after it. What happened
//! while the look was under way is kept, so that an older look takes nothing back.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::list::List;
use crate::live::protocol::{Happened, Member};
use crate::presence::UserId;

/// Typing ends by itself after this long.
const TYPING: Duration = Duration::from_secs(5);

/// A room that is watched.
#[derive(Debug, Default)]
pub struct WatchedRoom {
    /// Who watches.
    pub readers: List,
    /// Everybody in it; whether others see them.
    members: HashMap<UserId, bool>,
    typing: HashMap<UserId, Instant>,
    /// Looks that are under way, and what happened since the first of them began: who came, who left, and who went out of
    /// sight without being known to be here.
    looks: usize,
    came: HashSet<UserId>,
    left: HashSet<UserId>,
    hidden: HashSet<UserId>,
    /// Whom a look has found before there was news of them: those who watched already have not been told.
    untold: HashSet<UserId>,
    /// How many were told of last, where each would be too many.
    told: Option<usize>,
}

impl WatchedRoom {
    /// How many are seen in it.
    fn count(&self) -> usize {
        self.members.values().filter(|seen| **seen).count()
    }

    /// Somebody looks at the store who is in it.
    pub const fn begin_look(&mut self) {
        self.looks += 1;
    }

    /// The look is over. It found these, and whoever else is not known to have come meanwhile is not here: they may have
    /// gone while nobody listened. Nothing is changed by one that failed. Answers who is known no longer to be here.
    pub fn end_look(&mut self, found: Option<&[UserId]>) -> Vec<UserId> {
        let mut gone = Vec::new();
        if let Some(found) = found {
            for user in found.iter().filter(|user| !self.left.contains(*user)) {
                if !self.members.contains_key(user) {
                    self.members.insert(user.clone(), !self.hidden.contains(user));
                    self.untold.insert(user.clone());
                }
            }
            let found: HashSet<&UserId> = found.iter().collect();
            let came = &self.came;
            gone = self
                .members
                .extract_if(|user, _| !found.contains(user) && !came.contains(user))
                .map(|(user, _)| user)
                .collect();
            for user in &gone {
                self.untold.remove(user);
            }
        }
        self.looks = self.looks.saturating_sub(1);
        if self.looks == 0 {
            self.came.clear();
            self.left.clear();
            self.hidden.clear();
        }
        gone
    }

    /// Whether somebody looks who is in it.
    pub const fn is_looked_at(&self) -> bool {
        self.looks > 0
    }

    /// Everybody who is in it, seen or not.
    pub fn members(&self) -> impl Iterator<Item = &UserId> {
        self.members.keys()
    }

    /// Somebody came.
    pub fn join(&mut self, member: Member) -> Option<Happened> {
        self.left.remove(&member.user_id);
        if self.looks > 0 {
            self.hidden.remove(&member.user_id);
            self.came.insert(member.user_id.clone());
        }
        let was_seen = self.members.insert(member.user_id.clone(), true);
        // Whoever looked just now hears of it twice, which is better than that the others never do.
        let is_news = self.untold.remove(&member.user_id) || was_seen != Some(true);
        is_news.then_some(Happened::Joined(member))
    }

    /// Somebody left for good.
    pub fn leave(&mut self, user: &UserId) -> Option<Happened> {
        if self.looks > 0 {
            self.came.remove(user);
            self.left.insert(user.clone());
        }
        self.typing.remove(user);
        self.untold.remove(user);
        let was_seen = self.members.remove(user);
        (was_seen == Some(true)).then(|| Happened::Left { user_id: user.clone() })
    }

    /// Somebody who may be in it is seen from now on, or not.
    pub fn show(&mut self, member: Member, is_seen: bool) -> Option<Happened> {
        if self.looks > 0 && is_seen {
            self.hidden.remove(&member.user_id);
        } else if self.looks > 0 {
            self.hidden.insert(member.user_id.clone());
        }
        let seen = self.members.get_mut(&member.user_id)?;
        if std::mem::replace(seen, is_seen) == is_seen {
            return None;
        }
        if is_seen {
            Some(Happened::Joined(member))
        } else {
            self.typing.remove(&member.user_id);
            Some(Happened::Left { user_id: member.user_id })
        }
    }

    /// Somebody types, or no longer does.
    pub fn type_(&mut self, user: &UserId, on: bool, now: Instant) -> Option<Happened> {
        let was_on = if on {
            self.typing.insert(user.clone(), now + TYPING).is_some()
        } else {
            self.typing.remove(user).is_some()
        };
        (was_on != on).then(|| Happened::Typing { user_id: user.clone(), on })
    }

    /// Who types no more by now.
    pub fn end_typing(&mut self, now: Instant) -> Vec<Happened> {
        let over = self.typing.extract_if(|_, until| *until <= now);
        over.map(|(user_id, _)| Happened::Typing { user_id, on: false }).collect()
    }

    /// Whether it has more members than each is told of.
    pub fn is_large(&self, audience: u64) -> bool {
        self.members.len() as u64 > audience
    }

    /// How many are in a large room, if that is news.
    pub fn tell_count(&mut self, audience: u64) -> Option<Happened> {
        let count = self.is_large(audience).then(|| self.count());
        let is_news = count.is_some() && self.told != count;
        self.told = count;
        count.filter(|_| is_news).map(|count| Happened::Count(count as u64))
    }

    /// Who is seen in it.
    pub fn seen(&self, user: &UserId) -> bool {
        self.members.get(user) == Some(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::Status;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn member(name: &str) -> Member {
        Member { user_id: user(name), status: Status::Online, since: None, version: 1 }
    }

    #[test]
    fn whoever_leaves_during_a_look_is_not_brought_back_by_it() {
        let mut room = WatchedRoom::default();
        room.begin_look();
        assert_eq!(room.leave(&user("a")), None, "nobody knew of it");
        assert!(room.join(member("b")).is_some());
        assert_eq!(room.show(member("c"), false), None, "nobody knew of it, either");
        room.end_look(Some(&[user("a"), user("c"), user("d")]));
        assert_eq!(["a", "b", "c", "d"].map(|name| room.seen(&user(name))), [false, true, false, true]);
        room.begin_look();
        assert_eq!(room.end_look(None), []);
        room.begin_look();
        let gone = room.end_look(Some(&[user("a"), user("c"), user("d")]));
        assert_eq!(gone, [user("b")], "whoever is not found has gone unheard");
        assert!(room.seen(&user("a")), "a later look is later news");
    }

    #[test]
    fn whoever_is_found_before_the_news_of_their_coming_is_told_of_all_the_same() {
        let mut room = WatchedRoom::default();
        room.begin_look();
        assert_eq!(room.end_look(Some(&[user("a")])), []);
        assert!(room.join(member("a")).is_some(), "somebody watched before and has not heard of it");
        assert_eq!(room.join(member("a")), None);
    }

    #[test]
    fn whoever_is_not_seen_stays_a_member() {
        let mut room = WatchedRoom::default();
        room.join(member("a"));
        room.type_(&user("a"), true, Instant::now());
        assert!(matches!(room.show(member("a"), false), Some(Happened::Left { .. })));
        assert_eq!(room.show(member("a"), false), None);
        assert!(room.end_typing(Instant::now() + TYPING * 2).is_empty(), "nobody types who is not seen");
        assert!(matches!(room.show(member("a"), true), Some(Happened::Joined(_))));
        assert_eq!(room.show(member("b"), true), None, "who is no member does not become one");
        room.show(member("a"), false);
        assert_eq!(room.leave(&user("a")), None);
    }

    #[test]
    fn typing_ends_by_itself() {
        let (mut room, now) = (WatchedRoom::default(), Instant::now());
        assert!(room.type_(&user("a"), true, now).is_some());
        assert_eq!(room.type_(&user("a"), true, now + TYPING / 2), None);
        assert!(room.end_typing(now + TYPING).is_empty());
        let over = room.end_typing(now + TYPING * 2);
        assert_eq!(over, [Happened::Typing { user_id: user("a"), on: false }]);
        assert_eq!(room.type_(&user("a"), false, now), None);
    }

    #[test]
    fn of_a_large_room_the_size_is_told() {
        let mut room = WatchedRoom::default();
        room.join(member("a"));
        assert_eq!(room.tell_count(1), None);
        room.join(member("b"));
        assert_eq!(room.tell_count(1), Some(Happened::Count(2)));
        assert_eq!(room.tell_count(1), None);
    }
}

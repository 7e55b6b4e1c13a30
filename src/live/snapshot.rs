//! How those who are watched stand at one moment: what comes before the changes.

use std::collections::{BTreeMap, BTreeSet};

use super::Live;
use super::protocol::{Counts, RoomShown, ServerFrame, Targets};
use crate::auth::Claims;
use crate::http::{ApiError, Seen, see};
use crate::presence::{Org, Room, UserId};

/// People of one frame: some tens of kilobytes.
const VIEWS_PER_FRAME: usize = 250;
/// Members of a room who are shown one by one.
const MOST_MEMBERS: usize = 1_000;

/// A snapshot.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    views: Vec<Seen>,
    counts: BTreeMap<Org, Counts>,
    rooms: BTreeMap<Room, RoomShown>,
    /// Everybody in the rooms, also those of large ones who are not shown.
    pub(super) in_rooms: Vec<(Room, Vec<UserId>)>,
}

impl Snapshot {
    /// Looks. Of an organisation with more people than the configured audience there are counts alone.
    ///
    /// # Errors
    /// The store or the audit does not answer.
    pub(super) async fn take(live: &Live, viewer: &Claims, targets: &Targets) -> Result<Self, ApiError> {
        let mut snapshot = Self::default();
        let mut users: BTreeSet<UserId> = targets.users.iter().cloned().collect();
        for org in &targets.orgs {
            users.extend(snapshot.org(live, org).await?);
        }
        for room in &targets.rooms {
            users.extend(snapshot.room(live, &viewer.org, room).await?);
        }
        let users: Vec<UserId> = users.into_iter().collect();
        snapshot.views = see(&live.app, viewer, &users).await?;
        Ok(snapshot)
    }

    /// Counts an organisation; answers who is to be shown of it.
    async fn org(&mut self, live: &Live, org: &Org) -> Result<Vec<UserId>, ApiError> {
        let (store, audience) = (&live.app.store, live.audience());
        let counts = Counts::from(&store.stats(Some(org)).await?);
        live.hub.count(org, counts, audience);
        self.counts.insert(org.clone(), counts);
        if counts.users() > audience {
            return Ok(Vec::new());
        }
        let most = usize::try_from(audience).unwrap_or(usize::MAX);
        Ok(store.present(Some(org), None, most).await?.into_iter().map(|(user, ..)| user).collect())
    }

    /// Looks who is in a room; answers who is to be shown of it.
    async fn room(&mut self, live: &Live, org: &Org, room: &Room) -> Result<Vec<UserId>, ApiError> {
        let most = usize::try_from(live.app.config.live.room_members).unwrap_or(usize::MAX);
        let found = live.app.store.members(org, room, most).await?;
        let members: Vec<UserId> = found.users.iter().take(MOST_MEMBERS).cloned().collect();
        self.rooms.insert(room.clone(), RoomShown { count: found.count, members: members.clone() });
        self.in_rooms.push((room.clone(), found.users));
        Ok(members)
    }

    /// Whether of some organisation there are counts alone.
    pub(super) fn is_partial(&self, audience: u64) -> bool {
        self.counts.values().any(|counts| counts.users() > audience)
    }

    /// How people are seen.
    pub(super) fn views(&self) -> &[Seen] {
        &self.views
    }

    /// Who is shown in which version.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&UserId, i64)> {
        self.views.iter().filter_map(|view| Some((&view.user_id, view.version?)))
    }

    /// The frames that say it, at least one.
    pub(super) fn frames(self) -> Vec<ServerFrame<'static>> {
        let part = |views| ServerFrame::Snapshot {
            views,
            counts: BTreeMap::new(),
            rooms: BTreeMap::new(),
            complete: false,
        };
        let mut frames: Vec<ServerFrame<'static>> =
            self.views.chunks(VIEWS_PER_FRAME).map(|views| part(views.to_vec())).collect();
        if frames.is_empty() {
            frames.push(part(Vec::new()));
        }
        if let Some(ServerFrame::Snapshot { counts, rooms, complete, .. }) = frames.last_mut() {
            (*counts, *rooms) = (self.counts, self.rooms);
            *complete = true;
        }
        frames
    }
}

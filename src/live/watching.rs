//! Watching: a snapshot first, then what gathers in the mailbox.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::Message;
use rand::RngExt;

use super::acts::unwelcome;
use super::goodbye::Goodbye;
use super::hub::{Change, Eye, Place, Post, may_see};
use super::protocol::{ServerFrame, Targets};
use super::snapshot::Snapshot;
use super::socket::{Flow, Socket};
use crate::auth::Claims;
use crate::http::extract::in_present_role;
use crate::http::rooms::admit;
use crate::http::{ApiError, may_see_last_seen};
use crate::metrics::labels::LiveMessage;
use crate::metrics::record;
use crate::presence::Role;

/// People whom one socket may watch by name.
const MOST_USERS: usize = 1_000;
/// Organisations that one socket may watch.
const MOST_ORGS: usize = 20;
/// Rooms that one socket may watch.
const MOST_ROOMS: usize = 50;
/// Where all sockets have to look anew, they do it within this time.
const SPREAD: Duration = Duration::from_secs(2);

/// Whether so many may be watched in all. Those that are watched already, and are asked for to be shown again, count once.
fn within_bounds(watched: &Targets, more: &Targets) -> Result<(), ApiError> {
    for (name, all, most) in [
        ("users", together(&watched.users, &more.users), MOST_USERS),
        ("orgs", together(&watched.orgs, &more.orgs), MOST_ORGS),
        ("rooms", together(&watched.rooms, &more.rooms), MOST_ROOMS),
    ] {
        if all > most {
            return Err(ApiError::invalid(format!("/{name}"), format!("at most {most} {name}")));
        }
    }
    Ok(())
}

/// How many different ones there are in both.
fn together<T: Eq + Hash>(some: &[T], more: &[T]) -> usize {
    some.iter().chain(more).collect::<HashSet<_>>().len()
}

impl Socket {
    pub(super) async fn watch(&mut self, targets: Targets) -> Flow {
        if let Err(error) = self.may_watch(&targets).await {
            return self.refuse(&error).await;
        }
        let Some(place) = &mut self.place else { return Flow::Continue(()) };
        // First in the hub and then the look: what happens in between waits in the mailbox.
        let added = place.watch(&targets);
        let viewer = Arc::clone(place.reader().viewer());
        match Snapshot::take(&self.live, &viewer, &targets).await {
            Ok(snapshot) => self.show(snapshot).await,
            Err(error) => {
                if let Some(place) = &mut self.place {
                    targets.rooms.iter().for_each(|room| place.found(room, None));
                    place.unwatch(&added);
                }
                self.refuse(&error).await
            }
        }
    }

    /// Whether the client may watch these beside those that it watches.
    async fn may_watch(&mut self, targets: &Targets) -> Result<(), ApiError> {
        let viewer = self.present_viewer().await?;
        let watched = self.place.as_ref().map(Place::watched).ok_or(ApiError::Unavailable("Presence"))?;
        within_bounds(watched, targets)?;
        if !targets.orgs.iter().all(|org| may_see(&viewer, org)) {
            return Err(ApiError::Forbidden);
        }
        for room in
            targets.rooms.iter().filter(|room| viewer.role == Role::User && !self.rooms.contains(*room))
        {
            admit(&self.live.app, &viewer, room, None).await?;
        }
        Ok(())
    }

    /// Who the client is now: what more than a plain user's role admits is decided by the present one.
    pub(super) async fn present_viewer(&mut self) -> Result<Arc<Claims>, ApiError> {
        let claims = self.claims.clone().ok_or(ApiError::Unavailable("Presence"))?;
        if claims.role == Role::User {
            return Ok(claims);
        }
        let present = Arc::new(in_present_role(&self.live.app, (*claims).clone()).await?);
        if present.role != claims.role {
            if let Some(place) = &mut self.place {
                place.see_as(Arc::clone(&present));
            }
            self.claims = Some(Arc::clone(&present));
        }
        Ok(present)
    }

    pub(super) fn unwatch(&mut self, targets: &Targets) -> Flow {
        if let Some(place) = &mut self.place {
            let all = place.watched().clone();
            place.unwatch(if targets.is_empty() { &all } else { targets });
        }
        Flow::Continue(())
    }

    /// Looks anew at everything that is watched.
    pub(super) async fn refresh(&mut self) -> Flow {
        let Some(place) = &self.place else { return Flow::Continue(()) };
        place.look_again();
        let (viewer, watched) = (Arc::clone(place.reader().viewer()), place.watched().clone());
        if !self.rooms.is_empty() {
            self.join_again().await?;
        }
        match Snapshot::take(&self.live, &viewer, &watched).await {
            Ok(snapshot) => self.show(snapshot).await,
            Err(error) => {
                if let Some(place) = &self.place {
                    watched.rooms.iter().for_each(|room| place.found(room, None));
                }
                tracing::debug!(%error, "cannot look anew at those who are watched; trying again");
                self.refresh_soon();
                Flow::Continue(())
            }
        }
    }

    pub(super) fn refresh_soon(&mut self) {
        let after = rand::rng().random_range(Duration::ZERO..SPREAD);
        self.refresh_at.get_or_insert(Instant::now() + after);
    }

    async fn show(&mut self, snapshot: Snapshot) -> Flow {
        if let Some(place) = &self.place {
            place.reader().mailbox().settle(snapshot.versions());
            snapshot.in_rooms.iter().for_each(|(room, users)| place.found(room, Some(users)));
        }
        if self.existing.is_some() {
            return self.tell_all(&snapshot).await;
        }
        let frames = snapshot.frames();
        record::live_sent(LiveMessage::Snapshot, frames.len());
        let messages = frames.iter().map(|frame| Message::Text(frame.encode().into())).collect();
        self.push_all(messages).await
    }

    /// Sends what has gathered in the mailbox.
    pub(super) async fn deliver(&mut self, post: Post) -> Flow {
        let Some(claims) = self.claims.clone() else { return Flow::Continue(()) };
        if post.is_suspect
            && let Some(goodbye) = unwelcome(&self.live.app, &claims).await
        {
            return self.close(goodbye).await;
        }
        if post.is_overflowing {
            return self.close(Goodbye::Slow).await;
        }
        let is_watching = self.place.as_ref().is_some_and(|place| !place.watched().is_empty());
        if post.is_outdated && (is_watching || !self.rooms.is_empty()) {
            self.refresh_soon();
        }
        if self.existing.is_some() {
            return self.tell_changes(post.changes).await;
        }
        let mut messages: Vec<Message> = {
            let choices = self.live.app.visibilities.choices();
            let eye = |change: &Change| match &change.entry {
                entry if entry.user == claims.user => Eye::Own,
                entry if may_see_last_seen(&choices, &claims, &entry.user, &entry.org) => Eye::Open,
                _ => Eye::Closed,
            };
            post.changes.values().map(|change| Message::Text(change.frame(eye(change)))).collect()
        };
        record::live_sent(LiveMessage::Presence, messages.len());
        record::live_sent(LiveMessage::Counts, post.counts.len());
        record::live_sent(LiveMessage::Room, post.rooms.len());
        for ((room, _), happened) in &post.rooms {
            messages.push(Message::Text(ServerFrame::Room { room, happened }.encode().into()));
        }
        for (org, counts) in &post.counts {
            messages.push(Message::Text(ServerFrame::Counts { org, counts: *counts }.encode().into()));
        }
        if messages.is_empty() { Flow::Continue(()) } else { self.push_all(messages).await }
    }
}

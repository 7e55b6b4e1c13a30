//! What sessions want done, done: by the store, the hub and the socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::Message;
use rand::RngExt;
use time::OffsetDateTime;
use uuid::Uuid;

use super::goodbye::Goodbye;
use super::hub::{Change, Eye, Post, may_see};
use super::protocol::{ServerFrame, Targets};
use super::session::{Act, Beaten, Sign};
use super::snapshot::Snapshot;
use super::socket::{Flow, Socket};
use crate::app::App;
use crate::auth::Claims;
use crate::http::extract::{in_present_role, verify};
use crate::http::{ApiError, change_status, may_see_last_seen, measure_heartbeat};
use crate::metrics::labels::{LiveMessage, Transport};
use crate::metrics::record;
use crate::presence::{Pace, Reason, Role};
use crate::store::{Answer, Bearer, Beat};

/// People whom one socket may watch by name.
const MOST_USERS: usize = 1_000;
/// Organisations that one socket may watch.
const MOST_ORGS: usize = 20;
/// Where all sockets have to look anew, they do it within this time.
const SPREAD: Duration = Duration::from_secs(2);
/// A token that lives longer than this is looked at again then.
const FARTHEST: i64 = 30 * 86_400;

/// A random name.
pub(super) fn name<T: TryFrom<String>>() -> T
where
    T::Error: std::fmt::Debug,
{
    Uuid::new_v4().simple().to_string().try_into().expect("32 hexadecimal digits are a name of every kind")
}

/// Why a client may not stay, if it may not. A store that does not answer is no reason.
async fn unwelcome(app: &App, claims: &Claims) -> Option<Goodbye> {
    match app.store.check(&Bearer::from(claims)).await {
        Ok(Answer::Gated(gate)) => Some(Goodbye::Gated(gate)),
        Ok(Answer::Ended) => Some(Goodbye::LoggedOut),
        Ok(Answer::Standing { .. } | Answer::Superseded) | Err(_) => None,
    }
}

impl Socket {
    /// Does one thing.
    pub(super) async fn perform(&mut self, act: Act) -> Flow {
        match act {
            Act::Verify(token) => self.verify(&token).await,
            Act::Beat(sign) => self.beat(sign).await,
            Act::Pong => self.pong().await,
            Act::Ping => self.push(Message::Ping(Vec::new().into())).await,
            Act::Status(body) => self.change_status(*body).await,
            Act::Watch(targets) => self.watch(targets).await,
            Act::Unwatch(targets) => self.unwatch(&targets),
            Act::Refresh => self.refresh().await,
            Act::Refuse(error) => self.send(&ServerFrame::from(&error)).await,
            Act::Close(goodbye) => self.close(goodbye).await,
        }
    }

    /// Ends the socket if the error says so, else tells the client.
    async fn refuse(&mut self, error: &ApiError) -> Flow {
        match Goodbye::of(error) {
            Some(goodbye) => self.close(goodbye).await,
            None => self.send(&ServerFrame::from(error)).await,
        }
    }

    async fn verify(&mut self, token: &str) -> Flow {
        let app = &self.live.app;
        let claims = match verify(app, token).await {
            Ok(claims) => in_present_role(app, claims).await,
            Err(error) => Err(error),
        };
        let claims = match claims {
            Ok(claims) => Arc::new(claims),
            Err(error) => return self.refuse(&error).await,
        };
        if let Some(before) = &self.claims
            && (before.user != claims.user || before.login != claims.login)
        {
            return self.close(Goodbye::Token(ApiError::TokenInvalid.code())).await;
        }
        if let Some(place) = &mut self.place {
            place.see_as(Arc::clone(&claims));
        }
        let left = (claims.expires_at - OffsetDateTime::now_utc().unix_timestamp()).clamp(0, FARTHEST);
        let now = Instant::now();
        self.claims = Some(claims);
        let acts = self.session.admit(now + Duration::from_secs(left.unsigned_abs()), now);
        for act in acts {
            if let Act::Beat(sign) = act {
                Box::pin(self.beat(sign)).await?;
            }
        }
        Flow::Continue(())
    }

    async fn beat(&mut self, sign: Sign) -> Flow {
        let Some(claims) = self.claims.clone() else { return Flow::Continue(()) };
        let began = Instant::now();
        let beat = Beat {
            bearer: Bearer::from(&*claims),
            tab: self.session.tab().clone(),
            activity: sign.activity,
            idle_ms: sign.idle_ms,
            pace: Pace::Socket,
            device: self.session.device(),
            connection: Some(self.session.connection().clone()),
            reason: Reason::Connect,
            takes: sign.takes,
        };
        let answer = self.live.app.store.beat(&beat).await.map_err(ApiError::from);
        let now = Instant::now();
        record::heartbeat(Transport::Socket, measure_heartbeat(&answer), began.elapsed());
        match answer {
            Ok(Answer::Standing { status, now: server_time, .. }) => {
                let was_open = self.session.is_open();
                self.session.beaten(Beaten::Recorded, now);
                if !was_open {
                    self.welcome(&claims, server_time.into()).await?;
                }
                if sign.answer {
                    self.send(&ServerFrame::Pong { status, server_time: server_time.into() }).await?;
                }
                Flow::Continue(())
            }
            Ok(Answer::Superseded) => {
                self.session.beaten(Beaten::Superseded, now);
                // A copied tab, say: it goes on as a session of its own.
                match self.session.rename(name(), now) {
                    Act::Beat(sign) => Box::pin(self.beat(sign)).await,
                    _ => Flow::Continue(()),
                }
            }
            Ok(Answer::Gated(gate)) => self.close(Goodbye::Gated(gate)).await,
            Ok(Answer::Ended) => self.close(Goodbye::LoggedOut).await,
            Err(error) => {
                let is_first_failure = !self.session.is_failing();
                self.session.beaten(Beaten::Failed, now);
                if sign.answer || is_first_failure && !self.session.is_open() {
                    self.send(&ServerFrame::from(&error)).await?;
                }
                Flow::Continue(())
            }
        }
    }

    async fn welcome(&mut self, claims: &Arc<Claims>, server_time: crate::http::Timestamp) -> Flow {
        if self.place.is_none() {
            self.place = Some(self.live.hub.enter(Arc::clone(claims)));
        }
        let rhythm = self.live.app.policy.socket;
        let (session, connection) = (self.session.tab().clone(), self.session.connection().clone());
        let welcome = ServerFrame::Welcome {
            session: &session,
            connection: &connection,
            user: &claims.user,
            interval_ms: rhythm.interval,
            ttl_ms: rhythm.ttl,
            server_time,
        };
        self.send(&welcome).await
    }

    /// Answers a heartbeat that came so soon after another that it need not be recorded.
    async fn pong(&mut self) -> Flow {
        let (Some(claims), store) = (self.claims.clone(), &self.live.app.store) else {
            return Flow::Continue(());
        };
        match store.check(&Bearer::from(&*claims)).await {
            Ok(Answer::Standing { status, now, .. }) => {
                self.send(&ServerFrame::Pong { status, server_time: now.into() }).await
            }
            Ok(Answer::Superseded) => Flow::Continue(()),
            Ok(Answer::Gated(gate)) => self.close(Goodbye::Gated(gate)).await,
            Ok(Answer::Ended) => self.close(Goodbye::LoggedOut).await,
            Err(error) => self.refuse(&error.into()).await,
        }
    }

    async fn change_status(&mut self, body: crate::http::StatusBody) -> Flow {
        let Some(claims) = self.claims.clone() else { return Flow::Continue(()) };
        if let Some(goodbye) = unwelcome(&self.live.app, &claims).await {
            return self.close(goodbye).await;
        }
        match change_status(&self.live.app, &claims, body).await {
            Ok(()) => self.pong().await,
            Err(error) => self.refuse(&error).await,
        }
    }

    async fn watch(&mut self, targets: Targets) -> Flow {
        // What a role admits is decided by the present one.
        if let Some(claims) = self.claims.clone()
            && claims.role != Role::User
        {
            match in_present_role(&self.live.app, (*claims).clone()).await {
                Ok(present) if present.role != claims.role => {
                    let present = Arc::new(present);
                    if let Some(place) = &mut self.place {
                        place.see_as(Arc::clone(&present));
                    }
                    self.claims = Some(present);
                }
                Ok(_) => {}
                Err(error) => return self.refuse(&error).await,
            }
        }
        let Some(place) = &mut self.place else {
            return self.refuse(&ApiError::TokenMissing).await;
        };
        let watched = place.watched();
        if watched.users.len() + targets.users.len() > MOST_USERS {
            let error = ApiError::invalid("/users", format!("at most {MOST_USERS} users"));
            return self.refuse(&error).await;
        }
        if watched.orgs.len() + targets.orgs.len() > MOST_ORGS {
            let error = ApiError::invalid("/orgs", format!("at most {MOST_ORGS} organisations"));
            return self.refuse(&error).await;
        }
        let viewer = Arc::clone(place.reader().viewer());
        if !targets.orgs.iter().all(|org| may_see(&viewer, org)) {
            return self.refuse(&ApiError::Forbidden).await;
        }
        // First in the hub and then the look: what happens in between waits in the mailbox.
        place.watch(&targets);
        match Snapshot::take(&self.live, &viewer, &targets).await {
            Ok(snapshot) => self.show(snapshot).await,
            Err(error) => {
                if let Some(place) = &mut self.place {
                    place.unwatch(&targets);
                }
                self.refuse(&error).await
            }
        }
    }

    fn unwatch(&mut self, targets: &Targets) -> Flow {
        if let Some(place) = &mut self.place {
            let all = place.watched().clone();
            place.unwatch(if targets.is_empty() { &all } else { targets });
        }
        Flow::Continue(())
    }

    /// Looks anew at everything that is watched.
    async fn refresh(&mut self) -> Flow {
        let Some(place) = &self.place else { return Flow::Continue(()) };
        let (viewer, watched) = (Arc::clone(place.reader().viewer()), place.watched().clone());
        match Snapshot::take(&self.live, &viewer, &watched).await {
            Ok(snapshot) => self.show(snapshot).await,
            Err(error) => {
                tracing::debug!(%error, "cannot look anew at those who are watched; trying again");
                self.refresh_soon();
                Flow::Continue(())
            }
        }
    }

    fn refresh_soon(&mut self) {
        let after = rand::rng().random_range(Duration::ZERO..SPREAD);
        self.refresh_at.get_or_insert(Instant::now() + after);
    }

    async fn show(&mut self, snapshot: Snapshot) -> Flow {
        if let Some(place) = &self.place {
            place.reader().mailbox().settle(snapshot.versions());
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
        if post.is_outdated && is_watching {
            self.refresh_soon();
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
        for (org, counts) in &post.counts {
            messages.push(Message::Text(ServerFrame::Counts { org, counts: *counts }.encode().into()));
        }
        if messages.is_empty() { Flow::Continue(()) } else { self.push_all(messages).await }
    }

    /// The client goes: its session ends after the linger, unless it comes back.
    pub(super) async fn say_goodbye(&mut self) {
        if let Some(claims) = &self.claims
            && self.session.is_open()
        {
            let (tab, connection) = (self.session.tab(), self.session.connection());
            let closed = self.live.app.store.close(&Bearer::from(&**claims), tab, Some(connection)).await;
            if let Err(error) = closed {
                tracing::debug!(%error, "a goodbye was not recorded; the session ends by itself");
            }
        }
    }
}

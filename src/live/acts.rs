//! What sessions want done, done: by the store, the hub and the socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::Message;
use time::OffsetDateTime;
use tracing::Instrument;
use uuid::Uuid;

use super::act::{Act, Beaten, Sign};
use super::goodbye::Goodbye;
use super::protocol::ServerFrame;
use super::socket::{Flow, Socket};
use crate::app::App;
use crate::auth::Claims;
use crate::http::extract::{in_present_role, verify};
use crate::http::{ApiError, StatusBody, Timestamp, change_status, measure_heartbeat};
use crate::metrics::labels::Transport;
use crate::metrics::record;
use crate::presence::{Pace, Reason, Status};
use crate::store::{Answer, Bearer, Beat};
use crate::telemetry;

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
pub(super) async fn unwelcome(app: &App, claims: &Claims) -> Option<Goodbye> {
    match app.store.check(&Bearer::from(claims)).await {
        Ok(Answer::Gated(gate)) => Some(Goodbye::Gated(gate)),
        Ok(Answer::Ended) => Some(Goodbye::LoggedOut),
        Ok(Answer::Standing { .. } | Answer::Superseded) | Err(_) => None,
    }
}

impl Socket {
    /// Does one thing.
    pub(super) async fn perform(&mut self, act: Act) -> Flow {
        let connection = self.session.connection();
        let span = match &act {
            Act::Beat(_) => tracing::info_span!(telemetry::HEARTBEAT, %connection),
            act => tracing::info_span!("socket", %connection, act = act.label()),
        };
        self.done(act).instrument(span).await
    }

    async fn done(&mut self, act: Act) -> Flow {
        match act {
            Act::Verify(token) => self.verify(&token).await,
            Act::Beat(sign) => self.beat(sign).await,
            Act::Pong => self.pong().await,
            Act::Ping => self.ping().await,
            Act::Status(body) => self.change_status(*body).await,
            Act::Watch(targets) => self.watch(targets).await,
            Act::Unwatch(targets) => self.unwatch(&targets),
            Act::Refresh => self.refresh().await,
            Act::Join { room, grant } => self.join(room, grant.as_deref()).await,
            Act::Leave(room) => self.leave_room(&room).await,
            Act::Typing { room, on } => self.type_in(&room, on).await,
            Act::Refuse(error) => self.send(&ServerFrame::from(&error)).await,
            Act::Close(goodbye) => self.close(goodbye).await,
        }
    }

    /// Ends the socket if the error says so, else tells the client.
    pub(super) async fn refuse(&mut self, error: &ApiError) -> Flow {
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
            && (before.user != claims.user || before.login != claims.login || before.org != claims.org)
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
        record::heartbeat(Transport::Socket, measure_heartbeat(&answer), began.elapsed());
        match answer {
            Ok(Answer::Standing { status, now, is_new, .. }) => {
                self.recorded(&claims, status, is_new, now.into()).await?;
                if !sign.answer {
                    return Flow::Continue(());
                }
                self.send(&ServerFrame::Pong { status, server_time: now.into() }).await
            }
            Ok(Answer::Superseded) => {
                let now = Instant::now();
                self.session.beaten(Beaten::Superseded, now);
                // A copied tab, say: it goes on as a session of its own.
                let sign = self.session.rename(name(), now);
                Box::pin(self.beat(sign)).await
            }
            Ok(Answer::Gated(gate)) => self.close(Goodbye::Gated(gate)).await,
            Ok(Answer::Ended) => self.close(Goodbye::LoggedOut).await,
            Err(error) => {
                let is_news = sign.answer || !self.session.is_open() && !self.session.is_failing();
                self.session.beaten(Beaten::Failed, Instant::now());
                self.is_unsure = true;
                if is_news { self.send(&ServerFrame::from(&error)).await } else { Flow::Continue(()) }
            }
        }
    }

    /// A sign of life counts.
    async fn recorded(
        &mut self,
        claims: &Arc<Claims>,
        status: Status,
        is_new: bool,
        server_time: Timestamp,
    ) -> Flow {
        let was_open = self.session.is_open();
        self.session.beaten(Beaten::Recorded, Instant::now());
        if !was_open {
            self.welcome(claims, server_time).await?;
        }
        if let Some(place) = &mut self.place {
            place.carry(status.shown() != Status::Offline);
        }
        // Memberships end with the session; one that began anew has none. Nor may anybody enter while they are not seen. Of a
        // sign that failed nobody knows what it began.
        let was_away = std::mem::replace(&mut self.is_away, status.shown() == Status::Offline);
        let is_new = is_new || std::mem::take(&mut self.is_unsure);
        if is_new || was_away && !self.is_away {
            self.join_again().await?;
        }
        for act in self.session.take_held() {
            Box::pin(self.perform(act)).await?;
        }
        Flow::Continue(())
    }

    async fn welcome(&mut self, claims: &Arc<Claims>, server_time: Timestamp) -> Flow {
        if self.place.is_none() {
            let mut place = self.live.hub.enter(Arc::clone(claims));
            self.watch_own(&mut place, claims);
            self.place = Some(place);
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

    /// Asks whether the client is there. With it goes what has to be looked at now and then: whether a role is still what it
    /// was.
    async fn ping(&mut self) -> Flow {
        if let Err(error) = self.present_viewer().await
            && let Some(goodbye) = Goodbye::of(&error)
        {
            return self.close(goodbye).await;
        }
        self.push(Message::Ping(Vec::new().into())).await
    }

    async fn change_status(&mut self, body: StatusBody) -> Flow {
        let Some(claims) = self.claims.clone() else { return Flow::Continue(()) };
        if let Some(goodbye) = unwelcome(&self.live.app, &claims).await {
            return self.close(goodbye).await;
        }
        match change_status(&self.live.app, &claims, body).await {
            Ok(()) => self.pong().await,
            Err(error) => self.refuse(&error).await,
        }
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

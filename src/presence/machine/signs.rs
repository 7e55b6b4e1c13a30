//! Signs of life and goodbyes.

use super::{Machine, Verdict};
use crate::presence::user::Cause;
use crate::presence::{
    ConnectionId, Device, LoginId, MOST_SESSIONS, Millis, Mode, Org, Pace, Reason, Said, SessionId, Status,
    Tab, User, UserId,
};

/// A sign of life with everything it says.
#[derive(Clone, Debug)]
pub struct Sign {
    /// Whose.
    pub user: UserId,
    /// The organisation.
    pub org: Org,
    /// Which session.
    pub session: SessionId,
    /// The token's version.
    pub token_version: i64,
    /// What it says of the person.
    pub said: Said,
    /// The rhythm it keeps.
    pub pace: Pace,
    /// The kind of device.
    pub device: Option<Device>,
    /// The connection.
    pub connection: Option<ConnectionId>,
    /// `Login` or `Connect`.
    pub reason: Reason,
    /// Whether it takes the session over from another connection.
    pub takes: bool,
}

impl Machine {
    /// A heartbeat, the hello of a socket, or the sign of life that a login is.
    pub fn beat(&mut self, now: Millis, sign: &Sign) -> Verdict {
        if let Some(refused) = self.refusal(&sign.user, &sign.session.login, sign.token_version) {
            return refused;
        }
        let mut user = self.take(&sign.user, &sign.org);
        let index = user.sessions.iter().position(|session| session.id == sign.session);
        if let Some(session) = index.map(|index| &user.sessions[index])
            && !sign.takes
            && session.is_of_another(sign.connection.as_ref())
        {
            self.put(&sign.user, user);
            return Verdict::Superseded;
        }
        let mut cause = Cause { reason: sign.reason, at: now, session: None, actor: None, claims: None };
        if sign.said.is_too_long(&self.policy) {
            cause.reason = Reason::IdleTimeout;
            cause.session = index.map(|index| user.remove(index));
            self.settle(&sign.user, user, now, &cause);
            return Verdict::Standing;
        }
        if let Some(session) = index.map(|index| &user.sessions[index])
            && session.mode == Mode::Closing
            && sign.connection.is_some()
            && session.connection == sign.connection
        {
            self.put(&sign.user, user);
            return Verdict::Standing;
        }
        if index.is_some() {
            cause.reason = if matches!(sign.said, Said::Idle(_)) { Reason::Idle } else { Reason::Active };
        }
        self.sign(now, sign, user, index, cause);
        Verdict::Standing
    }

    fn sign(&mut self, now: Millis, sign: &Sign, mut user: User, index: Option<usize>, mut cause: Cause) {
        // Someone who comes from offline comes to the organisation that the token names now.
        if user.status == Status::Offline {
            user.org = sign.org.clone();
        }
        if index.is_none() {
            user.place(&sign.session);
            if user.sessions.len() > MOST_SESSIONS {
                user.evict(&sign.session);
            }
        }
        if let Some(session) = user.sessions.iter_mut().find(|session| session.id == sign.session) {
            session.sign(now, sign.said, sign.pace, &self.policy);
            session.name(sign.connection.as_ref(), sign.device, index.is_none());
            cause.session = Some(session.clone());
        }
        self.settle(&sign.user, user, now, &cause);
    }

    /// An authenticated request that is no heartbeat: a sign of life of the login's newest session.
    pub fn touch(
        &mut self,
        now: Millis,
        id: &UserId,
        org: &Org,
        login: &LoginId,
        token_version: i64,
    ) -> Verdict {
        if let Some(refused) = self.refusal(id, login, token_version) {
            return refused;
        }
        let user = self.take(id, org);
        let index = user.sessions.iter().rposition(|session| session.id.login == *login);
        let newest = index.map(|index| &user.sessions[index]);
        if newest.is_some_and(|session| session.mode == Mode::Closing) {
            self.put(id, user);
            return Verdict::Standing;
        }
        let session = newest.map_or_else(
            || SessionId { login: login.clone(), tab: Tab::default() },
            |session| session.id.clone(),
        );
        let sign = Sign {
            user: id.clone(),
            org: org.clone(),
            session,
            token_version,
            said: Said::Nothing,
            pace: newest.map_or(Pace::Visible, |session| session.pace),
            device: None,
            connection: None,
            reason: Reason::Connect,
            takes: true,
        };
        let cause = Cause { reason: Reason::Connect, at: now, session: None, actor: None, claims: None };
        self.sign(now, &sign, user, index, cause);
        Verdict::Standing
    }

    /// A goodbye of a connection.
    pub fn close(
        &mut self,
        now: Millis,
        id: &UserId,
        session: &SessionId,
        connection: Option<&ConnectionId>,
    ) {
        let policy = self.policy;
        let Some(user) = self.users.get_mut(id) else {
            return;
        };
        let Some(session) = user.sessions.iter_mut().find(|held| held.id == *session) else {
            return;
        };
        if session.may_be_closed_by(connection) {
            session.close(now, &policy);
        }
    }
}

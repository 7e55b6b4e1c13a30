//! Signs of life and goodbyes: heartbeats by the fast path where nothing new is said, else judged one by one.

use fred::prelude::Value;

use super::batcher::{Extended, Plain};
use super::reply::Said;
use super::users::{TRIES, parse_truth, text};
use super::{Answer, Bearer, Beat, Sign, Store, StoreError, scripts};
use crate::presence::{self, ConnectionId, MOST_SESSIONS, Pace, Reason, SessionId, Tab};

impl Store {
    /// A sign of life as a page sends it, or its goodbye.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn sign(&self, sign: &Sign) -> Result<Answer, StoreError> {
        match sign {
            Sign::Beat(beat) => self.beat(beat).await,
            Sign::Bare(bearer) => self.touch(bearer).await,
            Sign::Goodbye { bearer, tab, connection } => self.close(bearer, tab, connection.as_ref()).await,
        }
    }

    /// A heartbeat, the hello of a socket, or the sign of life that a login is.
    ///
    /// # Errors
    /// If Redis did not acknowledge it: then it may or may not have counted, and may be repeated.
    pub async fn beat(&self, beat: &Beat) -> Result<Answer, StoreError> {
        if beat.reason == Reason::Connect
            && let Some(plain) = self.plain(beat)
            && let Some(Extended { status, since, now }) = self.batcher.beat(plain).await?
        {
            return Ok(Answer::Standing { status, since, last_seen: now, now, is_new: false });
        }
        self.open(beat).await
    }

    /// The fast form of a heartbeat, if it may have one: nothing it says depends on what is stored.
    fn plain(&self, beat: &Beat) -> Option<Plain> {
        // A socket names its connection in its hello and not again. One that shares its mark with the connection before
        // would never be known by its own name, and its goodbye be nobody's.
        if beat.pace == Pace::Socket && beat.takes {
            return None;
        }
        let ttl = self.policy.rhythm(beat.pace).ttl;
        let idle = match presence::Said::new(beat.activity, beat.idle_ms) {
            presence::Said::Nothing | presence::Said::Active => 0,
            presence::Said::Idle(Some(ms)) if ttl.0 <= self.policy.idle_offline.0 - ms => 1,
            presence::Said::Idle(_) => return None,
        };
        Some(Plain {
            user: beat.bearer.user.clone(),
            org: beat.bearer.org.clone(),
            session: beat.session(),
            code: tag(beat) * 24 + pace_code(beat.pace) * 2 + idle,
            ttl,
        })
    }

    async fn open(&self, beat: &Beat) -> Result<Answer, StoreError> {
        let session = beat.session();
        let lease = self.keys.lease(&beat.bearer.user, &session);
        let args = [
            session.to_string().into(),
            beat.bearer.token_version.into(),
            beat.activity.map_or("", presence::Activity::as_str).into(),
            beat.idle_ms.map_or(-1, |ms| ms.max(0)).into(),
            pace_code(beat.pace).into(),
            self.policy.rhythm(beat.pace).ttl.0.into(),
            self.policy.idle_offline.0.into(),
            text(beat.connection.as_ref().map(ConnectionId::as_str)),
            text(beat.device.map(presence::Device::as_str)),
            tag(beat).into(),
            beat.reason.as_str().into(),
            sessions_bound(),
            i64::from(beat.takes).into(),
            self.node_number(),
        ];
        let bearer = &beat.bearer;
        self.judge(&scripts::SESSION_OPEN, &bearer.user, &bearer.org, Some(lease), &args).await
    }

    /// A request that is no heartbeat: a sign of life of its login's newest session, at most once a second. In between
    /// it is only asked whether the token is still good, because an ended one ends at once.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn touch(&self, bearer: &Bearer) -> Result<Answer, StoreError> {
        let login = (bearer.user.clone(), bearer.login.clone());
        if self.touched.contains_key(&login) {
            return self.check(bearer).await;
        }
        let answer = self.touch_now(bearer).await?;
        if matches!(answer, Answer::Standing { .. }) {
            self.touched.insert(login, ());
        }
        Ok(answer)
    }

    /// The same without the limit of one a second.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn touch_now(&self, bearer: &Bearer) -> Result<Answer, StoreError> {
        let mut org = bearer.org.clone();
        let mut session = SessionId { login: bearer.login.clone(), tab: Tab::default() };
        for _ in 0..TRIES {
            let args = [
                session.to_string().into(),
                bearer.token_version.into(),
                self.policy.visible.ttl.0.into(),
                self.policy.hidden.ttl.0.into(),
                self.policy.socket.ttl.0.into(),
                self.policy.idle_offline.0.into(),
                sessions_bound(),
                self.node_number(),
            ];
            let lease = self.keys.lease(&bearer.user, &session);
            match self.ask(&scripts::SESSION_TOUCH, &bearer.user, &org, Some(lease), &args).await? {
                Said::Judged(answer, note) => return Ok(self.noted(answer, &note)),
                Said::Stale(truth) => {
                    org = parse_truth(&scripts::SESSION_TOUCH, truth.first())?;
                    session = parse_truth(&scripts::SESSION_TOUCH, truth.get(1))?;
                }
            }
        }
        Err(StoreError::Overloaded)
    }

    /// A goodbye of one connection: the session lingers, then ends.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn close(
        &self,
        bearer: &Bearer,
        tab: &Tab,
        connection: Option<&ConnectionId>,
    ) -> Result<Answer, StoreError> {
        let session = SessionId { login: bearer.login.clone(), tab: tab.clone() };
        let lease = self.keys.lease(&bearer.user, &session);
        let args = [
            session.to_string().into(),
            text(connection.map(ConnectionId::as_str)),
            self.policy.linger.0.into(),
        ];
        self.judge(&scripts::SESSION_CLOSE, &bearer.user, &bearer.org, Some(lease), &args).await
    }
}

/// The mark of a connection in the lease's code, or of the device where connections have no names: 0 for neither, else
/// 1-400, so that codes stay below 10 000, which Redis keeps without memory of their own. Two connections of one
/// session share a mark once in 400 times; then the newer is noticed only at its first beat that says something new.
fn tag(beat: &Beat) -> i64 {
    let name = beat.connection.as_ref().map(ConnectionId::as_str);
    name.or(beat.device.map(presence::Device::as_str))
        .map_or(0, |name| i64::from(crc16::State::<crc16::XMODEM>::calculate(name.as_bytes()) % 400) + 1)
}

const fn pace_code(pace: Pace) -> i64 {
    match pace {
        Pace::Visible => 0,
        Pace::Hidden => 1,
        Pace::Socket => 2,
    }
}

fn sessions_bound() -> Value {
    Value::from(i64::try_from(MOST_SESSIONS).unwrap_or(i64::MAX))
}

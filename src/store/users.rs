//! What happens to one user: signs of life, goodbyes, logouts, gates and claims. Each is one script call, repeated
//! where the caller took a stored fact for another.

use fred::prelude::Value;

use super::batcher::{Extended, Plain};
use super::keys::Shard;
use super::reply::{self, Said};
use super::scripts::{self, Script};
use super::{Answer, Bearer, Beat, Store, StoreError, View};
use crate::metrics::record;
use crate::presence::{
    self, Claim, ConnectionId, Gate, LoginId, MOST_SESSIONS, Millis, Org, Pace, Reason, SessionId, Tab,
    UserId, Whose,
};

/// A caller that guessed wrong learns the truth and tries again; facts do not change faster than this.
const TRIES: usize = 4;

/// Most records read by one call.
const VIEWS_PER_CALL: usize = 250;

impl Store {
    /// A heartbeat, the hello of a socket, or the sign of life that a login is.
    ///
    /// # Errors
    /// If Redis did not acknowledge it: then it may or may not have counted, and may be repeated.
    pub async fn beat(&self, beat: &Beat) -> Result<Answer, StoreError> {
        if beat.reason == Reason::Connect
            && let Some(plain) = self.plain(beat)
            && let Some(Extended { status, since, now }) = self.batcher.beat(plain).await?
        {
            return Ok(Answer::Standing { status, since, last_seen: now, now });
        }
        self.open(beat).await
    }

    /// The fast form of a heartbeat, if it may have one: nothing it says depends on what is stored.
    fn plain(&self, beat: &Beat) -> Option<Plain> {
        let ttl = self.policy.rhythm(beat.pace).ttl;
        let idle = match presence::Said::new(beat.activity, beat.idle_ms) {
            presence::Said::Nothing | presence::Said::Active => 0,
            presence::Said::Idle(Some(ms)) if ttl.0 <= self.policy.idle_offline.0 - ms => 1,
            presence::Said::Idle(_) => return None,
        };
        Some(Plain {
            user: beat.bearer.user.clone(),
            session: beat.session(),
            code: tag(beat.connection.as_ref()) * 24 + pace_code(beat.pace) * 2 + idle,
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
            tag(beat.connection.as_ref()).into(),
            beat.reason.as_str().into(),
            sessions_bound(),
        ];
        let bearer = &beat.bearer;
        self.judge(&scripts::SESSION_OPEN, &bearer.user, &bearer.org, Some(lease), &args).await
    }

    /// A request that is no heartbeat: a sign of life of its login's newest session, at most once a second.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn touch(&self, bearer: &Bearer) -> Result<Answer, StoreError> {
        let login = (bearer.user.clone(), bearer.login.clone());
        if let Some(answer) = self.touched.get(&login) {
            return Ok(answer);
        }
        let answer = self.touch_now(bearer).await?;
        if matches!(answer, Answer::Standing { .. }) {
            self.touched.insert(login, answer.clone());
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

    /// A logout: the login's sessions end now, and its tokens with them.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn end_login(&self, user: &UserId, org: &Org, login: &LoginId) -> Result<(), StoreError> {
        self.touched.invalidate(&(user.clone(), login.clone()));
        let args = [login.as_str().into(), self.token_life.0.into()];
        self.judge(&scripts::LOGIN_END, user, org, None, &args).await.map(drop)
    }

    /// A logout everywhere: tokens below `token_version` end, with all sessions; the login to keep is exempt.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn cut(
        &self,
        user: &UserId,
        org: &Org,
        token_version: i64,
        keep: Option<&LoginId>,
        reason: Reason,
        actor: Option<&str>,
    ) -> Result<(), StoreError> {
        self.forget_touches(user);
        let keep = text(keep.map(LoginId::as_str));
        let args = [token_version.into(), keep, reason.as_str().into(), text(actor)];
        self.judge(&scripts::USER_CUT, user, org, None, &args).await.map(drop)
    }

    /// A gate falls or is lifted.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn gate(
        &self,
        user: &UserId,
        org: &Org,
        gate: &Gate,
        actor: Option<&str>,
    ) -> Result<(), StoreError> {
        self.forget_touches(user);
        let args = [
            text(gate.kind.map(presence::GateKind::as_str)),
            gate.version.into(),
            gate.until.map_or(0, |until| until.0).into(),
            text(gate.kind.map(|kind| kind.reason().as_str())),
            text(actor),
        ];
        self.judge(&scripts::USER_GATE, user, org, None, &args).await.map(drop)
    }

    /// A claim is set, or taken back with `None`; `id` makes a repeated call change nothing.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn claim(
        &self,
        user: &UserId,
        org: &Org,
        whose: Whose,
        claim: Option<&Claim>,
        actor: Option<&str>,
    ) -> Result<Answer, StoreError> {
        let slot = match whose {
            Whose::Manual => "manual",
            Whose::Admin => "admin",
        };
        let args = [
            slot.into(),
            text(claim.map(|claim| claim.id.as_str())),
            claim.map_or_else(|| "".into(), |claim| claim.status.code().into()),
            text(claim.map(|claim| claim.text.as_str())),
            text(claim.map(|claim| claim.emoji.as_str())),
            claim.and_then(|claim| claim.until).map_or(0, |until| until.0).into(),
            text(actor),
        ];
        self.judge(&scripts::USER_CLAIM, user, org, None, &args).await
    }

    /// Is this token still good, and how does its user stand? No sign of life.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn check(&self, bearer: &Bearer) -> Result<Answer, StoreError> {
        let user = &bearer.user;
        let mut keys = self.keys.shared(self.keys.shard_of(user));
        keys.push(self.keys.record(user));
        let args = vec![
            self.clock.now(),
            user.as_str().into(),
            bearer.login.as_str().into(),
            bearer.token_version.into(),
        ];
        let script = &scripts::USER_STANDING;
        match reply::said(script.name, self.link.call(script, keys, args).await?)? {
            Said::Judged(answer, _) => Ok(answer),
            Said::Stale(_) => Err(StoreError::Reply { script: script.name, part: 0 }),
        }
    }

    /// The records of some users, in the order asked; `None` where Redis has none.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn views(&self, users: &[UserId]) -> Result<Vec<Option<View>>, StoreError> {
        let mut by_shard = std::collections::BTreeMap::<Shard, Vec<usize>>::new();
        for (index, user) in users.iter().enumerate() {
            by_shard.entry(self.keys.shard_of(user)).or_default().push(index);
        }
        let calls = by_shard.iter().flat_map(|(shard, indexes)| {
            indexes.chunks(VIEWS_PER_CALL).map(|chunk| self.views_of(*shard, users, chunk))
        });
        let mut views = vec![None; users.len()];
        for (index, view) in futures::future::try_join_all(calls).await?.into_iter().flatten() {
            views[index] = view;
        }
        Ok(views)
    }

    async fn views_of(
        &self,
        shard: Shard,
        users: &[UserId],
        indexes: &[usize],
    ) -> Result<Vec<(usize, Option<View>)>, StoreError> {
        let mut keys = vec![self.keys.due(shard), self.keys.claims(shard)];
        keys.extend(indexes.iter().map(|index| self.keys.record(&users[*index])));
        let args = indexes.iter().map(|index| users[*index].as_str().into()).collect();
        let replies = self.link.call(&scripts::USER_VIEWS, keys, args).await?.into_array();
        let views = indexes.iter().zip(replies);
        views.map(|(index, reply)| Ok((*index, reply::view(&users[*index], reply)?))).collect()
    }

    /// Calls a script of one user until the organisation it was told is the stored one.
    async fn judge(
        &self,
        script: &'static Script,
        user: &UserId,
        org: &Org,
        lease: Option<String>,
        args: &[Value],
    ) -> Result<Answer, StoreError> {
        let mut org = org.clone();
        for _ in 0..TRIES {
            match self.ask(script, user, &org, lease.clone(), args).await? {
                Said::Judged(answer, note) => return Ok(self.noted(answer, &note)),
                Said::Stale(truth) => org = parse_truth(script, truth.first())?,
            }
        }
        Err(StoreError::Overloaded)
    }

    async fn ask(
        &self,
        script: &'static Script,
        user: &UserId,
        org: &Org,
        lease: Option<String>,
        args: &[Value],
    ) -> Result<Said, StoreError> {
        let mut keys = self.keys.shared(self.keys.shard_of(user));
        keys.extend(self.keys.place(user, org));
        keys.extend(lease);
        let mut all = vec![self.clock.now(), user.as_str().into(), org.as_str().into()];
        all.extend_from_slice(args);
        reply::said(script.name, self.link.call(script, keys, all).await?)
    }

    fn noted(&self, answer: Answer, note: &str) -> Answer {
        if note == "late" {
            record::late_saved(1);
        }
        answer
    }

    /// After a gate or a cut no remembered answer may let a request pass.
    fn forget_touches(&self, user: &UserId) {
        let user = user.clone();
        let _ = self.touched.invalidate_entries_if(move |(touched, _), _| *touched == user);
    }
}

impl Beat {
    fn session(&self) -> SessionId {
        SessionId { login: self.bearer.login.clone(), tab: self.tab.clone() }
    }
}

/// A connection's mark in the lease's code: 0 for none, else 1-400, so that codes stay below 10 000, which Redis
/// keeps without memory of their own. Two connections of one session share a mark once in 400 times; then the
/// newer is noticed only at its first beat that says something new.
fn tag(connection: Option<&ConnectionId>) -> i64 {
    connection.map_or(0, |connection| {
        i64::from(crc16::State::<crc16::XMODEM>::calculate(connection.as_str().as_bytes()) % 400) + 1
    })
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

fn text(text: Option<&str>) -> Value {
    text.unwrap_or_default().into()
}

fn parse_truth<T: std::str::FromStr>(
    script: &'static Script,
    truth: Option<&String>,
) -> Result<T, StoreError> {
    truth.and_then(|truth| truth.parse().ok()).ok_or(StoreError::Reply { script: script.name, part: 1 })
}

/// Milliseconds as they go into a script.
impl super::Clock {
    pub(super) fn now(&self) -> Value {
        Value::from(self.fixed().unwrap_or(Millis(0)).0)
    }
}

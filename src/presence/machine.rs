//! The whole event table as a pure machine of one shard: facts in, entries out.
//!
//! This is what the scripts in `lua/` must do. It decides nothing in production; a property test drives it beside
//! the real scripts with random events and compares views, counts and entries after every step.

use std::collections::BTreeMap;

use super::user::Cause;
use super::{
    Claim, Claims, ConnectionId, Device, Entry, EntryKind, Gate, GateKind, LoginId, MOST_SESSIONS, Millis,
    Mode, Org, Pace, Policy, Reason, Said, SessionId, Status, Tab, User, UserId, Whose,
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
}

/// What the machine answers to a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Counted, or rightly ignored.
    Standing,
    /// The account may not be online.
    Gated(GateKind),
    /// The login, or its token version, has ended.
    Ended,
}

/// One shard: everything that the scripts keep in Redis.
#[derive(Clone, Debug)]
pub struct Machine {
    policy: Policy,
    n: i64,
    users: BTreeMap<UserId, User>,
    claims: BTreeMap<UserId, Claims>,
    gates: BTreeMap<UserId, Gate>,
    ended: BTreeMap<(UserId, LoginId), ()>,
    cuts: BTreeMap<UserId, (i64, Option<LoginId>)>,
    log: Vec<Entry>,
}

impl Machine {
    /// An empty shard.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            n: 0,
            users: BTreeMap::new(),
            claims: BTreeMap::new(),
            gates: BTreeMap::new(),
            ended: BTreeMap::new(),
            cuts: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Every entry so far, in order.
    #[must_use]
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// What is known of a user.
    #[must_use]
    pub fn user(&self, user: &UserId) -> Option<&User> {
        self.users.get(user)
    }

    /// Everybody with a record.
    pub fn users(&self) -> impl Iterator<Item = (&UserId, &User)> {
        self.users.iter()
    }

    /// The claims on a user.
    #[must_use]
    pub fn claims(&self, user: &UserId) -> Claims {
        self.claims.get(user).cloned().unwrap_or_default()
    }

    fn take(&mut self, user: &UserId, org: &Org) -> User {
        self.users.remove(user).unwrap_or_else(|| User::new(org.clone()))
    }

    fn refusal(&self, user: &UserId, login: &LoginId, token_version: i64) -> Option<Verdict> {
        if let Some(kind) = self.gates.get(user).and_then(|gate| gate.kind) {
            return Some(Verdict::Gated(kind));
        }
        let cut = self
            .cuts
            .get(user)
            .is_some_and(|(lowest, exempt)| token_version < *lowest && exempt.as_ref() != Some(login));
        (cut || self.ended.contains_key(&(user.clone(), login.clone()))).then_some(Verdict::Ended)
    }

    /// Recomputes the view of a user and puts the record back; where the view differs, appends the entry.
    fn settle(&mut self, id: &UserId, mut user: User, now: Millis, cause: &Cause) {
        let to = user.view(&self.claims(id));
        if to != user.status {
            let from = user.status;
            self.n += 1;
            user.change(to, self.n, cause.at);
            self.log.push(user.entry(id, EntryKind::Transition, from, now, cause));
        }
        self.put(id, user);
    }

    fn put(&mut self, id: &UserId, user: User) {
        if !user.sessions.is_empty() || user.n > 0 {
            self.users.insert(id.clone(), user);
        }
    }

    /// A heartbeat, the hello of a socket, or the sign of life that a login is.
    pub fn beat(&mut self, now: Millis, sign: &Sign) -> Verdict {
        if let Some(refused) = self.refusal(&sign.user, &sign.session.login, sign.token_version) {
            return refused;
        }
        let mut user = self.take(&sign.user, &sign.org);
        let index = user.sessions.iter().position(|session| session.id == sign.session);
        let mut cause = Cause { reason: sign.reason, at: now, session: None, actor: None };
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
        };
        let cause = Cause { reason: Reason::Connect, at: now, session: None, actor: None };
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

    /// A logout: the login ends.
    pub fn end_login(&mut self, now: Millis, id: &UserId, org: &Org, login: &LoginId) {
        self.ended.insert((id.clone(), login.clone()), ());
        let mut user = self.take(id, org);
        let session = user.remove_where(|session| session.id.login == *login);
        self.settle(id, user, now, &Cause { reason: Reason::Logout, at: now, session, actor: None });
    }

    /// A logout everywhere: tokens below a version end, with all sessions; one login may be exempt.
    pub fn cut(
        &mut self,
        now: Millis,
        id: &UserId,
        org: &Org,
        version: i64,
        keep: Option<&LoginId>,
        reason: Reason,
    ) {
        if self.cuts.get(id).is_some_and(|(lowest, _)| version <= *lowest) {
            return;
        }
        self.cuts.insert(id.clone(), (version, keep.cloned()));
        let mut user = self.take(id, org);
        let session = user.remove_where(|session| Some(&session.id.login) != keep);
        self.settle(id, user, now, &Cause { reason, at: now, session, actor: None });
    }

    /// A gate falls or is lifted. Lifting brings nobody back: the next sign of life does.
    pub fn gate(&mut self, now: Millis, id: &UserId, org: &Org, gate: Gate) {
        if self.gates.get(id).is_some_and(|known| gate.version <= known.version) {
            return;
        }
        let kind = gate.kind;
        self.gates.insert(id.clone(), gate);
        if let Some(kind) = kind {
            let mut user = self.take(id, org);
            let session = user.remove_where(|_| true);
            self.settle(id, user, now, &Cause { reason: kind.reason(), at: now, session, actor: None });
        }
    }

    /// A claim is set, or taken back with `None`. `id` makes a repeated call change nothing.
    pub fn claim(&mut self, now: Millis, id: &UserId, org: &Org, whose: Whose, claim: Option<Claim>) {
        let mut claims = self.claims(id);
        let before = claims.seen().map(|(text, emoji, until)| (text.to_owned(), emoji.to_owned(), until));
        let slot = claims.slot(whose);
        if slot.as_ref().map(|held| &held.id) == claim.as_ref().map(|new| &new.id) {
            return;
        }
        let reason = claim_reason(whose, claim.is_some());
        *slot = claim;
        self.claims.insert(id.clone(), claims.clone());
        let user = self.take(id, org);
        let n = user.n;
        let cause = Cause { reason, at: now, session: None, actor: None };
        self.settle(id, user, now, &cause);
        let after = claims.seen().map(|(text, emoji, until)| (text.to_owned(), emoji.to_owned(), until));
        if let Some(user) = self.users.get_mut(id)
            && user.n == n
            && user.shown_sessions() > 0
            && before != after
        {
            self.n += 1;
            user.n = self.n;
            user.shown.n = self.n;
            self.log.push(user.entry(id, EntryKind::Claim, user.status, now, &cause));
        }
    }

    /// What is due of a user happens, all at once: sessions, claims and gates come to their end.
    pub fn expire(&mut self, now: Millis, id: &UserId, org: &Org) {
        if let Some(gate) = self.gates.get_mut(id)
            && gate.until.is_some_and(|until| until <= now)
        {
            *gate = Gate { kind: None, version: gate.version, until: None };
        }
        let claim_end = self.end_claims(now, id);
        let mut user = self.take(id, org);
        let last = user.remove_where(|session| session.deadline <= now);
        let cause = match last {
            Some(session) if user.sessions.is_empty() || claim_end.is_none() => Some(Cause {
                reason: session.end_reason(),
                at: session.deadline,
                session: Some(session),
                actor: None,
            }),
            _ => claim_end,
        };
        match cause {
            Some(cause) => self.settle(id, user, now, &cause),
            None => self.put(id, user),
        }
    }

    fn end_claims(&mut self, now: Millis, id: &UserId) -> Option<Cause> {
        let claims = self.claims.get_mut(id)?;
        let mut cause = None;
        for (whose, reason) in [(Whose::Manual, Reason::ManualExpired), (Whose::Admin, Reason::AdminExpired)]
        {
            let slot = claims.slot(whose);
            if let Some(until) = slot.as_ref().and_then(|claim| claim.until).filter(|until| *until <= now) {
                *slot = None;
                cause = Some(Cause { reason, at: until, session: None, actor: None });
            }
        }
        cause
    }
}

const fn claim_reason(whose: Whose, set: bool) -> Reason {
    match (whose, set) {
        (Whose::Manual, true) => Reason::ManualSet,
        (Whose::Manual, false) => Reason::ManualCleared,
        (Whose::Admin, true) => Reason::AdminSet,
        (Whose::Admin, false) => Reason::AdminCleared,
    }
}

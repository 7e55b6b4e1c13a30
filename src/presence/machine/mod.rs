//! The whole event table as a pure machine of one shard: facts in, entries out.
//!
//! This is what the scripts in `lua/` must do. It decides nothing in production; a property test drives it beside
//! the real scripts with random events and compares views, counts and entries after every step.

mod signs;

use std::collections::BTreeMap;

use super::claim::SeenClaim;
use super::user::Cause;
use super::{
    Amendment, Claim, Claims, Entry, EntryKind, Gate, GateKind, LoginId, Millis, Org, Policy, Reason, User,
    UserId, Whose,
};

pub use signs::Sign;

/// What the machine answers to a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Counted, or rightly ignored.
    Standing,
    /// The account may not be online.
    Gated(GateKind),
    /// The login, or its token version, has ended.
    Ended,
    /// Another connection has the session, and the sign does not take it.
    Superseded,
}

/// One shard: everything that the scripts keep in Redis.
#[derive(Clone, Debug)]
pub struct Machine {
    policy: Policy,
    epoch: i64,
    n: i64,
    users: BTreeMap<UserId, User>,
    claims: BTreeMap<UserId, Claims>,
    gates: BTreeMap<UserId, Gate>,
    ended: BTreeMap<(UserId, LoginId), ()>,
    cuts: BTreeMap<UserId, (i64, Option<LoginId>)>,
    log: Vec<Entry>,
}

impl Machine {
    /// An empty shard in the life of this number.
    #[must_use]
    pub fn new(policy: Policy, epoch: i64) -> Self {
        Self {
            policy,
            epoch,
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

    /// Recomputes the view of a user and puts the record back; where the view differs, appends the entry. Answers the user
    /// as they now are, also one who is not worth a record.
    fn settle(&mut self, id: &UserId, mut user: User, now: Millis, cause: &Cause) -> User {
        let to = user.view(&self.claims(id));
        if to != user.status {
            let from = user.status;
            let version = self.next_version();
            user.change(to, self.n, version, cause.at);
            let claims = self.claims(id);
            self.log.push(user.entry(id, EntryKind::Transition, from, now, cause, claims.in_force()));
        }
        self.put(id, user.clone());
        user
    }

    /// Counts the next entry on; answers the version that it stands for.
    const fn next_version(&mut self) -> i64 {
        self.n += 1;
        (self.epoch << 32) + self.n
    }

    fn put(&mut self, id: &UserId, user: User) {
        if !user.sessions.is_empty() || user.n > 0 {
            self.users.insert(id.clone(), user);
        }
    }

    /// A logout, one's own or by force: the login ends.
    pub fn end_login(&mut self, now: Millis, id: &UserId, org: &Org, login: &LoginId, reason: Reason) {
        self.ended.insert((id.clone(), login.clone()), ());
        let mut user = self.take(id, org);
        let session = user.remove_where(|session| session.id.login == *login);
        self.settle(id, user, now, &Cause { reason, at: now, session, actor: None, claims: None });
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
        self.settle(id, user, now, &Cause { reason, at: now, session, actor: None, claims: None });
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
            self.settle(
                id,
                user,
                now,
                &Cause { reason: kind.reason(), at: now, session, actor: None, claims: None },
            );
        }
    }

    /// A claim is set, or taken back with `None`. `id` makes a repeated call change nothing.
    pub fn claim(&mut self, now: Millis, id: &UserId, org: &Org, whose: Whose, claim: Option<Claim>) {
        let mut claims = self.claims(id);
        let before = claims.seen();
        let slot = claims.slot(whose);
        if slot.as_ref().map(|held| &held.id) == claim.as_ref().map(|new| &new.id) {
            return;
        }
        let reason = claim_reason(whose, claim.is_some());
        *slot = claim;
        self.claims.insert(id.clone(), claims.clone());
        let user = self.take(id, org);
        let n = user.n;
        let cause = Cause { reason, at: now, session: None, actor: None, claims: Some(claims) };
        let user = self.settle(id, user, now, &cause);
        self.tell_claim(id, user, n, &before, now, &cause);
    }

    /// A claim is set in part. Without one to amend, and without a status, nothing happens.
    pub fn amend(&mut self, now: Millis, id: &UserId, org: &Org, whose: Whose, amendment: Amendment) {
        if let Some(claim) = amendment.of(self.claims(id).slot(whose).as_ref()) {
            self.claim(now, id, org, whose, Some(claim));
        }
    }

    /// Claims that changed while the status stayed get an entry, too: of kind `Claim` where others could notice since
    /// `before`, else a `Wish`, which leaves the record as it was. `n` is the user's last entry before the record was
    /// settled; another one says it already.
    fn tell_claim(
        &mut self,
        id: &UserId,
        mut user: User,
        n: i64,
        before: &SeenClaim,
        now: Millis,
        cause: &Cause,
    ) {
        if user.n != n {
            return;
        }
        let version = self.next_version();
        user.n = self.n;
        let claims = self.claims(id);
        if user.shown_sessions() > 0 && *before != claims.seen() {
            user.shown.version = version;
            self.log.push(user.entry(id, EntryKind::Claim, user.status, now, cause, claims.in_force()));
            self.put(id, user);
        } else {
            self.log.push(user.entry(id, EntryKind::Wish, user.status, now, cause, claims.in_force()));
        }
    }

    /// What is due of a user happens, all at once: sessions, claims and gates come to their end.
    pub fn expire(&mut self, now: Millis, id: &UserId, org: &Org) {
        if let Some(gate) = self.gates.get_mut(id)
            && gate.until.is_some_and(|until| until <= now)
        {
            *gate = Gate { kind: None, version: gate.version, until: None };
        }
        let before = self.claims(id).seen();
        let claim_end = self.end_claims(now, id);
        let mut user = self.take(id, org);
        let n = user.n;
        let last = user.remove_where(|session| session.deadline <= now);
        let cause = match last {
            Some(session) if user.sessions.is_empty() || claim_end.is_none() => Some(Cause {
                reason: session.end_reason(),
                // Another session may have shown itself after this deadline, and have ended since.
                at: if user.sessions.is_empty() { session.deadline.max(user.seen) } else { session.deadline },
                session: Some(session),
                actor: None,
                claims: claim_end.as_ref().and_then(|end| end.claims.clone()),
            }),
            _ => claim_end.clone(),
        };
        let Some(cause) = cause else {
            return self.put(id, user);
        };
        let user = self.settle(id, user, now, &cause);
        if let Some(claim_end) = claim_end {
            self.tell_claim(id, user, n, &before, now, &claim_end);
        }
    }

    fn end_claims(&mut self, now: Millis, id: &UserId) -> Option<Cause> {
        let claims = self.claims.get_mut(id)?;
        let mut cause: Option<Cause> = None;
        for (whose, reason) in [(Whose::Manual, Reason::ManualExpired), (Whose::Admin, Reason::AdminExpired)]
        {
            let slot = claims.slot(whose);
            if let Some(until) = slot.as_ref().and_then(|claim| claim.until).filter(|until| *until <= now) {
                *slot = None;
                cause = Some(Cause { reason, at: until, session: None, actor: None, claims: None });
            }
        }
        cause.map(|cause| Cause { claims: Some(claims.clone()), ..cause })
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

//! What is done to one user: logouts, gates and claims. Each is one script call, repeated where the caller took a
//! stored fact for another.

use std::time::Duration;

use fred::prelude::Value;

use super::reply::{self, Said};
use super::scripts::{self, Script};
use super::{Answer, Bearer, Store, StoreError, millis};
use crate::metrics::record;
use crate::presence::{self, Amendment, Claim, Gate, LoginId, Millis, Org, Reason, UserId, Whose};

/// A caller that guessed wrong learns the truth and tries again; facts do not change faster than this.
pub(super) const TRIES: usize = 4;

impl Store {
    /// A logout: the login's sessions end now, and its tokens with them.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn end_login(&self, user: &UserId, org: &Org, login: &LoginId) -> Result<(), StoreError> {
        self.end_login_for(user, org, login, Reason::Logout, None, None).await
    }

    /// The same for this reason, where tokens of the login may live for so long; `None`: as long as any of our own.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn end_login_for(
        &self,
        user: &UserId,
        org: &Org,
        login: &LoginId,
        reason: Reason,
        actor: Option<&str>,
        life: Option<Duration>,
    ) -> Result<(), StoreError> {
        let life = life.map_or_else(|| self.token_life.0.into(), millis);
        let args = [login.as_str().into(), life, reason.as_str().into(), text(actor)];
        self.judge(&scripts::LOGIN_END, user, org, self.news_of(user), &args).await.map(drop)
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
        let keep = text(keep.map(LoginId::as_str));
        let args = [token_version.into(), keep, reason.as_str().into(), text(actor)];
        self.judge(&scripts::USER_CUT, user, org, self.news_of(user), &args).await.map(drop)
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
        let args = [
            text(gate.kind.map(presence::GateKind::as_str)),
            gate.version.into(),
            gate.until.map_or(0, |until| until.0).into(),
            text(gate.kind.map(|kind| kind.reason().as_str())),
            text(actor),
        ];
        self.judge(&scripts::USER_GATE, user, org, self.news_of(user), &args).await.map(drop)
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
        let args = [
            whose.as_str().into(),
            text(claim.map(|claim| claim.id.as_str())),
            claim.map_or_else(|| "".into(), |claim| claim.status.code().into()),
            text(claim.map(|claim| claim.text.as_str())),
            text(claim.map(|claim| claim.emoji.as_str())),
            claim.and_then(|claim| claim.until).map_or(0, |until| until.0).into(),
            text(actor),
            "".into(),
        ];
        self.judge(&scripts::USER_CLAIM, user, org, None, &args).await
    }

    /// Some parts of a user's own claim are set; `None` if there is no claim and the amendment says no status.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn amend_claim(
        &self,
        user: &UserId,
        org: &Org,
        amendment: &Amendment,
    ) -> Result<Option<Answer>, StoreError> {
        let Amendment { id, status, text: words, emoji, until } = amendment;
        let mut kept = String::new();
        for (letter, is_kept) in
            [('s', status.is_none()), ('t', words.is_none()), ('e', emoji.is_none()), ('u', until.is_none())]
        {
            kept.extend(is_kept.then_some(letter));
        }
        let script = &scripts::USER_CLAIM;
        let args = [
            Whose::Manual.as_str().into(),
            id.as_str().into(),
            // Kept or not, a number says that there is to be a claim.
            status.map_or(0, presence::Status::code).into(),
            text(words.as_deref()),
            text(emoji.as_deref()),
            until.flatten().map_or(0, |Millis(until)| until).into(),
            "".into(),
            kept.into(),
        ];
        let mut org = org.clone();
        for _ in 0..TRIES {
            match self.ask(script, user, &org, None, &args).await? {
                Said::Judged(_, note) if note == "none" => return Ok(None),
                Said::Judged(answer, _) => return Ok(Some(answer)),
                Said::Stale(truth) => org = parse_truth(script, truth.first())?,
            }
        }
        Err(StoreError::Overloaded)
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

    /// Forgets somebody who was erased, once the gate of this version has refused the last of their tokens. Whether
    /// nothing is left of them: who came back meanwhile stays.
    ///
    /// # Errors
    /// If Redis did not acknowledge it.
    pub async fn forget(&self, user: &UserId, gate_version: i64) -> Result<bool, StoreError> {
        let script = &scripts::USER_FORGET;
        let mut keys = self.keys.shared(self.keys.shard_of(user));
        keys.push(self.keys.record(user));
        let args = vec![user.as_str().into(), gate_version.into()];
        let mut parts = reply::Parts::new(script.name, self.link.call(script, keys, args).await?);
        match parts.text()?.as_str() {
            "ok" => Ok(parts.int()? == 1),
            "restoring" => Err(StoreError::Restoring),
            _ => Err(parts.wrong()),
        }
    }

    fn news_of(&self, user: &UserId) -> Option<String> {
        Some(self.keys.news(self.keys.shard_of(user)))
    }

    /// Calls a script of one user until the organisation it was told is the stored one.
    pub(super) async fn judge(
        &self,
        script: &'static Script,
        user: &UserId,
        org: &Org,
        last_key: Option<String>,
        args: &[Value],
    ) -> Result<Answer, StoreError> {
        let mut org = org.clone();
        for _ in 0..TRIES {
            match self.ask(script, user, &org, last_key.clone(), args).await? {
                Said::Judged(answer, note) => return Ok(self.noted(answer, &note)),
                Said::Stale(truth) => org = parse_truth(script, truth.first())?,
            }
        }
        Err(StoreError::Overloaded)
    }

    pub(super) async fn ask(
        &self,
        script: &'static Script,
        user: &UserId,
        org: &Org,
        last_key: Option<String>,
        args: &[Value],
    ) -> Result<Said, StoreError> {
        let mut keys = self.keys.shared(self.keys.shard_of(user));
        keys.extend(self.keys.place(user, org));
        keys.extend(last_key);
        let mut all = vec![self.clock.now(), user.as_str().into(), org.as_str().into()];
        all.extend_from_slice(args);
        let reply = self.link.call(script, keys, all).await;
        // Even without an answer it may have happened.
        let shard = self.keys.shard_of(user);
        self.standings.forget(shard, user);
        let said = reply::said(script.name, reply?)?;
        if let Said::Judged(Answer::Standing { status, since, now, .. }, _) = said
            && status != presence::Status::Offline
        {
            self.standings.learn(shard, user, (status, since), now);
        }
        Ok(said)
    }

    pub(super) fn noted(&self, answer: Answer, note: &str) -> Answer {
        if note == "late" {
            record::late_saved(1);
        }
        answer
    }
}

pub(super) fn text(text: Option<&str>) -> Value {
    text.unwrap_or_default().into()
}

pub(super) fn parse_truth<T: std::str::FromStr>(
    script: &'static Script,
    truth: Option<&String>,
) -> Result<T, StoreError> {
    truth.and_then(|truth| truth.parse().ok()).ok_or(StoreError::Reply { script: script.name, part: 1 })
}

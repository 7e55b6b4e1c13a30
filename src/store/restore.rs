//! A shard that came back without its data: a new life begins closed, is told what Postgres knows, and opens. And one
//! that came back with older data: it goes on under a new epoch.

use std::time::Duration;

use super::keys::{LAYOUT, Shard};
use super::reply::Parts;
use super::scripts::Script;
use super::users::text;
use super::{Opened, Shown, Store, StoreError, millis, scripts};
use crate::presence::{Claim, Entry, Gate, LoginId, Millis, Org, Status, UserId, Whose};

/// Most items of one call: a few milliseconds of Redis' time.
const ITEMS_PER_CALL: usize = 200;

/// What is known of the moment at which a shard was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// When it was last heard of, by the clock of Redis; 0 = never.
    pub at: Millis,
    /// How far that may be wrong for somebody who did not return.
    pub uncertainty: Millis,
}

/// Somebody who was present when Postgres last heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Who.
    pub user: UserId,
    /// The organisation.
    pub org: Org,
    /// The true status.
    pub status: Status,
    /// Since when.
    pub since: Millis,
    /// Present without a break since.
    pub online_since: Millis,
    /// Last sign of life.
    pub last_seen: Millis,
    /// What others saw.
    pub shown: Shown,
}

/// Something in force that overrides or forbids what sessions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The account may not be online.
    Gate(UserId, Gate),
    /// A claim.
    Claim(UserId, Whose, Claim),
    /// Tokens below this version have ended, but for those of one login.
    Cut(UserId, i64, Option<LoginId>),
    /// A login has ended; for so long a token of it may still live, or as long as any of our own.
    Ended(UserId, LoginId, Option<Duration>),
}

impl Rule {
    /// Whose.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        match self {
            Self::Gate(user, _) | Self::Claim(user, ..) | Self::Cut(user, ..) | Self::Ended(user, ..) => user,
        }
    }
}

impl Store {
    /// Begins a new life of a shard that has lost its data, closed until [`Store::open_shard`]. Answers the epoch that is
    /// being restored, which is another one if a restore was broken off before; `None` if the shard is open.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn begin_shard(&self, shard: Shard, epoch: i64, lost: Lost) -> Result<Option<i64>, StoreError> {
        let keys = vec![self.keys.meta(shard), self.keys.log(shard)];
        let args = vec![
            self.clock.now(),
            epoch.into(),
            i64::from(LAYOUT).into(),
            i64::from(self.keys.shards()).into(),
            lost.at.0.into(),
            lost.uncertainty.0.into(),
        ];
        let reply = self.link.call(&scripts::SHARD_BEGIN, keys, args).await?;
        let mut parts = Parts::new(scripts::SHARD_BEGIN.name, reply);
        let begun = parts.text()?;
        if begun.is_empty() { Ok(None) } else { begun.parse().map(Some).map_err(|_| parts.wrong()) }
    }

    /// Tells a shard that is being restored what was in force. May be repeated.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn recall(&self, shard: Shard, epoch: i64, rules: &[Rule]) -> Result<(), StoreError> {
        for rules in rules.chunks(ITEMS_PER_CALL) {
            let mut args = vec![self.clock.now(), epoch.into()];
            rules.iter().for_each(|rule| args.extend(self.rule_args(rule)));
            self.put_back(&scripts::SHARD_RECALL, self.keys.shared(shard), args).await?;
        }
        Ok(())
    }

    fn rule_args(&self, rule: &Rule) -> [fred::prelude::Value; 7] {
        let none = || "".into();
        let end = |until: Option<Millis>| until.map_or(0, |until| until.0).into();
        let user = rule.user().as_str().into();
        match rule {
            Rule::Gate(_, gate) => {
                let kind = text(gate.kind.map(crate::presence::GateKind::as_str));
                ["gate".into(), user, kind, gate.version.into(), end(gate.until), none(), none()]
            }
            Rule::Claim(_, whose, claim) => [
                whose.as_str().into(),
                user,
                claim.id.as_str().into(),
                claim.status.code().into(),
                claim.text.as_str().into(),
                claim.emoji.as_str().into(),
                end(claim.until),
            ],
            Rule::Cut(_, version, keep) => {
                let keep = text(keep.as_ref().map(LoginId::as_str));
                ["cut".into(), user, (*version).into(), keep, none(), none(), none()]
            }
            Rule::Ended(_, login, life) => {
                let life = life.map_or_else(|| self.token_life.0.into(), millis);
                ["ended".into(), user, login.as_str().into(), life, none(), none(), none()]
            }
        }
    }

    /// Puts people back into a shard that is being restored; those who are there already stay as they are. Answers how
    /// many came. May be repeated.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn restore(&self, shard: Shard, epoch: i64, people: &[Past]) -> Result<u64, StoreError> {
        let mut restored = 0;
        for people in people.chunks(ITEMS_PER_CALL) {
            let mut keys = self.keys.shared(shard);
            let mut args = vec![self.clock.now(), self.policy.longest_ttl().0.into(), epoch.into()];
            for past in people {
                keys.extend(self.keys.place(&past.user, &past.org));
                args.extend([past.user.as_str().into(), past.org.as_str().into(), past.status.code().into()]);
                let Shown { since, online_since, last_seen, version, .. } = past.shown;
                let times = [past.since, past.online_since, past.last_seen, since, online_since, last_seen];
                args.extend(times.map(|at| fred::prelude::Value::from(at.0)));
                args.push(version.into());
            }
            let mut parts = self.put_back(&scripts::USER_RESTORE, keys, args).await?;
            restored += parts.count()?;
        }
        Ok(restored)
    }

    /// Calls a script of the restore; a shard that is open already needs none.
    async fn put_back(
        &self,
        script: &'static Script,
        keys: Vec<String>,
        args: Vec<fred::prelude::Value>,
    ) -> Result<Parts, StoreError> {
        let mut parts = Parts::new(script.name, self.link.call(script, keys, args).await?);
        if parts.text()? == "ok" { Ok(parts) } else { Err(StoreError::Open) }
    }

    /// Opens a shard that is restored; one that is open stays as it is. Those who were put back have the longest time to
    /// live from now on to return.
    ///
    /// # Errors
    /// [`StoreError::Restoring`] if Redis was emptied again meanwhile, so that another restore is under way;
    /// [`StoreError::Layout`] if its data were written by a version, or for a number of shards, that does not fit.
    pub async fn open_shard(&self, shard: Shard, epoch: i64) -> Result<Opened, StoreError> {
        let args = vec![self.clock.now(), epoch.into(), self.policy.longest_ttl().0.into()];
        let reply = self.link.call(&scripts::SHARD_OPEN, vec![self.keys.meta(shard)], args).await?;
        let mut parts = Parts::new(scripts::SHARD_OPEN.name, reply);
        let Ok(epoch) = parts.text()?.parse() else {
            return Err(StoreError::Restoring);
        };
        let opened = Opened { epoch, n: parts.int()? };
        self.check_layout(parts.int()?, parts.int()?)?;
        Ok(opened)
    }

    /// Opens a shard that has nothing to get back. One that is open stays as it is.
    ///
    /// # Errors
    /// Those of [`Store::open_shard`].
    pub async fn open_empty(&self, shard: Shard, epoch: i64) -> Result<Opened, StoreError> {
        self.begin_shard(shard, epoch, Lost::default()).await?;
        self.open_shard(shard, epoch).await
    }

    /// A user's record learns from a correction since when the status that Redis has again holds in the history, so that
    /// what follows is not dated before it. Who has changed since is left alone.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn correct(&self, correction: &Entry) -> Result<(), StoreError> {
        let Entry { user, org, to, since, online_since, shown_since, shown_online_since, .. } = correction;
        let times = [since, online_since, shown_since, shown_online_since];
        let mut args = vec![fred::prelude::Value::from(to.code())];
        args.extend(times.map(|at| fred::prelude::Value::from(at.0)));
        args.push(correction.shown_version.into());
        self.judge(&scripts::USER_CORRECT, user, org, None, &args).await.map(drop)
    }

    /// A shard that was found set back to an older state goes on under a new epoch. Answers how it now stands; `None` if
    /// it has lost its data meanwhile.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn raise_shard(
        &self,
        shard: Shard,
        found: i64,
        follows: i64,
    ) -> Result<Option<Opened>, StoreError> {
        let args = vec![found.into(), follows.into()];
        let reply = self.link.call(&scripts::SHARD_RAISE, vec![self.keys.meta(shard)], args).await?;
        let mut parts = Parts::new(scripts::SHARD_RAISE.name, reply);
        let (epoch, n) = (parts.text()?, parts.text()?);
        let stands = epoch.parse().ok().zip(n.parse().ok());
        Ok(stands.map(|(epoch, n)| Opened { epoch, n }))
    }
}

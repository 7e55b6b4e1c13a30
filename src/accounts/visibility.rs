//! Who may see when somebody was last seen. Postgres keeps what people chose; every node knows it by heart, so that no
//! view asks Postgres, and reads each second what has changed.
//!
//! Few people choose: about a hundred bytes of memory for each. A record in Redis would carry the choice for everybody,
//! and be lost with Redis; a lookup for each view would make presence wait for Postgres. Where a node does not know, it
//! hides: until it has read all choices, and again when it has not heard of Postgres for a minute.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::Row;
use time::OffsetDateTime;

use super::entitlement::check_entitled;
use super::{AccountError, Accounts, Action, Origin, Permission, Severity, account, actions, sql};
use crate::presence::{LastSeenVisibility, UserId};

/// How often what has changed is read: so old is what a node knows.
const PERIOD: Duration = Duration::from_secs(1);

/// Each reading looks so far behind the newest change that is known: a row carries the time at which it was written, and
/// the limits of Postgres's statements let its transaction commit some seconds later.
const OVERLAP: Duration = Duration::from_secs(20);

/// How often all is read: those who were erased since are forgotten by it.
const WHOLE_EVERY: Duration = Duration::from_secs(600);

/// What was not confirmed for so long is not relied on.
const STALE: Duration = Duration::from_secs(60);

/// A choice, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Whose.
    pub user: UserId,
    /// Who may see.
    pub visibility: LastSeenVisibility,
    /// Since when, by the clock of Postgres.
    pub at: OffsetDateTime,
}

/// What a node knows of everybody's choice. Cheap to clone: clones share it.
#[derive(Clone, Debug, Default)]
pub struct Visibilities(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Those who ever chose, and when they did last.
    chosen: HashMap<UserId, (LastSeenVisibility, OffsetDateTime)>,
    /// The newest change that was read.
    newest: Option<OffsetDateTime>,
    /// When the last reading that succeeded began.
    read_at: Option<Instant>,
    /// When the last one that read everything began.
    whole_at: Option<Instant>,
}

/// The choices as they are known at this moment.
#[derive(Debug)]
pub struct Choices<'a>(RwLockReadGuard<'a, Known>);

impl Choices<'_> {
    /// Whether it is known what people chose: otherwise everything is hidden.
    #[must_use]
    pub fn are_known(&self) -> bool {
        self.0.read_at.is_some_and(|at| at.elapsed() <= STALE)
    }

    /// What somebody chose; nobody may see of whom it is not known.
    #[must_use]
    pub fn of(&self, user: &UserId) -> LastSeenVisibility {
        if !self.are_known() {
            return LastSeenVisibility::Nobody;
        }
        self.0.chosen.get(user).map_or(LastSeenVisibility::Everyone, |(visibility, _)| *visibility)
    }
}

impl Known {
    fn learn(&mut self, choice: Choice) {
        let is_newer = self.chosen.get(&choice.user).is_none_or(|(_, at)| *at < choice.at);
        // One that was taken back is kept as such: an older word on it may still be under way.
        if is_newer {
            self.chosen.insert(choice.user, (choice.visibility, choice.at));
        }
    }
}

impl Visibilities {
    /// The choices as they are known now. Not to be held while waiting for anything.
    #[must_use]
    pub fn choices(&self) -> Choices<'_> {
        Choices(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a choice that was just stored, so that this node goes by it at once.
    pub fn learn(&self, choice: Choice) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).learn(choice);
    }

    /// Reads what has changed since the last time; now and then everything.
    ///
    /// # Errors
    /// Those of the database; what was known stays.
    pub async fn refresh(&self, accounts: &Accounts) -> Result<(), AccountError> {
        let began = Instant::now();
        let since = {
            let known = self.choices();
            let is_whole = known.0.whole_at.is_none_or(|at| at.elapsed() > WHOLE_EVERY);
            known.0.newest.filter(|_| !is_whole).map(|newest| newest - OVERLAP)
        };
        let read = accounts.visibilities(since).await?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let newest = read.iter().map(|choice| choice.at).max();
        if since.is_none() {
            // What this node was told while it read may be newer than what it read.
            known.chosen.retain(|_, (_, at)| newest.is_none_or(|newest| *at > newest));
            known.whole_at = Some(began);
        }
        read.into_iter().for_each(|choice| known.learn(choice));
        known.newest = known.newest.max(newest);
        known.read_at = Some(began);
        Ok(())
    }

    /// Reads what has changed each second. Runs until dropped.
    pub async fn follow(&self, accounts: &Accounts) {
        let mut interval = tokio::time::interval(PERIOD);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            if let Err(error) = self.refresh(accounts).await {
                tracing::warn!(%error, "cannot read who may see when people were last seen; trying again");
            }
        }
    }
}

impl Accounts {
    /// Who may see when this user was last seen.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn visibility(&self, user: &UserId) -> Result<LastSeenVisibility, AccountError> {
        let row = sqlx::query(sql::VISIBILITY).bind(user.as_str()).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| account::word(&row, "visibility")).transpose()?.unwrap_or_default())
    }

    /// What was chosen since a moment; everything, if there is none.
    async fn visibilities(&self, since: Option<OffsetDateTime>) -> Result<Vec<Choice>, AccountError> {
        let rows = sqlx::query(sql::VISIBILITIES).bind(since).fetch_all(&self.pool).await?;
        let choice = |row| -> sqlx::Result<Choice> {
            Ok(Choice {
                user: account::word(row, "user_id")?,
                visibility: account::word(row, "visibility")?,
                at: row.try_get("updated_at")?,
            })
        };
        Ok(rows.iter().map(choice).collect::<sqlx::Result<_>>()?)
    }

    /// Stores who may see when a user was last seen. What is so already is not done again and leaves no row.
    ///
    /// # Errors
    /// [`AccountError::NotEntitled`] if somebody else acts who is no administrator any more.
    pub async fn choose_visibility(
        &self,
        user: &UserId,
        visibility: LastSeenVisibility,
        origin: &Origin,
    ) -> Result<Option<Choice>, AccountError> {
        let is_own = origin.actor.as_deref() == Some(user.as_str());
        let mut transaction = self.pool.begin().await?;
        if !is_own {
            check_entitled(&mut transaction, origin, Permission::SetPresence).await?;
        }
        let row =
            sqlx::query(sql::VISIBILITY_LOCK).bind(user.as_str()).fetch_optional(&mut *transaction).await?;
        let before: Option<LastSeenVisibility> =
            row.map(|row| account::word(&row, "visibility")).transpose()?;
        if before.unwrap_or_default() == visibility {
            return Ok(None);
        }
        let at = sqlx::query_scalar(sql::VISIBILITY_SET)
            .bind(user.as_str())
            .bind(visibility.as_str())
            .fetch_one(&mut *transaction)
            .await?;
        let action = Action {
            name: actions::PRIVACY_CHANGED,
            target_type: "USER",
            target_id: Some(user.to_string()),
            severity: Severity::Info,
            category: if is_own { "user" } else { "admin" },
            before: Some(json!({"last_seen_visibility": before.unwrap_or_default()})),
            after: Some(json!({"last_seen_visibility": visibility})),
            detail: "Who may see when the user was last seen was changed".to_owned(),
            origin,
        };
        actions::record(&mut transaction, &action).await?;
        transaction.commit().await?;
        Ok(Some(Choice { user: user.clone(), visibility, at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(visibility: LastSeenVisibility, second: i64) -> Choice {
        let at = OffsetDateTime::from_unix_timestamp(second).unwrap();
        Choice { user: UserId::parse("7").unwrap(), visibility, at }
    }

    #[test]
    fn nobody_is_seen_until_everybody_s_choice_is_known() {
        use LastSeenVisibility::{Everyone, Nobody};
        let (known, seven) = (Visibilities::default(), UserId::parse("7").unwrap());
        known.learn(choice(Everyone, 1));
        assert_eq!(known.choices().of(&seven), Nobody, "nothing was read yet");
        known.0.write().unwrap().read_at = Some(Instant::now());
        assert_eq!(known.choices().of(&seven), Everyone);
        known.0.write().unwrap().read_at = Instant::now().checked_sub(STALE * 2);
        assert_eq!(known.choices().of(&seven), Nobody, "postgres has not answered for too long");
    }

    #[test]
    fn an_older_word_does_not_undo_a_newer_one() {
        use LastSeenVisibility::{Everyone, Nobody};
        let (known, seven) = (Visibilities::default(), UserId::parse("7").unwrap());
        known.0.write().unwrap().read_at = Some(Instant::now());
        known.learn(choice(Nobody, 5));
        known.learn(choice(Everyone, 3));
        assert_eq!(known.choices().of(&seven), Nobody);
        known.learn(choice(Everyone, 6));
        known.learn(choice(Nobody, 5));
        assert_eq!(known.choices().of(&seven), Everyone);
    }
}

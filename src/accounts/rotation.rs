//! The exchange of a refresh token, and how a stolen one is noticed.
//!
//! Each token is good for one exchange. When one comes back that was exchanged before, two hold the same
//! login, and it ends. But answers get lost: the immediate predecessor gets the same successor again for a
//! few seconds, as long as nobody has used that successor.
//!
//! Where tokens are fixed none is ever exchanged, so none comes back. One that was exchanged before the setting changed
//! is as spent as it was.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::Row;
use time::OffsetDateTime;

use super::families::{self, EndReason, interval};
use super::refresh::RefreshToken;
use super::{Account, AccountId, Accounts, Origin, RefreshError, sql};
use crate::database::Connection;
use crate::presence::LoginId;

/// What a refresh answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshMode {
    /// A new token each time; the old one must not come back.
    Rotate,
    /// The same token, for clients that keep their first one.
    Fixed,
}

/// By which rules tokens are exchanged.
#[derive(Clone, Debug)]
pub struct RefreshRules {
    /// A new token or the same.
    pub mode: RefreshMode,
    /// For how long a token may come back after its exchange, if its successor is unused.
    pub grace: Duration,
    /// What successors are derived from.
    pub secret: SecretString,
}

/// An exchange done.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Whose, as it stands now.
    pub account: Account,
    /// The login, which stays the same.
    pub login: LoginId,
    /// The token to refresh with next.
    pub refresh: SecretString,
    /// When the login ends by itself.
    pub expires_at: OffsetDateTime,
}

/// The login of a token, locked.
struct LockedFamily {
    login: LoginId,
    account: AccountId,
    expires_at: OffsetDateTime,
}

/// What is known of a token when it comes.
#[derive(Clone, Copy)]
struct TokenState {
    generation: i32,
    /// Hash of what it was exchanged for.
    successor: Option<[u8; 32]>,
    /// It was exchanged within the grace.
    just_used: bool,
    successor_unused: bool,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// Never used: exchange it.
    Exchange,
    /// The answer seems to have been lost: answer the same again.
    Repeat,
    /// The secret has changed since, so the same cannot be answered; no sign of a thief either.
    Unrepeatable,
    /// Somebody has a copy.
    Reuse,
}

impl TokenState {
    /// `next` is the hash of the successor as it would be derived now.
    fn judge(&self, next: [u8; 32]) -> Judgement {
        match self.successor {
            None => Judgement::Exchange,
            Some(_) if !(self.just_used && self.successor_unused) => Judgement::Reuse,
            Some(given) if given == next => Judgement::Repeat,
            Some(_) => Judgement::Unrepeatable,
        }
    }
}

impl Accounts {
    /// Exchanges a refresh token. A login that ends here for reuse has its row in `admin_actions`; its access
    /// tokens and sessions are the caller's to end.
    ///
    /// # Errors
    /// [`RefreshError`]; only after `Reused` has anything changed.
    pub async fn rotate(
        &self,
        refresh: &SecretString,
        rules: &RefreshRules,
        origin: &Origin,
    ) -> Result<Rotation, RefreshError> {
        let token = RefreshToken::parse(refresh).ok_or(RefreshError::Unknown)?;
        let mut transaction = self.pool.begin().await?;
        let family = lock_family(&mut transaction, &token).await?;
        let account = family.account(&mut transaction).await?;
        let next = token.successor(&rules.secret);
        let state = token_state(&mut transaction, &token, rules.grace).await?;
        let next = match (state.judge(next.hash()), rules.mode) {
            (Judgement::Exchange, RefreshMode::Fixed) => token,
            (Judgement::Exchange, RefreshMode::Rotate) => {
                exchange(&mut transaction, &family, &token, state, &next).await?;
                next
            }
            (Judgement::Repeat, _) => next,
            (Judgement::Unrepeatable, _) => return Err(RefreshError::Unknown),
            (Judgement::Reuse, _) => {
                let origin = Origin { actor: None, ..origin.clone() };
                let (account, login) = (family.account, family.login);
                families::end_one(&mut transaction, account, &login, EndReason::Reuse, &origin).await?;
                transaction.commit().await?;
                return Err(RefreshError::Reused { account, login });
            }
        };
        sqlx::query(sql::FAMILY_TOUCH).bind(family.login.as_str()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Rotation { account, login: family.login, refresh: next.text(), expires_at: family.expires_at })
    }
}

/// Locks the login of a token, and sees that it lives.
async fn lock_family(
    connection: &mut Connection,
    token: &RefreshToken,
) -> Result<LockedFamily, RefreshError> {
    let row = sqlx::query(sql::FAMILY_LOCK)
        .bind(token.hash())
        .fetch_optional(connection)
        .await?
        .ok_or(RefreshError::Unknown)?;
    let family = LockedFamily {
        login: families::login_id(row.try_get("login")?)?,
        account: row.try_get("user_id")?,
        expires_at: row.try_get("expires_at")?,
    };
    if row.try_get("ended")? {
        return Err(family.over());
    }
    if row.try_get("expired")? {
        return Err(RefreshError::Expired);
    }
    Ok(family)
}

impl LockedFamily {
    fn over(&self) -> RefreshError {
        RefreshError::Ended { account: self.account, login: self.login.clone() }
    }

    /// The account, if it may be online. Looked at before the token is spent: a token that is refused for a
    /// gate must not look reused when it is tried again.
    async fn account(&self, connection: &mut Connection) -> Result<Account, RefreshError> {
        let account = sqlx::query_as::<_, Account>(sql::ACCOUNTS_BY_ID)
            .bind([self.account])
            .fetch_optional(connection)
            .await?
            .ok_or_else(|| self.over())?;
        account.gate().map_or(Ok(account), |gate| Err(RefreshError::Gated(gate)))
    }
}

async fn token_state(
    connection: &mut Connection,
    token: &RefreshToken,
    grace: Duration,
) -> sqlx::Result<TokenState> {
    let row =
        sqlx::query(sql::TOKEN_STATE).bind(token.hash()).bind(interval(grace)).fetch_one(connection).await?;
    Ok(TokenState {
        generation: row.try_get("generation")?,
        successor: row.try_get("successor")?,
        just_used: row.try_get("just_used")?,
        successor_unused: row.try_get("successor_unused")?,
    })
}

/// Spends a token for its successor.
async fn exchange(
    connection: &mut Connection,
    family: &LockedFamily,
    token: &RefreshToken,
    state: TokenState,
    next: &RefreshToken,
) -> sqlx::Result<()> {
    sqlx::query(sql::TOKEN_USE).bind(token.hash()).bind(next.hash()).execute(&mut *connection).await?;
    sqlx::query(sql::TOKEN_ADD)
        .bind(next.hash())
        .bind(family.login.as_str())
        .bind(state.generation + 1)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: [u8; 32] = [1; 32];

    fn used(just_used: bool, successor_unused: bool, successor: [u8; 32]) -> TokenState {
        TokenState { generation: 1, successor: Some(successor), just_used, successor_unused }
    }

    #[test]
    fn a_token_is_judged_by_its_use_and_its_successors() {
        let fresh = TokenState { successor: None, ..used(false, false, NEXT) };
        assert_eq!(fresh.judge(NEXT), Judgement::Exchange);
        assert_eq!(used(true, true, NEXT).judge(NEXT), Judgement::Repeat);
        assert_eq!(used(true, true, [2; 32]).judge(NEXT), Judgement::Unrepeatable);
        assert_eq!(used(true, false, NEXT).judge(NEXT), Judgement::Reuse);
        assert_eq!(used(false, true, NEXT).judge(NEXT), Judgement::Reuse);
        assert_eq!(used(false, false, NEXT).judge(NEXT), Judgement::Reuse);
    }
}

//! Proofs of who somebody is: passwords and second factors. The one place where a guess can be right or wrong, so the
//! one place where attempts count and failures are recorded.
//!
//! | asked for by | a wrong password | a wrong code |
//! |---|---|---|
//! | a login | 401 `bad_credentials`, whether the name exists or not | 401 `totp_invalid`, after the right password only |
//! | somebody logged in, who changes what proves them | 400 at the field | 400 at the field |

use secrecy::{ExposeSecret, SecretString};

use super::error::ApiError;
use super::extract::{Attempt, Attempts};
use crate::accounts::{Account, AccountError, AccountId, Credentials, Factor, Family, Origin, Proved, Spend};
use crate::app::App;
use crate::auth::{Password, SecondFactor, TotpSecret};

/// Longer names, passwords and codes, in characters, are refused unread: none can be right.
const LONGEST_NAME: usize = 254;
const LONGEST_PASSWORD: usize = 128;
const LONGEST_CODE: usize = 64;

/// A login whose proofs are right, and yet to be spent.
pub(super) struct Login {
    /// Who logs in.
    pub credentials: Credentials,
    /// What else is to be written when the login is opened.
    pub proved: Proved,
    /// Yet to be noted as good.
    pub attempt: Attempt,
}

/// Proves a login by name, password and second factor. Unknown names cost as much time as wrong passwords, and are told
/// apart by nothing in the answer.
///
/// # Errors
/// 400 for what nobody can be called; 401; 403 if the account may not be online, to those only who know the password;
/// 503 if too many passwords are being checked.
pub(super) async fn of_login(
    app: &App,
    attempts: &Attempts,
    name: &str,
    password: SecretString,
    totp: Option<&SecretString>,
    origin: &Origin,
) -> Result<Login, ApiError> {
    let name = name.trim();
    check_form(name, &password, totp)?;
    let attempt = attempts.admit(app, name).await?;
    let _place = app.passwords.place(attempt.is_known())?;
    let Some((credentials, needs_rehash)) = by_password(app, name, password.clone(), origin).await? else {
        attempt.failed(app).await;
        return Err(ApiError::BadCredentials);
    };
    let account = &credentials.account;
    if let Some(gate) = account.gate() {
        attempt.good(app).await;
        app.accounts.record_failed_login(Some(account.id), origin).await?;
        return Err(ApiError::Gated(gate));
    }
    let second = match second_of_login(app, account.id, totp, origin).await {
        Err(error @ ApiError::TotpInvalid) => {
            attempt.failed(app).await;
            return Err(error);
        }
        second => second?,
    };
    let rehash = if needs_rehash { rehashed(app, password).await } else { None };
    Ok(Login { credentials, proved: Proved { rehash, second }, attempt })
}

fn check_form(name: &str, password: &SecretString, totp: Option<&SecretString>) -> Result<(), ApiError> {
    let length = password.expose_secret().chars().count();
    if name.is_empty() || length == 0 {
        return Err(ApiError::invalid("", "Username and password are required"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(ApiError::invalid("/username", "Username too long"));
    }
    if length > LONGEST_PASSWORD {
        return Err(ApiError::invalid("/password", "Password too long"));
    }
    if totp.is_some_and(|totp| totp.expose_secret().chars().count() > LONGEST_CODE) {
        return Err(ApiError::invalid("/totp", "Code too long"));
    }
    Ok(())
}

/// The account behind name and password, and whether the password should be hashed anew; none if they are wrong.
async fn by_password(
    app: &App,
    name: &str,
    password: SecretString,
    origin: &Origin,
) -> Result<Option<(Credentials, bool)>, ApiError> {
    let credentials = app.accounts.credentials(name).await?;
    let verdict = match &credentials {
        Some(found) => app.passwords.verify(password, Some(&found.password_hash)).await?,
        // Hashes that came from elsewhere cost another time. So a name that nobody has costs that of somebody, the
        // same each time, whom nobody can foretell.
        None => {
            let somebody = app.vault.pick(&name.to_lowercase());
            let hash = app.accounts.password_of_somebody(somebody).await?;
            app.passwords.pretend(password, hash.as_deref()).await?
        }
    };
    let known = credentials.as_ref().map(|credentials| credentials.account.id);
    match credentials.filter(|_| verdict.ok) {
        Some(credentials) => Ok(Some((credentials, verdict.needs_rehash))),
        None => {
            app.accounts.record_failed_login(known, origin).await?;
            Ok(None)
        }
    }
}

/// The second factor of a login, found right; none if the account has none.
async fn second_of_login(
    app: &App,
    id: AccountId,
    typed: Option<&SecretString>,
    origin: &Origin,
) -> Result<Option<Spend>, ApiError> {
    let Some(factor) = app.accounts.factor(id).await?.filter(|factor| factor.active) else {
        return Ok(None);
    };
    let Some(typed) = typed.filter(|typed| !typed.expose_secret().trim().is_empty()) else {
        app.accounts.record_half_login(id, false, origin).await?;
        return Err(ApiError::TotpRequired);
    };
    let found = second_factor(app, id, &factor, typed);
    if found.is_none() {
        app.accounts.record_half_login(id, true, origin).await?;
        return Err(ApiError::TotpInvalid);
    }
    Ok(found)
}

/// The login that was opened; a code that somebody else was faster with is a wrong one.
///
/// # Errors
/// 401 if the code was used before, or all logins were ended meanwhile.
pub(super) async fn spent(
    app: &App,
    account: &Account,
    attempt: Attempt,
    opened: Result<Family, AccountError>,
    origin: &Origin,
) -> Result<Family, ApiError> {
    match &opened {
        Ok(_) => attempt.good(app).await,
        Err(AccountError::WrongCode) => {
            attempt.failed(app).await;
            app.accounts.record_half_login(account.id, true, origin).await?;
        }
        Err(_) => {}
    }
    Ok(opened?)
}

/// What is to be spent for what somebody typed as their second factor; none if it is wrong. Whether a recovery code is
/// right is found when it is spent.
pub(super) fn second_factor(
    app: &App,
    id: AccountId,
    factor: &Factor,
    typed: &SecretString,
) -> Option<Spend> {
    let code = match SecondFactor::parse(typed) {
        SecondFactor::Recovery(hash) => return Some(Spend::Recovery(hash)),
        SecondFactor::Code(code) => code,
    };
    let owner = id.to_string();
    let Some((secret, is_old)) = TotpSecret::open(&app.vault, &owner, &factor.secret) else {
        tracing::error!(account = %id, "a second factor was sealed under a secret that is gone; reset it");
        return None;
    };
    let step = secret.step_of(&code, factor.now)?;
    Some(Spend::Code { step, resealed: is_old.then(|| secret.sealed(&app.vault, &owner)) })
}

/// Proves somebody who is logged in by their password; `field` names it in the request. The attempt is the caller's to
/// note as good.
///
/// # Errors
/// 400 at the field if it is wrong; 404 of whom has no account here.
pub(super) async fn of_password(
    app: &App,
    attempts: &Attempts,
    id: AccountId,
    password: &SecretString,
    field: &str,
    origin: &Origin,
) -> Result<(Credentials, Attempt), ApiError> {
    let credentials = app.accounts.credentials_of(id).await?;
    let attempt = attempts.admit(app, &credentials.account.username).await?;
    let _place = app.passwords.place(attempt.is_known())?;
    let length = password.expose_secret().chars().count();
    let verdict = if (1..=LONGEST_PASSWORD).contains(&length) {
        app.passwords.verify(password.clone(), Some(&credentials.password_hash)).await?.ok
    } else {
        false
    };
    if !verdict {
        attempt.failed(app).await;
        app.accounts.record_refused_identity(id, "Wrong password", origin).await?;
        return Err(ApiError::invalid(field, "Current password is incorrect."));
    }
    Ok((credentials, attempt))
}

/// That a code is wrong, to somebody who is logged in.
///
/// # Errors
/// Always: 400 at `/totp`, or what recording it says.
pub(super) async fn wrong_code<T>(app: &App, id: AccountId, origin: &Origin) -> Result<T, ApiError> {
    app.accounts.record_refused_identity(id, "Wrong second factor", origin).await?;
    Err(ApiError::invalid("/totp", "The code is not right, or was used before."))
}

/// A new password of somebody with these names, hashed; not an easy one.
///
/// # Errors
/// 400 at `/new_password`; 503 if too many passwords are being hashed.
pub(super) async fn new_password(
    app: &App,
    account: &Account,
    password: SecretString,
) -> Result<String, ApiError> {
    let field = "/new_password";
    let password = Password::parse(password).map_err(|rule| ApiError::invalid(field, rule.to_string()))?;
    if password.is_easy(&[&account.username, &account.email]) {
        return Err(ApiError::invalid(field, "This password is too easy to guess."));
    }
    Ok(app.passwords.hash(password).await?)
}

/// Hashes a password anew at today's cost, while it is at hand. If that fails the old hash is as good as it was, and the
/// next login tries again.
async fn rehashed(app: &App, password: SecretString) -> Option<String> {
    match app.passwords.rehash(password).await {
        Ok(hash) => Some(hash),
        Err(error) => {
            tracing::warn!(%error, "a password keeps its old hash");
            None
        }
    }
}

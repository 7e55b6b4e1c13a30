//! `/api/users/admin/users/`: accounts made and changed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::admin_users::one;
use crate::accounts::{AccountId, AccountStatus, Changes, Email, NewAccount, Permission, Profile, Username};
use crate::app::App;
use crate::auth::{Claims, Password};
use crate::config::Registration;
use crate::http::error::ApiError;
use crate::http::extract::{Body, May, Path, Source, to};
use crate::http::person::Person;
use crate::http::seen::Seen;
use crate::presence::{Org, Role};

/// A new account. The facts about the person have the names that existing clients give them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBody {
    /// 3-150 letters, digits, spaces and `_ . -`.
    #[serde(default)]
    username: String,
    /// `<username>@offchat.local` if absent.
    email: Option<String>,
    /// 8-128 characters. Without one the account needs a reset link before anybody can log in to it.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
    /// `user` (if absent), `moderator` or `admin`; moderators make plain users only.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// `active` (if absent) or `pending`. Where accounts need approval, only who may approve makes active ones.
    #[schema(value_type = Option<String>)]
    status: Option<InitialStatus>,
    /// The organisation; `main` if absent.
    #[schema(value_type = Option<String>)]
    org: Option<Org>,
    /// At most 150 characters.
    first_name: Option<String>,
    /// At most 150 characters.
    last_name: Option<String>,
    /// At most 300 characters, as the three that follow.
    father_name: Option<String>,
    position: Option<String>,
    phone_number: Option<String>,
    id_card_number: Option<String>,
    national_id_card_number: Option<String>,
    /// At most 2000 characters.
    description: Option<String>,
}

/// How an account may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum InitialStatus {
    Active,
    Pending,
}

/// What is to be different; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// 3-150 letters, digits, spaces and `_ . -`.
    username: Option<String>,
    /// A new one is not verified.
    email: Option<String>,
    /// Counts at once. Needs `assign_moderator`, unless it is so already.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// Counts from the next access token on.
    #[schema(value_type = Option<String>)]
    org: Option<Org>,
    /// At most 150 characters.
    first_name: Option<String>,
    /// At most 150 characters.
    last_name: Option<String>,
    /// At most 500 characters.
    bio: Option<String>,
    /// At most 300 characters, as the four that follow; an empty text takes it away.
    father_name: Option<String>,
    position: Option<String>,
    phone_number: Option<String>,
    id_card_number: Option<String>,
    national_id_card_number: Option<String>,
    /// At most 2000 characters.
    description: Option<String>,
}

/// An account in all its parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detail {
    #[serde(flatten)]
    person: Person,
    /// What existing clients keep beside the account, as far as it is known: `father_name`, `position`,
    /// `phone_number`, `id_card_number`, `national_id_card_number`, `description`.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    profile: Profile,
}

/// Answers one account with its presence
#[utoipa::path(get, path = "/api/users/admin/users/{id}/", tag = "administration",
    params(("id" = i64, Path, description = "account")), responses((status = 200, body = Detail)))]
pub async fn detail(
    State(app): State<App>,
    May(claims, ..): May<to::ViewUsers>,
    Path(id): Path<i64>,
) -> Result<Json<Detail>, ApiError> {
    detailed(&app, &claims, id).await
}

async fn detailed(app: &App, claims: &Claims, id: i64) -> Result<Json<Detail>, ApiError> {
    let (account, seen) = one(app, claims, id).await?;
    let profile = app.accounts.profile(account.id).await?;
    Ok(Json(Detail { person: Person::new(account, &seen), profile }))
}

/// Makes an account for somebody
///
/// Nobody is logged in by it.
#[utoipa::path(post, path = "/api/users/admin/users/", tag = "administration",
    request_body = CreateBody, responses((status = 201, body = Detail)))]
pub async fn create(
    State(app): State<App>,
    May(claims, ..): May<to::CreateUser>,
    source: Source,
    Body(body): Body<CreateBody>,
) -> Result<(StatusCode, Json<Detail>), ApiError> {
    let profile = body.profile();
    check_profile(&profile)?;
    let new = body.account(&app, claims.role).await?;
    let account = app.accounts.admit(&new, &profile, &source.of(&claims)).await?;
    let (profile, seen) = (app.accounts.profile(account.id).await?, Seen::unknown(account.id.user()));
    Ok((StatusCode::CREATED, Json(Detail { person: Person::new(account, &seen), profile })))
}

impl CreateBody {
    fn profile(&self) -> Profile {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Profile {
            father_name: given(&self.father_name),
            position: given(&self.position),
            phone_number: given(&self.phone_number),
            id_card_number: given(&self.id_card_number),
            national_id_card_number: given(&self.national_id_card_number),
            description: given(&self.description),
        }
    }

    async fn account(self, app: &App, by: Role) -> Result<NewAccount, ApiError> {
        let needs_approval =
            app.config.auth.registration == Registration::Approval && !by.may(Permission::ApproveUser);
        let status = match self.status {
            Some(InitialStatus::Pending) => AccountStatus::Pending,
            None if needs_approval => AccountStatus::Pending,
            Some(InitialStatus::Active) if needs_approval => return Err(ApiError::Forbidden),
            None | Some(InitialStatus::Active) => AccountStatus::Active,
        };
        let username = username(&self.username)?;
        let email = match self.email.filter(|email| !email.trim().is_empty()) {
            Some(given) => email(&given)?,
            None => Email::of(&username).map_err(|rule| ApiError::invalid("/email", rule.to_string()))?,
        };
        let password_hash = match self.password {
            None => app.passwords.unusable(),
            Some(text) => {
                let password =
                    Password::parse(text).map_err(|rule| ApiError::invalid("/password", rule.to_string()))?;
                app.passwords.hash(password).await?
            }
        };
        Ok(NewAccount {
            username,
            email,
            password_hash,
            role: self.role.unwrap_or(Role::User),
            status,
            org: self.org.unwrap_or_default(),
            first_name: self.first_name.unwrap_or_default(),
            last_name: self.last_name.unwrap_or_default(),
        })
    }
}

fn username(text: &str) -> Result<Username, ApiError> {
    Username::parse(text).map_err(|rule| ApiError::invalid("/username", rule.to_string()))
}

fn email(text: &str) -> Result<Email, ApiError> {
    Email::parse(text).map_err(|rule| ApiError::invalid("/email", rule.to_string()))
}

fn check_profile(profile: &Profile) -> Result<(), ApiError> {
    profile.too_long().map_or(Ok(()), |(field, most)| {
        Err(ApiError::invalid(format!("/{field}"), format!("expected at most {most} characters")))
    })
}

impl ChangeBody {
    fn changes(self) -> Result<Changes, ApiError> {
        let profile = Profile {
            father_name: self.father_name,
            position: self.position,
            phone_number: self.phone_number,
            id_card_number: self.id_card_number,
            national_id_card_number: self.national_id_card_number,
            description: self.description,
        };
        check_profile(&profile)?;
        Ok(Changes {
            username: self.username.as_deref().map(username).transpose()?,
            email: self.email.as_deref().map(email).transpose()?,
            role: self.role,
            org: self.org,
            first_name: self.first_name,
            last_name: self.last_name,
            bio: self.bio,
            profile,
        })
    }
}

/// Changes an account
///
/// What is absent stays as it is.
#[utoipa::path(put, path = "/api/users/admin/users/{id}/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = ChangeBody, responses((status = 200, body = Detail)))]
pub async fn put(
    State(app): State<App>,
    May(claims, ..): May<to::EditUser>,
    Path(id): Path<i64>,
    source: Source,
    Body(body): Body<ChangeBody>,
) -> Result<Json<Detail>, ApiError> {
    app.accounts.change(AccountId(id), &body.changes()?, &source.of(&claims)).await?;
    detailed(&app, &claims, id).await
}

/// The same as `PUT`
#[utoipa::path(patch, path = "/api/users/admin/users/{id}/", tag = "administration",
    params(("id" = i64, Path, description = "account")),
    request_body = ChangeBody, responses((status = 200, body = Detail)))]
pub async fn patch(
    state: State<App>,
    by: May<to::EditUser>,
    id: Path<i64>,
    source: Source,
    body: Body<ChangeBody>,
) -> Result<Json<Detail>, ApiError> {
    put(state, by, id, source, body).await
}

//! People as existing clients read them: an account and its presence in one object.

use serde::Serialize;
use utoipa::ToSchema;

use super::seen::Seen;
use super::time::Timestamp;
use crate::accounts::{Account, AccountId, AccountStatus};
use crate::auth::Claims;
use crate::presence::{Role, Status};

/// A person, whole: the answers to login, profile and administration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Person {
    #[schema(value_type = i64, example = 42)]
    id: AccountId,
    username: String,
    email: String,
    first_name: String,
    last_name: String,
    full_name: String,
    avatar: Option<String>,
    bio: String,
    #[schema(value_type = String, example = "user")]
    role: Role,
    /// `active`, `pending`, `suspended`, `banned`.
    status: &'static str,
    /// The same, or `inactive` when the account is switched off.
    display_status: &'static str,
    is_active: bool,
    /// `online`, `away`, `busy`, `offline`.
    online_status: &'static str,
    last_seen: Option<Timestamp>,
    join_date: Timestamp,
    /// Always 0: messages are not this service's.
    message_count: u64,
    /// Always 0: reports are not this service's.
    report_count: u64,
    email_verified: bool,
    is_approved: bool,
    is_online: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip)]
    shown: Status,
}

impl Person {
    /// An account with its presence.
    #[must_use]
    pub fn new(account: Account, seen: &Seen) -> Self {
        let status = account.status.as_str();
        Self {
            id: account.id,
            full_name: account.full_name(),
            username: account.username,
            email: account.email,
            first_name: account.first_name,
            last_name: account.last_name,
            avatar: account.avatar,
            bio: account.bio,
            role: account.role,
            status,
            display_status: if account.is_active { status } else { "inactive" },
            is_active: account.is_active,
            online_status: seen.status.as_str(),
            last_seen: seen.last_seen,
            join_date: account.created_at.into(),
            message_count: 0,
            report_count: 0,
            email_verified: account.email_verified,
            is_approved: account.status != AccountStatus::Pending,
            is_online: seen.is_present(),
            shown: seen.status.shown(),
            created_at: account.created_at.into(),
            updated_at: account.updated_at.into(),
        }
    }
}

/// A person in the list that every user may read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Listed {
    #[schema(value_type = i64, example = 42)]
    id: AccountId,
    username: String,
    /// `""` to plain users, unless it is their own.
    email: String,
    first_name: String,
    last_name: String,
    avatar: Option<String>,
    /// `online`, `away`, `busy`, `offline`.
    online_status: &'static str,
    last_seen: Option<Timestamp>,
    #[schema(value_type = String, example = "user")]
    role: Role,
    /// `active`, `pending`, `suspended`, `banned`.
    status: &'static str,
    is_active: bool,
    join_date: Timestamp,
    created_at: Timestamp,
}

impl Person {
    /// Whether others see the person in this status.
    pub(super) fn is_shown(&self, status: Status) -> bool {
        self.shown == status
    }
}

impl Listed {
    /// An account with its presence, as `viewer` may see it.
    #[must_use]
    pub fn new(account: Account, seen: &Seen, viewer: &Claims) -> Self {
        let may_write_to = viewer.role != Role::User || viewer.user == seen.user_id;
        Self {
            id: account.id,
            username: account.username,
            email: if may_write_to { account.email } else { String::new() },
            first_name: account.first_name,
            last_name: account.last_name,
            avatar: account.avatar,
            online_status: seen.status.as_str(),
            last_seen: seen.last_seen,
            role: account.role,
            status: account.status.as_str(),
            is_active: account.is_active,
            join_date: account.created_at.into(),
            created_at: account.created_at.into(),
        }
    }
}

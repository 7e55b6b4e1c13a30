//! The handlers, one file per resource. Each extracts, makes its calls inward, and maps the answer.

pub mod activity;
pub mod admin_status;
pub mod admin_users;
pub mod at;
pub mod audit_logs;
pub mod audit_stats;
pub mod bench;
pub mod blocked_addresses;
pub mod bulk;
pub mod data;
pub mod erase;
pub mod explain;
pub mod export;
pub mod figures;
pub mod gates;
pub mod health;
pub mod heartbeat;
mod host_logins;
pub mod login;
pub mod own;
pub mod pending;
pub mod people;
pub mod people_changes;
pub mod people_export;
pub mod people_import;
pub mod people_query;
pub mod permissions;
pub mod presence;
pub mod presence_admin;
pub mod privacy;
pub mod register;
pub mod reset_link;
pub mod rooms;
pub mod service_keys;
pub mod sessions;
pub mod settings;
pub mod status;
pub mod timeline;
pub mod tokens;
pub mod totp;
pub mod transitions;
pub mod trash;
pub mod users;
pub mod webhook_deliveries;
pub mod webhooks;
pub mod well_known;

use serde::Serialize;
use utoipa::ToSchema;

/// An answer that only says that it was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// In words.
    message: &'static str,
}

impl Done {
    /// Says `message`.
    pub const fn saying(message: &'static str) -> axum::Json<Self> {
        axum::Json(Self { message })
    }
}

//! People in Postgres: accounts, passwords' hashes, logins and their refresh tokens.
//!
//! Every change of an account writes its row of `admin_actions` in the same transaction (`actions::record`), so
//! that there is no change without its record. Time is Postgres's. Hashing passwords and signing access
//! tokens is not done here: hashes come in, facts go out.

mod account;
pub mod actions;
mod blocks;
mod changes;
mod counts;
mod credentials;
mod decisions;
mod entitlement;
mod erasures;
mod error;
mod factors;
mod families;
mod filter;
mod gates;
mod host_logins;
pub mod import;
mod key_ring;
mod list_cursor;
mod listing;
mod logins;
mod names;
mod orgs;
mod people;
mod permission;
mod presence_actions;
mod profile;
mod recorded;
mod refresh;
mod reset_links;
mod rotation;
mod service_keys;
mod settings;
mod sql;
mod tally;
pub mod trash;
mod usernames;
mod visibility;
mod webhooks;

use crate::database::Pool;
use crate::presence::Role;

pub use account::{Account, AccountId, AccountStatus, Card, Credentials, NewAccount};
pub use actions::{Action, Origin, Severity};
pub use blocks::{Block, BlockTable, Blocked};
pub use changes::Changes;
pub use counts::Counts;
pub use credentials::{NewPassword, OwnChanges, Proved};
pub use decisions::{Decided, Decision, End};
pub use erasures::{Erased, Erasure, Told};
pub use error::{AccountError, RefreshError};
pub use factors::{Factor, Spend};
pub use families::{EndReason, Family, LoginMeta};
pub use filter::{Among, Filter};
pub use gates::AccountGate;
pub use host_logins::{EndedHost, HostEnd};
pub use key_ring::{GoodKey, KeyRing};
pub use list_cursor::{InvalidListCursor, ListCursor};
pub use listing::{Order, Page, Place};
pub use logins::{Ended, EndedLogin, EndedTokens, KeptAccount, KeptHostEnd, KeptLogin, Login};
pub use names::{Email, NameRule, Username};
pub use orgs::Orgs;
pub use permission::Permission;
pub use profile::Profile;
pub use recorded::{ActionCursor, ActionFilter, InvalidActionCursor, RecordedAction};
pub use reset_links::ResetLink;
pub use rotation::{RefreshMode, RefreshRules, Rotation};
pub use service_keys::{InvalidScope, NewServiceKey, Scope, ServiceKey};
pub use sql::STATEMENTS;
pub use tally::{ActorTally, Tally};
pub use usernames::Usernames;
pub use visibility::{Choice, Choices, Visibilities};
pub use webhooks::{DeliveryState, Registration, Webhook, WebhookDelivery};

/// The accounts. Cheap to clone: it holds a pool.
#[derive(Clone, Debug)]
pub struct Accounts {
    pool: Pool,
    /// The lowest role that needs a second factor.
    totp_demanded_of: Option<Role>,
}

impl Accounts {
    /// Works on `pool`, whose database has the schema of `migrations/`.
    #[must_use]
    pub fn new(pool: impl Into<Pool>) -> Self {
        Self { pool: pool.into(), totp_demanded_of: None }
    }
}

//! What each store has of a user, in the words of the answer.

use super::{ExplainedAccount, Stored};
use crate::accounts::Account;
use crate::audit::LastKnown;
use crate::http::time::Timestamp;
use crate::store::Record;

impl ExplainedAccount {
    /// What matters of an account.
    pub(super) fn of(account: &Account) -> Self {
        Self {
            username: account.username.clone(),
            status: account.status.as_str(),
            is_active: account.is_active,
            gate: account.gate(),
        }
    }
}

impl Stored {
    /// As Redis has it.
    pub(super) fn in_redis(record: &Record) -> Self {
        Self {
            org: record.org.clone(),
            status: record.status,
            since: Timestamp::unless_never(record.since),
            online_since: Timestamp::unless_never(record.online_since),
            last_seen: Timestamp::unless_never(record.last_seen),
            shown_since: Timestamp::unless_never(record.shown.since),
            shown_last_seen: Timestamp::unless_never(record.shown.last_seen),
            version: record.shown.version,
            n: record.n,
        }
    }

    /// As Postgres has it.
    pub(super) fn in_postgres(last: &LastKnown) -> Self {
        Self {
            org: last.org.clone(),
            status: last.status,
            since: Timestamp::unless_never(last.since),
            online_since: Timestamp::unless_never(last.online_since),
            last_seen: Timestamp::unless_never(last.last_seen),
            shown_since: Timestamp::unless_never(last.shown_since),
            shown_last_seen: Timestamp::unless_never(last.shown_last_seen),
            version: last.shown_version,
            n: last.n,
        }
    }
}

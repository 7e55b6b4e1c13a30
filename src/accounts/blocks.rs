//! Blocked networks: made and lifted by administrators, made by the service itself for repeated offences.
//!
//! Each is one transaction with its row in `admin_actions`. What every node asks for each request is a [`BlockTable`].

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;
use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;

use super::entitlement::check_entitled;
use super::families::interval;
use super::{AccountError, Accounts, Action, Origin, Permission, Severity, actions, sql};
use crate::database::Connection;

/// The service's own first block of a network; twice as long for each one of the last week.
const FIRST: Duration = Duration::from_secs(15 * 60);
/// Its longest.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A blocked network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub id: i64,
    /// What is blocked.
    pub network: IpNet,
    /// Why.
    pub reason: String,
    /// Since when, by the clock of Postgres.
    pub since: OffsetDateTime,
    /// Until when; `None`: until it is lifted.
    pub until: Option<OffsetDateTime>,
    /// The administrator's user id; `None`: the service itself.
    pub made_by: Option<String>,
    /// When an administrator lifted it, and who.
    pub lifted_at: Option<OffsetDateTime>,
    /// The administrator's user id.
    pub lifted_by: Option<String>,
    /// Whether it is in force now.
    pub in_force: bool,
}

fn block(row: &PgRow) -> sqlx::Result<Block> {
    let network: &str = row.try_get("network")?;
    Ok(Block {
        id: row.try_get("id")?,
        network: network.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        reason: row.try_get("reason")?,
        since: row.try_get("since")?,
        until: row.try_get("until")?,
        made_by: row.try_get("made_by")?,
        lifted_at: row.try_get("lifted_at")?,
        lifted_by: row.try_get("lifted_by")?,
        in_force: row.try_get("in_force")?,
    })
}

impl Accounts {
    /// An administrator blocks a network for a time, or until it is lifted.
    ///
    /// # Errors
    /// [`AccountError::Conflict`] if the same network is blocked; [`AccountError::NotEntitled`].
    pub async fn block(
        &self,
        network: IpNet,
        reason: &str,
        span: Option<Duration>,
        origin: &Origin,
    ) -> Result<Block, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageBlocks).await?;
        if is_blocked(&mut transaction, network).await? {
            return Err(AccountError::Conflict("This network is blocked already"));
        }
        let row = sqlx::query(sql::BLOCK_ADD)
            .bind(network.to_string())
            .bind(reason)
            .bind(span.map(interval))
            .bind(origin.actor.as_deref().unwrap_or("cli"))
            .fetch_one(&mut *transaction)
            .await?;
        let block = block(&row)?;
        record(&mut transaction, actions::ADDRESS_BLOCKED, "Blocked", &block, origin).await?;
        transaction.commit().await?;
        Ok(block)
    }

    /// The service itself blocks a network, for what came from this origin: a quarter of an hour, twice as long for each such block of the last week, a
    /// day at most. `None` if it is blocked already.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn block_offender(
        &self,
        network: IpNet,
        reason: &str,
        origin: &Origin,
    ) -> Result<Option<Block>, AccountError> {
        let mut transaction = self.pool.begin().await?;
        if is_blocked(&mut transaction, network).await? {
            return Ok(None);
        }
        let row = sqlx::query(sql::BLOCK_OFFENDER)
            .bind(network.to_string())
            .bind(reason)
            .bind(interval(FIRST))
            .bind(interval(LONGEST))
            .fetch_one(&mut *transaction)
            .await?;
        let block = block(&row)?;
        record(&mut transaction, actions::ADDRESS_BLOCKED, "Blocked by the service", &block, origin).await?;
        transaction.commit().await?;
        Ok(Some(block))
    }

    /// An administrator lifts a block. One that is over stays as it is.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] if none of this number is in force; [`AccountError::NotEntitled`].
    pub async fn lift_block(&self, id: i64, origin: &Origin) -> Result<Block, AccountError> {
        let mut transaction = self.pool.begin().await?;
        check_entitled(&mut transaction, origin, Permission::ManageBlocks).await?;
        let row =
            sqlx::query(sql::BLOCK_LIFT).bind(id).bind(&origin.actor).fetch_one(&mut *transaction).await?;
        let block = block(&row)?;
        record(&mut transaction, actions::ADDRESS_UNBLOCKED, "Unblocked", &block, origin).await?;
        transaction.commit().await?;
        Ok(block)
    }

    /// A page of blocks, newest first, from below the number `before` on: those in force, or all that are remembered.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn blocks(
        &self,
        all: bool,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Block>, AccountError> {
        let query = sqlx::query(sql::BLOCKS).bind(all).bind(before).bind(i64::from(limit));
        Ok(query.fetch_all(&self.pool).await?.iter().map(block).collect::<sqlx::Result<_>>()?)
    }

    /// Forgets blocks that were over `age` ago; answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget_blocks(&self, age: Duration) -> Result<u64, AccountError> {
        let done = sqlx::query(sql::BLOCKS_FORGET).bind(interval(age)).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }
}

/// Whether this very network is blocked. Whoever asks for the same one waits until the transaction ends.
async fn is_blocked(connection: &mut Connection, network: IpNet) -> sqlx::Result<bool> {
    let network = network.to_string();
    sqlx::query(sql::BLOCK_LOCK).bind(&network).execute(&mut *connection).await?;
    sqlx::query_scalar(sql::IS_BLOCKED).bind(&network).fetch_one(connection).await
}

/// The row names the block by its number, and not the network, which it could never give up: rows are sealed, but for
/// the address that they come from. Which network it was the block itself tells for as long as it is kept.
async fn record(
    connection: &mut Connection,
    name: &'static str,
    said: &str,
    block: &Block,
    origin: &Origin,
) -> sqlx::Result<()> {
    let until = block.until.map(|at| at.unix_timestamp() * 1_000 + i64::from(at.millisecond()));
    let facts = json!({"reason": block.reason, "until_ms": until});
    let lifted = block.lifted_at.is_some();
    let action = Action {
        target_type: "ADDRESS",
        target_id: Some(block.id.to_string()),
        severity: if lifted { Severity::Info } else { Severity::Warning },
        category: "security",
        before: lifted.then(|| facts.clone()),
        after: (!lifted).then_some(facts),
        ..Action::on_system(name, said, origin)
    };
    actions::record(connection, &action).await
}

/// The blocked networks as a node knows them: asked for every request, replaced as a whole when they change.
#[derive(Debug, Default)]
pub struct BlockTable(RwLock<Arc<JointPrefixMap<IpNet, Option<OffsetDateTime>>>>);

/// That an address is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// For how long; `None`: until it is lifted.
    pub remaining: Option<Duration>,
}

impl BlockTable {
    /// Reads those in force, and answers how many there are.
    ///
    /// # Errors
    /// Those of the database; then the table stays as it is.
    pub async fn load(&self, accounts: &Accounts) -> Result<usize, AccountError> {
        let rows = sqlx::query(sql::BLOCKS_IN_FORCE).fetch_all(&accounts.pool).await?;
        let blocks: Vec<Block> = rows.iter().map(block).collect::<sqlx::Result<_>>()?;
        self.replace(&blocks);
        Ok(blocks.len())
    }

    fn replace(&self, blocks: &[Block]) {
        let mut table = JointPrefixMap::new();
        for block in blocks {
            table.insert(block.network, block.until);
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// Whether an address is blocked now. By the clock of this node, which is a little early or late.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> Option<Blocked> {
        let table = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        if table.is_empty() {
            return None;
        }
        let now = OffsetDateTime::now_utc();
        let ends = table.cover(&IpNet::from(address.to_canonical())).map(|(_, until)| *until);
        let live = ends.filter(|until| until.is_none_or(|until| until > now));
        // Of several the one that lasts longest.
        live.map(|until| until.map(|until| Duration::try_from(until - now).unwrap_or_default()))
            .reduce(|longest, next| Some(longest?.max(next?)))
            .map(|remaining| Blocked { remaining })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(network: &str, ends_in: Option<i64>) -> Block {
        let now = OffsetDateTime::now_utc();
        Block {
            id: 1,
            network: network.parse().unwrap(),
            reason: String::new(),
            since: now,
            until: ends_in.map(|seconds| now + time::Duration::seconds(seconds)),
            made_by: None,
            lifted_at: None,
            lifted_by: None,
            in_force: true,
        }
    }

    #[test]
    fn an_address_is_blocked_by_every_network_that_it_lies_in() {
        let table = BlockTable::default();
        let covers = |text: &str| table.covers(text.parse().unwrap());
        assert_eq!(covers("203.0.113.9"), None);
        table.replace(&[
            of("203.0.113.0/24", Some(100)),
            of("203.0.113.9/32", Some(-1)),
            of("203.0.113.7/32", Some(10)),
            of("2001:db8:0:1::/64", None),
        ]);
        for inside in ["203.0.113.9", "203.0.113.7", "::ffff:203.0.113.1"] {
            let remaining = covers(inside).unwrap().remaining.unwrap().as_secs();
            assert!(
                (90..=100).contains(&remaining),
                "{inside}: {remaining} s, of the one that lasts longest"
            );
        }
        assert_eq!(covers("2001:db8:0:1:2::3"), Some(Blocked { remaining: None }));
        assert_eq!((covers("203.0.114.1"), covers("2001:db8:0:2::3")), (None, None));
    }
}

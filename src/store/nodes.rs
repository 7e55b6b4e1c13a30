//! The nodes: each shows that it lives and tells of itself, and all find each other here. Records of sessions name them by
//! numbers of one to three digits, because names would cost memory a million times.

use std::collections::HashMap;

use fred::prelude::*;
use serde::{Deserialize, Serialize};

use super::reply::Parts;
use super::{OWNERSHIP, Store, StoreError, millis, scripts};
use crate::presence::Millis;

/// What a node tells of itself, each second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The version of its program.
    pub version: String,
    /// Sockets that carry a session.
    pub sockets: u64,
    /// Since when it runs, by its own clock.
    pub since: Millis,
    /// Its own clock, when it told.
    pub clock: Millis,
}

/// A node that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveNode {
    /// Its name.
    pub name: String,
    /// When it last showed itself, by the clock of Redis.
    pub shown_at: Millis,
    /// None of a version that tells nothing, or something else.
    pub told: Option<Told>,
}

impl LiveNode {
    /// Its clock less that of Redis, with the time that its word took.
    #[must_use]
    pub fn skew(&self) -> Option<Millis> {
        self.told.as_ref().map(|told| told.clock - self.shown_at)
    }
}

impl Store {
    /// Shows that this node lives, and tells of it; answers how many do. From now on its sessions name it.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn show_node(&self, told: &Told) -> Result<u64, StoreError> {
        let keys = vec![self.keys.nodes(), self.keys.nodes_told(), self.keys.node_numbers()];
        let told = serde_json::to_string(told).unwrap_or_default();
        let args = vec![self.node.as_str().into(), millis(OWNERSHIP), told.into(), self.node_number()];
        let reply = self.link.call(&scripts::NODE_BEAT, keys, args).await?;
        let mut parts = Parts::new(scripts::NODE_BEAT.name, reply);
        let (nodes, number) = (parts.count()?, parts.count()?);
        self.number.store(number, std::sync::atomic::Ordering::Relaxed);
        Ok(nodes)
    }

    /// The number of this node, as scripts take it: 0 before it has one.
    pub(super) fn node_number(&self) -> Value {
        let number = self.number.load(std::sync::atomic::Ordering::Relaxed);
        i64::try_from(number).unwrap_or_default().into()
    }

    /// Says that this node stops.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn hide_node(&self) -> Result<(), StoreError> {
        let keys = vec![self.keys.nodes(), self.keys.nodes_told()];
        self.link.call(&scripts::NODE_LEAVE, keys, vec![self.node.as_str().into()]).await.map(drop)
    }

    /// The nodes that live, by name.
    ///
    /// # Errors
    /// If Redis did not answer.
    pub async fn nodes(&self) -> Result<Vec<LiveNode>, StoreError> {
        let key = self.keys.nodes();
        let primary = self.link.primary(&key)?;
        let shown =
            primary.client().zrange::<Vec<(String, f64)>, _, _, _>(key, 0, -1, None, false, None, true);
        let shown = primary.judge(shown.await)?;
        let told: HashMap<String, String> =
            primary.judge(primary.client().hgetall(self.keys.nodes_told()).await)?;
        let dead = primary.time().await? - Millis(OWNERSHIP.as_millis() as i64);
        let mut nodes: Vec<LiveNode> = shown
            .into_iter()
            // Whoever died last of all is swept away by nobody.
            .filter(|(_, at)| *at > dead.0 as f64)
            .map(|(name, at)| {
                let told = told.get(&name).and_then(|told| serde_json::from_str(told).ok());
                LiveNode { name, shown_at: Millis(at as i64), told }
            })
            .collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(nodes)
    }

    /// The names of nodes by their numbers, as far as they are known.
    pub(super) async fn node_names(&self, numbers: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
        if numbers.is_empty() {
            return Ok(HashMap::new());
        }
        let key = self.keys.node_numbers();
        let primary = self.link.primary(&key)?;
        let fields: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let names = primary.client().hmget::<Vec<Option<String>>, _, _>(key, fields).await;
        let named = numbers.iter().zip(primary.judge(names)?);
        Ok(named.filter_map(|(number, name)| Some((*number, name?))).collect())
    }
}

//! A store that was set back: a failover or a crash lost the tail of what it had acknowledged. Nobody is kept waiting:
//! the copy goes back to the newest entry that both stores have, and the shard goes on under a new epoch.

use std::collections::BTreeSet;

use super::Node;
use crate::audit::{CopyError, Position, SetBack};
use crate::metrics::record;
use crate::presence::{Millis, Outgoing, UserId, Whose};
use crate::store::{Opened, Shard};

/// Entries held against the history at a time.
const PAGE: u64 = 1_000;

/// Follows a shard that seems to have been set back, if it really was; answers where the copy goes on.
#[tracing::instrument(name = "rewound", parent = None, skip_all, fields(shard = shard))]
pub(super) async fn follow(
    node: &Node,
    shard: Shard,
    epoch: i64,
    position: Position,
) -> anyhow::Result<Position> {
    // What this node believed may be old: another one may have copied further, or raised the epoch already.
    let stands = node.app.store.shard(shard).await?;
    let actual = node.app.audit.position(shard).await?;
    let Some(stands) = stands.filter(|stands| stands.epoch == epoch && actual.same_entry(&position)) else {
        return Ok(actual);
    };
    let found = newest_common(node, shard, stands, position).await?;
    let rewound = match node.app.audit.rewind(shard, position, found).await {
        Ok(rewound) => rewound,
        Err(CopyError::Moved(actual)) => return Ok(actual),
        Err(error) => return Err(error.into()),
    };
    let follows = rewound.position.epoch;
    record::epoch_change();
    tracing::error!(
        shard,
        epoch,
        kept = found.n,
        copied = position.n,
        copied_epoch = position.epoch,
        corrected = rewound.corrections.len(),
        follows,
        "redis was set back to an older state; see the system event `store_rewound`"
    );
    // Before the epoch is raised: where this fails the epochs differ, and all of it is repeated.
    remind(node, shard, found.n, rewound.claimed).await?;
    for correction in &rewound.corrections {
        if let Err(error) = node.app.store.correct(correction).await {
            let user = correction.user.as_str();
            tracing::warn!(user, %error, "a record does not know since when its status holds again");
        }
    }
    if let Some(opened) = node.app.store.raise_shard(shard, epoch, follows).await? {
        node.owned.keep(shard, opened.epoch, opened.n);
    }
    Ok(rewound.position)
}

/// Claims that were acknowledged and copied, and that Redis has forgotten, are said again, unless there was another word
/// on the user's claims since.
async fn remind(node: &Node, shard: Shard, common: i64, mut claimed: Vec<UserId>) -> anyhow::Result<()> {
    let mut after = common;
    while !claimed.is_empty() {
        let since = node.app.store.entries(shard, after, PAGE).await?;
        let Some(last) = since.last() else { break };
        after = last.n();
        let words = since.iter().filter_map(Outgoing::entry).filter(|entry| entry.claims.is_some());
        let spoken: BTreeSet<&UserId> = words.map(|entry| &entry.user).collect();
        claimed.retain(|user| !spoken.contains(user));
    }
    let known = node.app.audit.last(&claimed).await?;
    let claims = node.app.audit.claims_of(&claimed).await?;
    for last in known.into_iter().flatten() {
        for whose in [Whose::Manual, Whose::Admin] {
            let row = claims.iter().find(|row| row.user == last.user && row.whose == whose);
            node.app.store.claim(&last.user, &last.org, whose, row.map(|row| &row.claim), None).await?;
        }
    }
    Ok(())
}

/// Looks from the newest entry of the outbox backwards for one that is stored. What was trimmed had been copied.
async fn newest_common(
    node: &Node,
    shard: Shard,
    stands: Opened,
    position: Position,
) -> anyhow::Result<SetBack> {
    let most = if position.epoch == stands.epoch { position.n } else { i64::MAX };
    let mut found = SetBack {
        epoch: stands.epoch,
        n: stands.n.min(most),
        detected_at: None,
        at: node.app.store.now_of(shard).await?,
    };
    let mut below = None;
    loop {
        let entries = node.app.store.newest_entries(shard, below, PAGE).await?;
        let Some(oldest) = entries.last().map(Outgoing::n) else { return Ok(found) };
        let dated: Vec<(i64, Millis)> =
            entries.iter().filter_map(|entry| Some((entry.n(), entry.detected_at()?))).collect();
        let common = node.app.audit.newest_common(shard, &dated).await?;
        let first_after = entries.iter().rfind(|entry| common.is_none_or(|(_, common)| entry.n() > common));
        found.at = first_after.and_then(Outgoing::detected_at).unwrap_or(found.at);
        if let Some((epoch, common)) = common {
            (found.epoch, found.n) = (epoch, common);
            found.detected_at = dated.iter().find(|(n, _)| *n == common).map(|(_, at)| *at);
            return Ok(found);
        }
        (found.n, below) = ((oldest - 1).min(most), Some(oldest));
    }
}

//! How many sessions come over sockets and how many over requests. Redis knows sessions and not what brings them; nodes know
//! their sockets, and tell each other.

use super::Node;
use crate::metrics::labels::Transport;
use crate::metrics::record;

/// Tells how the sessions of all nodes are divided. Without the word of the nodes nothing is told.
pub(super) async fn tell(node: &Node, sessions: u64) {
    match node.app.store.nodes().await {
        Ok(nodes) => {
            let told = nodes.into_iter().filter_map(|node| node.told);
            let sockets = told.map(|told| told.sockets).sum();
            record::sessions(Transport::Socket, sockets);
            record::sessions(Transport::Http, sessions.saturating_sub(sockets));
        }
        Err(error) => tracing::debug!(%error, "cannot tell how sessions are divided"),
    }
}

//! Sockets and streams, as clients meet them: real connections to the real server.

mod crowd;
mod events;
mod legacy;
mod pieces;
mod restarts;
mod rooms;
mod sockets;
mod views;
mod watching;

use serde_json::Value;

/// Whose presence the views of a snapshot show, and how: `(user, status)`.
fn shown(snapshot: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let views = snapshot["views"].as_array().unwrap();
    views.iter().map(|view| (text(&view["user_id"]), text(&view["status"]))).collect()
}

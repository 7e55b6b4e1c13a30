//! What a receiver is sent: a batch of events, as docs/webhooks.md describes it.

use serde::Serialize;
use uuid::Uuid;

use crate::moment::Timestamp;
use crate::presence::{Org, Reason, Status, UserId};

/// A batch of events.
#[derive(Clone, Debug, Serialize)]
pub struct Letter<'a> {
    /// The delivery: the same however often it is sent.
    pub id: Uuid,
    /// The webhook.
    pub webhook: Uuid,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// In the order in which they happened, as far as one person is concerned.
    pub events: &'a [Event],
}

/// One event.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// Somebody is seen otherwise than before.
    Change {
        /// The same however often it is sent.
        id: String,
        /// `online`, `offline`, `status`.
        #[serde(rename = "type")]
        kind: &'static str,
        /// Who.
        user_id: UserId,
        /// The organisation.
        org: Org,
        /// What others see now.
        status: Status,
        /// What they saw before.
        previous: Status,
        /// Since when; none if the receiver may not know.
        since: Option<Timestamp>,
        /// The last sign of life; none if it is not known, or the receiver may not know.
        last_seen: Option<Timestamp>,
        /// Why, where that tells nothing that others should not know.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// When it happened; none if the receiver may not know.
        occurred_at: Option<Timestamp>,
        /// Counts the webhook's events, without gaps.
        sequence: i64,
        /// As in views of the person: a receiver drops what is not newer; none if it may not know.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<i64>,
    },
    /// Somebody tries whether letters arrive.
    Ping {
        /// Its name.
        id: String,
        /// `ping`.
        #[serde(rename = "type")]
        kind: &'static str,
        /// When it was asked for.
        occurred_at: Timestamp,
    },
}

impl Event {
    /// A trial.
    #[must_use]
    pub fn ping(delivery: Uuid, at: Timestamp) -> Self {
        Self::Ping { id: delivery.to_string(), kind: "ping", occurred_at: at }
    }
}

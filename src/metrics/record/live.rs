//! Sockets, streams, and what is told on them.

use std::time::Duration;

use ::metrics::gauge;

use super::super::labels::{Direction, LiveDrop, LiveMessage, WatchKind};
use super::super::names;
use super::{count, observe};

/// A socket or a stream is open until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct LiveConnection(());

impl Drop for LiveConnection {
    fn drop(&mut self) {
        gauge!(names::LIVE_CONNECTIONS.name).decrement(1.0);
    }
}

/// A socket or a stream was opened.
pub fn live_connection() -> LiveConnection {
    gauge!(names::LIVE_CONNECTIONS.name).increment(1.0);
    count(&names::LIVE_OPENED, &[], 1);
    LiveConnection(())
}

/// A client said something.
pub fn live_heard(message: LiveMessage) {
    count(&names::LIVE_MESSAGES, &[Direction::Received.as_str(), message.as_str()], 1);
}

/// So many messages went to a client.
pub fn live_sent(message: LiveMessage, messages: usize) {
    count(&names::LIVE_MESSAGES, &[Direction::Sent.as_str(), message.as_str()], messages as u64);
}

/// A socket was closed.
pub fn live_dropped(reason: LiveDrop) {
    count(&names::LIVE_DROPPED, &[reason.as_str()], 1);
}

/// The sockets of this node watch so many targets of a kind more, or fewer.
pub fn live_watches(kind: WatchKind, by: f64) {
    gauge!(names::LIVE_WATCHES.name, super::labels(&names::LIVE_WATCHES, &[kind.as_str()])).increment(by);
}

/// So many changes were heard of.
pub fn live_changes(number_of: usize) {
    count(&names::LIVE_CHANGES, &[], number_of as u64);
}

/// A change was told to so many readers.
pub fn live_told(readers: usize) {
    count(&names::LIVE_TOLD, &[], readers as u64);
}

/// A change was handed to those who watch, so long after it.
pub fn live_fanout(took: Duration) {
    observe(&names::LIVE_FANOUT, &[], took.as_secs_f64());
}

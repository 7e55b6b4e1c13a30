//! The hash that binds the batches of a shard: each seals its rows and the seal of the batch before it, so that a row
//! which is changed, removed or slipped in later shows.
//!
//! A seal is SHA-256 over: the seal before (32 bytes), shard and epoch, then for each row, in the order of n, the
//! fields of [`SealedRow`] in their order. Numbers and times (milliseconds) are 8 bytes, big-endian; a text is its
//! length and its bytes; something absent is the length -1. A subject stands for a person, so erasing one breaks no seal.

use sha2::{Digest, Sha256};

use crate::presence::Millis;

/// A seal, as it is stored.
pub type Hash = [u8; 32];

/// The seal before the first batch of a shard.
pub const GENESIS: Hash = [0; 32];

/// The fields of a row of the log that a seal covers: all but `recorded_at`, which is Postgres's.
#[derive(Clone, Copy, Debug)]
pub struct SealedRow<'a> {
    /// The entry's number.
    pub n: i64,
    /// `transition`, `claim` or `wish`.
    pub kind: &'a str,
    /// The person's name in the log.
    pub subject: i64,
    /// The organisation.
    pub org: &'a str,
    /// Per subject, for transitions.
    pub sequence: Option<i64>,
    /// Status before.
    pub from: &'a str,
    /// Status after.
    pub to: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When it happened.
    pub occurred_at: Millis,
    /// When it was noticed.
    pub detected_at: Millis,
    /// The last sign of life.
    pub last_seen: Millis,
    /// How far `occurred_at` may be wrong, in ms.
    pub uncertainty_ms: i64,
    /// The session that caused it.
    pub session: Option<&'a str>,
    /// The kind of device of that session.
    pub device: Option<&'a str>,
    /// Request id of the administrator's action that caused it.
    pub actor: Option<&'a str>,
}

/// A seal in the making.
#[derive(Clone, Debug)]
pub struct Seal(Sha256);

impl Seal {
    /// Begins the seal of a batch after the one sealed with `previous`.
    #[must_use]
    pub fn new(previous: &[u8], shard: u16, epoch: i64) -> Self {
        let mut seal = Self(Sha256::new());
        seal.0.update(previous);
        seal.number(i64::from(shard));
        seal.number(epoch);
        seal
    }

    /// Adds the next row, in the order of n.
    pub fn row(&mut self, row: &SealedRow<'_>) {
        self.number(row.n);
        self.text(Some(row.kind));
        self.number(row.subject);
        self.text(Some(row.org));
        // Sequences begin at 1, so 0 is free to mean none.
        self.number(row.sequence.unwrap_or(0));
        self.text(Some(row.from));
        self.text(Some(row.to));
        self.text(Some(row.reason));
        self.number(row.occurred_at.0);
        self.number(row.detected_at.0);
        self.number(row.last_seen.0);
        self.number(row.uncertainty_ms);
        self.text(row.session);
        self.text(row.device);
        self.text(row.actor);
    }

    /// The finished seal.
    #[must_use]
    pub fn finish(self) -> Hash {
        self.0.finalize().into()
    }

    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn text(&mut self, text: Option<&str>) {
        let length = text.map_or(-1, |text| i64::try_from(text.len()).unwrap_or(i64::MAX));
        self.number(length);
        self.0.update(text.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: SealedRow<'_> = SealedRow {
        n: 1,
        kind: "transition",
        subject: 7,
        org: "main",
        sequence: Some(1),
        from: "offline",
        to: "online",
        reason: "login",
        occurred_at: Millis(1000),
        detected_at: Millis(1001),
        last_seen: Millis(1000),
        uncertainty_ms: 0,
        session: Some("l.0"),
        device: None,
        actor: None,
    };

    fn seal(previous: &Hash, shard: u16, rows: &[SealedRow<'_>]) -> Hash {
        let mut seal = Seal::new(previous, shard, 1);
        rows.iter().for_each(|row| seal.row(row));
        seal.finish()
    }

    #[test]
    fn a_seal_depends_on_everything_it_covers() {
        let moved_border = SealedRow { from: "offlineo", to: "nline", ..ROW };
        let absent = SealedRow { session: None, ..ROW };
        let empty = SealedRow { session: Some(""), ..ROW };
        let seals = [
            seal(&GENESIS, 0, &[ROW]),
            seal(&GENESIS, 1, &[ROW]),
            seal(&[1; 32], 0, &[ROW]),
            seal(&GENESIS, 0, &[ROW, ROW]),
            seal(&GENESIS, 0, &[moved_border]),
            seal(&GENESIS, 0, &[absent]),
            seal(&GENESIS, 0, &[empty]),
        ];
        let distinct: std::collections::HashSet<_> = seals.iter().collect();
        assert_eq!(distinct.len(), seals.len());
    }

    #[test]
    fn the_form_of_a_seal_does_not_change() {
        let hex: String = seal(&GENESIS, 3, &[ROW]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "c87d2565ceeae7b0d996850567788929a729cbeac60d321c0bad6a24f81bf17e");
    }
}

//! The hashes that bind the history: each seal covers its rows and the seal before it, so that a row which is changed,
//! removed or slipped in later shows. Batches of transitions are sealed as they are copied, one chain per shard;
//! administrators' actions and system events by a task, one chain for each of these logs.
//!
//! Everything is SHA-256. A row's hash is over its fields in their order ([`SealedRow`], [`JournalRow`]); a seal's is over
//! the seal before it (32 bytes), what the seal is named by, and the hashes of its rows, in the order of their numbers.
//! Numbers and times (milliseconds; of actions and events microseconds) are 8 bytes, big-endian; a text is its length and its
//! bytes; something absent is the length -1. A subject stands for a person, and addresses are left out, so erasing a
//! person or an address breaks no seal.

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

/// The first bytes of a row's hash: kept beside a seal, they tell which row does not fit any more.
pub type Mark = [u8; MARK];

/// Bytes of a [`Mark`].
pub const MARK: usize = 8;

/// A row of a log whose rows are numbered by Postgres.
#[derive(Clone, Debug)]
pub struct JournalRow {
    /// Its number.
    pub seq: i64,
    /// When it was written, in microseconds.
    pub occurred_at: i64,
    /// Every other column that is sealed, as text.
    pub fields: Vec<Option<String>>,
}

/// A hash in the making.
#[derive(Clone, Debug, Default)]
struct Fields(Sha256);

impl Fields {
    fn number(mut self, number: i64) -> Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn text(self, text: Option<&str>) -> Self {
        let length = text.map_or(-1, |text| i64::try_from(text.len()).unwrap_or(i64::MAX));
        let mut fields = self.number(length);
        fields.0.update(text.unwrap_or_default());
        fields
    }

    fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

impl SealedRow<'_> {
    /// The hash of the row by itself.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Fields::default()
            .number(self.n)
            .text(Some(self.kind))
            .number(self.subject)
            .text(Some(self.org))
            // Sequences begin at 1, so 0 is free to mean none.
            .number(self.sequence.unwrap_or(0))
            .text(Some(self.from))
            .text(Some(self.to))
            .text(Some(self.reason))
            .number(self.occurred_at.0)
            .number(self.detected_at.0)
            .number(self.last_seen.0)
            .number(self.uncertainty_ms)
            .text(self.session)
            .text(self.device)
            .text(self.actor)
            .finish()
    }
}

impl JournalRow {
    /// The hash of the row by itself.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let row = Fields::default().number(self.seq).number(self.occurred_at);
        self.fields.iter().fold(row, |row, field| row.text(field.as_deref())).finish()
    }
}

/// The first bytes of a hash.
#[must_use]
pub fn mark(hash: &Hash) -> Mark {
    let mut mark = [0; MARK];
    mark.copy_from_slice(&hash[..MARK]);
    mark
}

/// A seal in the making.
#[derive(Clone, Debug)]
pub struct Seal(Fields);

impl Seal {
    /// Begins the seal of a batch after the one sealed with `previous`.
    #[must_use]
    pub fn of_batch(previous: &[u8], shard: u16, epoch: i64) -> Self {
        Self::after(previous, |seal| seal.number(i64::from(shard)).number(epoch))
    }

    /// Begins seal `n` of a log, which covers the numbers from `first` to `last`.
    #[must_use]
    pub fn of_journal(previous: &[u8], log: &str, n: i64, first: i64, last: i64) -> Self {
        Self::after(previous, |seal| seal.text(Some(log)).number(n).number(first).number(last))
    }

    fn after(previous: &[u8], named: impl FnOnce(Fields) -> Fields) -> Self {
        let mut seal = Fields::default();
        seal.0.update(previous);
        Self(named(seal))
    }

    /// Adds the hash of the next row.
    pub fn row(&mut self, hash: &Hash) {
        self.0.0.update(hash);
    }

    /// The finished seal.
    #[must_use]
    pub fn finish(self) -> Hash {
        self.0.finish()
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
        let mut seal = Seal::of_batch(previous, shard, 1);
        rows.iter().for_each(|row| seal.row(&row.hash()));
        seal.finish()
    }

    fn journal(n: i64, last: i64, seqs: &[i64], field: Option<&str>) -> Hash {
        let mut seal = Seal::of_journal(&GENESIS, "admin_actions", n, 1, last);
        for &seq in seqs {
            let fields = vec![Some("x".to_owned()), field.map(str::to_owned)];
            seal.row(&JournalRow { seq, occurred_at: 5, fields }.hash());
        }
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
            journal(1, 9, &[1, 2], None),
            journal(2, 9, &[1, 2], None),
            journal(1, 8, &[1, 2], None),
            journal(1, 9, &[1, 3], None),
            journal(1, 9, &[2, 1], None),
            journal(1, 9, &[1, 2], Some("")),
        ];
        let distinct: std::collections::HashSet<_> = seals.iter().collect();
        assert_eq!(distinct.len(), seals.len());
    }

    #[test]
    fn the_form_of_a_seal_does_not_change() {
        let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let batch = hex(seal(&GENESIS, 3, &[ROW]));
        assert_eq!(batch, "1f6f5411a0a8be5d40375257927283f872347648b3f5da83ce6cd7cd01f4ddd3");
        let journal = hex(journal(1, 9, &[1, 2], None));
        assert_eq!(journal, "697f3956d1fc3353b4d0a176ac6c41a0add8282924f0cf310c5989a5c28e4da9");
    }
}

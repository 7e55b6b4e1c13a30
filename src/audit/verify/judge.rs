//! One seal held against its rows and against the seal before it: purely, and the same for every chain.

use super::problem::Kind;
use crate::audit::chain::{Hash, Mark, mark};

/// A seal as it is stored.
pub(super) struct Stored {
    /// The numbers of its rows, ascending, and the first bytes of their hashes.
    pub(super) marks: Vec<(i64, Mark)>,
    pub(super) previous: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// What the seal before may have been: as it is stored, and as its rows say, where the two differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tips(Vec<Vec<u8>>);

impl Tips {
    /// The seal before is known.
    pub(super) fn known(hash: &Hash) -> Self {
        Self(vec![hash.to_vec()])
    }

    /// It is not looked at: whatever stands there is taken as it is.
    pub(super) const fn any() -> Self {
        Self(Vec::new())
    }

    /// Whether `hash` may be the seal before.
    pub(super) fn admit(&self, hash: &[u8]) -> bool {
        self.0.is_empty() || self.0.iter().any(|tip| tip == hash)
    }
}

/// What is wrong with a seal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The seal does not follow the one before it: one is missing between them.
    pub(super) is_loose: bool,
    /// Something of the seal itself was changed.
    pub(super) is_changed: bool,
    /// Rows that are not as they were sealed.
    pub(super) rows: Vec<(Kind, i64)>,
    /// What the next seal has to follow.
    pub(super) tips: Tips,
}

/// Holds a seal against `rows` (their numbers, ascending, and hashes). `seal` computes it again behind a given one.
pub(super) fn judge(
    before: &Tips,
    stored: &Stored,
    rows: &[(i64, Hash)],
    seal: impl Fn(&[u8]) -> Hash,
) -> Verdict {
    let computed = seal(&stored.previous);
    let mut verdict = Verdict {
        is_loose: !before.admit(&stored.previous),
        tips: Tips(vec![stored.hash.clone()]),
        ..Verdict::default()
    };
    let differing = differing(&stored.marks, rows);
    let fits = computed.as_slice() == stored.hash;
    if verdict.is_loose && before.0.iter().any(|tip| seal(tip).as_slice() == stored.hash) {
        // Nothing is missing: only what the seal says of the one before was changed.
        (verdict.is_loose, verdict.is_changed) = (false, true);
    } else if fits {
        verdict.is_changed = !differing.is_empty();
    } else if differing.is_empty() {
        verdict.is_changed = true;
        verdict.tips.0.push(computed.to_vec());
    } else {
        verdict.rows = differing;
    }
    verdict
}

/// Rows that the marks do not know, or know otherwise. Of several rows of one number the one that fits is the true one.
fn differing(marks: &[(i64, Mark)], rows: &[(i64, Hash)]) -> Vec<(Kind, i64)> {
    let mut differing = Vec::new();
    let mut rows = rows.chunk_by(|one, other| one.0 == other.0).peekable();
    for (n, expected) in marks {
        while let Some(group) = rows.next_if(|group| group[0].0 < *n) {
            differing.extend(group.iter().map(|(n, _)| (Kind::RowAdded, *n)));
        }
        let Some(group) = rows.next_if(|group| group[0].0 == *n) else {
            differing.push((Kind::RowRemoved, *n));
            continue;
        };
        if !group.iter().any(|(_, hash)| mark(hash) == *expected) {
            differing.push((Kind::RowChanged, *n));
        }
        differing.extend(group.iter().skip(1).map(|(n, _)| (Kind::RowAdded, *n)));
    }
    differing.extend(rows.flatten().map(|(n, _)| (Kind::RowAdded, *n)));
    differing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::{GENESIS, Seal};

    fn hash(n: i64, word: u8) -> Hash {
        let mut seal = Seal::of_batch(&[word], 0, n);
        seal.row(&GENESIS);
        seal.finish()
    }

    fn seal(previous: &[u8], rows: &[(i64, Hash)]) -> Hash {
        let mut seal = Seal::of_batch(previous, 0, 0);
        rows.iter().for_each(|(_, hash)| seal.row(hash));
        seal.finish()
    }

    fn rows() -> Vec<(i64, Hash)> {
        (1..=4).map(|n| (n, hash(n, 0))).collect()
    }

    fn stored() -> Stored {
        let marks = rows().iter().map(|(n, hash)| (*n, mark(hash))).collect();
        Stored { marks, previous: GENESIS.to_vec(), hash: seal(&GENESIS, &rows()).to_vec() }
    }

    fn judged(stored: &Stored, rows: &[(i64, Hash)]) -> Verdict {
        judge(&Tips::known(&GENESIS), stored, rows, |previous| seal(previous, rows))
    }

    #[test]
    fn rows_that_were_touched_are_named_and_no_others() {
        assert_eq!(
            judged(&stored(), &rows()),
            Verdict { tips: Tips(vec![stored().hash]), ..Verdict::default() }
        );
        let mut changed = rows();
        changed[1].1 = hash(2, 1);
        assert_eq!(judged(&stored(), &changed).rows, [(Kind::RowChanged, 2)]);
        let mut removed = rows();
        removed.remove(3);
        assert_eq!(judged(&stored(), &removed).rows, [(Kind::RowRemoved, 4)]);
        for n in [0, 2, 5] {
            let mut added = rows();
            added.push((n, hash(n, 1)));
            added.sort_by_key(|(n, _)| *n);
            assert_eq!(judged(&stored(), &added).rows, [(Kind::RowAdded, n)]);
        }
    }

    #[test]
    fn a_touched_seal_is_told_from_touched_rows() {
        let touch: [fn(&mut Stored); 3] =
            [|seal| seal.hash[0] ^= 1, |seal| seal.previous[0] ^= 1, |seal| seal.marks[0].1[0] ^= 1];
        for touch in touch {
            let mut seal = stored();
            touch(&mut seal);
            let verdict = judged(&seal, &rows());
            assert!(verdict.is_changed && !verdict.is_loose && verdict.rows.is_empty(), "{verdict:?}");
        }
    }

    #[test]
    fn a_seal_behind_a_missing_one_is_loose() {
        let verdict = judge(&Tips::known(&[1; 32]), &stored(), &rows(), |previous| seal(previous, &rows()));
        assert!(verdict.is_loose && !verdict.is_changed && verdict.rows.is_empty(), "{verdict:?}");
        assert!(!judge(&Tips::any(), &stored(), &rows(), |previous| seal(previous, &rows())).is_loose);
    }
}

//! What a verification may find, and where.

use std::fmt;

use serde::Serialize;

/// Problems that are told one by one.
const TOLD: usize = 1_000;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A row is not as it was sealed.
    RowChanged,
    /// A row that was sealed is gone.
    RowRemoved,
    /// A row that no seal covers.
    RowAdded,
    /// A seal is not as it was written.
    SealChanged,
    /// The seal before this one is gone.
    SealRemoved,
    /// Numbers that nothing stands for: no row, no quarantine, no event that says why.
    Gap,
    /// The chain goes on behind its last seal: the end was cut off.
    CutOff,
    /// The chain does not contain the head that was expected: it was written anew, or cut off.
    HeadDiffers,
}

/// Where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Place {
    /// Entries of a shard, or the batch of them.
    Entries {
        /// `transitions_log`.
        log: &'static str,
        /// The shard.
        shard: u16,
        /// The life of its data.
        epoch: i64,
        /// The first number.
        first: i64,
        /// The last.
        last: i64,
    },
    /// Rows of another log by `seq`, or its seals by their number.
    Rows {
        /// `admin_actions` or `system_events`.
        log: &'static str,
        /// The first number.
        first: i64,
        /// The last.
        last: i64,
    },
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What.
    pub kind: Kind,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
}

impl Place {
    /// The numbers of a shard's entries.
    pub(super) const fn entries(shard: u16, epoch: i64, first: i64, last: i64) -> Self {
        Self::Entries { log: "transitions_log", shard, epoch, first, last }
    }

    /// Whether the other follows at once; then this one grows.
    fn join(&mut self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Entries { shard, epoch, last, .. },
                Self::Entries { shard: theirs, epoch: life, first, last: end, .. },
            ) if (*shard, *epoch, *last + 1) == (*theirs, *life, *first) => *last = *end,
            (Self::Rows { log, last, .. }, Self::Rows { log: theirs, first, last: end })
                if (*log, *last + 1) == (*theirs, *first) =>
            {
                *last = *end;
            }
            _ => return false,
        }
        true
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last, of) = match &self.place {
            Place::Entries { log, shard, epoch, first, last } => {
                (first, last, format!("{log}, shard {shard}, epoch {epoch}"))
            }
            Place::Rows { log, first, last } => (first, last, (*log).to_owned()),
        };
        let at = if first == last { first.to_string() } else { format!("{first} to {last}") };
        match self.kind {
            Kind::RowChanged => write!(f, "{of}: row {at} was changed"),
            Kind::RowRemoved => write!(f, "{of}: row {at} was removed"),
            Kind::RowAdded => write!(f, "{of}: no seal covers row {at}"),
            Kind::SealChanged => write!(f, "{of}: the seal {at} was changed"),
            Kind::SealRemoved => write!(f, "{of}: the seal before {at} was removed"),
            Kind::Gap => write!(f, "{of}: nothing tells what became of entry {at}"),
            Kind::CutOff => write!(f, "{of}: the chain was cut off behind {at}"),
            Kind::HeadDiffers => write!(f, "{of}: the expected head {at} is not in the chain"),
        }
    }
}

/// Problems, gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct Problems {
    pub(super) told: Vec<Problem>,
    pub(super) more: u64,
}

impl Problems {
    pub(super) fn add(&mut self, kind: Kind, place: Place) {
        let of_rows = matches!(kind, Kind::RowChanged | Kind::RowRemoved | Kind::RowAdded | Kind::Gap);
        if let Some(last) = self.told.last_mut().filter(|last| of_rows && last.kind == kind)
            && last.place.join(&place)
        {
            return;
        }
        if self.told.len() < TOLD {
            self.told.push(Problem { kind, place });
        } else {
            self.more += 1;
        }
    }
}

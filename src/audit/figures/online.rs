//! How many people were online through pieces of time: at the start, at most and when, at least, and for how long in
//! all. Pieces that follow one another add up exactly. Pure.

use super::spell::Spell;

/// A piece of time, and how many people were online in it. Times are ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: i64,
    pub(super) to: i64,
    /// At `from`.
    pub(super) first: u64,
    pub(super) most: u64,
    /// The first moment at which so many were.
    pub(super) most_at: i64,
    pub(super) least: u64,
    /// ms of all of them together.
    pub(super) person_ms: u64,
}

impl Piece {
    /// A piece in which nobody was online.
    pub(super) const fn empty(from: i64, to: i64) -> Self {
        Self { from, to, first: 0, most: 0, most_at: from, least: 0, person_ms: 0 }
    }

    /// This piece and the one that follows it.
    pub(super) fn and(self, next: Self) -> Self {
        let (most, most_at) =
            if next.most > self.most { (next.most, next.most_at) } else { (self.most, self.most_at) };
        Self {
            to: next.to,
            most,
            most_at,
            least: self.least.min(next.least),
            person_ms: self.person_ms + next.person_ms,
            ..self
        }
    }

    /// How many there were on average.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(super) fn average(&self) -> f64 {
        self.person_ms as f64 / (self.to - self.from).max(1) as f64
    }
}

/// The pieces between cuts (ascending), by the spells that overlap them.
pub(super) fn pieces<'a>(spells: impl Iterator<Item = &'a Spell>, cuts: &[i64]) -> Vec<Piece> {
    let (Some(&begin), Some(&end)) = (cuts.first(), cuts.last()) else { return Vec::new() };
    let mut edges = Vec::new();
    let mut online = 0_u64;
    for spell in spells.filter_map(|spell| spell.within(begin, end)) {
        if spell.start == begin {
            online += 1;
        } else {
            edges.push((spell.start, 1));
        }
        if spell.end < end {
            edges.push((spell.end, -1));
        }
    }
    edges.sort_unstable_by_key(|(at, _)| *at);
    let mut edges = edges.chunk_by(|one, other| one.0 == other.0).peekable();
    let mut found = Vec::with_capacity(cuts.len());
    for cut in cuts.windows(2) {
        let (from, to) = (cut[0], cut[1]);
        if let Some(now) = edges.next_if(|together| together[0].0 == from) {
            online = after(online, now);
        }
        let mut piece = Piece { first: online, most: online, least: online, ..Piece::empty(from, to) };
        let mut since = from;
        while let Some(together) = edges.next_if(|together| together[0].0 < to) {
            let at = together[0].0;
            piece.person_ms += online * (at - since).unsigned_abs();
            (online, since) = (after(online, together), at);
            piece.least = piece.least.min(online);
            if online > piece.most {
                (piece.most, piece.most_at) = (online, at);
            }
        }
        piece.person_ms += online * (to - since).unsigned_abs();
        found.push(piece);
    }
    found
}

/// How many are online after what happens at one moment.
fn after(online: u64, together: &[(i64, i64)]) -> u64 {
    online.saturating_add_signed(together.iter().map(|(_, by)| by).sum())
}

/// Adds up consecutive pieces into those between cuts. Cuts lie between pieces.
pub(super) fn joined(pieces: impl IntoIterator<Item = Piece>, cuts: &[i64]) -> Vec<Piece> {
    let mut pieces = pieces.into_iter().peekable();
    let mut found = Vec::with_capacity(cuts.len());
    for cut in cuts.windows(2) {
        let mut sum: Option<Piece> = None;
        while let Some(piece) = pieces.next_if(|piece| piece.from < cut[1]) {
            sum = Some(sum.map_or(piece, |sum| sum.and(piece)));
        }
        found.push(sum.unwrap_or_else(|| Piece::empty(cut[0], cut[1])));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spell(subject: i64, start: i64, end: i64) -> Spell {
        Spell { subject, org: 0, start, end }
    }

    #[test]
    fn pieces_say_what_there_was() {
        let lived =
            [spell(1, 0, 50), spell(2, 20, 30), spell(3, 30, 200), spell(1, 50, 60), spell(2, 100, 110)];
        let found = pieces(lived.iter(), &[10, 40, 100]);
        let first = Piece { from: 10, to: 40, first: 1, most: 2, most_at: 20, least: 1, person_ms: 50 };
        let second = Piece { from: 40, to: 100, first: 2, most: 2, most_at: 40, least: 1, person_ms: 80 };
        assert_eq!(found, [first, second], "who goes when another comes leaves no dip");
        assert_eq!(joined(found, &[10, 100]), pieces(lived.iter(), &[10, 100]));
    }

    #[test]
    fn nobody_is_a_figure_too() {
        assert_eq!(pieces([].iter(), &[10, 40]), [Piece::empty(10, 40)]);
        assert_eq!(pieces([].iter(), &[]), []);
    }
}

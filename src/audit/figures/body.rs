//! How rollups are written: numbers of as many bytes as they need (LEB128), in a fixed order, and bitmaps in the form that
//! all implementations of Roaring share.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::lengths::Lengths;
use super::online::Piece;
use super::totals::Total;
use crate::audit::AuditError;

/// Numbers, one after the other.
#[derive(Debug, Default)]
struct Numbers(Vec<u8>);

impl Numbers {
    fn push(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    fn extend(&mut self, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|number| self.push(number));
    }
}

/// Reads them again.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn next(&mut self) -> Result<u64, AuditError> {
        let mut number = 0;
        for (place, byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.0 = &self.0[place + 1..];
                return Ok(number);
            }
        }
        Err(broken("it ends in the middle of a number"))
    }

    fn signed(&mut self) -> Result<i64, AuditError> {
        i64::try_from(self.next()?).map_err(broken)
    }

    fn some<const N: usize>(&mut self) -> Result<[u64; N], AuditError> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.next()?;
        }
        Ok(numbers)
    }

    const fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// `rollcall audit rebuild` makes rollups that cannot be read anew.
fn broken(why: impl std::fmt::Display) -> AuditError {
    AuditError::Schema(format!("a rollup cannot be read: {why}"))
}

/// The pieces of an hour, which all have the same length.
pub(super) fn write_online(pieces: &[Piece]) -> Vec<u8> {
    let mut numbers = Numbers::default();
    for piece in pieces {
        let after = (piece.most_at - piece.from).unsigned_abs();
        numbers.extend([piece.first, piece.most, after, piece.least, piece.person_ms]);
    }
    numbers.0
}

/// The pieces of the hour that begins at `from`, each of `length` ms.
pub(super) fn read_online(body: &[u8], from: i64, length: i64) -> Result<Vec<Piece>, AuditError> {
    let (mut reader, mut pieces, mut from) = (Reader(body), Vec::new(), from);
    while !reader.is_over() {
        let [first, most] = reader.some()?;
        let most_at = from + reader.signed()?;
        let [least, person_ms] = reader.some()?;
        pieces.push(Piece { from, to: from + length, first, most, most_at, least, person_ms });
        from += length;
    }
    Ok(pieces)
}

pub(super) fn write_people(people: &RoaringBitmap) -> Result<Vec<u8>, AuditError> {
    let mut body = Vec::with_capacity(people.serialized_size());
    people.serialize_into(&mut body).map_err(broken)?;
    Ok(body)
}

pub(super) fn read_people(body: &[u8]) -> Result<RoaringBitmap, AuditError> {
    RoaringBitmap::deserialize_unchecked_from(body).map_err(broken)
}

pub(super) fn write_lengths(lengths: &Lengths) -> Vec<u8> {
    let mut numbers = Numbers::default();
    numbers.extend([lengths.count, lengths.total_ms, lengths.longest_ms]);
    numbers.extend(lengths.buckets);
    let mut before = 0;
    for (&class, &count) in &lengths.fine {
        numbers.extend([u64::from(class - before), count]);
        before = class;
    }
    numbers.0
}

pub(super) fn read_lengths(body: &[u8]) -> Result<Lengths, AuditError> {
    let mut reader = Reader(body);
    let [count, total_ms, longest_ms] = reader.some()?;
    let mut lengths = Lengths { count, total_ms, longest_ms, buckets: reader.some()?, fine: BTreeMap::new() };
    let mut class = 0;
    while !reader.is_over() {
        class += u32::try_from(reader.next()?).map_err(broken)?;
        lengths.fine.insert(class, reader.next()?);
    }
    Ok(lengths)
}

/// The totals of people by subject, of a piece of time that begins at `from`.
pub(super) fn write_totals(totals: &BTreeMap<i64, Total>, from: i64) -> Vec<u8> {
    let (mut numbers, mut before) = (Numbers::default(), 0);
    for (&subject, total) in totals {
        let after = |at: i64| (at - from).unsigned_abs();
        numbers.extend([(subject - before).unsigned_abs(), total.online_ms, total.begun]);
        numbers.extend([after(total.first), after(total.last)]);
        before = subject;
    }
    numbers.0
}

/// Tells the totals of a piece of time that begins at `from`, one by one.
pub(super) fn read_totals(
    body: &[u8],
    from: i64,
    mut tell: impl FnMut(i64, Total),
) -> Result<(), AuditError> {
    let (mut reader, mut subject) = (Reader(body), 0);
    while !reader.is_over() {
        subject += reader.signed()?;
        let [online_ms, begun] = reader.some()?;
        let (first, last) = (from + reader.signed()?, from + reader.signed()?);
        tell(subject, Total { online_ms, begun, first, last });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_went() {
        let sent = [0, 1, 127, 128, 300, 1 << 40, u64::MAX];
        let mut numbers = Numbers::default();
        numbers.extend(sent);
        let mut reader = Reader(&numbers.0);
        assert_eq!(reader.some().unwrap(), sent);
        assert!(reader.is_over());
        assert!(Reader(&[0x80]).next().is_err());
    }

    #[test]
    fn bodies_come_back_as_they_went() {
        let piece = |from: i64| Piece {
            first: 3,
            most: 9,
            most_at: from + 4,
            least: 1,
            person_ms: 77,
            ..Piece::empty(from, from + 10)
        };
        let hour = [piece(1_000), piece(1_010)];
        assert_eq!(read_online(&write_online(&hour), 1_000, 10).unwrap(), hour);
        let mut lengths = Lengths::default();
        [1, 5_000, 90_000, 90_001, 400_000_000].into_iter().for_each(|ms| lengths.add(ms));
        assert_eq!(read_lengths(&write_lengths(&lengths)).unwrap(), lengths);
        let total = |ms| Total { online_ms: ms, begun: 2, first: 1_200, last: 1_999 };
        let totals = BTreeMap::from([(3, total(5)), (900, total(700))]);
        let mut read = BTreeMap::new();
        let body = write_totals(&totals, 1_000);
        read_totals(&body, 1_000, |subject, total| read.extend([(subject, total)])).unwrap();
        assert_eq!(read, totals);
    }
}

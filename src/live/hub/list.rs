//! Readers of one thing, in the order of their seats: most have one or two, some ten thousand.

use super::{Reader, Seat};

/// A list of readers.
#[derive(Debug, Default)]
pub struct List(Vec<Reader>);

impl List {
    fn find(&self, seat: Seat) -> Result<usize, usize> {
        self.0.binary_search_by_key(&seat, |reader| reader.seat)
    }

    /// Adds a reader; answers whether they are new.
    pub fn add(&mut self, reader: &Reader) -> bool {
        match self.find(reader.seat) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, reader.clone());
                true
            }
        }
    }

    /// Puts a reader in the place of the one with the same seat, if there is one.
    pub fn swap(&mut self, reader: &Reader) {
        if let Ok(at) = self.find(reader.seat) {
            self.0[at] = reader.clone();
        }
    }

    /// Removes a reader, if they are there.
    pub fn remove(&mut self, seat: Seat) {
        if let Ok(at) = self.find(seat) {
            self.0.remove(at);
        }
    }

    /// Whether nobody is there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn readers(&self) -> impl Iterator<Item = &Reader> {
        self.0.iter()
    }
}

//! Short names of rows, by which two tables' rows are matched.
//!
//! A row's *tag* is the start of the hash that [`RowSet`] adds up. Equal rows have equal tags; among
//! a million different rows, two have the same tag with a probability of 0.2 %. Tags only find
//! candidates: whether the right rows were matched is proven by the sums, which have all 256 bits.

use super::row_set::{RowSet, RowSetKey};

/// The first six bytes of a row's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowTag(pub [u8; 6]);

/// Names rows, and adds them up.
#[derive(Clone)]
pub struct Tagger {
    key: RowSetKey,
    set: RowSet,
}

impl Tagger {
    /// No rows yet. Tags can be compared if they were made with the same key.
    #[must_use]
    pub fn new(key: &RowSetKey) -> Self {
        Self { key: key.clone(), set: RowSet::default() }
    }

    /// Adds a row: its COPY text without the newline.
    pub fn row(&mut self, text: &[u8]) -> RowTag {
        let hash = self.key.hash(text);
        self.set.count(hash);
        let [a, b, c, d, e, f, ..] = hash;
        RowTag([a, b, c, d, e, f])
    }

    /// All rows so far.
    #[must_use]
    pub fn set(&self) -> RowSet {
        self.set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::RowHasher;

    #[test]
    fn tagged_rows_have_the_sum_of_hashed_text() {
        let key = RowSetKey::random().unwrap();
        let mut tagger = Tagger::new(&key);
        let tags = ["1\tx", "", "1\tx", "2\t\\N"].map(|row| tagger.row(row.as_bytes()));
        assert!(tags[0] == tags[2] && tags[0] != tags[1] && tags[0] != tags[3]);

        let mut hasher = RowHasher::new(&key);
        hasher.push(b"1\tx\n\n1\tx\n2\t\\N\n");
        assert_eq!(tagger.set(), hasher.finish());
    }
}

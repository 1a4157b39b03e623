//! A digest of a table's rows that does not depend on their order.
//!
//! Each row's COPY text is hashed with SHA-256 under a random key, and the hashes are added modulo
//! 2^256: a *multiset* hash, in which a duplicate row counts twice. (With XOR, two equal rows would
//! cancel out.) Two tables with different rows have the same digest with a probability of 2^-256
//! per comparison. The key is new in every run and never stored, so that no one can construct rows
//! whose hashes add up to the same sum; in return, digests of two runs cannot be compared. (Bellare
//! and Micciancio, "A New Paradigm for Collision-Free Hashing", EUROCRYPT 1997; Clarke et al.,
//! "Incremental Multiset Hash Functions", ASIACRYPT 2003.)

use std::fmt;
use std::io;

use sha2::{Digest as _, Sha256};

/// Bytes that SHA-256 processes in one step. A key of this length costs nothing per row: the state
/// after it is kept.
const BLOCK: usize = 64;

/// The key for hashing rows.
#[derive(Clone)]
pub struct RowSetKey(Sha256);

impl RowSetKey {
    /// An unpredictable key.
    ///
    /// # Errors
    /// When the operating system provides no random bytes.
    pub fn random() -> io::Result<Self> {
        let mut key = [0; BLOCK];
        getrandom::fill(&mut key)?;
        Ok(Self(Sha256::new_with_prefix(key)))
    }

    /// The hash of a row's text, without its newline.
    pub(super) fn hash(&self, row: &[u8]) -> [u8; 32] {
        let mut hash = self.0.clone();
        hash.update(row);
        hash.finalize().into()
    }
}

impl fmt::Debug for RowSetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowSetKey")
    }
}

/// The number of rows, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    /// Rows.
    pub rows: u64,
    /// The sum, the lowest 64 bits first.
    sum: [u64; 4],
}

impl RowSet {
    /// The rows of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rows += other.rows;
        self.add(other.sum);
        self
    }

    /// Adds a row by its hash.
    pub(super) fn count(&mut self, hash: [u8; 32]) {
        let mut number = [0; 4];
        for (digit, bytes) in number.iter_mut().zip(hash.as_chunks::<8>().0) {
            *digit = u64::from_le_bytes(*bytes);
        }
        self.add(number);
        self.rows += 1;
    }

    fn add(&mut self, number: [u64; 4]) {
        let mut carry = false;
        for (digit, more) in self.sum.iter_mut().zip(number) {
            let (sum, over) = digit.overflowing_add(more);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            (*digit, carry) = (sum, over || again);
        }
    }
}

/// Computes a [`RowSet`] from streamed COPY text.
#[derive(Clone)]
pub struct RowHasher {
    key: RowSetKey,
    /// An unfinished row.
    open: Option<Sha256>,
    set: RowSet,
}

impl RowHasher {
    /// No rows yet.
    #[must_use]
    pub fn new(key: &RowSetKey) -> Self {
        Self { key: key.clone(), open: None, set: RowSet::default() }
    }

    /// Adds text, which may start and end inside a row. A newline ends a row: COPY text escapes
    /// newlines inside values.
    pub fn push(&mut self, mut text: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', text) {
            let mut hash = self.open.take().unwrap_or_else(|| self.key.0.clone());
            hash.update(&text[..end]);
            self.set.count(hash.finalize().into());
            text = &text[end + 1..];
        }
        if !text.is_empty() {
            self.open.get_or_insert_with(|| self.key.0.clone()).update(text);
        }
    }

    /// All rows that have ended.
    #[must_use]
    pub fn finish(self) -> RowSet {
        self.set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(key: &RowSetKey, text: &str) -> RowSet {
        let mut hasher = RowHasher::new(key);
        hasher.push(text.as_bytes());
        hasher.finish()
    }

    #[test]
    fn order_is_ignored_and_duplicates_count() {
        let key = RowSetKey::random().unwrap();
        let set = of(&key, "a\nb\nb\n");
        assert_eq!(set.rows, 3);
        assert_eq!(set, of(&key, "b\na\nb\n"));
        assert_eq!(set, of(&key, "b\n").and(of(&key, "a\nb\n")));
        for other in ["a\na\nb\n", "a\na\na\n", "b\nb\nb\n", "a\nbb\n\n", "a\nb\nc\n", "a\nb\n"] {
            assert_ne!(set, of(&key, other), "{other:?}");
        }
        // Pairs would cancel out in a sum without carry.
        assert_ne!(of(&key, "a\na\n"), of(&key, "b\nb\n"));
    }

    #[test]
    fn another_key_gives_another_digest() {
        let of = |key| of(&key, "a\n");
        assert_ne!(of(RowSetKey::random().unwrap()), of(RowSetKey::random().unwrap()));
    }

    #[test]
    fn sum_carries_into_the_next_digit() {
        let mut set = RowSet { rows: 0, sum: [u64::MAX, u64::MAX, 0, 7] };
        set.add([1, 0, 0, 0]);
        assert_eq!(set.sum, [0, 0, 1, 7]);
        set.add([u64::MAX, u64::MAX, u64::MAX, u64::MAX]);
        assert_eq!(set.sum, [u64::MAX, u64::MAX, 0, 7]);
    }

    proptest! {
        #[test]
        fn chunk_boundaries_do_not_change_the_digest(
            rows in proptest::collection::vec("[a-c\t]{0,9}", 0..30),
            step in 1usize..20,
            start in 0usize..30,
        ) {
            let key = RowSetKey::random().unwrap();
            let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
            let mut hasher = RowHasher::new(&key);
            text.as_bytes().chunks(step).for_each(|piece| hasher.push(piece));
            let set = hasher.finish();
            prop_assert_eq!(set.rows, rows.len() as u64);
            prop_assert_eq!(set, of(&key, &text));
            let mut turned = rows.clone();
            turned.rotate_left(start.min(rows.len()));
            let turned: String = turned.iter().map(|row| format!("{row}\n")).collect();
            prop_assert_eq!(set, of(&key, &turned));
        }
    }
}

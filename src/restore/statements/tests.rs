//! What the tests of this and the neighbouring modules share.

use crate::archive::{Desc, Entry, Section};

/// An entry with nothing in it but its kind and name.
pub(in crate::restore) fn entry(desc: Desc, tag: &str) -> Entry {
    Entry { tag: tag.to_owned(), ..Entry::bare(1, desc, Section::PreData) }
}

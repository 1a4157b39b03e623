//! Helpers for the tests of this module and its neighbours.

use crate::archive::{Desc, Entry, Section};

/// An entry with only a kind and a name.
pub(crate) fn entry(desc: Desc, tag: &str) -> Entry {
    Entry { tag: tag.to_owned(), ..Entry::bare(1, desc, Section::PreData) }
}

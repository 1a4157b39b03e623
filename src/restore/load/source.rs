//! Where an entry's data comes from: the archive, or the stream that it arrives in.

use crate::archive::Entry;
use crate::archive::stream::{Item, ItemOf};
use crate::restore::context::Context;
use crate::restore::stream::read_ahead::Reader;

/// Where an entry's data comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From a seekable archive; or the entry has no data.
    Archive,
    /// From a stream.
    Stream { item: Box<Item>, reader: Reader },
}

impl Source {
    /// Bytes of the data in the archive, if known.
    pub(crate) fn size(&self, ctx: &Context, entry: &Entry) -> Option<u64> {
        match self {
            Self::Archive => ctx.random.as_ref().and_then(|random| random.size(entry)),
            Self::Stream { item, .. } => item.size,
        }
    }

    /// Whether it is one of several large objects of the entry.
    pub(crate) fn is_one_object(&self) -> bool {
        match self {
            Self::Archive => false,
            Self::Stream { item, .. } => matches!(item.of, ItemOf::LargeObject(_)),
        }
    }
}

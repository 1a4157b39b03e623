//! Where an entry's data comes from, and which sessions may help to load it.

use std::sync::Arc;

use crate::archive::Entry;
use crate::archive::stream::{ItemOf, StreamItem};
use crate::restore::facts::Facts;
use crate::restore::load::share::Shares;
use crate::restore::session::lane::Lane;
use crate::restore::stream::read_ahead::ItemReceiver;

/// An entry's data before it is loaded.
pub(crate) struct DataSource {
    pub(crate) kind: SourceKind,
    /// Offers the table to other sessions, if they may help.
    pub(crate) help: Option<Arc<Shares<Lane>>>,
}

/// Where an entry's data comes from.
pub(crate) enum SourceKind {
    /// From a seekable archive; or the entry has no data.
    Archive,
    /// From a stream.
    Stream { item: Box<StreamItem>, reader: ItemReceiver },
}

impl DataSource {
    /// From a seekable archive; or the entry has no data.
    pub(crate) fn archive() -> Self {
        Self { kind: SourceKind::Archive, help: None }
    }

    /// From a stream.
    pub(crate) fn stream(item: StreamItem, reader: ItemReceiver) -> Self {
        Self { kind: SourceKind::Stream { item: Box::new(item), reader }, help: None }
    }

    /// The same data, which other sessions may help to load.
    pub(crate) fn helped_by(self, shares: Arc<Shares<Lane>>) -> Self {
        Self { help: Some(shares), ..self }
    }

    /// Whether it arrives in a stream, which cannot be read again.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.kind, SourceKind::Stream { .. })
    }

    /// Bytes of the data in the archive, if known.
    pub(crate) fn size(&self, facts: &Facts, entry: &Entry) -> Option<u64> {
        match &self.kind {
            SourceKind::Archive => facts.random.as_ref().and_then(|random| random.size(entry)),
            SourceKind::Stream { item, .. } => item.size,
        }
    }

    /// Whether it is one of several large objects of the entry.
    pub(crate) fn is_one_object(&self) -> bool {
        match &self.kind {
            SourceKind::Archive => false,
            SourceKind::Stream { item, .. } => matches!(item.of, ItemOf::LargeObject(_)),
        }
    }
}

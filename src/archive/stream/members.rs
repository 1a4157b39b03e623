//! The walk over the members of a tar that contains the files of a directory or tar archive.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{BufReader, Read};

use super::{Answer, Form, Forward, Halt, ItemOf, PIECE, Sink, StreamItem};
use crate::archive::Format;
use crate::archive::budget::Budget;
use crate::archive::codec::{Decoder, GzipFraming};
use crate::archive::entry::{DataLocation, Desc, DumpId};
use crate::archive::error::ArchiveError;
use crate::archive::files::{data_name, next_line, split_suffix};
use crate::archive::header::Compression;
use crate::archive::toc::{Container, Toc};

/// Approximate bytes of memory per remembered file or large object: one small item in a `BTreeSet`
/// or `HashSet`.
const REMEMBERED: u64 = 48;

/// Whether a tar member is one of an archive's data files, by its name.
pub(crate) fn is_data_file(name: &str) -> bool {
    let (stem, _) = split_suffix(name);
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match stem.strip_suffix(".dat") {
        Some(stem) => number(stem.strip_prefix("blob_").unwrap_or(stem)),
        None => stem.starts_with("blobs") && stem.ends_with(".toc"),
    }
}

/// The walk over the files of a directory or tar archive, member by member.
pub(crate) struct FilesWalk {
    known: Option<KnownMember>,
    /// Large objects in the lists, and those seen.
    listed: BTreeSet<u32>,
    seen: HashSet<String>,
}

struct KnownMember {
    /// The entry of each file, by its name in the TOC.
    files: HashMap<String, DumpId>,
    /// The lists of large objects.
    lists: Vec<String>,
}

impl FilesWalk {
    /// Starts a walk. `known` is the TOC, if it was read beforehand.
    pub(crate) fn new(known: Option<&Toc>) -> Self {
        let known = known.map(KnownMember::new);
        Self { known, listed: BTreeSet::new(), seen: HashSet::new() }
    }

    /// Handles one member: its name (without directories), its size in bytes and its contents.
    pub(crate) fn member(
        &mut self,
        name: &str,
        size: u64,
        reader: impl Read,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> Result<(), Halt> {
        let named = |halt| match halt {
            Halt::Error(error) => Halt::Error(error.in_file(name)),
            other => other,
        };
        self.dispatch(name, size, reader, budget, sink).map_err(named)
    }

    fn dispatch(
        &mut self,
        name: &str,
        size: u64,
        reader: impl Read,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> Result<(), Halt> {
        if name == "toc.dat" {
            if self.known.is_none() {
                let (toc, _) = Toc::read(reader, Container::Files, budget)?;
                self.known = Some(KnownMember::new(&toc));
                if sink.toc(&toc, Format::Tar) == Answer::Stop {
                    return Err(Halt::Stopped);
                }
            }
            return Ok(());
        }
        if !is_data_file(name) {
            return Ok(());
        }
        let Some(known) = &self.known else {
            return Err(Halt::TocLate);
        };
        let (stem, compression) = split_suffix(name);
        budget.spend(REMEMBERED + stem.len() as u64)?;
        if !self.seen.insert(stem.to_owned()) {
            return Err(ArchiveError::malformed("the tar contains two files with this name").into());
        }
        if stem.ends_with(".toc") {
            return self.list(compression, reader, budget);
        }
        let of = match stem.strip_prefix("blob_").and_then(|stem| stem.strip_suffix(".dat")) {
            Some(oid) => match oid.parse() {
                Ok(oid) => ItemOf::LargeObject(oid),
                Err(_) => return Err(ArchiveError::malformed("the file name has no OID").into()),
            },
            None => match known.files.get(stem) {
                Some(id) => ItemOf::Entry(*id),
                None => return Ok(()),
            },
        };
        let item = StreamItem { of, size: Some(size), form: Form::File(compression) };
        let mut forward = Forward::begin(sink, &item)?;
        forward.copy(&mut BufReader::with_capacity(PIECE, reader))?;
        forward.end()
    }

    /// Reads a list of large objects, to check later that all were seen.
    fn list(
        &mut self,
        compression: Compression,
        reader: impl Read,
        budget: &mut Budget,
    ) -> Result<(), Halt> {
        let mut list = BufReader::new(Decoder::new(compression, GzipFraming::Gzip, reader));
        while let Some((oid, _)) = next_line(&mut list)? {
            if self.listed.insert(oid) {
                budget.spend(REMEMBERED)?;
            }
        }
        Ok(())
    }

    /// Ends the walk: checks that the TOC, the lists of large objects, and each object in them were
    /// present.
    pub(crate) fn finish(self) -> Result<(), Halt> {
        let Some(known) = &self.known else {
            return Err(
                ArchiveError::missing("the file toc.dat is missing from the archive").into()
            );
        };
        if let Some(list) = known.lists.iter().find(|list| !self.seen.contains(*list)) {
            return Err(ArchiveError::missing(format!(
                "the file {list} is missing from the archive"
            ))
            .into());
        }
        let missing =
            self.listed.iter().find(|oid| !self.seen.contains(&format!("blob_{oid}.dat")));
        match missing {
            Some(oid) => {
                Err(ArchiveError::missing(format!("large object {oid} is listed but missing"))
                    .into())
            }
            None => Ok(()),
        }
    }
}

impl KnownMember {
    fn new(toc: &Toc) -> Self {
        let files = toc
            .entries
            .iter()
            .filter(|entry| entry.desc != Desc::Blobs)
            .filter_map(|entry| match &entry.data {
                DataLocation::File(name) => Some((name.clone(), entry.dump_id)),
                _ => None,
            })
            .collect();
        let version = toc.header.version;
        let lists = toc
            .entries
            .iter()
            .filter(|entry| entry.desc == Desc::Blobs)
            .filter_map(|entry| data_name(entry, version).map(Cow::into_owned))
            .collect();
        Self { files, lists }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::error::ErrorKind;
    use crate::archive::slice::ReadCounter;

    #[test]
    fn oversized_large_object_list_in_stream_is_refused() {
        let lines: String = (1..=3_000_000).map(|oid| format!("{oid} x\n")).collect();
        let mut budget = Budget::of_stream(ReadCounter::default());
        let list = FilesWalk::new(None).list(Compression::None, lines.as_bytes(), &mut budget);
        let Err(Halt::Error(error)) = list else { panic!("it is taken") };
        assert!(matches!(error.kind(), ErrorKind::Limit(_)), "{error}");
    }
}

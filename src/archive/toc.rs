//! The table of contents: every entry of an archive, and the meaning of the special ones.
//!
//! See `ReadToc` in `src/bin/pg_dump/pg_backup_archiver.c`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::ops::Index;

use super::budget::Budget;
use super::encoding::Encoding;
use super::entry::{DataLocation, Desc, DumpId, Entry, Section};
use super::error::{ArchiveError, ErrorKind, Result};
use super::files::is_plain_name;
use super::header::{self, Format, Header, HeaderStart, Version};
use super::incremental::{Incremental, Rest};
use super::primitives::{Layout, Parsed, fault, int, offset, string};
use super::slice::{Counted, ReadCounter};

/// The header and the table of contents of an archive.
#[derive(Clone, Debug)]
pub struct Toc {
    /// The header.
    pub header: Header,
    /// The entries, in the order in which pg_dump wrote them.
    pub entries: Vec<Entry>,
    /// The encoding of the archive's row data (its text is decoded already).
    pub encoding: Encoding,
    /// Whether string literals in the archive treat backslashes literally.
    pub standard_conforming_strings: bool,
    /// The statement that sets the search path for the whole restore, if the archive has one
    /// (from version 1.13).
    pub search_path: Option<String>,
    index: HashMap<DumpId, Place>,
}

/// The place of an entry among those of its TOC, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub usize);

impl Index<Place> for [Entry] {
    type Output = Entry;

    fn index(&self, place: Place) -> &Entry {
        &self[place.0]
    }
}

/// The entries of a TOC, each with its place.
pub fn placed(entries: &[Entry]) -> impl Iterator<Item = (Place, &Entry)> {
    entries.iter().enumerate().map(|(number, entry)| (Place(number), entry))
}

impl Toc {
    /// The place of the entry with this number.
    #[must_use]
    pub fn position(&self, id: DumpId) -> Option<Place> {
        self.index.get(&id).copied()
    }

    /// The entry with this number.
    #[must_use]
    pub fn get(&self, id: DumpId) -> Option<&Entry> {
        self.position(id).map(|place| self.at(place))
    }

    /// The entry at a place of this TOC.
    #[must_use]
    pub fn at(&self, place: Place) -> &Entry {
        &self.entries[place.0]
    }

    /// The places of all entries, in order.
    pub fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.entries.len()).map(Place)
    }

    /// Reads the TOC of a custom archive in a file, and returns it with the offset of the first
    /// data block.
    pub(crate) fn read_custom(reader: impl Read) -> Result<(Self, u64)> {
        let counter = ReadCounter::default();
        let mut budget = Budget::unlimited();
        let (toc, rest) = Self::read(
            Counted { reader, counter: counter.clone() },
            Container::Custom,
            &mut budget,
        )?;
        let unparsed = rest.into_inner().0.get_ref().len() as u64;
        Ok((toc, counter.get() - unparsed))
    }

    /// Reads a `toc.dat` in a file.
    pub(crate) fn read_files(reader: impl Read) -> Result<Self> {
        let (toc, mut rest) = Self::read(reader, Container::Files, &mut Budget::unlimited())?;
        match rest.read(&mut [0]).map_err(ArchiveError::from_io)? {
            0 => Ok(toc),
            _ => Err(ArchiveError::malformed("trailing bytes after the table of contents")),
        }
    }

    /// Reads header and TOC, and returns the rest of the input.
    pub(super) fn read<R: Read>(
        reader: R,
        container: Container,
        budget: &mut Budget,
    ) -> Result<(Self, Rest<R>)> {
        let mut input = Incremental::new(reader, budget);
        if let HeaderStart::Unsupported(major, minor) = input.parse("the header", header::start)? {
            return Err(ArchiveError::new(ErrorKind::UnsupportedVersion { major, minor }));
        }
        let header = input.parse("the header", header::header)?;
        if !container.holds(header.format) {
            return Err(ArchiveError::malformed(format!(
                "the header says {} format, but the archive is in another",
                header.format.name().to_lowercase()
            )));
        }
        let count = input.parse("the number of entries", count(header.layout))?;
        let mut raw = Vec::new();
        for number in 1..=count {
            let start = input.offset();
            let what = format!("TOC entry {number} of {count}");
            let entry = input.parse(&what, entry(header.version, header.layout, container))?;
            input.spend(entry.memory())?;
            raw.push((start, entry));
        }
        let toc = Self::assemble(header, &raw)?;
        Ok((toc, input.into_rest()))
    }

    fn assemble(header: Header, raw: &[(u64, RawEntry)]) -> Result<Self> {
        let encoding = raw
            .iter()
            .rfind(|(_, entry)| entry.desc == b"ENCODING")
            .map(|(start, entry)| {
                quoted_value(&entry.defn)
                    .map(|name| Encoding::named(&name))
                    .ok_or_else(|| ArchiveError::malformed("invalid ENCODING entry").at(*start))
            })
            .transpose()?
            .unwrap_or_else(Encoding::sql_ascii);
        let mut toc = Self {
            header,
            entries: Vec::with_capacity(raw.len()),
            encoding,
            standard_conforming_strings: false,
            search_path: None,
            index: HashMap::with_capacity(raw.len()),
        };
        for (start, raw) in raw {
            let entry = raw.decode(&toc.encoding).map_err(|error| error.at(*start))?;
            match entry.desc {
                Desc::StdStrings => {
                    toc.standard_conforming_strings = match quoted_value(&raw.defn).as_deref() {
                        Some("on") => true,
                        Some("off") => false,
                        _ => {
                            return Err(
                                ArchiveError::malformed("invalid STDSTRINGS entry").at(*start)
                            );
                        }
                    };
                }
                Desc::SearchPath => toc.search_path = Some(entry.defn.clone()),
                _ => {}
            }
            if toc.index.insert(entry.dump_id, Place(toc.entries.len())).is_some() {
                let what = format!("two entries have the number {}", entry.dump_id);
                return Err(ArchiveError::malformed(what).at(*start));
            }
            toc.entries.push(entry);
        }
        Ok(toc)
    }
}

/// The container of the TOC: it determines how entries locate their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    /// The start of a custom archive.
    Custom,
    /// A file `toc.dat` of a directory or tar archive.
    Files,
}

impl Container {
    /// Directory archives carry the code of tar (`InitArchiveFmt_Directory`).
    fn holds(self, format: Format) -> bool {
        (self == Self::Custom) == (format == Format::Custom)
    }
}

/// An entry with its text as bytes: the encoding is unknown until the TOC is read.
struct RawEntry {
    dump_id: i32,
    had_dumper: bool,
    table_oid: u32,
    oid: u32,
    tag: Vec<u8>,
    desc: Vec<u8>,
    section: Option<Section>,
    defn: Vec<u8>,
    drop_stmt: Vec<u8>,
    copy_stmt: Vec<u8>,
    namespace: Option<Vec<u8>>,
    tablespace: Option<Vec<u8>>,
    table_am: Option<Vec<u8>>,
    relkind: u8,
    owner: Option<Vec<u8>>,
    with_oids: bool,
    dependencies: Vec<i32>,
    data: DataLocation,
}

/// The number of entries.
fn count(layout: Layout) -> impl Fn(&[u8]) -> Parsed<'_, i32> {
    move |input| match int(layout)(input)? {
        (_, count) if count < 0 => fault(input, format!("{count} entries")),
        found => Ok(found),
    }
}

fn entry(
    version: Version,
    layout: Layout,
    container: Container,
) -> impl Fn(&[u8]) -> Parsed<'_, RawEntry> {
    move |input| {
        let int = int(layout);
        let optional = |input| {
            let (rest, text) = string(layout)(input)?;
            Ok((rest, text.map(<[u8]>::to_vec)))
        };
        let text = |input| {
            let (rest, text): (_, Option<Vec<u8>>) = optional(input)?;
            Ok((rest, text.unwrap_or_default()))
        };
        let number = |input| {
            let (rest, digits) = string(layout)(input)?;
            match digits.map(leading_number).unwrap_or(Some(0)) {
                Some(number) => Ok((rest, number)),
                None => fault(input, "an OID is not a number"),
            }
        };
        // A field that only newer archives have.
        fn since<'a, T: Default>(
            has: bool,
            input: &'a [u8],
            parser: impl Fn(&'a [u8]) -> Parsed<'a, T>,
        ) -> Parsed<'a, T> {
            if has { parser(input) } else { Ok((input, T::default())) }
        }

        let (rest, dump_id) = int(input)?;
        if dump_id <= 0 {
            return fault(input, format!("entry number {dump_id} is out of range"));
        }
        let (rest, had_dumper) = int(rest)?;
        let (rest, table_oid) = number(rest)?;
        let (rest, oid) = number(rest)?;
        let (rest, tag) = text(rest)?;
        let (rest, desc) = text(rest)?;
        let (rest, section) = since(version.at_least(11), rest, |input| {
            let (rest, code) = int(input)?;
            let section = match code {
                1 => Section::None,
                2 => Section::PreData,
                3 => Section::Data,
                4 => Section::PostData,
                other => return fault(input, format!("unknown section {other}")),
            };
            Ok((rest, Some(section)))
        })?;
        let (rest, defn) = text(rest)?;
        let (rest, drop_stmt) = text(rest)?;
        let (rest, copy_stmt) = text(rest)?;
        let (rest, namespace) = optional(rest)?;
        let (rest, tablespace) = optional(rest)?;
        let (rest, table_am) = since(version.at_least(14), rest, optional)?;
        let (rest, relkind) = since(version.at_least(16), rest, int)?;
        let (rest, owner) = optional(rest)?;
        let (rest, with_oids) = text(rest)?;
        let (mut rest, mut dependencies) = (rest, Vec::new());
        loop {
            let (after, dependency) = string(layout)(rest)?;
            let Some(dependency) = dependency else {
                rest = after;
                break;
            };
            match leading_number(dependency).and_then(|id| i32::try_from(id).ok()) {
                Some(id) => dependencies.push(id),
                None => return fault(rest, "a dependency is not a number"),
            }
            rest = after;
        }
        let (rest, data) = match container {
            Container::Custom => offset(layout)(rest)?,
            Container::Files => {
                let (after, name) = text(rest)?;
                let name = String::from_utf8_lossy(&name).into_owned();
                if !name.is_empty() && !is_plain_name(&name) {
                    let what = format!("a file name outside the archive ({name:?})");
                    return fault(rest, what);
                }
                (after, if name.is_empty() { DataLocation::None } else { DataLocation::File(name) })
            }
        };
        let entry = RawEntry {
            dump_id,
            had_dumper: had_dumper != 0,
            table_oid,
            oid,
            tag,
            desc,
            section,
            defn,
            drop_stmt,
            copy_stmt,
            namespace,
            tablespace,
            table_am,
            relkind: u8::try_from(relkind).unwrap_or(0),
            owner,
            with_oids: with_oids == b"true",
            dependencies,
            data,
        };
        Ok((rest, entry))
    }
}

impl RawEntry {
    /// Approximate bytes of memory it uses, raw and decoded.
    fn memory(&self) -> u64 {
        let texts = [&self.tag, &self.desc, &self.defn, &self.drop_stmt, &self.copy_stmt];
        let names = [&self.namespace, &self.tablespace, &self.table_am, &self.owner];
        let texts = texts.into_iter().chain(names.into_iter().flatten()).map(Vec::len);
        let sizes = size_of::<Self>() + size_of::<Entry>() + size_of_val(&self.dependencies[..]);
        (sizes + texts.sum::<usize>()) as u64
    }

    fn decode(&self, encoding: &Encoding) -> Result<Entry> {
        let text = |bytes: &[u8]| encoding.decode(bytes).into_owned();
        let desc = Desc::from_text(&text(&self.desc));
        let entry = Entry {
            dump_id: DumpId(self.dump_id),
            had_dumper: self.had_dumper,
            table_oid: self.table_oid,
            oid: self.oid,
            tag: text(&self.tag),
            section: self.section.unwrap_or_else(|| section_of(&desc)),
            desc,
            defn: text(&self.defn),
            drop_stmt: text(&self.drop_stmt),
            copy_stmt: text(&self.copy_stmt),
            namespace: self.namespace.as_deref().map(text),
            tablespace: self.tablespace.as_deref().map(text),
            table_am: self.table_am.as_deref().map(text),
            relkind: self.relkind,
            owner: self.owner.as_deref().map(text),
            with_oids: self.with_oids,
            dependencies: self.dependencies.iter().map(|id| DumpId(*id)).collect(),
            data: self.data.clone(),
        };
        // A NUL cannot be part of SQL and would silently truncate a statement.
        let texts = [&entry.tag, &entry.defn, &entry.drop_stmt, &entry.copy_stmt];
        let names = [&entry.namespace, &entry.tablespace, &entry.table_am, &entry.owner];
        if texts.into_iter().chain(names.into_iter().flatten()).any(|text| text.contains('\0')) {
            return Err(ArchiveError::malformed(format!(
                "entry {} contains a NUL byte",
                entry.dump_id
            )));
        }
        Ok(entry)
    }
}

/// The section of entries in archives before 1.11, which do not record it.
fn section_of(desc: &Desc) -> Section {
    match desc {
        Desc::Comment | Desc::Acl | Desc::AclLanguage => Section::None,
        Desc::TableData | Desc::Blobs | Desc::BlobComments => Section::Data,
        Desc::Constraint
        | Desc::CheckConstraint
        | Desc::FkConstraint
        | Desc::Index
        | Desc::Rule
        | Desc::Trigger => Section::PostData,
        _ => Section::PreData,
    }
}

/// The digits at the start of `text`, as pg_restore's `sscanf` reads them. `None` if there are
/// none or the number is too large.
fn leading_number(text: &[u8]) -> Option<u32> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

/// `x` of `SET name = 'x';`.
fn quoted_value(defn: &[u8]) -> Option<Cow<'_, str>> {
    let mut parts = defn.split(|byte| *byte == b'\'');
    let value = parts.nth(1)?;
    parts.next()?;
    Some(String::from_utf8_lossy(value))
}

//! The first bytes of an archive: magic, versions, sizes, compression, when and where it was made.
//!
//! See `ReadHead` in `src/bin/pg_dump/pg_backup_archiver.c`.

use nom::bytes::streaming::take;
use nom::number::streaming::u8 as byte;
use serde::Serialize;

use super::primitives::{Layout, Parsed, fault, int, string};

/// The five bytes at the start of every custom archive, or of its `toc.dat`.
pub const MAGIC: &[u8; 5] = b"PGDMP";

/// An archive version: 1.16 came with PostgreSQL 17.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Version {
    /// Always 1 so far.
    pub major: u8,
    /// 10 (PostgreSQL 8.0) to 16 (PostgreSQL 17 and 18).
    pub minor: u8,
    /// Always 0 so far.
    pub revision: u8,
}

impl Version {
    /// Whether the archive is of version 1.`minor` or later.
    #[must_use]
    pub fn at_least(self, minor: u8) -> bool {
        (self.major, self.minor) >= (1, minor)
    }
}

/// How data is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Uncompressed.
    None,
    /// zlib: a gzip file in directory format, a bare zlib stream in custom format.
    Gzip,
    /// LZ4 frames.
    Lz4,
    /// Zstandard frames.
    Zstd,
}

impl Compression {
    /// pg_restore's name for it (`get_compress_algorithm_name`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// The container of the TOC and the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One file with everything, which can be restored out of order.
    Custom,
    /// A directory with one file per table.
    Directory,
    /// A tar of the same files.
    Tar,
}

impl Format {
    /// The name that `pg_restore -l` prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Custom => "CUSTOM",
            Self::Directory => "DIRECTORY",
            Self::Tar => "TAR",
        }
    }
}

/// The time in the header, in pg_dump's local time zone, which is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LocalTime {
    /// Full year, 2026.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 60.
    pub second: i32,
    /// Whether daylight saving time was in force (`tm_isdst`): positive if so, negative if unknown.
    #[serde(skip)]
    pub is_dst: i32,
}

impl std::fmt::Display for LocalTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { year, month, day, hour, minute, second, .. } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// The header of an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Header {
    /// Version of the archive format.
    pub version: Version,
    /// The encoding of numbers.
    #[serde(skip)]
    pub layout: Layout,
    /// The format code: custom, or tar (which directory archives carry too).
    pub format: Format,
    /// The compression of the data in custom format. Directory and tar archives use each file's
    /// suffix instead.
    pub compression: Compression,
    /// When pg_dump ran.
    pub created: LocalTime,
    /// Name of the dumped database.
    pub dbname: String,
    /// Version of the server it was dumped from, `15.8 (Debian …)`.
    pub remote_version: String,
    /// Version of the pg_dump that wrote it.
    pub dump_version: String,
}

impl Header {
    /// The major version of the dumped server, such as 15 or 17; `None` if unknown.
    #[must_use]
    pub fn server_major(&self) -> Option<u32> {
        let digits = self.remote_version.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    }
}

/// The outcome of parsing the start of a header.
pub(super) enum HeaderStart {
    /// A supported version; continue parsing.
    Supported,
    /// An unsupported version.
    Unsupported(u8, u8),
}

/// Magic and version only: enough to refuse an unsupported archive.
pub(super) fn start(input: &[u8]) -> Parsed<'_, HeaderStart> {
    let (rest, magic) = take(MAGIC.len())(input)?;
    if magic != MAGIC {
        return fault(input, "the magic bytes PGDMP are missing");
    }
    let (rest, major) = byte(rest)?;
    let (_, minor) = byte(rest)?;
    // Nothing is consumed: `header` reads the same bytes again.
    Ok((
        input,
        match (major, minor) {
            (1, 10..=16) => HeaderStart::Supported,
            _ => HeaderStart::Unsupported(major, minor),
        },
    ))
}

/// The whole header of a supported archive.
pub(super) fn header(input: &[u8]) -> Parsed<'_, Header> {
    let (rest, _) = take(MAGIC.len())(input)?;
    let (rest, major) = byte(rest)?;
    let (rest, minor) = byte(rest)?;
    let (rest, revision) = byte(rest)?;
    let version = Version { major, minor, revision };
    let (rest, int_size) = byte(rest)?;
    let (rest, offset_size) = byte(rest)?;
    if !(1..=32).contains(&int_size) || !(1..=32).contains(&offset_size) {
        return fault(input, format!("implausible number sizes ({int_size} and {offset_size})"));
    }
    let layout = Layout { int_size, offset_size };
    let (rest, code) = byte(rest)?;
    let format = match code {
        1 => Format::Custom,
        3 => Format::Tar,
        5 => Format::Directory,
        other => return fault(input, format!("unknown format code {other}")),
    };
    let (rest, compression) = compression(version, layout)(rest)?;
    let (rest, created) = created(layout)(rest)?;
    let text = |input| {
        string(layout)(input)
            .map(|(rest, text)| (rest, String::from_utf8_lossy(text.unwrap_or_default()).into()))
    };
    let (rest, dbname) = text(rest)?;
    let (rest, remote_version) = text(rest)?;
    let (rest, dump_version) = text(rest)?;
    let header = Header {
        version,
        layout,
        format,
        compression,
        created,
        dbname,
        remote_version,
        dump_version,
    };
    Ok((rest, header))
}

fn compression(version: Version, layout: Layout) -> impl Fn(&[u8]) -> Parsed<'_, Compression> {
    move |input| {
        if !version.at_least(15) {
            // Older archives record the level: 0 is none, anything else gzip.
            let (rest, level) = int(layout)(input)?;
            return Ok((rest, if level == 0 { Compression::None } else { Compression::Gzip }));
        }
        let (rest, algorithm) = byte(input)?;
        let compression = match algorithm {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Lz4,
            3 => Compression::Zstd,
            other => return fault(input, format!("unknown compression algorithm {other}")),
        };
        Ok((rest, compression))
    }
}

fn created(layout: Layout) -> impl Fn(&[u8]) -> Parsed<'_, LocalTime> {
    move |input| {
        let (rest, second) = int(layout)(input)?;
        let (rest, minute) = int(layout)(rest)?;
        let (rest, hour) = int(layout)(rest)?;
        let (rest, day) = int(layout)(rest)?;
        let (rest, month) = int(layout)(rest)?;
        let (rest, year) = int(layout)(rest)?;
        let (rest, is_dst) = int(layout)(rest)?;
        let (year, month) = (year.saturating_add(1900), month.saturating_add(1));
        Ok((rest, LocalTime { year, month, day, hour, minute, second, is_dst }))
    }
}

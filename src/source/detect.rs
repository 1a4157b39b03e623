//! Detects the format of an input from its first bytes.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use crate::archive::files::Files;
use crate::archive::header::MAGIC;
use crate::archive::slice::FileSlice;
use crate::archive::stream::is_data_file;
use crate::archive::{ArchiveError, Compression, ErrorKind, Result};

/// Bytes to inspect: a tar header is one block of this size.
const PEEK: usize = 512;

/// The format at the start of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    /// A custom archive.
    Custom,
    /// A tar.
    Tar,
    /// A compressed file.
    Compressed(Compression),
    /// Anything else.
    Unknown,
}

/// The detected format, the first bytes, and a reader of all bytes.
type Peeked<R> = (Magic, Vec<u8>, std::io::Chain<Cursor<Vec<u8>>, R>);

/// Inspects the first bytes.
pub(super) fn peek<R: Read>(mut reader: R) -> Result<Peeked<R>> {
    let mut head = Vec::with_capacity(PEEK);
    (&mut reader).take(PEEK as u64).read_to_end(&mut head).map_err(ArchiveError::from_io)?;
    let magic = magic(&head);
    Ok((magic, head.clone(), Cursor::new(head).chain(reader)))
}

fn magic(head: &[u8]) -> Magic {
    if head.starts_with(MAGIC) {
        Magic::Custom
    } else if head.starts_with(b"\x1f\x8b") {
        Magic::Compressed(Compression::Gzip)
    } else if head.starts_with(b"\x04\x22\x4d\x18") {
        Magic::Compressed(Compression::Lz4)
    } else if head.starts_with(b"\x28\xb5\x2f\xfd") {
        Magic::Compressed(Compression::Zstd)
    } else if is_tar(head) {
        Magic::Tar
    } else {
        Magic::Unknown
    }
}

/// A block that starts with a name and has a valid checksum, `ustar` or older.
fn is_tar(head: &[u8]) -> bool {
    let Ok(block) = <&[u8; PEEK]>::try_from(head) else {
        return false;
    };
    let header = tar::Header::from_byte_slice(block);
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(place, byte)| if (148..156).contains(&place) { 32 } else { u32::from(*byte) })
        .sum();
    block[0] != 0 && header.cksum().is_ok_and(|cksum| cksum == sum)
}

/// Files often mistaken for an archive, by their first bytes, and what to do with them.
const MISTAKEN: &[(&[u8], &str)] = &[
    (b"\xfd7zXZ\0", "compressed with xz; decompress it first (xz -d)"),
    (b"BZh", "compressed with bzip2; decompress it first (bzip2 -d)"),
    (b"PK\x03\x04", "a ZIP file; unpack it first (unzip)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file; unpack it first"),
    (b"Salted__", "encrypted with openssl; decrypt it first (openssl enc -d)"),
    (b"age-encryption.org/", "encrypted with age; decrypt it first (age -d)"),
    (b"-----BEGIN PGP MESSAGE", "encrypted with OpenPGP; decrypt it first (gpg -d)"),
    (b"-----BEGIN AGE ENCRYPTED", "encrypted with age; decrypt it first (age -d)"),
    (b"--\n-- PostgreSQL database", "a plain SQL script; run it with psql"),
    (b"--\r\n-- PostgreSQL database", "a plain SQL script; run it with psql"),
    (b"\xff\xfe", "UTF-16 text; a shell such as PowerShell rewrote it (use pg_dump's --file)"),
    (b"\xfe\xff", "UTF-16 text; a shell such as PowerShell rewrote it (use pg_dump's --file)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"<!DOCTYPE", "an HTML page; the download was probably refused"),
    (b"<html", "an HTML page; the download was probably refused"),
    (b"<?xml", "an XML document; the download was probably refused"),
];

/// The error for an input that is not an archive, with a guess at what it is.
pub(super) fn not_an_archive(head: &[u8]) -> ArchiveError {
    let mistaken = MISTAKEN.iter().find(|(magic, _)| head.starts_with(magic));
    let what = match mistaken {
        Some((_, what)) => format!("not a pg_dump archive: {what}"),
        None if head.is_empty() => "the input is empty".to_owned(),
        None => "not a pg_dump archive (custom, directory or tar format)".to_owned(),
    };
    ArchiveError::new(ErrorKind::NotAnArchive(what))
}

/// The content of a file.
pub(super) enum Located {
    /// A custom archive, in this part of the file.
    Custom(FileSlice),
    /// The files of an archive, as members of an uncompressed tar.
    Files(Files),
    /// Compressed data, or a tar of compressed data: to be read as a stream.
    Stream,
}

/// Finds the archive in a file.
pub(super) fn locate(slice: &FileSlice) -> Result<Located> {
    let (magic, head, _) = peek(slice.clone())?;
    match magic {
        Magic::Custom => Ok(Located::Custom(slice.clone())),
        Magic::Compressed(_) => Ok(Located::Stream),
        Magic::Tar => locate_in_tar(slice),
        Magic::Unknown => Err(not_an_archive(&head)),
    }
}

fn locate_in_tar(slice: &FileSlice) -> Result<Located> {
    let members = members(slice)?;
    let toc = members.iter().map(|(path, ..)| path).find(|path| file_name(path) == "toc.dat");
    if let Some(toc) = toc {
        let directory = toc.strip_suffix("toc.dat").unwrap_or_default();
        let mut files = HashMap::new();
        for (path, offset, size) in &members {
            let Some(name) = path.strip_prefix(directory) else { continue };
            let twice = files.insert(name.to_owned(), (*offset, *size)).is_some();
            if twice && is_archive_file(name) {
                let what = "the tar contains two files with this name";
                return Err(ArchiveError::malformed(what).in_file(name));
            }
        }
        let members = files;
        return Ok(Located::Files(Files::Tar { slice: slice.clone(), members }));
    }
    for (_, offset, size) in &members {
        let member = slice.part(*offset, *size);
        match peek(member.clone())?.0 {
            Magic::Custom if member.len() < *size => {
                return Err(ArchiveError::truncated("the tar ends inside the archive"));
            }
            Magic::Custom => return Ok(Located::Custom(member)),
            Magic::Tar | Magic::Compressed(_) => return Ok(Located::Stream),
            Magic::Unknown => {}
        }
    }
    Err(no_archive_in_tar())
}

/// The path of a member. It is only compared with other names, never opened, so an absolute path is
/// harmless; but no archive has one with `..`, which could pass for another member.
pub(super) fn member_path<R: Read>(entry: &tar::Entry<'_, R>) -> Result<String> {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    if path.split('/').any(|part| part == "..") {
        return Err(ArchiveError::malformed("a path that leads outside the tar").in_file(path));
    }
    Ok(path)
}

/// Path, offset and size of each regular file in a tar, from the members' headers only.
fn members(slice: &FileSlice) -> Result<Vec<(String, u64, u64)>> {
    let mut tar = tar::Archive::new(slice.clone());
    let mut members = Vec::new();
    for entry in tar.entries_with_seek().map_err(ArchiveError::from_io)? {
        let entry = entry.map_err(tar_error)?;
        if entry.header().entry_type().is_file() {
            let path = member_path(&entry)?;
            members.push((path, entry.raw_file_position(), entry.size()));
        }
    }
    // The walk seeks over contents, so a truncated tar is only noticed here.
    match members.iter().find(|(_, offset, size)| offset.saturating_add(*size) > slice.len()) {
        Some((path, ..)) => Err(ArchiveError::truncated(format!("the tar ends inside {path}"))),
        None => Ok(members),
    }
}

/// Converts an error of the tar reader: a parse error is a malformed archive.
pub(super) fn tar_error(error: std::io::Error) -> ArchiveError {
    match error.kind() {
        std::io::ErrorKind::Other => ArchiveError::malformed(format!("invalid tar: {error}")),
        _ => ArchiveError::from_io(error),
    }
}

pub(super) fn no_archive_in_tar() -> ArchiveError {
    let what = "the tar does not contain a pg_dump archive".to_owned();
    ArchiveError::new(ErrorKind::NotAnArchive(what))
}

/// The last component of a path in a tar.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a member belongs to an archive in files, so that the tar is that archive.
pub(super) fn is_archive_file(name: &str) -> bool {
    name == "toc.dat" || is_data_file(name)
}

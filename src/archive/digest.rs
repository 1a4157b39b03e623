//! The SHA-256 of bytes: of a file, or of an entry's data.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256, displayed in hexadecimal like `sha256sum`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of an entry of large objects: of each object's OID and digest, sorted by OID, so
    /// that their order in the archive does not matter.
    #[must_use]
    pub fn of_large_objects(objects: impl IntoIterator<Item = (u32, Self)>) -> Self {
        let sorted: BTreeMap<u32, Self> = objects.into_iter().collect();
        let mut hash = Sha256::new();
        for (oid, digest) in sorted {
            hash.update(oid.to_be_bytes());
            hash.update(digest.0);
        }
        hash.into()
    }

    /// Its first digits, for messages that show a difference.
    #[must_use]
    pub(crate) fn short(&self) -> String {
        self.0[..6].iter().map(|byte| format!("{byte:02x}")).chain(["…".to_owned()]).collect()
    }

    /// Parses a digest: 64 hexadecimal digits in either case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let mut digest = [0; 32];
        if text.len() != 2 * digest.len() {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(digest))
    }
}

impl From<Sha256> for Digest {
    fn from(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Computes the digest of the bytes read through it.
///
/// For an entry of rows this is the digest in the file: of all decompressed data, including the end
/// marker. Place it below `CopyText`, which reads to that end.
#[derive(Debug)]
pub struct HashingReader<R> {
    reader: R,
    hash: Sha256,
}

impl<R: Read> HashingReader<R> {
    /// Hashes the bytes of `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader, hash: Sha256::new() }
    }

    /// The digest of all bytes read so far.
    #[must_use]
    pub fn finish(self) -> Digest {
        self.hash.into()
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(output)?;
        self.hash.update(&output[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_reader_returns_the_sha256() {
        let mut reader = HashingReader::new(&b"abc"[..]);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"abc");
        assert_eq!(
            reader.finish().to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn large_object_digest_depends_on_oids_not_order() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let digest = Digest::of_large_objects([(1, one), (2, two)]);
        assert_eq!(digest, Digest::of_large_objects([(2, two), (1, one)]));
        assert_ne!(digest, Digest::of_large_objects([(1, two), (2, one)]));
    }
}

//! Decompression that reports a truncated stream.
//!
//! pg_restore mistakes a truncated lz4 or zstd stream for a short table. Every reader here returns
//! 0 bytes only after the end of the compressed stream, its checksum (gzip and zlib have one; lz4
//! and zstd frames may) and the end of the input.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use lz4_flex::frame::FrameDecoder;

use super::header::Compression;

/// Bytes of compressed input to collect before inflating: fewer and larger calls are a quarter
/// cheaper than one call per 4 KiB chunk of a custom archive.
const INPUT: usize = 128 * 1024;

/// The format around the deflate stream of a gzip archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GzipFraming {
    /// A bare zlib stream: custom format.
    Zlib,
    /// A gzip file: directory format.
    Gzip,
}

/// Decompresses all of a reader.
pub(crate) enum Decoder<R: Read> {
    Plain(R),
    Zlib(Box<Zlib<R>>),
    Gzip(Box<Gzip<R>>),
    Lz4(Box<Lz4<R>>),
    Zstd(Box<Zstd<R>>),
    /// A decoder that could not be created: reading it returns the error.
    Refused(Option<io::Error>),
}

impl<R: Read> Decoder<R> {
    pub(crate) fn new(compression: Compression, framing: GzipFraming, reader: R) -> Self {
        match (compression, framing) {
            (Compression::None, _) => Self::Plain(reader),
            (Compression::Gzip, GzipFraming::Zlib) => Self::Zlib(Box::new(Zlib::new(reader))),
            (Compression::Gzip, GzipFraming::Gzip) => Self::Gzip(Box::new(Gzip::new(reader))),
            (Compression::Lz4, _) => Self::Lz4(Box::new(Lz4::new(reader))),
            (Compression::Zstd, _) => match Zstd::new(reader) {
                Ok(decoder) => Self::Zstd(Box::new(decoder)),
                Err(error) => Self::Refused(Some(error)),
            },
        }
    }
}

impl<R: Read> Decoder<BufReader<R>> {
    /// Decompresses a large object's file. For an empty object, pg_dump writes an empty file with
    /// lz4 and zstd: only there, empty input is valid.
    pub(crate) fn large_object_file(compression: Compression, reader: R) -> Self {
        let mut reader = BufReader::with_capacity(INPUT, reader);
        let is_empty = matches!(reader.fill_buf(), Ok([]));
        match compression {
            Compression::Lz4 | Compression::Zstd if is_empty => Self::Plain(reader),
            _ => Self::new(compression, GzipFraming::Gzip, reader),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(output),
            Self::Zlib(decoder) => decoder.read(output),
            Self::Gzip(decoder) => decoder.read(output),
            Self::Lz4(decoder) => decoder.read(output),
            Self::Zstd(decoder) => decoder.read(output),
            Self::Refused(error) => {
                Err(error.take().unwrap_or_else(|| io::Error::other("no decoder")))
            }
        }
    }
}

fn truncated(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {what} stream is truncated"))
}

fn trailing(what: &str) -> io::Error {
    let message = format!("trailing bytes after the end of the {what} stream");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// One zlib stream, with its adler32 checked at the end.
///
/// `flate2::read::ZlibDecoder` returns 0 bytes when its input ends early, hence this loop.
pub(crate) struct Zlib<R> {
    input: BufReader<R>,
    inflate: Decompress,
    ended: bool,
}

impl<R: Read> Zlib<R> {
    fn new(reader: R) -> Self {
        let input = BufReader::with_capacity(INPUT, reader);
        Self { input, inflate: Decompress::new(true), ended: false }
    }
}

impl<R: Read> Read for Zlib<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        while !self.ended {
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let (read_before, written_before) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, output, FlushDecompress::None)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let consumed = (self.inflate.total_in() - read_before) as usize;
            let written = (self.inflate.total_out() - written_before) as usize;
            self.input.consume(consumed);
            self.ended = status == Status::StreamEnd;
            if written > 0 {
                return Ok(written);
            }
            if at_end && !self.ended && consumed == 0 {
                return Err(truncated("zlib"));
            }
        }
        if self.input.fill_buf()?.is_empty() { Ok(0) } else { Err(trailing("zlib")) }
    }
}

/// A gzip file of one or more members, each with its crc32 and length checked.
///
/// `None` after the last member. An empty file is an error, as is anything after a member that is
/// not another member.
pub(crate) struct Gzip<R>(Option<GzDecoder<BufReader<R>>>);

impl<R: Read> Gzip<R> {
    fn new(reader: R) -> Self {
        Self(Some(GzDecoder::new(BufReader::with_capacity(INPUT, reader))))
    }
}

impl<R: Read> Read for Gzip<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        while let Some(mut decoder) = self.0.take() {
            let read = decoder.read(output).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => truncated("gzip"),
                _ => error,
            })?;
            if read > 0 {
                self.0 = Some(decoder);
                return Ok(read);
            }
            let mut input = decoder.into_inner();
            if !input.fill_buf()?.is_empty() {
                self.0 = Some(GzDecoder::new(input));
            }
        }
        Ok(0)
    }
}

/// LZ4 frames, each read to its end mark, and its checksums if it has them.
///
/// `None` after the last frame.
pub(crate) struct Lz4<R: Read>(Option<FrameDecoder<Watched<R>>>);

/// Notes when the input ends: the decoder treats the end of its input as the end of a frame, so
/// only the layer below can tell whether the end mark was present.
struct Watched<R: Read> {
    input: BufReader<R>,
    ended: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(output)?;
        self.ended |= read == 0 && !output.is_empty();
        Ok(read)
    }
}

impl<R: Read> Lz4<R> {
    fn new(reader: R) -> Self {
        let input = BufReader::with_capacity(INPUT, reader);
        Self(Some(FrameDecoder::new(Watched { input, ended: false })))
    }
}

impl<R: Read> Read for Lz4<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        while let Some(mut decoder) = self.0.take() {
            let read = decoder.read(output).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => truncated("lz4"),
                // The decoder's own errors are of kind "other" and all mean damage.
                io::ErrorKind::Other => io::Error::new(io::ErrorKind::InvalidData, error),
                _ => error,
            })?;
            if read > 0 {
                self.0 = Some(decoder);
                return Ok(read);
            }
            let watched = decoder.get_mut();
            if watched.ended {
                return Err(truncated("lz4"));
            }
            if !watched.input.fill_buf()?.is_empty() {
                self.0 = Some(decoder);
            }
        }
        Ok(0)
    }
}

/// Zstandard frames, each read to its end, and its checksum if it has one.
pub(crate) struct Zstd<R: Read> {
    decoder: zstd::stream::read::Decoder<'static, BufReader<R>>,
    /// Whether there was any input: the decoder accepts empty input as zero frames.
    started: bool,
}

impl<R: Read> Zstd<R> {
    fn new(reader: R) -> io::Result<Self> {
        let input = BufReader::with_capacity(INPUT, reader);
        let decoder = zstd::stream::read::Decoder::with_buffer(input)?;
        Ok(Self { decoder, started: false })
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if !self.started {
            if self.decoder.get_mut().fill_buf()?.is_empty() {
                return Err(truncated("zstd"));
            }
            self.started = true;
        }
        self.decoder.read(output).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => truncated("zstd"),
            // The library reports damage as "other".
            io::ErrorKind::Other => io::Error::new(io::ErrorKind::InvalidData, error),
            _ => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::Slow;
    use crate::archive::tests::writer::compress;

    fn sample() -> Vec<u8> {
        (0..30_000u32)
            .flat_map(|n| format!("{n}\t{}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    const COMPRESSED: [(Compression, GzipFraming); 4] = [
        (Compression::Gzip, GzipFraming::Zlib),
        (Compression::Gzip, GzipFraming::Gzip),
        (Compression::Lz4, GzipFraming::Gzip),
        (Compression::Zstd, GzipFraming::Gzip),
    ];

    fn read_all(pair: (Compression, GzipFraming), data: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Decoder::new(pair.0, pair.1, Slow(data, 1000)).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn every_codec_round_trips() {
        let data = sample();
        for pair in COMPRESSED {
            assert!(read_all(pair, &compress(pair.0, pair.1, &data)).unwrap() == data, "{pair:?}");
            assert_eq!(read_all(pair, &compress(pair.0, pair.1, b"")).unwrap(), b"", "{pair:?}");
        }
    }

    #[test]
    fn truncated_stream_is_an_error() {
        let data = sample();
        for pair in COMPRESSED {
            let whole = compress(pair.0, pair.1, &data);
            let last = whole.len() - 40..whole.len();
            for cut in (0..whole.len()).step_by(997).chain(last) {
                let error = read_all(pair, &whole[..cut]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{pair:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn flipped_bit_fails_the_checksum() {
        let data = sample();
        for pair in &COMPRESSED[..2] {
            let whole = compress(pair.0, pair.1, &data);
            for at in (20..whole.len()).step_by(499) {
                let mut damaged = whole.clone();
                damaged[at] ^= 4;
                assert!(read_all(*pair, &damaged).is_err(), "{pair:?} bit flipped at {at}");
            }
        }
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        for pair in COMPRESSED {
            let mut whole = compress(pair.0, pair.1, b"rows\n");
            whole.extend_from_slice(b"more");
            assert!(read_all(pair, &whole).is_err(), "{pair:?}");
        }
    }

    #[test]
    fn several_frames_or_members_are_one_stream() {
        for pair in &COMPRESSED[1..] {
            let mut whole = compress(pair.0, pair.1, b"one\n");
            whole.extend(compress(pair.0, pair.1, b"two\n"));
            assert_eq!(read_all(*pair, &whole).unwrap(), b"one\ntwo\n", "{pair:?}");
        }
    }
}

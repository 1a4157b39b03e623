//! The rows of a COPY block in binary format, as far as every field has one.
//!
//! From the first row that has no exact binary form on, rows come as text: the server then reads
//! that row itself, and says what is wrong with it if anything is.

use std::io::Read;

use bytes::{Bytes, BytesMut};

use super::{ColumnType, CopyText, Transcoder};
use crate::archive::Result;

/// A row that is longer is sent as text: twice its size is not worth the memory.
const LONGEST_ROW: usize = 16 << 20;

/// Rows in one of the two formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Whole rows in binary format, without header and trailer.
    Binary(Bytes),
    /// Text, which need not end at a row boundary. Only text follows.
    Text(Bytes),
}

/// Reads a COPY block piece by piece.
pub struct BinaryText<R> {
    copy: CopyText<R>,
    /// `None` once a row was refused.
    transcoder: Option<Transcoder>,
    /// The beginning of a row whose end has not come.
    rest: BytesMut,
    binary: BytesMut,
}

impl<R: Read> BinaryText<R> {
    /// Reads from `reader`, which gives the decompressed block, rows of these columns.
    pub fn new(reader: R, columns: Vec<ColumnType>) -> Self {
        Self {
            copy: CopyText::new(reader),
            transcoder: Some(Transcoder::new(columns)),
            rest: BytesMut::new(),
            binary: BytesMut::new(),
        }
    }

    /// The next piece and the number of rows that end in it, or `None` after the last.
    ///
    /// # Errors
    /// As [`CopyText::next_piece`].
    pub fn next_piece(&mut self) -> Result<Option<(Rows, u64)>> {
        loop {
            let before = self.copy.rows();
            let Some(piece) = self.copy.next_piece()? else {
                // Every block ends with a whole row, so nothing is left over.
                return Ok(None);
            };
            let rows = self.copy.rows() - before;
            let Some(transcoder) = &mut self.transcoder else {
                return Ok(Some((Rows::Text(piece), rows)));
            };
            self.rest.extend_from_slice(&piece);
            let whole = memchr::memrchr(b'\n', &self.rest).map_or(0, |at| at + 1);
            if whole > 0 && transcoder.transcode(&self.rest[..whole], &mut self.binary).is_ok() {
                let _ = self.rest.split_to(whole);
                return Ok(Some((Rows::Binary(self.binary.split().freeze()), rows)));
            }
            if whole > 0 || self.rest.len() > LONGEST_ROW {
                self.transcoder = None;
                return Ok(Some((Rows::Text(self.rest.split().freeze()), rows)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, columns: &[ColumnType]) -> Vec<(Rows, u64)> {
        let block = format!("{text}\\.\n\n\n");
        let mut rows = BinaryText::new(block.as_bytes(), columns.to_vec());
        std::iter::from_fn(|| rows.next_piece().unwrap()).collect()
    }

    #[test]
    fn rows_with_a_binary_form_are_binary() {
        let [(Rows::Binary(binary), 2)] = &read("1\n2\n", &[ColumnType::Int2])[..] else {
            panic!("not one binary piece of two rows");
        };
        assert_eq!(&binary[..], b"\0\x01\0\0\0\x02\0\x01\0\x01\0\0\0\x02\0\x02");
    }

    #[test]
    fn from_a_refused_row_on_it_is_text() {
        // Pieces are large, so that one refused row takes its whole piece along.
        let many: String = (0..100_000).map(|n| format!("{n}\n")).collect();
        let pieces = read(&format!("{many}x\n7\n"), &[ColumnType::Int4]);
        let text_from = pieces.iter().position(|(rows, _)| matches!(rows, Rows::Text(_))).unwrap();
        assert!(
            text_from > 0 && pieces[text_from..].iter().all(|(r, _)| matches!(r, Rows::Text(_)))
        );
        let text: Vec<u8> = pieces[text_from..]
            .iter()
            .flat_map(|(rows, _)| match rows {
                Rows::Text(bytes) | Rows::Binary(bytes) => bytes.to_vec(),
            })
            .collect();
        assert!(text.ends_with(b"x\n7\n") && many.as_bytes().ends_with(&text[..text.len() - 4]));
        assert_eq!(pieces.iter().map(|(_, rows)| rows).sum::<u64>(), 100_002);
    }

    #[test]
    fn an_empty_table_has_no_piece() {
        assert_eq!(read("", &[ColumnType::Int4]), []);
    }
}

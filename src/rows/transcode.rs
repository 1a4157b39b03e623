//! Converts rows of COPY text to COPY binary.
//!
//! All or nothing: text that is not exactly what pg_dump writes for a value is refused, and the
//! caller sends it as text, so that PostgreSQL decides. A converted field therefore means the same
//! in both formats.
//!
//! The text must be UTF-8, or whatever the session's `client_encoding` is: in binary format that
//! setting, not COPY's option ENCODING, determines the encoding of text (`pq_getmsgtext`,
//! `src/backend/libpq/pqformat.c`). The server checks its validity.

use bytes::{BufMut, BytesMut};
use memchr::{memchr, memchr2, memchr3};

use super::codec::{Scratch, encode, unescape};
use super::columns::ColumnType;

/// The header of a COPY in binary format: the signature, no flags, no extension
/// (`CopyFromBinaryHeader`… in `src/backend/commands/copyfromparse.c`).
pub const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The trailer: −1 in place of a field count. Rows after it are an error.
pub const TRAILER: [u8; 2] = [0xff, 0xff];

/// Why text cannot be converted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The field is not what pg_dump writes for a value of this type.
    #[error("not the text that pg_dump writes for this type")]
    Form,
    /// The row has fewer fields than the table has columns.
    #[error("the row has too few fields")]
    TooFewFields,
    /// The row has more fields than the table has columns.
    #[error("the row has too many fields")]
    TooManyFields,
    /// The text ends inside a row.
    #[error("the row is not terminated")]
    NoRowEnd,
    /// An unescaped carriage return: other line endings, or an error.
    #[error("unescaped carriage return")]
    CarriageReturn,
}

/// An error for text that cannot be converted. It never quotes the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("row {row}, field {column}: {what}")]
pub struct TranscodeError {
    /// The row, counted from 1 in the text of this call.
    pub row: u64,
    /// The field, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub what: Refusal,
}

/// Converts rows of one table to binary format.
#[derive(Clone, Debug)]
pub struct Transcoder {
    columns: Vec<ColumnType>,
    /// The field count at the start of each row.
    fields: i16,
    scratch: Scratch,
}

impl Transcoder {
    /// A transcoder for the columns of a COPY statement, in its order.
    #[must_use]
    pub fn new(columns: Vec<ColumnType>) -> Self {
        // A table has at most 1,600 columns; the count must not become −1, the trailer.
        let fields = i16::try_from(columns.len()).unwrap_or(i16::MAX);
        Self { columns, fields, scratch: Scratch::default() }
    }

    /// Appends the rows of `rows`, which must be complete, to `out`; returns their number. Writes
    /// neither [`HEADER`] nor [`TRAILER`].
    ///
    /// # Errors
    /// The first field that cannot be converted. `out` is then unchanged.
    pub fn transcode(&mut self, rows: &[u8], out: &mut BytesMut) -> Result<u64, TranscodeError> {
        let before = out.len();
        out.reserve(rows.len() + rows.len() / 2);
        let result = self.append(rows, out);
        if result.is_err() {
            out.truncate(before);
        }
        result
    }

    fn append(&mut self, rows: &[u8], out: &mut BytesMut) -> Result<u64, TranscodeError> {
        if let Some(at) = memchr(b'\r', rows) {
            let row = memchr::memchr_iter(b'\n', &rows[..at]).count() as u64 + 1;
            return Err(TranscodeError { row, column: 1, what: Refusal::CarriageReturn });
        }
        let mut rest = rows;
        let mut row = 0;
        while !rest.is_empty() {
            row += 1;
            match self.row(rest, out) {
                Ok(after) => rest = after,
                Err((column, what)) => return Err(TranscodeError { row, column, what }),
            }
        }
        Ok(row)
    }

    /// Appends the row at the start of `rest`; returns the text after it.
    fn row<'a>(
        &mut self,
        mut rest: &'a [u8],
        out: &mut BytesMut,
    ) -> Result<&'a [u8], (usize, Refusal)> {
        out.put_i16(self.fields);
        let last = self.columns.len();
        for (column, kind) in (1..).zip(&self.columns) {
            let (length, escaped) = field(rest).ok_or((column, Refusal::NoRowEnd))?;
            match (rest[length], column == last) {
                (b'\t', false) | (b'\n', true) => {}
                (b'\n', _) => return Err((column, Refusal::TooFewFields)),
                _ => return Err((column + 1, Refusal::TooManyFields)),
            }
            put_field(kind, &rest[..length], escaped, out, &mut self.scratch)
                .ok_or((column, Refusal::Form))?;
            rest = &rest[length + 1..];
        }
        if last == 0 {
            rest = rest.strip_prefix(b"\n").ok_or((1, Refusal::TooManyFields))?;
        }
        Ok(rest)
    }
}

/// The length of the field at the start of `rest`, and whether it contains a backslash. `None` if
/// it is not terminated.
#[inline]
fn field(rest: &[u8]) -> Option<(usize, bool)> {
    let at = memchr3(b'\t', b'\n', b'\\', rest)?;
    if rest[at] == b'\\' {
        Some((at + memchr2(b'\t', b'\n', &rest[at..])?, true))
    } else {
        Some((at, false))
    }
}

/// Appends a field, length first.
#[inline]
fn put_field(
    kind: &ColumnType,
    raw: &[u8],
    escaped: bool,
    out: &mut BytesMut,
    scratch: &mut Scratch,
) -> Option<()> {
    if !escaped {
        return encode(kind, raw, out, &mut scratch.element);
    }
    if raw == b"\\N" {
        out.put_i32(-1);
        return Some(());
    }
    scratch.field.clear();
    unescape(raw, &mut scratch.field)?;
    encode(kind, &scratch.field, out, &mut scratch.element)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn transcode(columns: &[ColumnType], rows: &[u8]) -> Result<Vec<u8>, TranscodeError> {
        let mut out = BytesMut::from(&b"before"[..]);
        let result = Transcoder::new(columns.to_vec()).transcode(rows, &mut out);
        assert!(out.starts_with(b"before"));
        if result.is_err() {
            assert_eq!(&out[..], b"before", "an error leaves the output as it was");
        }
        result.map(|_| out[6..].to_vec())
    }

    fn refused(columns: &[ColumnType], rows: &str) -> (u64, usize, Refusal) {
        let error = transcode(columns, rows.as_bytes()).unwrap_err();
        (error.row, error.column, error.what)
    }

    use ColumnType::{Bytea, Int4, Text};

    #[test]
    fn row_has_length_prefixed_fields() {
        assert_eq!(
            transcode(&[Int4, Text, Text], b"7\tab\t\\N\n").unwrap(),
            b"\0\x03\0\0\0\x04\0\0\0\x07\0\0\0\x02ab\xff\xff\xff\xff"
        );
    }

    #[test]
    fn pg_dump_escapes_are_unescaped() {
        let all = transcode(&[Text], b"\\b\\f\\n\\r\\t\\v\\\\N\n").unwrap();
        assert_eq!(&all[6..], b"\x08\x0c\n\r\t\x0b\\N");
    }

    #[test]
    fn other_escapes_are_refused() {
        for text in ["\\x41", "\\101", "\\.", "\\a", "a\\N", "\\N\\N", "a\\", "\\N "] {
            assert_eq!(refused(&[Text], &format!("{text}\n")), (1, 1, Refusal::Form), "{text}");
        }
    }

    #[test]
    fn empty_row_is_empty_string_or_no_columns() {
        assert_eq!(transcode(&[Text], b"\n").unwrap(), b"\0\x01\0\0\0\0");
        assert_eq!(transcode(&[], b"\n\n").unwrap(), b"\0\0\0\0");
        assert_eq!(refused(&[], "\nx\n"), (2, 1, Refusal::TooManyFields));
    }

    #[test]
    fn errors_name_row_and_field() {
        let columns = [Int4, Int4];
        assert_eq!(refused(&columns, "1\t2\n3\tx\n"), (2, 2, Refusal::Form));
        assert_eq!(refused(&columns, "1\t2\n3\n"), (2, 1, Refusal::TooFewFields));
        assert_eq!(refused(&columns, "1\t2\t\n"), (1, 3, Refusal::TooManyFields));
        assert_eq!(refused(&columns, "1\t2\n3\t4"), (2, 2, Refusal::NoRowEnd));
        assert_eq!(refused(&columns, "1\t2\r\n"), (1, 1, Refusal::CarriageReturn));
        assert_eq!(refused(&columns, "1\t2\n\\.\n"), (2, 1, Refusal::TooFewFields));
    }

    #[test]
    fn trailer_is_not_a_field_count() {
        let all = transcode(&vec![Text; 65535], &[b'\t'; 3]);
        assert_eq!(all.unwrap_err().what, Refusal::NoRowEnd);
        assert_eq!(Transcoder::new(vec![Text; 65535]).fields, i16::MAX);
    }

    #[test]
    fn bytea_is_parsed_after_unescaping() {
        assert_eq!(transcode(&[Bytea], b"\\\\x00ff\n").unwrap(), b"\0\x01\0\0\0\x02\0\xff");
        assert_eq!(transcode(&[Bytea], b"a\\\\\\\\\\\\000\n").unwrap(), b"\0\x01\0\0\0\x03a\\\0");
    }

    proptest! {
        #[test]
        fn any_text_round_trips(
            rows in proptest::collection::vec(
                proptest::collection::vec(proptest::option::of("\\PC*|[\\\\\n\r\t\x08a]*"), 2..=2),
                0..20,
            ),
        ) {
            let mut text = Vec::new();
            let mut binary = Vec::new();
            for row in &rows {
                binary.extend([0, 2]);
                for (at, value) in row.iter().enumerate() {
                    match value {
                        None => {
                            text.extend(b"\\N");
                            binary.extend([0xff; 4]);
                        }
                        Some(value) => {
                            binary.extend((value.len() as u32).to_be_bytes());
                            binary.extend(value.as_bytes());
                            text.extend(escaped(value));
                        }
                    }
                    text.push(if at == 1 { b'\n' } else { b'\t' });
                }
            }
            prop_assert_eq!(transcode(&[Text, Text], &text).unwrap(), binary);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(
            rows in proptest::collection::vec(any::<u8>(), 0..200),
            column in 0usize..EVERY.len() * 2,
        ) {
            let _ = transcode(&[every(column)], &rows);
        }

        #[test]
        fn nearly_valid_text_does_not_panic(
            rows in "[-+0-9]{0,30}[.: 0-9\\-+{}\",\\\\NxBCe/\n\t]{0,40}\n",
            column in 0usize..EVERY.len() * 2,
        ) {
            let _ = transcode(&[every(column)], rows.as_bytes());
        }
    }

    fn escaped(value: &str) -> Vec<u8> {
        let mut text = Vec::new();
        for byte in value.bytes() {
            match byte {
                b'\\' => text.extend(b"\\\\"),
                b'\n' => text.extend(b"\\n"),
                b'\r' => text.extend(b"\\r"),
                b'\t' => text.extend(b"\\t"),
                8 => text.extend(b"\\b"),
                11 => text.extend(b"\\v"),
                12 => text.extend(b"\\f"),
                _ => text.push(byte),
            }
        }
        text
    }

    use ColumnType::*;
    const EVERY: [ColumnType; 24] = [
        Bool,
        Char,
        Int2,
        Int4,
        Int8,
        Oid,
        Float4,
        Float8,
        Numeric,
        Text,
        Name,
        Jsonb,
        Uuid,
        Bytea,
        Date,
        Time,
        TimeTz,
        Timestamp,
        TimestampTz,
        Interval,
        Inet,
        Cidr,
        MacAddr,
        MacAddr8,
    ];

    /// Each codec, then an array of each.
    fn every(column: usize) -> ColumnType {
        let kind = EVERY[column % EVERY.len()].clone();
        if column < EVERY.len() { kind } else { Array { oid: 1, element: Box::new(kind) } }
    }
}

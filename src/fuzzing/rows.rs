//! COPY text: where rows end, and each codec from text to binary.

use bytes::BytesMut;

use crate::rows::{ColumnType, CopyText, Transcoder};

/// COPY text.
///
/// # Panics
/// When the rows are not the text before the end marker.
pub fn copy_text(bytes: &[u8]) {
    let mut copy = CopyText::new(bytes);
    let mut rows = Vec::new();
    let end = loop {
        match copy.next_piece() {
            Ok(Some(piece)) => rows.extend_from_slice(&piece),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if end.is_ok() {
        assert_eq!([&rows[..], b"\\.\n\n\n"].concat(), bytes);
        assert_eq!(copy.bytes(), rows.len() as u64);
    }
}

/// Every codec on the same rows of one field.
///
/// # Panics
/// When the output does not have the same number of rows, or converting row by row differs from
/// converting all at once.
pub fn codecs(bytes: &[u8]) {
    for kind in kinds() {
        let mut transcoder = Transcoder::new(vec![kind.clone()]);
        let mut out = BytesMut::from(&b"before"[..]);
        match transcoder.transcode(bytes, &mut out) {
            Err(_) => assert_eq!(&out[..], b"before", "{kind:?}: what failed left something"),
            Ok(rows) => {
                assert_eq!(rows_of_one_field(&out[6..]), Some(rows), "{kind:?}");
                let mut one_by_one = BytesMut::from(&b"before"[..]);
                for row in bytes.split_inclusive(|byte| *byte == b'\n') {
                    let one = transcoder.transcode(row, &mut one_by_one);
                    assert_eq!(one, Ok(1), "{kind:?}");
                }
                assert_eq!(out, one_by_one, "{kind:?}");
            }
        }
    }
}

/// The number of rows if each has exactly one field, else `None`
/// (`src/backend/commands/copyfromparse.c`, `CopyReadBinaryAttribute`).
fn rows_of_one_field(mut binary: &[u8]) -> Option<u64> {
    let mut rows = 0;
    while !binary.is_empty() {
        let (fields, rest) = binary.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        if i16::from_be_bytes(*fields) != 1 || length < -1 {
            return None;
        }
        binary = rest.get(usize::try_from(length).unwrap_or(0)..)?;
        rows += 1;
    }
    Some(rows)
}

/// Every codec, and some arrays.
fn kinds() -> impl Iterator<Item = ColumnType> {
    let array = |oid, element| ColumnType::Array { oid, element: Box::new(element) };
    [
        ColumnType::Bool,
        ColumnType::Char,
        ColumnType::Int2,
        ColumnType::Int4,
        ColumnType::Int8,
        ColumnType::Oid,
        ColumnType::Float4,
        ColumnType::Float8,
        ColumnType::Numeric,
        ColumnType::Text,
        ColumnType::Name,
        ColumnType::Jsonb,
        ColumnType::Uuid,
        ColumnType::Bytea,
        ColumnType::Date,
        ColumnType::Time,
        ColumnType::TimeTz,
        ColumnType::Timestamp,
        ColumnType::TimestampTz,
        ColumnType::Interval,
        ColumnType::Inet,
        ColumnType::Cidr,
        ColumnType::MacAddr,
        ColumnType::MacAddr8,
        array(25, ColumnType::Text),
        array(23, ColumnType::Int4),
        array(1700, ColumnType::Numeric),
        array(1184, ColumnType::TimestampTz),
    ]
    .into_iter()
}

//! Converts a field's text to its binary form, type by type.
//!
//! Each codec accepts the output of the type's output function under pg_dump's settings (ISO dates,
//! `postgres` intervals, shortest floats), and slightly more where that costs nothing and the input
//! function agrees. Anything else is `None`: nothing is guessed or repaired.

mod array;
mod bytes;
mod date_time;
mod escape;
mod interval;
mod network;
mod number;
mod numeric;

use ::bytes::{BufMut, BytesMut};

pub(super) use escape::unescape;

use super::columns::ColumnType;

/// A buffer for unescaped text.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    pub(super) field: BytesMut,
    pub(super) element: BytesMut,
}

/// Appends a value, length first. On `None`, a part of it may have been appended.
#[inline]
pub(super) fn encode(
    kind: &ColumnType,
    text: &[u8],
    out: &mut BytesMut,
    element: &mut BytesMut,
) -> Option<()> {
    match kind {
        ColumnType::Int4 => put_4(out, number::integer(text)?),
        ColumnType::Text => put_bytes(out, text)?,
        ColumnType::Timestamp => put_8(out, date_time::timestamp(text)?),
        ColumnType::TimestampTz => put_8(out, date_time::timestamptz(text)?),
        ColumnType::Int8 => put_8(out, number::integer(text)?),
        ColumnType::Bool => put(out, &[number::boolean(text)?]),
        ColumnType::Numeric => numeric::numeric(text, out)?,
        ColumnType::Float8 => put_8(out, number::float8(text)?.to_bits().cast_signed()),
        ColumnType::Date => put_4(out, date_time::date(text)?),
        ColumnType::Uuid => put(out, &bytes::uuid(text)?),
        ColumnType::Jsonb => {
            out.put_u32(length(text.len().checked_add(1)?)?);
            out.put_u8(1);
            out.extend_from_slice(text);
        }
        ColumnType::Array { oid, element: of } => array::array(*oid, of, text, out, element)?,
        ColumnType::Bytea => bytes::bytea(text, out)?,
        ColumnType::Int2 => put(out, &number::integer::<i16>(text)?.to_be_bytes()),
        ColumnType::Oid => put(out, &number::oid(text)?.to_be_bytes()),
        ColumnType::Float4 => put_4(out, number::float4(text)?.to_bits().cast_signed()),
        ColumnType::Time => put_8(out, date_time::time(text)?),
        ColumnType::TimeTz => {
            let (time, zone) = date_time::timetz(text)?;
            out.put_u32(12);
            out.put_i64(time);
            out.put_i32(zone);
        }
        ColumnType::Interval => {
            let interval = interval::interval(text)?;
            out.put_u32(16);
            out.put_i64(interval.microseconds);
            out.put_i32(interval.days);
            out.put_i32(interval.months);
        }
        ColumnType::Name => put_bytes(out, (text.len() < 64).then_some(text)?)?,
        ColumnType::Char => put(out, &[bytes::char(text)?]),
        ColumnType::Inet => network::inet(text, out)?,
        ColumnType::Cidr => network::cidr(text, out)?,
        ColumnType::MacAddr => put(out, &bytes::mac_address::<6>(text)?),
        ColumnType::MacAddr8 => put(out, &bytes::mac_address::<8>(text)?),
    }
    Some(())
}

/// A length in the binary format: must fit a non-negative i32.
fn length(bytes: usize) -> Option<u32> {
    i32::try_from(bytes).ok().map(i32::cast_unsigned)
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) -> Option<()> {
    out.put_u32(length(bytes.len())?);
    out.extend_from_slice(bytes);
    Some(())
}

/// A short value; longer ones go through [`put_bytes`].
fn put<const N: usize>(out: &mut BytesMut, bytes: &[u8; N]) {
    const { assert!(N <= 16) };
    let mut field = [0; 20];
    field[3] = N as u8;
    field[4..4 + N].copy_from_slice(bytes);
    out.extend_from_slice(&field[..4 + N]);
}

fn put_4(out: &mut BytesMut, value: i32) {
    put(out, &value.to_be_bytes());
}

fn put_8(out: &mut BytesMut, value: i64) {
    put(out, &value.to_be_bytes());
}

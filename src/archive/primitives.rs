//! The three shapes that make up an archive: Int, Str and Offset, as nom parsers.
//!
//! They are *streaming* parsers: missing bytes are an ordinary result (`nom::Err::Incomplete`),
//! which [`super::incremental`] turns into another read. See `ReadInt`, `ReadStr` and `ReadOffset`
//! in `src/bin/pg_dump/pg_backup_archiver.c`.

use nom::bytes::streaming::take;
use nom::number::streaming::u8 as byte;
use nom::{IResult, Parser};

use super::entry::DataLocation;

/// Input and result of every parser here.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Fault<'a>>;

/// Bytes of the longest valid text: the most that PostgreSQL allocates for one value
/// (`MaxAllocSize` in `src/include/utils/memutils.h`), which no statement exceeds.
const MAX_TEXT: usize = 0x3fff_ffff;

/// Where parsing stopped, and the rule that was broken.
#[derive(Debug)]
pub(super) struct Fault<'a> {
    /// The unparsed rest at that point.
    pub(super) rest: &'a [u8],
    /// The broken rule, in words.
    pub(super) what: String,
}

impl<'a> nom::error::ParseError<&'a [u8]> for Fault<'a> {
    fn from_error_kind(rest: &'a [u8], kind: nom::error::ErrorKind) -> Self {
        Self { rest, what: format!("malformed data ({})", kind.description()) }
    }

    fn append(_: &'a [u8], _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

/// A broken rule as a final nom error: no alternative is tried.
pub(super) fn fault<T>(rest: &[u8], what: impl Into<String>) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Fault { rest, what: what.into() }))
}

/// The encoding of numbers, from the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of an Int, without its sign byte.
    pub int_size: u8,
    /// Bytes of an Offset, without its flag byte.
    pub offset_size: u8,
}

/// An Int: a sign byte, then the magnitude, least significant byte first.
///
/// pg_restore reads any sign byte but 0 as a minus. pg_dump writes only 0 and 1, so any other value
/// is damage.
pub(super) fn int(layout: Layout) -> impl Fn(&[u8]) -> Parsed<'_, i32> {
    move |input| {
        let (rest, sign) = byte(input)?;
        let (rest, bytes) = take(layout.int_size)(rest)?;
        let Some(magnitude) = little_endian(bytes).filter(|m| *m <= u64::from(u32::MAX)) else {
            return fault(input, "an integer is too large");
        };
        // pg_dump writes OIDs of 2^31 and above as negative Ints, and -2^31 as itself.
        let magnitude = magnitude as i64;
        let value = match (sign, magnitude) {
            (0, _) => magnitude,
            (1, 1..) => -magnitude,
            _ => return fault(input, "an integer has an invalid sign byte"),
        };
        match i32::try_from(value) {
            Ok(value) => Ok((rest, value)),
            Err(_) => fault(input, "an integer is too large"),
        }
    }
}

/// A Str: its length as an Int, then its bytes. `None` for the length -1, which is NULL.
///
/// pg_restore reads any negative length as NULL; pg_dump writes only -1.
pub(super) fn string(layout: Layout) -> impl Fn(&[u8]) -> Parsed<'_, Option<&[u8]>> {
    move |input| {
        let (rest, length) = int(layout)(input)?;
        match usize::try_from(length) {
            Ok(length) if length > MAX_TEXT => {
                fault(input, format!("invalid text length {length}"))
            }
            Ok(length) => take(length).map(Some).parse(rest),
            Err(_) if length == -1 => Ok((rest, None)),
            Err(_) => fault(input, format!("invalid text length {length}")),
        }
    }
}

/// An Offset, as a location.
pub(super) fn offset(layout: Layout) -> impl Fn(&[u8]) -> Parsed<'_, DataLocation> {
    move |input| {
        let (rest, flag) = byte(input)?;
        let (rest, bytes) = take(layout.offset_size)(rest)?;
        let location = match flag {
            1 => DataLocation::OffsetNotSet,
            2 => match little_endian(bytes).filter(|offset| *offset <= i64::MAX as u64) {
                Some(offset) => DataLocation::Offset(offset),
                None => return fault(input, "a data offset is too large"),
            },
            3 => DataLocation::None,
            other => return fault(input, format!("unknown data offset flag {other}")),
        };
        Ok((rest, location))
    }
}

/// Bytes as a number, least significant first. `None` if it does not fit.
fn little_endian(bytes: &[u8]) -> Option<u64> {
    let (low, high) = bytes.split_at(bytes.len().min(8));
    if high.iter().any(|byte| *byte != 0) {
        return None;
    }
    Some(low.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { int_size: 4, offset_size: 8 };

    #[test]
    fn int_has_sign_and_little_endian_magnitude() {
        assert_eq!(int(LAYOUT)(&[0, 1, 2, 0, 0, 9]).unwrap(), (&[9][..], 513));
        assert_eq!(int(LAYOUT)(&[1, 1, 0, 0, 0]).unwrap(), (&[][..], -1));
    }

    #[test]
    fn int_size_comes_from_the_header() {
        let layout = Layout { int_size: 8, offset_size: 8 };
        assert_eq!(int(layout)(&[0, 7, 0, 0, 0, 0, 0, 0, 0]).unwrap().1, 7);
        assert!(int(layout)(&[0, 7, 0, 0, 0, 0, 0, 0, 1]).is_err());
    }

    #[test]
    fn int_pg_dump_never_writes_is_damage() {
        assert!(int(LAYOUT)(&[2, 1, 0, 0, 0]).is_err());
        assert!(int(LAYOUT)(&[1, 0, 0, 0, 0]).is_err());
        assert!(string(LAYOUT)(&[1, 3, 0, 0, 0]).is_err());
        assert!(string(LAYOUT)(&[0, 0, 0, 0, 0x40]).is_err_and(|error| !error.is_incomplete()));
        assert!(
            string(LAYOUT)(&[0, 255, 255, 255, 0x3f]).is_err_and(|error| error.is_incomplete())
        );
    }

    #[test]
    fn null_string_differs_from_empty() {
        assert_eq!(string(LAYOUT)(&[1, 1, 0, 0, 0]).unwrap().1, None);
        assert_eq!(string(LAYOUT)(&[0, 0, 0, 0, 0]).unwrap().1, Some(&[][..]));
    }

    #[test]
    fn incomplete_string_requests_more_input() {
        let error = string(LAYOUT)(&[0, 5, 0, 0, 0, b'a']).unwrap_err();
        assert!(error.is_incomplete());
    }

    #[test]
    fn offset_distinguishes_set_unset_and_no_data() {
        let read =
            |flag| offset(LAYOUT)(&[flag, 5, 0, 0, 0, 0, 0, 0, 0]).map(|(_, l)| l).map_err(drop);
        assert_eq!(read(1).unwrap(), DataLocation::OffsetNotSet);
        assert_eq!(read(2).unwrap(), DataLocation::Offset(5));
        assert_eq!(read(3).unwrap(), DataLocation::None);
        assert!(read(4).is_err());
    }
}

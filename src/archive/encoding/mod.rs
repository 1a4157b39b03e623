//! The character encoding of the text in an archive.
//!
//! pg_dump writes names and SQL in the client encoding it was run with and records that encoding in
//! the `ENCODING` entry. Those bytes must reach the server unchanged, whatever conversion tables a
//! program has. So decoding is lossless: a character stands for itself if encoding it again gives
//! the same bytes, and any other byte becomes an *escape*, the character U+10FF00 plus the byte.
//! `encode(decode(bytes)) == bytes` holds for all bytes in all encodings. Text for display goes
//! through [`shown`].

mod decoding;
mod escape;

use std::borrow::Cow;

use encoding_rs as rs;

pub use decoding::Decoding;
pub use escape::shown;
use escape::{escape, escaped, has_escapes, push_valid};

/// An encoding by PostgreSQL's name for it (`pg_encoding_to_char`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding(String);

/// How an encoding's bytes become characters.
enum Decoder {
    /// UTF-8, or SQL_ASCII, which names no encoding: then UTF-8 is the likeliest.
    Utf8,
    /// Each byte is the character of that number.
    Latin1,
    /// An encoding of the WHATWG standard.
    Table(&'static rs::Encoding),
    /// Only ASCII is understood.
    Unknown,
}

impl Encoding {
    /// The encoding with this name, as in `SET client_encoding = '…'`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.to_ascii_uppercase())
    }

    /// The encoding of archives without an `ENCODING` entry: bytes of no known encoding.
    #[must_use]
    pub fn sql_ascii() -> Self {
        Self("SQL_ASCII".to_owned())
    }

    /// PostgreSQL's name, upper case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether row data in this encoding can be sent on a session that speaks UTF-8.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        matches!(self.name(), "UTF8" | "UNICODE")
    }

    fn decoder(&self) -> Decoder {
        Decoder::Table(match self.name() {
            "UTF8" | "UNICODE" | "SQL_ASCII" => return Decoder::Utf8,
            // The web's "latin1" is Windows-1252; PostgreSQL's is the real one.
            "LATIN1" => return Decoder::Latin1,
            "LATIN2" => rs::ISO_8859_2,
            "LATIN3" => rs::ISO_8859_3,
            "LATIN4" => rs::ISO_8859_4,
            "LATIN5" => rs::WINDOWS_1254,
            "LATIN6" => rs::ISO_8859_10,
            "LATIN7" => rs::ISO_8859_13,
            "LATIN8" => rs::ISO_8859_14,
            "LATIN9" => rs::ISO_8859_15,
            "LATIN10" => rs::ISO_8859_16,
            "ISO_8859_5" => rs::ISO_8859_5,
            "ISO_8859_6" => rs::ISO_8859_6,
            "ISO_8859_7" => rs::ISO_8859_7,
            "ISO_8859_8" => rs::ISO_8859_8,
            "WIN866" => rs::IBM866,
            "WIN874" => rs::WINDOWS_874,
            "WIN1250" => rs::WINDOWS_1250,
            "WIN1251" => rs::WINDOWS_1251,
            "WIN1252" => rs::WINDOWS_1252,
            "WIN1253" => rs::WINDOWS_1253,
            "WIN1254" => rs::WINDOWS_1254,
            "WIN1255" => rs::WINDOWS_1255,
            "WIN1256" => rs::WINDOWS_1256,
            "WIN1257" => rs::WINDOWS_1257,
            "WIN1258" => rs::WINDOWS_1258,
            "KOI8R" => rs::KOI8_R,
            "KOI8U" => rs::KOI8_U,
            "EUC_JP" | "EUC_JIS_2004" => rs::EUC_JP,
            "SJIS" | "SHIFT_JIS_2004" => rs::SHIFT_JIS,
            "EUC_KR" | "UHC" => rs::EUC_KR,
            "EUC_CN" | "GBK" => rs::GBK,
            "GB18030" => rs::GB18030,
            "BIG5" => rs::BIG5,
            _ => return Decoder::Unknown,
        })
    }

    /// The length of the character at the start of `bytes`, which begins with a byte above 0x7f
    /// (`pg_wchar_table` in `src/common/wchar.c`). It may exceed `bytes`.
    fn length(&self, bytes: &[u8]) -> usize {
        let second = bytes.get(1).copied().unwrap_or_default();
        match (self.name(), bytes[0]) {
            ("EUC_TW", 0x8e) => 4,
            ("EUC_JP" | "EUC_JIS_2004" | "EUC_KR" | "EUC_TW" | "JOHAB", 0x8f) => 3,
            ("SJIS" | "SHIFT_JIS_2004", 0xa1..=0xdf) => 1,
            ("GB18030", _) if second.is_ascii_digit() => 4,
            ("MULE_INTERNAL", 0x81..=0x8d) => 2,
            ("MULE_INTERNAL", 0x90..=0x9b) => 3,
            ("MULE_INTERNAL", 0x9c | 0x9d) => 4,
            (
                "EUC_JP" | "EUC_JIS_2004" | "EUC_KR" | "EUC_TW" | "EUC_CN" | "JOHAB" | "SJIS"
                | "SHIFT_JIS_2004" | "BIG5" | "GBK" | "UHC" | "GB18030",
                _,
            ) => 2,
            _ => 1,
        }
    }

    /// Decodes `bytes`. Encoding the result gives the same bytes again.
    #[must_use]
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        if let Some(text) = self.verbatim(bytes) {
            return Cow::Borrowed(text);
        }
        let mut text = String::with_capacity(bytes.len() + bytes.len() / 2);
        self.decode_into(bytes, true, &mut text);
        Cow::Owned(text)
    }

    /// The bytes unchanged, if they are already the text.
    fn verbatim<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        if !bytes.is_ascii() && !matches!(self.decoder(), Decoder::Utf8) {
            return None;
        }
        std::str::from_utf8(bytes).ok().filter(|text| !has_escapes(text))
    }

    /// Appends the text of `bytes`. Unless they are the `last`, an incomplete character at their
    /// end is left for the next call. Returns the number of bytes decoded.
    fn decode_into(&self, bytes: &[u8], last: bool, text: &mut String) -> usize {
        match self.decoder() {
            Decoder::Utf8 => {
                let whole = if last { bytes.len() } else { whole_utf8(bytes) };
                for chunk in bytes[..whole].utf8_chunks() {
                    push_valid(text, chunk.valid());
                    escape(text, chunk.invalid());
                }
                whole
            }
            Decoder::Latin1 => {
                text.extend(bytes.iter().map(|byte| char::from(*byte)));
                bytes.len()
            }
            Decoder::Table(table) => {
                let whole = if last { bytes.len() } else { self.whole(bytes) };
                let bytes = &bytes[..whole];
                match round_trip(table, bytes) {
                    Some(decoded) => text.push_str(&decoded),
                    None => self.each(bytes, text, |character| round_trip(table, character)),
                }
                whole
            }
            Decoder::Unknown => {
                let whole = if last { bytes.len() } else { self.whole(bytes) };
                self.each(&bytes[..whole], text, |_| None);
                whole
            }
        }
    }

    /// Decodes character by character. A character that `known` cannot decode is escaped as a unit:
    /// its second byte may look like a quote.
    fn each<'a>(
        &self,
        bytes: &'a [u8],
        text: &mut String,
        known: impl Fn(&'a [u8]) -> Option<Cow<'a, str>>,
    ) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if first.is_ascii() {
                text.push(char::from(*first));
                rest = &rest[1..];
                continue;
            }
            let (character, after) = rest.split_at(self.length(rest).min(rest.len()));
            match known(character) {
                Some(decoded) => text.push_str(&decoded),
                None => escape(text, character),
            }
            rest = after;
        }
    }

    /// The number of bytes that form complete characters.
    fn whole(&self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let length = if bytes[at].is_ascii() { 1 } else { self.length(&bytes[at..]) };
            if at + length > bytes.len() {
                break;
            }
            at += length;
        }
        at
    }

    /// Encodes `text`. An escape becomes its byte again; a character that the encoding lacks is
    /// sent in UTF-8, as psql and pg_restore send what is typed at a terminal, so that the server
    /// decides.
    #[must_use]
    pub fn encode<'a>(&self, text: &'a str) -> Cow<'a, [u8]> {
        let decoder = self.decoder();
        let plain = !has_escapes(text);
        if text.is_ascii() || (plain && matches!(decoder, Decoder::Utf8)) {
            return Cow::Borrowed(text.as_bytes());
        }
        if let Decoder::Table(table) = decoder
            && plain
            && let (bytes, _, false) = table.encode(text)
        {
            return bytes;
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut buffer = [0; 4];
        for character in text.chars() {
            if let Some(byte) = escaped(character) {
                bytes.push(byte);
                continue;
            }
            let utf8: &str = character.encode_utf8(&mut buffer);
            match decoder {
                Decoder::Latin1 if u32::from(character) <= 0xff => {
                    bytes.push(u32::from(character) as u8);
                }
                Decoder::Table(table) => match table.encode(utf8) {
                    (encoded, _, false) => bytes.extend_from_slice(&encoded),
                    _ => bytes.extend_from_slice(utf8.as_bytes()),
                },
                _ => bytes.extend_from_slice(utf8.as_bytes()),
            }
        }
        Cow::Owned(bytes)
    }
}

/// Decodes `bytes` with a table that covers all their characters and encodes them to the same
/// bytes.
fn round_trip<'a>(table: &'static rs::Encoding, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
    let text = table.decode_without_bom_handling_and_without_replacement(bytes)?;
    match table.encode(&text) {
        (again, _, false) if *again == *bytes && !has_escapes(&text) => Some(text),
        _ => None,
    }
}

/// The length of `bytes` without an incomplete UTF-8 character at the end.
fn whole_utf8(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let start = bytes[tail..].iter().rposition(|byte| *byte >= 0xc0).map(|at| tail + at);
    match start {
        Some(start) => match std::str::from_utf8(&bytes[start..]) {
            Err(error) if error.error_len().is_none() => start,
            _ => bytes.len(),
        },
        None => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use proptest::prelude::*;

    use super::*;

    /// Every encoding that PostgreSQL supports (`pg_enc2name_tbl` in `src/common/encnames.c`).
    const ALL: [&str; 42] = [
        "SQL_ASCII",
        "EUC_JP",
        "EUC_CN",
        "EUC_KR",
        "EUC_TW",
        "EUC_JIS_2004",
        "UTF8",
        "MULE_INTERNAL",
        "LATIN1",
        "LATIN2",
        "LATIN3",
        "LATIN4",
        "LATIN5",
        "LATIN6",
        "LATIN7",
        "LATIN8",
        "LATIN9",
        "LATIN10",
        "WIN1256",
        "WIN1258",
        "WIN866",
        "WIN874",
        "KOI8R",
        "WIN1251",
        "WIN1252",
        "ISO_8859_5",
        "ISO_8859_6",
        "ISO_8859_7",
        "ISO_8859_8",
        "WIN1250",
        "WIN1253",
        "WIN1254",
        "WIN1255",
        "WIN1257",
        "KOI8U",
        "SJIS",
        "BIG5",
        "GBK",
        "UHC",
        "GB18030",
        "JOHAB",
        "SHIFT_JIS_2004",
    ];

    #[test]
    fn latin1_is_not_windows_1252_and_latin9_has_euro() {
        assert_eq!(Encoding::named("LATIN1").decode(b"\xe9\x80"), "é\u{80}");
        assert_eq!(Encoding::named("latin9").decode(b"\xa4"), "€");
    }

    #[test]
    fn undecodable_character_is_escaped_as_a_unit() {
        for (name, bytes) in [("JOHAB", &b"\xd9\x5c"[..]), ("GB18030", b"\x81\x30\x81\x30")] {
            let encoding = Encoding::named(name);
            let text = encoding.decode(bytes);
            assert!(!text.contains(['\\', '0']), "{name}: {}", shown(&text));
            assert_eq!(&*encoding.encode(&text), bytes, "{name}");
        }
        assert_eq!(shown(&Encoding::sql_ascii().decode(b"caf\xe9")), "caf\\xE9");
    }

    #[test]
    fn unencodable_character_is_sent_in_utf8() {
        assert_eq!(&*Encoding::named("LATIN1").encode("€é"), b"\xe2\x82\xac\xe9");
    }

    proptest! {
        #[test]
        fn any_bytes_survive_in_every_encoding(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            size in 1_usize..9,
        ) {
            struct Pieces<'a>(&'a [u8], usize);
            impl Read for Pieces<'_> {
                fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                    let length = self.1.min(buffer.len());
                    self.0.read(&mut buffer[..length])
                }
            }
            for name in ALL {
                let encoding = Encoding::named(name);
                let text = encoding.decode(&bytes);
                prop_assert_eq!(&*encoding.encode(&text), &bytes[..], "{}", name);
                let mut pieces = String::new();
                Decoding::new(Pieces(&bytes, size), encoding.clone())
                    .read_to_string(&mut pieces)
                    .unwrap();
                prop_assert_eq!(&*encoding.encode(&pieces), &bytes[..], "{} in pieces", name);
            }
        }

        #[test]
        fn utf8_text_is_unchanged(text in "\\PC*") {
            let encoding = Encoding::named("UTF8");
            let decoded = encoding.decode(text.as_bytes());
            prop_assert_eq!(&*encoding.encode(&decoded), text.as_bytes());
        }
    }
}

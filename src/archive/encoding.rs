//! The character encoding of the text in an archive.
//!
//! pg_dump writes names and SQL in the client encoding it was run with and notes it in the
//! `ENCODING` entry. nocturne talks to the server in UTF-8 and lets the server convert row data
//! (`COPY … (ENCODING …)`), so the TOC's text is decoded here, once.

use std::borrow::Cow;

use encoding_rs as rs;

/// An encoding by PostgreSQL's name for it (`pg_encoding_to_char`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding(String);

/// How an encoding's bytes become characters.
enum Decoder {
    /// Bytes are UTF-8, or (SQL_ASCII) of no known encoding: only UTF-8 can be passed on.
    Utf8,
    /// Each byte is the character of that number.
    Latin1,
    /// One of the web's encodings.
    Table(&'static rs::Encoding),
    /// Only ASCII is understood.
    Unknown,
}

impl Encoding {
    /// The encoding with this name, as it stands in `SET client_encoding = '…'`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.to_ascii_uppercase())
    }

    /// What archives without an `ENCODING` entry use: bytes of no known encoding.
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
            "EUC_JP" => rs::EUC_JP,
            "SJIS" => rs::SHIFT_JIS,
            "EUC_KR" | "UHC" => rs::EUC_KR,
            "EUC_CN" | "GBK" => rs::GBK,
            "GB18030" => rs::GB18030,
            "BIG5" => rs::BIG5,
            _ => return Decoder::Unknown,
        })
    }

    /// The text of `bytes`; `None` when they are not valid in this encoding, or not ASCII in one
    /// that nocturne does not know.
    #[must_use]
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
        if bytes.is_ascii() {
            return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
        }
        match self.decoder() {
            Decoder::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Decoder::Latin1 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Decoder::Table(table) => {
                table.decode_without_bom_handling_and_without_replacement(bytes)
            }
            Decoder::Unknown => None,
        }
    }

    /// The bytes of `text` in this encoding; `None` when it cannot hold it.
    #[must_use]
    pub fn encode<'a>(&self, text: &'a str) -> Option<Cow<'a, [u8]>> {
        if text.is_ascii() {
            return Some(Cow::Borrowed(text.as_bytes()));
        }
        match self.decoder() {
            Decoder::Utf8 => Some(Cow::Borrowed(text.as_bytes())),
            Decoder::Latin1 => {
                let bytes: Result<Vec<u8>, _> =
                    text.chars().map(|c| u8::try_from(u32::from(c))).collect();
                bytes.ok().map(Cow::Owned)
            }
            Decoder::Table(table) => match table.encode(text) {
                (bytes, _, false) => Some(bytes),
                _ => None,
            },
            Decoder::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_is_the_real_one_and_latin9_has_the_euro() {
        assert_eq!(Encoding::named("LATIN1").decode(b"\xe9\x80").unwrap(), "é\u{80}");
        assert_eq!(Encoding::named("latin9").decode(b"\xa4").unwrap(), "€");
    }

    #[test]
    fn text_is_encoded_as_it_was_decoded() {
        for (name, bytes) in
            [("LATIN1", &b"\xe9\x80"[..]), ("WIN1252", b"\x80"), ("EUC_JP", b"\xa4\xa2")]
        {
            let encoding = Encoding::named(name);
            let text = encoding.decode(bytes).unwrap();
            assert_eq!(encoding.encode(&text).unwrap(), bytes, "{name}");
        }
        assert!(Encoding::named("LATIN1").encode("€").is_none());
    }

    #[test]
    fn what_is_not_valid_is_not_guessed() {
        assert!(Encoding::named("UTF8").decode(b"\xe9").is_none());
        assert!(Encoding::sql_ascii().decode(b"\xe9").is_none());
        assert!(Encoding::named("MULE_INTERNAL").decode(b"\x81\xe9").is_none());
        assert_eq!(Encoding::named("MULE_INTERNAL").decode(b"plain").unwrap(), "plain");
    }
}

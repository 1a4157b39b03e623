//! Database encodings, and names and texts that are hard to quote in them.

use crate::common::random::Random;

/// An encoding of a database and some of its letters.
pub struct Alphabet {
    /// Its name in `CREATE DATABASE`.
    pub encoding: &'static str,
    /// Letters as Unicode. In SQL_ASCII, bytes by number: not UTF-8.
    letters: &'static str,
}

/// Characters that are special in SQL, psql, COPY, list files or shells.
const ODD: &[&str] = &[
    " ", "\"", "'", "\\", ".", ",", ";", "$", "%", "-- ", "/*", ":a", "\t", "\n", "(", "[1]", "{",
    "|", "&", "=", "#", "@", "*", "A", "select", "\\.", "\\N", "$1", "%s", "~",
];

const UNICODE: Alphabet =
    Alphabet { encoding: "UTF8", letters: "éßłžжλ中字あ한👍\u{301}\u{200b}" };

const OTHERS: &[Alphabet] = &[
    Alphabet { encoding: "LATIN1", letters: "éßøÿ¤½×\u{a0}\u{85}" },
    Alphabet { encoding: "LATIN2", letters: "łžőß¤\u{a0}" },
    Alphabet { encoding: "LATIN5", letters: "ğışéß\u{95}" },
    Alphabet { encoding: "WIN1252", letters: "é€œ™“”…\u{a0}" },
    Alphabet { encoding: "KOI8R", letters: "жЯёЪ─░√" },
    Alphabet { encoding: "EUC_JP", letters: "漢字あアｱ①～丂" },
    Alphabet { encoding: "EUC_KR", letters: "한글가힝～" },
    Alphabet { encoding: "EUC_CN", letters: "汉字―～" },
    Alphabet { encoding: "SQL_ASCII", letters: "\u{80}\u{95}\u{a4}\u{c3}\u{e9}\u{fe}\u{ff}" },
];

impl Alphabet {
    /// UTF8 in half of the cases.
    pub fn any(random: &mut Random) -> &'static Self {
        if random.chance(50) {
            &UNICODE
        } else {
            &OTHERS[random.below(OTHERS.len() as u64) as usize]
        }
    }

    /// The encoding of psql's input.
    pub fn client(&self) -> &'static str {
        if self.encoding == "SQL_ASCII" { self.encoding } else { "UTF8" }
    }

    /// SQL in the encoding of psql's input.
    pub fn encode(&self, sql: &str) -> Vec<u8> {
        if self.encoding != "SQL_ASCII" {
            return sql.as_bytes().to_vec();
        }
        sql.chars().map(|letter| u8::try_from(letter).expect("a byte")).collect()
    }

    /// A few characters, one to six, that are hard to quote.
    pub fn odd(&self, random: &mut Random) -> String {
        let letters: Vec<char> = self.letters.chars().collect();
        let mut text = String::new();
        for _ in 0..1 + random.below(6) {
            if random.chance(60) {
                text.push(random.one(&letters));
            } else {
                text.push_str(random.one(ODD));
            }
        }
        text
    }
}

/// An identifier in double quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as an SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

//! The values that options accept, as types: each parses itself and reports what it expected.
//!
//! Types of other layers that appear on the command line ([`LogFormat`], [`Section`], …) get their
//! words here, so that those layers do not depend on the command line.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::archive::Section;
#[cfg(feature = "replicate")]
use crate::replicate::run_report::Lang;
use crate::report::{LogFormat, ProgressMode};
use crate::restore::{CopyFormat, ForeignKeys};

/// Why a value was rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// `--jobs`.
    #[error("expected \"auto\" or a number from 1 to {}", Jobs::MAX)]
    Jobs,
    /// `--format plain`.
    #[error("a plain-format dump is an SQL script: run it with psql")]
    PlainFormat,
    /// `--format`.
    #[error("unrecognized archive format: expected \"c\", \"d\" or \"t\"")]
    Format,
}

/// `--jobs`: the number of parallel sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jobs {
    /// As many as the machine, the server and the archive can use.
    #[default]
    Auto,
    /// This many.
    Count(NonZeroUsize),
}

impl Jobs {
    /// The most sessions that a server can have (`MAX_BACKENDS` in `procnumber.h`).
    pub const MAX: usize = 262_143;
}

impl FromStr for Jobs {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        match text.parse::<NonZeroUsize>() {
            Ok(count) if count.get() <= Self::MAX => Ok(Self::Count(count)),
            _ => Err(ValueError::Jobs),
        }
    }
}

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Count(count) => count.fmt(f),
        }
    }
}

/// `--format` of an archive, as pg_restore's `-F` (`main` in `pg_restore.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// Any format: pg_restore treats an empty value as if the option were not given.
    Any,
    /// pg_dump's custom format.
    Custom,
    /// pg_dump's directory format.
    Directory,
    /// pg_dump's tar format.
    Tar,
}

impl FromStr for ArchiveFormat {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.to_ascii_lowercase().as_str() {
            "" => Ok(Self::Any),
            "c" | "custom" => Ok(Self::Custom),
            "d" | "directory" => Ok(Self::Directory),
            "t" | "tar" => Ok(Self::Tar),
            "p" | "plain" => Err(ValueError::PlainFormat),
            _ => Err(ValueError::Format),
        }
    }
}

/// `--format` of the output of `list` and `verify`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Human-readable; a listing can be passed to --use-list and to pg_restore.
    #[default]
    Text,
    /// Machine-readable.
    Json,
}

/// `--format` of the output of `report`.
#[cfg(feature = "replicate")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Durations and slowest entries, in the format of the replaced script.
    #[default]
    Text,
    /// Every run, stage and entry, machine-readable.
    Json,
    /// A page with a timeline.
    Html,
}

/// A connection string, which may contain a password: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString(String);

impl ConnectionString {
    /// The text as typed: a database name, `key=value` pairs or a URL.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for ConnectionString {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for ConnectionString {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionString(\"…\")")
    }
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Text => PossibleValue::new("text").help("Human-readable"),
            Self::Json => PossibleValue::new("json").help("One JSON object per line"),
        })
    }
}

#[cfg(feature = "replicate")]
impl ValueEnum for Lang {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::En, Self::Fr]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::En => PossibleValue::new("en").help("English"),
            Self::Fr => PossibleValue::new("fr").help("French, as in the replaced script"),
        })
    }
}

impl ValueEnum for CopyFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Text, Self::Binary]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Auto => PossibleValue::new("auto").help("Binary, except for small tables"),
            Self::Text => PossibleValue::new("text").help("As stored in the archive"),
            Self::Binary => PossibleValue::new("binary").help("Binary wherever it is lossless"),
        })
    }
}

impl ValueEnum for ForeignKeys {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Validated, Self::NotValid, Self::None]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Validated => PossibleValue::new("validated").help("Add them and check all rows"),
            Self::NotValid => PossibleValue::new("not-valid").help("Add them, check no rows"),
            Self::None => PossibleValue::new("none").help("Skip them and their comments"),
        })
    }
}

impl ValueEnum for ProgressMode {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Bars, Self::Log, Self::None]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Auto => PossibleValue::new("auto")
                .help("Bars on a terminal; otherwise none, or log with -v or --log-format json"),
            Self::Bars => PossibleValue::new("bars").help("Bars; like log without a terminal"),
            Self::Log => PossibleValue::new("log")
                .help("Log lines when data, an index or a constraint starts or finishes"),
            Self::None => PossibleValue::new("none")
                .help("Only warnings, errors and the summary, even with -v"),
        })
    }
}

impl ValueEnum for Section {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::PreData, Self::Data, Self::PostData]
    }

    /// `Section::None` has no word: it cannot be requested (`set_dump_section` in `dumputils.c`).
    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::None => None,
            Self::PreData => Some(
                PossibleValue::new("pre-data").help("What must exist before rows can be loaded"),
            ),
            Self::Data => {
                Some(PossibleValue::new("data").help("Rows, large objects, sequence values"))
            }
            Self::PostData => Some(
                PossibleValue::new("post-data").help("Indexes, constraints, triggers and rules"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_accept_auto_or_a_positive_number() {
        assert_eq!("auto".parse(), Ok(Jobs::Auto));
        assert_eq!(" 8 ".parse(), Ok(Jobs::Count(NonZeroUsize::new(8).unwrap())));
        for wrong in ["0", "-1", "many", "", "262144", "99999999999999999999"] {
            assert_eq!(wrong.parse::<Jobs>(), Err(ValueError::Jobs), "{wrong}");
        }
    }

    #[test]
    fn archive_format_accepts_letter_or_word_in_any_case() {
        for (word, format) in [
            ("c", ArchiveFormat::Custom),
            ("Custom", ArchiveFormat::Custom),
            ("D", ArchiveFormat::Directory),
            ("directory", ArchiveFormat::Directory),
            ("t", ArchiveFormat::Tar),
            ("TAR", ArchiveFormat::Tar),
            ("", ArchiveFormat::Any),
        ] {
            assert_eq!(word.parse(), Ok(format), "{word}");
        }
        assert_eq!("plain".parse::<ArchiveFormat>(), Err(ValueError::PlainFormat));
        assert_eq!("zip".parse::<ArchiveFormat>(), Err(ValueError::Format));
    }

    #[test]
    fn debug_of_connection_string_hides_it() {
        let secret = ConnectionString::from("postgres://u:hunter2@h/db");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(secret.expose(), "postgres://u:hunter2@h/db");
    }
}

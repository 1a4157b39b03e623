//! The source of functions: its language, and the names and operators in it.

use std::collections::{HashMap, HashSet};

use crate::archive::{Desc, Entry};

/// Words in bodies that read objects they do not name, mostly through dynamic SQL.
const DYNAMIC: [&str; 10] = [
    "execute",
    "dblink",
    "crosstab",
    "connectby",
    "ts_stat",
    "ts_rewrite",
    // Large objects have no names.
    "lo_get",
    "lo_open",
    "loread",
    "pg_largeobject",
];

/// Languages whose functions run no SQL visible in the archive.
const COMPILED: [&str; 2] = ["c", "internal"];

/// Operators that SQL uses under other names: `!=`, `IN`, `BETWEEN`, `LIKE`, `NULLIF`, `USING`
/// (`gram.y`).
const UNNAMED: [&str; 12] =
    ["=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*", "~", "!~"];

/// The characters of operators (`scan.l`).
const OPERATOR: &str = "~!@#^&|`?+-*/%<>=";

/// Whether an entry is a function whose body could read tables.
pub(super) fn is_function(entry: &Entry) -> bool {
    let mut languages = languages(&entry.defn).peekable();
    matches!(entry.desc, Desc::Function | Desc::Procedure)
        && (languages.peek().is_none()
            || languages.any(|language| !COMPILED.contains(&language.as_str())))
}

/// Whether everything a body does is visible in its text.
pub(super) fn is_readable(function: &Entry) -> bool {
    let mut languages = languages(&function.defn).peekable();
    languages.peek().is_some()
        && languages.all(|language| matches!(language.as_str(), "sql" | "plpgsql"))
}

/// The language of a function. pg_dump writes it after the result, on a separate line (`dumpFunc`
/// in `pg_dump.c`). An argument's default, or the body, may contain such a line, too.
fn languages(definition: &str) -> impl Iterator<Item = String> + '_ {
    let lines = definition.lines().filter_map(|line| line.strip_prefix("    LANGUAGE "));
    let words = lines.filter_map(|line| line.split([' ', '\t', ';']).next());
    words.map(|word| word.trim_matches('"').to_lowercase())
}

/// Whether a body reads objects it does not name, or names in escapes: its text and its words.
pub(super) fn is_dynamic(text: &str, words: &HashSet<String>) -> bool {
    let is_escaped = |at: usize| text[..at].ends_with(['U', 'u']);
    text.match_indices("&\"").any(|(at, _)| is_escaped(at))
        || DYNAMIC.iter().any(|word| words.contains(*word))
        || words.iter().any(|word| word.contains("_to_xml") || word.starts_with("dblink_"))
}

/// The words of a text in lower case, and its operators. A quoted identifier may be several words.
pub(super) fn words(text: &str) -> HashSet<String> {
    // `codes$$` is the table's name before the end of a body.
    let parts = split(text).flat_map(|word| {
        let parts = word.contains('$').then(|| word.split('$')).into_iter().flatten();
        std::iter::once(word).chain(parts.filter(|part| !part.is_empty()))
    });
    parts.map(str::to_lowercase).chain(operators(text).map(str::to_owned)).collect()
}

/// The operators of a text. An operator may end before a comment, or before the sign of the next
/// operand.
fn operators(text: &str) -> impl Iterator<Item = &str> {
    let runs = text.split(|c| !OPERATOR.contains(c)).filter(|run| !run.is_empty());
    runs.flat_map(|run| {
        let comment = run.find("--").unwrap_or(run.len()).min(run.find("/*").unwrap_or(run.len()));
        let run = &run[..comment];
        [run, run.trim_end_matches(['+', '-'])]
    })
}

/// The name of a function without its arguments; for anything else, its tag.
pub(super) fn bare_name(entry: &Entry) -> &str {
    match entry.desc {
        Desc::Function | Desc::Procedure | Desc::Aggregate => {
            entry.tag.split('(').next().unwrap_or(&entry.tag)
        }
        _ => &entry.tag,
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    text.split(move |c| !inside(c)).filter(|word| !word.is_empty())
}

/// The names of entries, to search for in texts.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By the first word of the name: the other words, and the entry's place.
    by_first: HashMap<String, Vec<(Vec<String>, usize)>>,
    /// Entries whose names contain no words, and those used without being named: any text may use
    /// them.
    wordless: Vec<usize>,
}

impl Names {
    pub(super) fn add(&mut self, entry: &Entry, place: usize) {
        let name = match entry.desc {
            Desc::Operator if !UNNAMED.contains(&&*entry.tag) => vec![entry.tag.clone()],
            Desc::Operator | Desc::Cast | Desc::OperatorClass | Desc::OperatorFamily => vec![],
            _ => split(bare_name(entry)).map(str::to_lowercase).collect(),
        };
        let mut words = name.into_iter();
        match words.next() {
            Some(first) => {
                self.by_first.entry(first).or_default().push((words.collect(), place));
            }
            None => self.wordless.push(place),
        }
    }

    /// The places of entries named by a text with these words.
    pub(super) fn among<'n>(
        &'n self,
        words: &'n HashSet<String>,
    ) -> impl Iterator<Item = usize> + 'n {
        let named = words.iter().filter_map(|word| self.by_first.get(word)).flatten();
        let named = named.filter(|(others, _)| others.iter().all(|word| words.contains(word)));
        named.map(|(_, place)| *place).chain(self.wordless.iter().copied())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_first.is_empty() && self.wordless.is_empty()
    }
}

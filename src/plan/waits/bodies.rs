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

/// Whether a definition calls a built-in function that runs SQL given as text.
pub(super) fn runs_text(definition: &str) -> bool {
    let names = definition
        .match_indices('(')
        .map(|(at, _)| definition[..at].rsplit(|c| !is_inside(c)).next().unwrap_or_default());
    // `EXECUTE` is a statement, or a trigger's.
    names.filter(|name| *name != "execute").any(|name| {
        DYNAMIC.contains(&name) || name.contains("_to_xml") || name.starts_with("dblink_")
    })
}

/// The words of a text in lower case, and its operators. A quoted identifier may be several words.
pub(super) fn words(text: &str) -> HashSet<String> {
    let words = split(text).flat_map(names_in).map(str::to_lowercase);
    words.chain(operators(text).map(str::to_owned)).collect()
}

/// The names that a word may contain: `codes$$` is a table's name before the end of a body, and
/// `co$des$_$` is one that contains a dollar sign.
fn names_in(word: &str) -> impl Iterator<Item = &str> {
    let dollars = || word.match_indices('$').map(|(at, _)| at);
    let starts = std::iter::once(0).chain(dollars().map(|at| at + 1));
    starts.flat_map(move |start| {
        let rest = &word[start..];
        let ends = rest.match_indices('$').map(|(at, _)| at);
        let ends = ends.take_while(|at| *at <= 4 * LONGEST).map(move |at| &rest[..at]);
        let whole = std::iter::once(rest).chain(truncated(rest));
        ends.chain(whole).filter(|name| !name.is_empty())
    })
}

/// The longest identifier, in bytes of the database's encoding (`NAMEDATALEN - 1`). The server
/// truncates longer ones between characters (`truncate_identifier` in `scansup.c`).
const LONGEST: usize = 63;

/// The bytes of a character in the database's encoding: at most, since that is not known here.
fn width(character: char) -> usize {
    if character.is_ascii() { 1 } else { 4 }
}

/// What the server may truncate an identifier to.
fn truncated(word: &str) -> impl Iterator<Item = &str> {
    let mut most = 0;
    // A character has at least one byte.
    word.char_indices().take(LONGEST + 1).filter_map(move |(at, character)| {
        most += width(character);
        (most > LONGEST).then(|| &word[..at])
    })
}

/// Whether a name may be a truncated one.
fn may_be_truncated(name: &str) -> bool {
    name.chars().map(width).sum::<usize>() > LONGEST - 4
}

/// The operators of a text. Comments are not recognized: what is in one counts, too.
pub(super) fn operators(text: &str) -> impl Iterator<Item = &str> {
    let runs = text.split(|c| !OPERATOR.contains(c)).filter(|run| !run.is_empty());
    runs.flat_map(|run| {
        // A run may start with the end of a comment, or with the `=` of `:=`.
        let ends = run.match_indices("*/").map(|(at, end)| at + end.len());
        let assigned = run.starts_with('=').then_some(1);
        let starts = std::iter::once(0).chain(ends).chain(assigned);
        starts.flat_map(|start| lexed(&run[start..]))
    })
}

/// The operators of a run of their characters, up to a comment (`scan.l`).
fn lexed(run: &str) -> impl Iterator<Item = &str> {
    let comment = run.find("--").unwrap_or(run.len()).min(run.find("/*").unwrap_or(run.len()));
    let mut rest = &run[..comment];
    std::iter::from_fn(move || {
        // Only an operator with one of these may end in a sign.
        let signs = match rest.contains(|c| "~!@#^&|`?%".contains(c)) {
            true => 0,
            false => rest.len() - rest.trim_end_matches(['+', '-']).len(),
        };
        let length = (rest.len() - signs).max(1).min(rest.len());
        let (operator, after) = rest.split_at(length);
        rest = after;
        (!operator.is_empty()).then_some(operator)
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
    text.split(|c| !is_inside(c)).filter(|word| !word.is_empty())
}

/// Whether an identifier may contain this without quotes.
fn is_inside(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
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
            _ => {
                let name = bare_name(entry);
                let mut words: Vec<String> = split(name).map(str::to_lowercase).collect();
                // Of several words, the last one may be truncated.
                if may_be_truncated(name)
                    && name.ends_with(is_inside)
                    && !name.chars().all(is_inside)
                {
                    words.pop();
                }
                words
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::bare;

    fn finds(name: &str, text: &str) -> bool {
        let mut names = Names::default();
        names.add(&Entry { tag: name.into(), ..bare(1, Desc::Table) }, 0);
        names.among(&words(text)).next().is_some()
    }

    #[test]
    fn names_with_dollars_are_found_in_bodies() {
        for text in ["$_$SELECT max(x) FROM public.co$des$_$", "$$co$des$$", "co$des"] {
            assert!(finds("co$des", text), "{text}");
        }
        assert!(finds("codes", "FROM codes$$") && finds("$codes", "FROM \"$codes\""));
        assert!(!finds("co$des", "$$FROM co.des$$") && !finds("codes", "$$FROM co$des$$"));
    }

    #[test]
    fn truncated_names_are_found_in_bodies() {
        let long = "a".repeat(70);
        assert!(finds(&long[..63], &format!("$$FROM public.{long}$$")));
        assert!(!finds(&long[..62], &long) && !finds(&long[..40], &long));
        // 2 bytes each in UTF-8, 1 in LATIN1.
        let accents = "é".repeat(70);
        assert!(finds(&accents[..62], &accents) && finds(&accents[..126], &accents));
        assert!(!finds(&accents[..28], &accents));
        let words = format!("{} {}", "b".repeat(40), "c".repeat(40));
        assert!(finds(&words[..63], &format!("FROM \"{words}\"")));
        assert!(!finds(&words[..63], &format!("FROM \"{}\"", "b".repeat(30))));
    }

    #[test]
    fn operators_are_lexed_as_by_the_server() {
        let found = |text: &str| operators(text).map(str::to_owned).collect::<HashSet<_>>();
        for (text, operator) in [
            ("SELECT a /* plus */@# 0", "@#"),
            ("SELECT a @#/* plus */ 0", "@#"),
            ("SELECT a @#-- plus", "@#"),
            ("SELECT row(a)::m+-0", "+"),
            ("SELECT a *-+-0", "*"),
            ("r :=@#a", "@#"),
            ("a @-b", "@-"),
        ] {
            assert!(found(text).contains(operator), "{text}: {:?}", found(text));
        }
        assert!(!found("a @-b").contains("@") && !found("a +-b").contains("+-"));
    }
}

//! Calls that only the text of a definition shows, not its dependencies.

use std::collections::{BTreeSet, HashMap};

use super::bodies::{Names, is_function, operators, runs_text, words};
use crate::archive::{Desc, DumpId, Entry};

/// Built-in functions that use a sequence.
const OF_SEQUENCES: [&str; 4] = ["nextval", "currval", "setval", "pg_sequence_last_value"];

/// What definitions use through built-in functions: the places of sequences. A definition that runs
/// SQL given as text, and may read anything, has its own place.
pub(super) fn used_by_text(entries: &[Entry]) -> HashMap<DumpId, BTreeSet<usize>> {
    let mut sequences = Names::default();
    for (place, entry) in entries.iter().enumerate() {
        if entry.desc == Desc::Sequence {
            sequences.add(entry, place);
        }
    }
    let mut used: HashMap<DumpId, BTreeSet<usize>> = HashMap::new();
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| has_expressions(entry)) {
        let text = evaluated(entry);
        let mut own = BTreeSet::new();
        if OF_SEQUENCES.iter().any(|name| text.contains(name)) {
            own.extend(sequences.among(&words(&text)));
        }
        if runs_text(&text) {
            own.insert(place);
        }
        if !own.is_empty() {
            used.insert(entry.dump_id, own);
        }
    }
    used
}

/// Whether the definition contains expressions or a query.
fn has_expressions(entry: &Entry) -> bool {
    matches!(
        entry.desc,
        Desc::Table
            | Desc::Domain
            | Desc::View
            | Desc::MaterializedView
            | Desc::CheckConstraint
            | Desc::Constraint
            | Desc::Index
            | Desc::Trigger
            | Desc::Policy
    )
}

/// The text of a definition that rows can evaluate: without defaults, which COPY skips.
fn evaluated(entry: &Entry) -> String {
    match entry.desc {
        Desc::Table => {
            let parts = parts(&entry.defn).into_iter();
            parts.filter(|part| !part.is_default()).map(|part| part.text).collect()
        }
        // The constraints come last (`dumpDomain` in `pg_dump.c`).
        Desc::Domain => {
            let start = entry.defn.find("CONSTRAINT ").unwrap_or(entry.defn.len());
            entry.defn[start..].to_owned()
        }
        _ => entry.defn.clone(),
    }
}

/// Whether a table names a function, and only in defaults.
pub(super) fn is_default_only(table: &Entry, function: &Entry) -> bool {
    if table.desc != Desc::Table || !is_function(function) {
        return false;
    }
    let mut name = Names::default();
    name.add(function, 0);
    let is_named = |text: &str| name.among(&words(text)).next().is_some();
    is_named(&table.defn) && !is_named(&evaluated(table))
}

/// A column or constraint of a table's definition, or what is before, between or after these.
struct Part<'a> {
    text: &'a str,
    /// The text outside quotes and inner parentheses.
    plain: String,
}

impl Part<'_> {
    /// Whether this is a column whose only expression is its default.
    fn is_default(&self) -> bool {
        let has = |wanted: &str| self.plain.split_whitespace().any(|word| word == wanted);
        has("DEFAULT") && !has("GENERATED") && !has("CHECK")
    }
}

/// Splits a table's definition. The server doubles quotes in literals and writes no `E'…'`, with
/// either setting of `standard_conforming_strings` (`simple_quote_literal` in `ruleutils.c`).
fn parts(definition: &str) -> Vec<Part<'_>> {
    let (mut parts, mut plain, mut start) = (Vec::new(), String::new(), 0);
    let (mut quote, mut depth) = (None, 0_u32);
    for (at, character) in definition.char_indices() {
        if quote.is_some() {
            quote = quote.filter(|open| *open != character);
            continue;
        }
        let ends_part = match character {
            '\'' | '"' => {
                quote = Some(character);
                false
            }
            '(' | '[' => {
                depth += 1;
                depth == 1
            }
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                depth == 0
            }
            ',' => depth == 1,
            _ if depth <= 1 => {
                plain.push(character);
                false
            }
            _ => false,
        };
        if ends_part {
            // Each of these is one byte; with it, no two words of different parts meet.
            let text = &definition[start..=at];
            parts.push(Part { text, plain: std::mem::take(&mut plain) });
            start = at + 1;
        }
    }
    parts.push(Part { text: &definition[start..], plain });
    parts
}

/// For each operator that has any, the places of those that the server may use instead of it: its
/// negator in `NOT (…)` (`negate_clause` in `prepqual.c`), its commutator with exchanged operands,
/// and theirs. pg_dump records no dependency on them.
pub(super) fn alternatives(entries: &[Entry]) -> HashMap<DumpId, BTreeSet<usize>> {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if entry.desc == Desc::Operator {
            by_name.entry(&entry.tag).or_default().push(place);
        }
    }
    let others = |place: usize| {
        let definition = &entries[place].defn;
        let mut others = Vec::new();
        for (attribute, exchanged) in [("COMMUTATOR", true), ("NEGATOR", false)] {
            let names = operators(attribute_of(definition, attribute).unwrap_or_default());
            let named = names.filter_map(|name| by_name.get(name)).flatten();
            others.extend(named.filter(|other| {
                let (left, right) = operands(definition);
                let expected = if exchanged { (right, left) } else { (left, right) };
                operands(&entries[**other].defn) == expected
            }));
        }
        others
    };
    let mut all = HashMap::new();
    for place in by_name.values().flatten() {
        let (mut left, mut found) = (vec![*place], BTreeSet::from([*place]));
        while let Some(at) = left.pop() {
            left.extend(others(at).into_iter().filter(|other| found.insert(*other)));
        }
        if found.len() > 1 {
            all.insert(entries[*place].dump_id, found);
        }
    }
    all
}

/// The types of an operator's operands.
fn operands(definition: &str) -> (Option<&str>, Option<&str>) {
    (attribute_of(definition, "LEFTARG"), attribute_of(definition, "RIGHTARG"))
}

/// An attribute of an operator: pg_dump writes one a line (`dumpOpr` in `pg_dump.c`).
fn attribute_of<'a>(definition: &'a str, name: &str) -> Option<&'a str> {
    let lines = definition.lines().map(str::trim);
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    values.next().map(|value| value.trim_end_matches(','))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::bare;

    const NONE: Vec<usize> = Vec::new();

    fn named(desc: Desc, id: i32, tag: &str, defn: &str) -> Entry {
        Entry { tag: tag.into(), defn: defn.into(), ..bare(id, desc) }
    }

    #[test]
    fn default_is_told_from_other_expressions() {
        let function = named(Desc::Function, 1, "label(integer)", "    LANGUAGE sql AS ''");
        let table = |columns: &str| {
            named(Desc::Table, 2, "items", &format!("CREATE TABLE public.items (\n{columns}\n);\n"))
        };
        let only = |columns: &str| is_default_only(&table(columns), &function);
        assert!(only("    l text DEFAULT public.label(1) NOT NULL,\n    n numeric(10,2)"));
        assert!(only("    l text[] DEFAULT ARRAY[public.label(1), public.label(2)]"));
        assert!(only("    l text DEFAULT\nCASE\n    WHEN a THEN public.label(1)\nEND"));
        assert!(only(
            "    l text DEFAULT 'it''s ('::text,\n    \"a(\" text DEFAULT public.label(1)"
        ));
        assert!(only("    l text DEFAULT (public.label(1) || ' GENERATED CHECK '::text)"));
        assert!(!only(
            "    l text DEFAULT public.label(1),\n    g text GENERATED ALWAYS AS (\nCASE\n    \
            WHEN (public.label(code) = 'x DEFAULT y'::text) THEN 'd'::text\n    \
            ELSE 'e'::text\nEND) STORED"
        ));
        assert!(!only(
            "    l text DEFAULT public.label(1),\n    CONSTRAINT c CHECK (label(1) > ' DEFAULT ')"
        ));
        assert!(!only("    code integer\n)\nPARTITION BY LIST (public.label(code)"));
        assert!(!only("    code integer"));
    }

    #[test]
    fn text_for_built_ins_is_found() {
        let used = |desc: Desc, defn: &str| {
            let entries = [named(Desc::Sequence, 1, "s", ""), named(desc, 2, "t", defn)];
            used_by_text(&entries).remove(&DumpId(2)).into_iter().flatten().collect::<Vec<_>>()
        };
        let table = |inside: &str| format!("CREATE TABLE public.t (\n{inside}\n);\n");
        let sequence = "nextval('public.s'::regclass)";
        let of = |inside: &str| used(Desc::Table, &table(inside));
        assert_eq!(of(&format!("    n int,\n    CONSTRAINT c CHECK (({sequence} > 0))")), [0]);
        assert_eq!(of(&format!("    n bigint DEFAULT {sequence} NOT NULL")), NONE);
        assert_eq!(of("    CONSTRAINT c CHECK ((ts_rewrite(q, 'SELECT'::text) = q))"), [1]);
        assert_eq!(of("    CONSTRAINT c CHECK ((query_to_xml('SELECT'::text) IS NULL))"), [1]);
        assert_eq!(of("    ts_rewrite text,\n    CONSTRAINT c CHECK ((kind = 's'::text))"), NONE);
        let domain = |defn: &str| used(Desc::Domain, defn);
        assert_eq!(domain(&format!("CREATE DOMAIN d AS int DEFAULT {sequence};\n")), NONE);
        assert_eq!(
            domain(&format!("CREATE DOMAIN d AS int\n\tCONSTRAINT c CHECK ({sequence} > 0);\n")),
            [0]
        );
    }

    #[test]
    fn negators_and_commutators_are_alternatives() {
        let operator = |id, tag: &str, left: &str, more: &str| {
            let defn = format!(
                "CREATE OPERATOR public.{tag} (\n    FUNCTION = public.f,\n    LEFTARG = {left},\n    \
                RIGHTARG = integer{more}\n);\n"
            );
            named(Desc::Operator, id, tag, &defn)
        };
        let entries = [
            operator(
                1,
                "===",
                "integer",
                ",\n    COMMUTATOR = OPERATOR(public.@==),\n    NEGATOR = OPERATOR(public.!==)",
            ),
            operator(2, "!==", "integer", ",\n    NEGATOR = OPERATOR(public.===)"),
            operator(3, "!==", "text", ""),
            operator(4, "@==", "integer", ""),
            operator(5, "+", "integer", ""),
        ];
        let all = alternatives(&entries);
        let of = |id| all.get(&DumpId(id)).into_iter().flatten().copied().collect::<Vec<_>>();
        assert_eq!(of(1), [0, 1, 3]);
        assert_eq!(of(2), [0, 1, 3]);
        assert_eq!([of(3), of(4), of(5)], [NONE; 3]);
    }
}

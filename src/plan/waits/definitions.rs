//! What the text of a definition names and its dependencies do not show: tables, sequences and
//! functions.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::bodies::{
    Names, is_dynamic, is_function, is_indirect, is_inside, is_of_sequences, is_readable, words,
};
use super::comments::without_comments;
use crate::archive::{Desc, DumpId, Entry};
use crate::sql::scan::{identifier, qualified, quotation};

/// What a text names.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Words that may be names of anything.
    pub(super) words: HashSet<String>,
    /// In an expression, the names of the functions that it calls.
    pub(super) calls: HashSet<String>,
    /// Whether it uses casts and operator classes that its entry does not depend on.
    pub(super) is_body: bool,
}

impl Named {
    /// What an entry's text names, or `None` if it may read objects that it does not name.
    pub(super) fn by(entry: &Entry) -> Option<Self> {
        if is_function(entry) {
            let text = without_comments(&entry.defn);
            // As pg_dump writes it (`dumpFunc`): it names no table called "language".
            let words = words(&text.replacen("\n    LANGUAGE ", "\n    ", 1));
            let is_complete = is_readable(entry) && !is_dynamic(&text, &words);
            return is_complete.then_some(Self { words, is_body: true, ..Self::default() });
        }
        let is_query = is_query(entry);
        let mut named = match is_query {
            true => Self { words: words(&evaluated(entry)), is_body: true, ..Self::default() },
            false => Self::by_expression(&evaluated(entry)),
        };
        if matches!(entry.desc, Desc::Rule | Desc::Policy) {
            // These depend on their operators and casts.
            named.words.retain(|word| word.starts_with(is_inside));
            named.is_body = false;
        }
        if matches!(entry.desc, Desc::Domain | Desc::Type | Desc::Aggregate) {
            named = Self { words: words(&entry.defn), is_body: true, ..named };
        }
        if entry.desc == Desc::Table {
            // An INSERT in a function evaluates the defaults.
            let defaults = parts(&entry.defn).into_iter().filter(Part::is_default);
            let calls = defaults.flat_map(|part| Self::by_expression(part.text).calls);
            named.calls.extend(calls.filter(|name| !is_of_sequences(name)));
        }
        let mut indirect = named.words.iter().filter(|_| is_query).chain(&named.calls);
        indirect.all(|name| !is_indirect(name)).then_some(named)
    }

    /// What an expression names: a column may have the name of a table, so only functions count,
    /// and literals that are cast to a table, or are arguments of functions other than the
    /// system's. The server writes the names of these with their schemas (`generate_function_name`
    /// in `ruleutils.c`).
    fn by_expression(text: &str) -> Self {
        let mut named = Self::default();
        // For each open parenthesis, whether such arguments are in it.
        let mut open: Vec<bool> = Vec::new();
        let (mut rest, mut before) = (text, "");
        while let Some(first) = rest.chars().next() {
            let is_in_arguments = open.last() == Some(&true);
            let length = match first {
                '\'' => {
                    let length = quotation(rest).unwrap_or(rest.len());
                    if is_in_arguments || rest[length..].starts_with("::regclass") {
                        named.words.extend(words(&rest[..length]));
                    }
                    length
                }
                '(' => {
                    open.push(is_in_arguments);
                    1
                }
                ')' => {
                    open.pop();
                    1
                }
                _ => match qualified(rest).or_else(|| identifier(rest)) {
                    Some(length) if rest[length..].starts_with('(') => {
                        let name = &rest[..length];
                        let schema = identifier(name).map_or("", |end| &name[..end]);
                        let is_trigger = ["FUNCTION", "PROCEDURE"].contains(&before);
                        let is_other = schema != name && schema != "pg_catalog";
                        named.calls.extend(words(name));
                        open.push(is_in_arguments || is_other || is_trigger);
                        length + 1
                    }
                    Some(length) => {
                        before = &rest[..length];
                        length
                    }
                    None => first.len_utf8(),
                },
            };
            rest = &rest[length..];
        }
        named
    }

    /// Whether it uses a sequence, possibly one that it does not name.
    pub(super) fn uses_sequences(&self) -> bool {
        self.words.iter().chain(&self.calls).any(|name| is_of_sequences(name))
    }
}

/// The definitions that read more than their dependencies show, by their own places.
pub(super) fn reading_by_text(
    entries: &[Entry],
    nameable: &Names,
) -> HashMap<DumpId, BTreeSet<usize>> {
    let reads = |entry: &Entry| {
        let expression = || Named::by_expression(&evaluated(entry));
        let named = match entry.desc {
            Desc::Rule | Desc::Policy => Named::by(entry),
            // These depend on what their queries name.
            Desc::View | Desc::MaterializedView => Named::by(entry).map(|_| expression()),
            _ => Some(expression()),
        };
        named.is_none_or(|named| {
            named.uses_sequences()
                || named.calls.iter().any(|name| is_indirect(name))
                || nameable.named(&named.words).next().is_some()
        })
    };
    let all = entries.iter().enumerate().filter(|(_, entry)| has_expressions(entry));
    let reading = all.filter(|(_, entry)| reads(entry));
    reading.map(|(place, entry)| (entry.dump_id, BTreeSet::from([place]))).collect()
}

/// Whether the definition contains expressions or a query.
pub(super) fn has_expressions(entry: &Entry) -> bool {
    is_query(entry)
        || matches!(
            entry.desc,
            Desc::Table
                | Desc::Domain
                | Desc::CheckConstraint
                | Desc::Constraint
                | Desc::Index
                | Desc::Trigger
        )
}

/// Whether the definition is a query, or contains any.
fn is_query(entry: &Entry) -> bool {
    matches!(entry.desc, Desc::View | Desc::MaterializedView | Desc::Rule | Desc::Policy)
}

/// The text of a definition that rows can evaluate: without defaults, which COPY skips.
fn evaluated(entry: &Entry) -> String {
    match entry.desc {
        Desc::Table => {
            let parts = parts(&entry.defn).into_iter();
            parts.filter(|part| !part.is_default()).map(|part| part.text).collect()
        }
        // Without the name of its table. Rows fire no other rules (`pg_get_ruledef`).
        Desc::Rule => {
            let (_, text) = entry.defn.split_once("ON INSERT TO ").unwrap_or_default();
            text[qualified(text).unwrap_or_default()..].to_owned()
        }
        // The expressions come last (`dumpPolicy` in `pg_dump.c`).
        Desc::Policy => {
            let starts = [" USING (", " WITH CHECK ("].map(|word| entry.defn.find(word));
            let start = starts.into_iter().flatten().min().unwrap_or(entry.defn.len());
            entry.defn[start..].to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::entry::bare;

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
    fn language_of_a_function_is_no_table() {
        let defn = "CREATE FUNCTION public.f() RETURNS bigint\n    LANGUAGE sql STABLE\n    \
                    AS $$ SELECT count(*) FROM public.film $$;\n";
        let found = Named::by(&named(Desc::Function, 1, "f()", defn)).unwrap();
        assert!(found.words.contains("film") && !found.words.contains("language"));
    }

    #[test]
    fn text_for_built_ins_is_found() {
        let reads = |desc: Desc, defn: &str| {
            let mut nameable = Names::default();
            nameable.add(&named(Desc::Table, 1, "codes", ""), 0);
            let entries = [named(desc, 2, "t", defn)];
            !reading_by_text(&entries, &nameable).is_empty()
        };
        let sequence = "nextval('public.s'::regclass)";
        let table =
            |inside: &str| reads(Desc::Table, &format!("CREATE TABLE public.t (\n{inside}\n);\n"));
        assert!(table(&format!("    n int,\n    CONSTRAINT c CHECK (({sequence} > 0))")));
        assert!(!table(&format!("    n bigint DEFAULT {sequence} NOT NULL")));
        assert!(!table("    ts_rewrite text,\n    codes text CHECK ((kind = 'codes'::text))"));
        let check = |expression: &str| {
            reads(
                Desc::CheckConstraint,
                &format!("ALTER TABLE t\n    ADD CONSTRAINT c CHECK ({expression});\n"),
            )
        };
        for expression in [
            "(ts_rewrite(q, 'SELECT'::text) = q)",
            "(query_to_xml('SELECT'::text) IS NULL)",
            "(pg_relation_size('public.codes'::regclass) > 0)",
            "(pg_table_size(id) > 0)",
            "public.found(a, lower('select 1 from codes'::text))",
        ] {
            assert!(check(expression), "{expression}");
        }
        for expression in [
            "(kind = ANY (ARRAY['codes'::text]))",
            "(public.found(a, 'other'::text) AND (lower('codes'::text) = kind))",
            "(pg_catalog.date_part('codes'::text, at) > codes(1))",
            "(pg_column_size(codes) > 'it''s '::text)",
        ] {
            assert!(!check(expression), "{expression}");
        }
        let domain = |defn: &str| reads(Desc::Domain, defn);
        assert!(!domain(&format!("CREATE DOMAIN d AS int DEFAULT {sequence};\n")));
        assert!(domain(&format!(
            "CREATE DOMAIN d AS int\n\tCONSTRAINT c CHECK ({sequence} > 0);\n"
        )));
        let trigger = |call: &str| {
            let defn = "CREATE TRIGGER codes BEFORE INSERT ON public.t FOR EACH ROW \
                WHEN ((new.kind = 'codes'::text)) EXECUTE ";
            reads(Desc::Trigger, &format!("{defn}{call};\n"))
        };
        assert!(trigger("FUNCTION public.check('id', 'public.codes')"));
        assert!(trigger("PROCEDURE check('codes')"));
        assert!(!trigger("FUNCTION public.check('id')"));
        let rule = |event: &str| {
            let defn = "DO INSERT INTO public.log VALUES ((SELECT max(label) FROM public.codes))";
            reads(
                Desc::Rule,
                &format!("CREATE RULE codes AS\n    ON {event} TO public.codes {defn};\n"),
            )
        };
        assert!(rule("INSERT") && !rule("UPDATE"));
        let policy = |using: &str| {
            reads(Desc::Policy, &format!("CREATE POLICY codes ON public.codes USING ({using});\n"))
        };
        assert!(policy("(EXISTS ( SELECT 1 FROM public.codes))") && !policy("(id > 0)"));
    }
}

//! Operators that the server may use instead of others.

use std::collections::{BTreeSet, HashMap};

use super::bodies::operators;
use crate::archive::{Desc, DumpId, Entry};

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

    #[test]
    fn negators_and_commutators_are_alternatives() {
        let operator = |id, tag: &str, left: &str, more: &str| {
            let defn = format!(
                "CREATE OPERATOR public.{tag} (\n    FUNCTION = public.f,\n    LEFTARG = {left},\n    \
                RIGHTARG = integer{more}\n);\n"
            );
            Entry { tag: tag.into(), defn, ..bare(id, Desc::Operator) }
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
        assert!([3, 4, 5].map(of).iter().all(Vec::is_empty));
    }
}

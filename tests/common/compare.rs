//! Compares two databases by pg_dump's output and by what pg_dump hides.

use std::collections::BTreeMap;

use super::cluster::Database;
use super::hidden::{hidden, statistics};

/// The whole database as pg_dump's script plus what it hides, in a form that is equal for two
/// equal databases.
pub fn dump(database: &Database<'_>) -> String {
    dump_with(database, &[])
}

/// The same with more pg_dump options.
pub fn dump_with(database: &Database<'_>, args: &[&str]) -> String {
    let dumped = database.pg_dump(&["--format=plain", "--no-sync"]).args(args).succeed();
    format!(
        "{}\n-- Hidden from pg_dump\n{}",
        normalised(&dumped.comparable_stdout()),
        hidden(database, args)
    )
}

/// The same without a schema and everything in it.
pub fn dump_without(database: &Database<'_>, schema: &str) -> String {
    dump_with(database, &["--exclude-schema", schema])
}

/// Fails the test with the first differences if the databases differ in anything that
/// pg_dump shows: objects, privileges, comments, rows, large objects, sequence values; or hides:
/// see [`hidden`].
pub fn assert_same_database(actual: &Database<'_>, expected: &Database<'_>) {
    assert_same_database_with(actual, expected, &[]);
}

/// The same, with an earlier result of [`dump`] for the expected database.
pub fn assert_same_dump(actual: &Database<'_>, expected: &str) {
    assert_same_dump_with(actual, expected, &[]);
}

/// The same with more pg_dump options, which `expected` was also created with.
pub fn assert_same_dump_with(actual: &Database<'_>, expected: &str, args: &[&str]) {
    if let Some(difference) = difference(&dump_with(actual, args), expected) {
        let (name, major) = (&actual.name, actual.cluster.major);
        panic!(
            "{name} (+) differs from the expected database (-) on PostgreSQL {major}:\n{difference}"
        );
    }
}

/// The same with more pg_dump options that exclude something from the comparison.
///
/// Statistics are compared if the expected database has any: only an archive brings
/// them, as autovacuum is off.
pub fn assert_same_database_with(actual: &Database<'_>, expected: &Database<'_>, args: &[&str]) {
    let mut texts = (dump_with(actual, args), dump_with(expected, args));
    if let Some(expected) = statistics(expected) {
        for (text, statistics) in
            [(&mut texts.0, statistics(actual).unwrap_or_default()), (&mut texts.1, expected)]
        {
            text.push('\n');
            text.push_str(&normalised(&statistics));
        }
    }
    if let Some(difference) = difference(&texts.0, &texts.1) {
        panic!(
            "{} (+) differs from {} (-) on PostgreSQL {}:\n{difference}",
            actual.name, expected.name, actual.cluster.major
        );
    }
}

/// Removes what differs from dump to dump, and the order of rows, which a table does not define:
/// several sessions may have filled it.
///
/// Rows that pg_dump loads through the partition root are counted for the root: it does so
/// where the partition of a row depends on OIDs (hash of an enum), which a restore
/// changes.
fn normalised(script: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut of_roots: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut through_root = false;
    let mut rest = script.lines();
    while let Some(line) = rest.next() {
        let noise = ["\\restrict ", "\\unrestrict ", "-- Dumped "];
        if noise.iter().any(|prefix| line.starts_with(prefix)) {
            continue;
        }
        lines.push(line);
        through_root |= line.starts_with("-- load via partition root ");
        // The name of a table may contain line breaks.
        if line.ends_with(" FROM stdin;") {
            let mut rows: Vec<&str> = rest.by_ref().take_while(|row| *row != "\\.").collect();
            if std::mem::take(&mut through_root) {
                of_roots.entry(line).or_default().extend(rows);
                continue;
            }
            rows.sort_unstable();
            lines.extend(rows);
            lines.push("\\.");
        }
    }
    for (copy, mut rows) in of_roots {
        rows.sort_unstable();
        lines.push(copy);
        lines.extend(rows);
    }
    lines.join("\n")
}

/// The first places where two texts differ, as a unified diff; `None` if they are equal.
pub fn difference(actual: &str, expected: &str) -> Option<String> {
    const PLACES: usize = 4;
    const WIDTH: usize = 200;
    if actual == expected {
        return None;
    }
    let (new, old): (Vec<&str>, Vec<&str>) = (actual.lines().collect(), expected.lines().collect());
    let (mut i, mut j, mut places) = (0, 0, 0);
    let mut shown = String::new();
    let mut show = |mark: char, line: &str| {
        let line: String = line.chars().take(WIDTH).collect();
        shown.push_str(&format!("{mark} {line}\n"));
    };
    while (i < new.len() || j < old.len()) && places < PLACES {
        if new.get(i) == old.get(j) {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (added, removed) = resynchronise(&new[i..], &old[j..]);
        show('@', &format!("line {} (+), line {} (-)", i + 1, j + 1));
        new[i.saturating_sub(3)..i].iter().for_each(|line| show(' ', line));
        old[j..j + removed].iter().take(10).for_each(|line| show('-', line));
        new[i..i + added].iter().take(10).for_each(|line| show('+', line));
        (i, j) = (i + added, j + removed);
        new[i..].iter().take(2).for_each(|line| show(' ', line));
        places += 1;
    }
    Some(shown)
}

/// How many lines to skip on each side until both continue alike: the smallest sum, searched
/// as far as is cheap, and two matching lines in a row because single ones often match.
fn resynchronise(new: &[&str], old: &[&str]) -> (usize, usize) {
    const FAR: usize = 2000;
    for sum in 1..FAR.min(new.len() + old.len()) {
        for added in sum.saturating_sub(old.len())..=sum.min(new.len()) {
            let removed = sum - added;
            let (after_new, after_old) = (&new[added..], &old[removed..]);
            let both_end = after_new.is_empty() && after_old.is_empty();
            let alike =
                !after_new.is_empty() && after_new.iter().take(2).eq(after_old.iter().take(2));
            if both_end || alike {
                return (added, removed);
            }
        }
    }
    (new.len(), old.len())
}

// A harness that finds no differences would pass every test, so it is tested itself.
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_regardless_of_order() {
        let one = "COPY t (a) FROM stdin;\n2\n1\n\\.\nSELECT 2;\nSELECT 1;\n";
        let two = "\\restrict x\n-- Dumped by 1\nCOPY t (a) FROM stdin;\n1\n2\n\\.\nSELECT 2;\nSELECT 1;\n";
        assert_eq!(normalised(one), normalised(two));
        assert_ne!(
            normalised(one),
            normalised(&two.replace("SELECT 2;\nSELECT 1;", "SELECT 1;\nSELECT 2;"))
        );
        assert_ne!(normalised(one), normalised(&two.replace("\n1\n", "\n1\n1\n")));
    }

    #[test]
    fn rows_of_a_name_with_a_line_break_are_compared_regardless_of_order() {
        let one = "COPY \"a\nb\" (a) FROM stdin;\n2\n1\n\\.\n";
        assert_eq!(normalised(one), normalised(&one.replace("2\n1", "1\n2")));
    }

    #[test]
    fn rows_through_a_partition_root_may_change_partition() {
        let one = "-- load via partition root r\nCOPY r (a) FROM stdin;\n1\n2\n\\.\n\
                   -- load via partition root r\nCOPY r (a) FROM stdin;\n3\n\\.\nEND;\n";
        let moved = one.replace("1\n2", "1").replace("3", "3\n2");
        assert_eq!(normalised(one), normalised(&moved));
        assert_ne!(normalised(one), normalised(&one.replace("1\n2", "1")));
        let plain = |script: &str| normalised(&script.replace("-- load", "-- plain"));
        assert_ne!(plain(one), plain(&moved));
    }

    #[test]
    fn difference_is_shown_with_its_context() {
        let old: Vec<String> = (1..=9).map(|n| format!("line {n}")).collect();
        let old = old.join("\n");
        assert_eq!(difference(&old, &old), None);
        let new = old.replace("line 5", "line five\nand more");
        assert_eq!(
            difference(&new, &old).unwrap(),
            "@ line 5 (+), line 5 (-)\n  line 2\n  line 3\n  line 4\n- line 5\n+ line five\n+ and more\n  line 6\n  line 7\n"
        );
    }

    #[test]
    fn missing_end_is_a_difference() {
        assert_eq!(
            difference("a\nb", "a\nb\nc").unwrap(),
            "@ line 3 (+), line 3 (-)\n  a\n  b\n- c\n"
        );
    }
}

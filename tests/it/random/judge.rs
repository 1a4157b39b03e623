//! Whether a restore may differ from pg_restore's.

use std::collections::HashMap;

use crate::common::Database;
use crate::common::compare::{difference, dump};
use crate::common::hidden::statistics;

/// The result of a restore.
pub struct Result {
    pub code: i32,
    pub picture: String,
    /// Its messages, for a report.
    pub said: String,
}

/// Everything pg_dump shows of a database, and what it hides.
pub fn picture(database: &Database<'_>, with_statistics: bool) -> String {
    let mut picture = dump(database);
    if with_statistics && let Some(statistics) = statistics(database) {
        let noise = ["\\restrict ", "\\unrestrict ", "-- Dumped "];
        let told = |line: &&str| !noise.iter().any(|prefix| line.starts_with(prefix));
        picture.extend(statistics.lines().filter(told).flat_map(|line| ["\n", line]));
    }
    picture
}

/// Why a restore is wrong compared with pg_restore's of the same archive; `None` if it is right.
///
/// What pg_restore restores correctly must exist. What it loses or gets wrong, because it loaded
/// rows before those that a function reads, may be as with pg_restore or as in the source.
pub fn fault(ours: &Result, theirs: &Result, source: &str) -> Option<String> {
    let codes = format!("exit code {}, pg_restore's is {}", ours.code, theirs.code);
    if ours.picture == theirs.picture && ours.code == theirs.code {
        return None;
    }
    // A foreign key with orphaned rows is kept NOT VALID, where pg_restore has none.
    let kept = |text: &str| text.replace(" NOT VALID;", ";").replace(", not validated", "");
    let is_bounded = if theirs.code == 0 {
        is_between(&ours.picture, &theirs.picture, source)
    } else {
        is_between(&kept(&ours.picture), &kept(&theirs.picture), &kept(source))
    };
    if !is_bounded || (theirs.code == 0 && ours.code != 0) {
        let places = difference(&ours.picture, &theirs.picture).unwrap_or_default();
        return Some(format!("{codes}; it (+) differs from pg_restore (-):\n{places}"));
    }
    if ours.code == 0 && theirs.code != 0 {
        // It reports that nothing is missing.
        return difference(&ours.picture, source)
            .map(|places| format!("{codes}; it (+) differs from the source (-):\n{places}"));
    }
    None
}

/// Whether each line occurs as often as in one of two texts, or in between.
fn is_between(text: &str, one: &str, other: &str) -> bool {
    let [text, one, other] = [text, one, other].map(|text| {
        let mut lines: HashMap<&str, usize> = HashMap::new();
        text.lines().for_each(|line| *lines.entry(line).or_default() += 1);
        lines
    });
    let count = |lines: &HashMap<&str, usize>, line: &str| lines.get(line).copied().unwrap_or(0);
    text.keys().chain(one.keys()).chain(other.keys()).all(|line| {
        let (least, most) = (count(&one, line), count(&other, line));
        (least.min(most)..=least.max(most)).contains(&count(&text, line))
    })
}

// A judge that finds no fault would pass every restore, so it is tested itself.
mod tests {
    use super::*;

    fn judge(ours: (i32, &str), theirs: (i32, &str), source: &str) -> bool {
        let result = |(code, picture): (i32, &str)| Result {
            code,
            picture: picture.to_owned(),
            said: String::new(),
        };
        fault(&result(ours), &result(theirs), source).is_none()
    }

    #[test]
    fn difference_from_a_correct_restore_is_a_fault() {
        assert!(judge((0, "a\nb"), (0, "a\nb"), "a\nb"));
        assert!(!judge((0, "a"), (0, "a\nb"), "a\nb"));
        assert!(!judge((0, "a\nb\nb"), (0, "a\nb"), "a\nb"));
        assert!(!judge((1, "a\nb"), (0, "a\nb"), "a\nb"));
        assert!(!judge((0, "a\nkey NOT VALID;"), (0, "a\nkey;"), "a\nkey;"));
    }

    #[test]
    fn losses_of_pg_restore_may_be_missing() {
        assert!(judge((1, "a"), (1, "a"), "a\nb\nc"));
        assert!(judge((1, "a\nc"), (1, "a"), "a\nb\nc"));
        assert!(judge((0, "a\nb\nc"), (1, "a"), "a\nb\nc"));
        assert!(judge((1, "a\nkey NOT VALID;"), (1, "a"), "a\nkey;"));
        assert!(!judge((1, "b"), (1, "a"), "a\nb\nc"));
        assert!(!judge((0, "a\nc"), (1, "a"), "a\nb\nc"));
    }

    #[test]
    fn silent_error_of_pg_restore_is_not_required() {
        assert!(judge((0, "10 values"), (0, "0 values"), "10 values"));
        assert!(judge((0, "0 values"), (0, "0 values"), "10 values"));
        assert!(!judge((0, "5 values"), (0, "0 values"), "10 values"));
    }
}

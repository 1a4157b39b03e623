//! The names of the databases.

use sha2::{Digest, Sha256};

/// The longest name, in bytes (`NAMEDATALEN - 1` in `src/include/pg_config_manual.h`).
const MAX_NAME: usize = 63;

/// The names of the three databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The one that readers use.
    pub current: String,
    /// The one to restore into.
    pub next: String,
    /// The one of the previous night.
    pub previous: String,
}

impl Names {
    /// The names that belong to a database. A long name is truncated, with a hash of the whole name
    /// to keep it distinct from others with the same start.
    #[must_use]
    pub fn of(current: &str) -> Self {
        Self {
            current: current.to_owned(),
            next: with(current, "_nocturne_next"),
            previous: with(current, "_nocturne_previous"),
        }
    }
}

fn with(name: &str, end: &str) -> String {
    if name.len() + end.len() <= MAX_NAME {
        return format!("{name}{end}");
    }
    let sum: String =
        Sha256::digest(name).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut cut = MAX_NAME - end.len() - sum.len() - 1;
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}_{sum}{end}", &name[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_truncated_and_stay_distinct() {
        let names = Names::of("app_1234");
        assert_eq!(names.next, "app_1234_nocturne_next");
        assert_eq!(names.previous, "app_1234_nocturne_previous");
        let (one, other) = (format!("{}é1", "x".repeat(60)), format!("{}é2", "x".repeat(60)));
        let (one, other) = (Names::of(&one), Names::of(&other));
        assert_ne!(one.next, other.next);
        for name in [&one.next, &one.previous] {
            assert_eq!(name.len(), MAX_NAME);
        }
        let accents = Names::of(&"é".repeat(31));
        assert!(accents.previous.len() <= MAX_NAME && accents.previous.starts_with("éé"));
    }
}

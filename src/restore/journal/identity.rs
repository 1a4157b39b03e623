//! Identifies the restore of a journal: archive, selection, options, target.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::digests::toc_digest;
use crate::archive::{Digest, Toc};
use crate::restore::options::RestoreOptions;
use crate::restore::points::StagePoint;
use crate::select::Want;
use crate::statements::Ownership;

/// The destination of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TargetIdentity {
    pub(super) database: String,
    pub(super) role: String,
}

/// What must be the same for a restore to be resumed, by a readable name. The number of sessions
/// and the row format may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity(BTreeMap<String, String>);

impl Identity {
    pub(super) fn of(
        toc: &Toc,
        wants: &[Want],
        options: &RestoreOptions,
        place: &TargetIdentity,
    ) -> Self {
        let style = &options.style;
        let words = |set: bool| if set { "given" } else { "not given" };
        let facts = [
            ("the archive's time", toc.header.created.to_string()),
            ("the dumped database", toc.header.dbname.clone()),
            ("the archive's table of contents", toc_digest(toc).to_string()),
            ("the selection", selection_digest(toc, wants).to_string()),
            ("the target database", place.database.clone()),
            ("the role that restores", place.role.clone()),
            ("--clean", words(options.clean).to_owned()),
            ("--foreign-keys", options.foreign_keys.word().to_owned()),
            ("--no-owner", words(style.ownership == Ownership::Ignore).to_owned()),
            ("--no-tablespaces", words(style.no_tablespaces).to_owned()),
            ("--no-table-access-method", words(style.no_table_access_method).to_owned()),
            ("--disable-triggers", words(options.disable_triggers).to_owned()),
            (
                "work after the definitions",
                words(options.stages.has(StagePoint::AfterPreData)).to_owned(),
            ),
            ("work after the rows", words(options.stages.has(StagePoint::AfterData)).to_owned()),
        ];
        Self(facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The differences between this journal's restore and another, in words.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        differences(&self.0, &now.0)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::Value::from_iter(self.0.clone()).to_string()
    }

    pub(super) fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }
}

/// The differences between two sets of facts, each by a readable name, in words. Of digests, only
/// the name.
pub(crate) fn differences(
    then: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Vec<String> {
    let nothing = String::new();
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let both = names
        .into_iter()
        .map(|name| (name, then.get(name).unwrap_or(&nothing), now.get(name).unwrap_or(&nothing)));
    both.filter(|(_, then, now)| then != now)
        .map(|(name, then, now)| match Digest::from_hex(then) {
            Some(_) => format!("{name} differs"),
            None => format!("{name} was {then}, is now {now}"),
        })
        .collect()
}

/// The digest of what is wanted of which entries.
fn selection_digest(toc: &Toc, wants: &[Want]) -> Digest {
    let mut wanted: Vec<_> = toc
        .entries
        .iter()
        .zip(wants)
        .filter(|(_, want)| want.schema || want.data || want.stats)
        .map(|(entry, want)| (entry.dump_id, [want.schema, want.data, want.stats]))
        .collect();
    // A list file may change the order.
    wanted.sort_unstable();
    let bytes = wanted
        .iter()
        .flat_map(|(id, parts)| id.0.to_le_bytes().into_iter().chain(parts.map(u8::from)));
    Digest::of(&bytes.collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(facts: &[(&str, &str)]) -> Identity {
        Identity(facts.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    }

    #[test]
    fn differences_are_named_without_digests() {
        let (one, two) = (Digest::of(b"1").to_string(), Digest::of(b"2").to_string());
        let then = identity(&[("the selection", &one), ("the role", "a"), ("same", "x")]);
        let now = identity(&[("the selection", &two), ("the role", "b"), ("same", "x")]);
        assert_eq!(then.differences(&now), ["the role was a, is now b", "the selection differs"]);
        assert_eq!(then.differences(&then), [""; 0]);
    }

    #[test]
    fn fact_known_to_one_side_is_a_difference() {
        let then = identity(&[("--clean", "given")]);
        assert_eq!(then.differences(&identity(&[])), ["--clean was given, is now "]);
    }

    #[test]
    fn identity_round_trips() {
        let identity = identity(&[("the role", "a \"b\" 'c'\\")]);
        assert_eq!(Identity::from_json(&identity.to_json()), Some(identity));
        assert_eq!(Identity::from_json("[]"), None);
    }
}

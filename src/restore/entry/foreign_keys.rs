//! How foreign keys are restored (`--foreign-keys`), apart from validating them as the archive has
//! it.

use std::borrow::Cow;

use crate::archive::{Desc, Entry};
use crate::restore::event::{Event, Events, Outcome};
use crate::restore::facts::Facts;
use crate::restore::ledger::{Finished, Ledger};
use crate::restore::options::ForeignKeys;
use crate::select::{Want, keys_and_comments};
use crate::sql::constraint;

/// Why an entry is skipped.
const LEFT_OUT: &str = "foreign keys not restored, as requested";

/// The places of the wanted entries that `--foreign-keys none` excludes.
pub(crate) fn left_out(facts: &Facts) -> Vec<bool> {
    match facts.options.foreign_keys {
        ForeignKeys::None => keys_and_comments(&facts.toc.entries),
        ForeignKeys::Validated | ForeignKeys::NotValid => vec![false; facts.wants.len()],
    }
}

/// Reports which keys are excluded, and which are validated although `not-valid` was requested.
pub(crate) fn tell(ledger: &Ledger, left_out: &[bool]) {
    for place in ledger
        .facts
        .toc
        .places()
        .filter(|place| left_out[place.0] && ledger.facts.is_wanted(*place))
    {
        let outcome = Outcome::Skipped { reason: LEFT_OUT.to_owned() };
        ledger.finish(place, Finished { outcome, ..Finished::default() });
    }
    if ledger.facts.options.foreign_keys == ForeignKeys::NotValid {
        let wanted = ledger.facts.toc.places().filter(|place| ledger.facts.want(*place).schema);
        for entry in wanted.map(|place| ledger.facts.entry(place)).filter(|entry| is_odd(entry)) {
            tell_checked(&ledger.facts.events, entry, "its definition cannot be rewritten");
        }
    }
}

/// Reports a key that is validated although `not-valid` was requested.
pub(crate) fn tell_checked(events: &Events, entry: &Entry, why: &str) {
    let message = format!("{} is validated, not added NOT VALID: {why}", entry.label());
    events.send(Event::Warning { message });
}

/// Why a key of a partitioned table is validated.
pub(crate) const PARTITIONED: &str =
    "a partitioned table can have NOT VALID foreign keys only since PostgreSQL 18";

/// Why a foreign key is validated despite `NOT VALID` having been requested.
pub(crate) const DISTRIBUTED: &str = "its table is distributed";

/// Whether an entry is a key that the archive validates, in a form that cannot be rewritten.
fn is_odd(entry: &Entry) -> bool {
    entry.desc == Desc::FkConstraint
        && constraint::foreign_key(&entry.defn).is_none()
        && !constraint::is_unchecked(&entry.defn)
}

/// The entries, and what is wanted of them, for a script.
pub(crate) fn for_script<'a>(
    mode: ForeignKeys,
    entries: &'a [Entry],
    wants: &'a [Want],
    events: &Events,
) -> (Cow<'a, [Entry]>, Cow<'a, [Want]>) {
    match mode {
        ForeignKeys::Validated => (entries.into(), wants.into()),
        ForeignKeys::None => {
            let left_out = keys_and_comments(entries);
            let kept = wants.iter().zip(left_out);
            let wants = kept.map(|(want, out)| if out { Want::default() } else { *want });
            (entries.into(), wants.collect())
        }
        ForeignKeys::NotValid => {
            let mut changed = entries.to_vec();
            let wanted = changed.iter_mut().zip(wants).filter(|(_, want)| want.schema);
            for (entry, _) in wanted {
                match constraint::foreign_key(&entry.defn) {
                    _ if entry.desc != Desc::FkConstraint => {}
                    Some(key) if key.partitioned => tell_checked(events, entry, PARTITIONED),
                    Some(_) => {
                        let key = entry.defn.trim_end().trim_end_matches(';');
                        entry.defn = format!("{key} NOT VALID;\n");
                    }
                    None if is_odd(entry) => {
                        tell_checked(events, entry, "its definition cannot be rewritten");
                    }
                    None => {}
                }
            }
            (changed.into(), wants.into())
        }
    }
}

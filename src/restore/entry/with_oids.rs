//! Tables that were dumped WITH OIDS. Since PostgreSQL 12 no server supports them, and pg_restore
//! creates them without OIDs and warns (`ReadToc` in `pg_backup_archiver.c`).

use crate::archive::{Desc, Entry};
use crate::restore::event::{Event, Events};
use crate::select::Want;

/// The number of names in the warning.
const LISTED_TABLES: usize = 5;

/// Warns about the wanted tables among these entries.
pub(crate) fn warn(entries: &[Entry], wants: &[Want], events: &Events) {
    let is_meant = |(entry, want): &(&Entry, &Want)| {
        want.schema && entry.with_oids && entry.desc == Desc::Table
    };
    let tables = || entries.iter().zip(wants).filter(is_meant);
    let mut names: Vec<String> =
        tables().take(LISTED_TABLES).map(|(entry, _)| entry.label()).collect();
    match tables().count() {
        0 => return,
        count if count > LISTED_TABLES => names.push(format!("and {} more", count - LISTED_TABLES)),
        _ => {}
    }
    let names = names.join(", ");
    let message = format!("WITH OIDS is no longer supported; tables restored without: {names}");
    events.send(Event::Warning { message });
}

//! Detects problems before anything is changed: roles and extensions that the target lacks. Each is
//! reported once, however many entries need it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::archive::{Desc, DumpId, Toc};
use crate::restore::event::{Cause, Event};
use crate::restore::facts::Facts;
use crate::restore::server_state::Missing;
use crate::restore::tolerance::Tolerance;
use crate::select::Want;
use crate::server::sqlstate::FEATURE_NOT_SUPPORTED;
use crate::server::{Result, Session};
use crate::sql::acl::roles;
use crate::statements::{Ownership, Style, owner};

/// Checks the target, reports what it lacks, and returns that with the number of problems that are
/// not tolerated.
pub(crate) async fn check(facts: &Facts, session: &Session) -> Result<(Missing, usize)> {
    let mut lacking = Missing::default();
    let mut problems = 0;
    let mut tell = |cause, message, entries, tolerated: bool| {
        problems += usize::from(!tolerated);
        facts.events.send(Event::Problem { cause, message, entries, tolerated });
    };
    let needed = roles_needed(&facts.toc, &facts.wants, &facts.style);
    if !needed.is_empty() {
        let known = names(session, "SELECT rolname FROM pg_catalog.pg_roles").await?;
        for (role, entries) in needed.into_iter().filter(|(role, _)| !known.contains(role)) {
            tell(
                Cause::MissingRole { role: role.clone() },
                format!("role \"{role}\" does not exist on the target"),
                entries,
                facts.options.tolerate.contains(&Tolerance::MissingRole),
            );
            lacking.roles.insert(role);
        }
    }
    // The new database may get its extensions from a template; a missing one will show on its own.
    if !facts.options.create {
        let needed = needed_extensions(facts);
        if !needed.is_empty() {
            // An installed extension may no longer be available.
            let query = "SELECT name FROM pg_catalog.pg_available_extensions \
                         UNION SELECT extname FROM pg_catalog.pg_extension";
            let known = names(session, query).await?;
            let unavailable = Tolerance::SqlState(FEATURE_NOT_SUPPORTED.to_owned());
            for name in needed.into_iter().filter(|name| !known.contains(name)) {
                tell(
                    Cause::MissingExtension { extension: name.clone() },
                    format!("extension \"{name}\" cannot be installed on the target"),
                    dependents(&facts.toc, &facts.wants, &name),
                    facts.options.tolerate.contains(&unavailable),
                );
                lacking.extensions.insert(name);
            }
        }
    }
    Ok((lacking, problems))
}

async fn names(session: &Session, query: &str) -> Result<BTreeSet<String>> {
    let rows = session.query_catalogue(query).await?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

/// The roles named by wanted entries, with the number of entries that name each.
pub(crate) fn roles_needed(toc: &Toc, wants: &[Want], style: &Style) -> BTreeMap<String, usize> {
    let mut needed: BTreeMap<String, usize> = BTreeMap::new();
    for (entry, want) in toc.entries.iter().zip(wants) {
        if !want.schema && (!want.data || entry.had_dumper) {
            continue;
        }
        let owned = match style.ownership {
            Ownership::Ignore => false,
            // Indexes, constraints, rules and the like have no separate owner.
            Ownership::AlterOwner => matches!(owner(entry, style), Ok(Some(_))),
            Ownership::SetSessionAuthorization => !entry.drop_stmt.is_empty(),
        };
        let mut named: BTreeSet<String> = entry.owner.iter().filter(|_| owned).cloned().collect();
        if entry.is_acl() {
            named.extend(roles(&entry.defn));
        }
        for role in named.into_iter().filter(|role| !role.is_empty()) {
            *needed.entry(role).or_default() += 1;
        }
    }
    needed
}

fn needed_extensions(facts: &Facts) -> BTreeSet<String> {
    let wanted = facts.toc.entries.iter().zip(&facts.wants).filter(|(_, want)| want.schema);
    wanted
        .filter(|(entry, _)| entry.desc == Desc::Extension)
        .map(|(entry, _)| entry.tag.clone())
        .collect()
}

/// The number of wanted entries that need this extension, including itself.
fn dependents(toc: &Toc, wants: &[Want], extension: &str) -> usize {
    let mut lost: HashSet<DumpId> = HashSet::new();
    let mut wanted = 0;
    // Entries come after those they depend on, so one pass finds all.
    for (entry, want) in toc.entries.iter().zip(wants) {
        let itself = entry.desc == Desc::Extension && entry.tag == extension;
        if itself || entry.dependencies.iter().any(|id| lost.contains(id)) {
            lost.insert(entry.dump_id);
            wanted += usize::from(want.schema || want.data || want.stats);
        }
    }
    wanted
}

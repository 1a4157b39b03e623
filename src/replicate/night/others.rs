//! What a swap would lose: objects of other roles, which are in the old database only.

use std::collections::HashSet;

use super::error::NightError;
use super::ground::look_at;
use crate::archive::{Desc, Entry, Toc};
use crate::replicate::clean;
use crate::replicate::config::Restore;
use crate::replicate::swap::SwapError;
use crate::restore::chain;
use crate::sql::ident::quoted;
use crate::target::Target;

/// The objects that an error names; it counts the rest.
const NAMED: usize = 10;

/// The template that holds nothing but what initdb makes.
const BARE: &str = "template0";

/// Refuses to replace a database in which other roles own objects that the new one will not have,
/// unless the settings allow it. The objects of the template come with it. Extensions are looked at
/// once the archive's table of contents is known, everything else before. Gives warnings.
pub(super) async fn check(
    target: &Target,
    settings: &Restore,
    toc: Option<&Toc>,
) -> Result<Vec<String>, NightError> {
    let session = look_at(target).await?;
    let brings = |identity: &str| {
        toc.is_none_or(|toc| extensions(toc, settings).any(|name| quoted(name) == identity))
    };
    let mut others = clean::others(&session, brings).await?;
    others.retain(|other| other.is_extension() == toc.is_some());
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let (template, unseen) = match of_template(target, settings).await {
        Ok(template) => (template, String::new()),
        Err(error) => {
            (HashSet::new(), format!(" (cannot look into SWAP_TEMPLATE: {})", chain(&error)))
        }
    };
    let comes =
        |other: &clean::Other| template.contains(&(other.kind.to_string(), other.identity.clone()));
    let (come, lost): (Vec<_>, Vec<_>) = others.iter().partition(|other| comes(other));
    let mut warnings = Vec::new();
    // What else a name stands for does not change from night to night.
    let holds_rows = |other: &&&clean::Other| {
        matches!(other.kind.to_string().as_str(), "table" | "large object")
    };
    let come: Vec<_> = come.iter().filter(holds_rows).copied().collect();
    if !come.is_empty() {
        let objects = listed(&come);
        warnings.push(format!("the new database will have {objects} as the template has them"));
    }
    if !lost.is_empty() {
        let objects = listed(&lost) + &unseen;
        if !settings.swap_drops_others {
            let database = target.dbname().to_owned();
            return Err(SwapError::OfOthers { database, objects }.into());
        }
        warnings.push(format!("the new database will not have {objects} (SWAP_DROPS_OTHERS)"));
    }
    Ok(warnings)
}

/// The first ones by name, and how many more.
fn listed(others: &[&clean::Other]) -> String {
    let named: Vec<String> = others.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match others.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    named.join(", ") + &more
}

/// What the new database of a swap has before the restore, by kind and identity.
async fn of_template(
    target: &Target,
    settings: &Restore,
) -> Result<HashSet<(String, String)>, NightError> {
    match settings.swap_template.as_deref() {
        // It lets no one in.
        None | Some(BARE) => Ok(HashSet::from([("extension".to_owned(), "plpgsql".to_owned())])),
        Some(template) => {
            let session = look_at(&target.with_database(template)).await?;
            Ok(clean::objects(&session).await?)
        }
    }
}

/// The extensions that the restore of this archive creates.
pub(super) fn extensions<'a>(
    toc: &'a Toc,
    settings: &'a Restore,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let is_wanted = |entry: &&Entry| {
        entry.desc == Desc::Extension && !settings.exclude.iter().any(|own| own.matches(entry))
    };
    toc.entries.iter().filter(is_wanted).map(|entry| entry.tag.as_str())
}

/// The same check before a swap, whose warnings are logged.
pub(super) async fn tell(
    target: &Target,
    settings: &Restore,
    toc: Option<&Toc>,
) -> Result<(), NightError> {
    if !settings.swap {
        return Ok(());
    }
    for warning in check(target, settings, toc).await? {
        tracing::warn!("{warning}");
    }
    Ok(())
}

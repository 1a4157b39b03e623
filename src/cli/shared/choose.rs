//! Selects entries from options.

use std::io::Read;
use std::path::Path;

use crate::archive::{Entry, Place, Toc};
use crate::cli::exit::{ARCHIVE, CommandFailure, ERRORS, USAGE};
use crate::cli::options::selection::SelectionArgs as Typed;
use crate::restore::event::{Event, Events};
use crate::select::{
    FilterFile, ListFile, RestoreSection, SelectError, SelectOptions, Selection, select,
};

/// The selected entries.
pub(crate) struct ChosenEntries {
    pub(crate) selection: Selection,
    /// Whether a list file changed the order of the entries.
    pub(crate) reordered: bool,
}

/// Builds the selection's options, including the filter files.
pub(crate) fn options(typed: &Typed, create: bool) -> Result<SelectOptions, CommandFailure> {
    let out = &typed.leave_out;
    let mut options = SelectOptions {
        data_only: typed.data_only,
        schema_only: typed.schema_only,
        statistics_only: typed.statistics_only,
        statistics: typed.statistics,
        no_data: out.no_data,
        no_schema: out.no_schema,
        no_statistics: out.no_statistics,
        sections: typed.section.iter().filter_map(|section| section_of(*section)).collect(),
        schemas: typed.schema.clone(),
        exclude_schemas: typed.exclude_schema.clone(),
        tables: typed.table.clone(),
        indexes: typed.index.clone(),
        functions: typed.function.clone(),
        triggers: typed.trigger.clone(),
        create_db: create,
        no_acl: out.no_privileges,
        no_comments: out.no_comments,
        no_policies: out.no_policies,
        no_publications: out.no_publications,
        no_security_labels: out.no_security_labels,
        no_subscriptions: out.no_subscriptions,
        strict_names: typed.strict_names,
    };
    options.check().map_err(|error| CommandFailure::of(USAGE, &error))?;
    for path in &typed.filter {
        let text = read(path)?;
        let filter = FilterFile::parse(&text)
            .map_err(|error| CommandFailure::new(USAGE, format!("{}: {error}", path.display())))?;
        filter.apply(&mut options);
    }
    Ok(options)
}

fn section_of(section: crate::archive::Section) -> Option<RestoreSection> {
    use crate::archive::Section;
    match section {
        Section::PreData => Some(RestoreSection::PreData),
        Section::Data => Some(RestoreSection::Data),
        Section::PostData => Some(RestoreSection::PostData),
        Section::None => None,
    }
}

/// Selects entries. Warns about names without a match and ignored lines.
pub(crate) fn choose(
    toc: &Toc,
    options: &SelectOptions,
    typed: &Typed,
    events: &Events,
) -> Result<ChosenEntries, CommandFailure> {
    let list = typed.use_list.as_deref().map(|path| list_file(path, &toc.entries, events));
    let list = list.transpose()?;
    let selection = select(&toc.entries, options, list.as_ref()).map_err(|error| match error {
        SelectError::Usage(error) => CommandFailure::of(USAGE, &error),
        error @ SelectError::NamesNotFound(_) => CommandFailure::of(ERRORS, &error),
    })?;
    for missing in selection.missing() {
        events.send(Event::Warning { message: missing.to_string() });
    }
    if selection.is_implied_no_schema() {
        let message = "no definitions selected: using existing tables as they are".to_owned();
        events.send(Event::Step { what: message });
    }
    let wanted: Vec<Place> = selection.wanted().collect();
    Ok(ChosenEntries { reordered: !wanted.is_sorted(), selection })
}

fn list_file(path: &Path, entries: &[Entry], events: &Events) -> Result<ListFile, CommandFailure> {
    let list = ListFile::parse(&read(path)?, entries)
        .map_err(|error| CommandFailure::new(ARCHIVE, format!("{}: {error}", path.display())))?;
    for line in list.ignored() {
        let message = format!("{}: {line}", path.display());
        events.send(Event::Warning { message });
    }
    Ok(list)
}

/// Reads a small file, or standard input for `-`.
fn read(path: &Path) -> Result<Vec<u8>, CommandFailure> {
    let read = if path == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map(|_| text)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| {
        CommandFailure::new(USAGE, format!("cannot read {}: {error}", path.display()))
    })
}

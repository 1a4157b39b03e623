//! `nocturne restore -f FILE`: writes the SQL script.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::exit::{ARCHIVE, CommandFailure, CommandResult, ERRORS, USAGE};
use super::shared::local_time;
use super::shared::output::unwritable;
use crate::archive::{Desc, Format, ReadCounter};
use crate::restore::event::Events;
use crate::restore::{RestoreOptions, for_script, warn_with_oids};
use crate::script::{
    Clean, ScriptError, ScriptHeader, ScriptOptions, ScriptSelection as Scripted, Verbose,
    is_valid_restrict_key, random_restrict_key, write_script,
};
use crate::select::Selection;
use crate::source::{Access, Archive, Sequential};

/// How to write the script, in addition to the restore's options.
pub(super) struct Script<'a> {
    pub(super) file: &'a Path,
    pub(super) restrict_key: Option<&'a str>,
    pub(super) verbose: bool,
}

/// Writes a script of the selected entries.
pub(super) fn write(
    script: &Script<'_>,
    archive: Archive,
    selection: &Selection,
    options: &RestoreOptions,
    events: &Events,
) -> CommandResult {
    let key = match script.restrict_key {
        Some(key) if !is_valid_restrict_key(key) => {
            return Err(CommandFailure::new(
                USAGE,
                "--restrict-key accepts only letters and digits",
            ));
        }
        Some(key) => key.to_owned(),
        None => random_restrict_key().map_err(|error| CommandFailure::of(ERRORS, &error))?,
    };
    let Archive { toc, access, format, .. } = archive;
    let script_options = ScriptOptions {
        style: options.style.clone(),
        clean: match (options.clean, options.if_exists) {
            (false, _) => Clean::No,
            (true, false) => Clean::Drop,
            (true, true) => Clean::DropIfExists,
        },
        create: options.create,
        transactions: options.transactions,
        disable_triggers: options.disable_triggers,
        verbose: script.verbose.then(|| Verbose {
            created: local_time::of(&toc.header.created),
            now: &local_time::now,
            custom_format: format == Format::Custom,
        }),
        restrict_key: Some(key),
        for_server_major: None,
        header: ScriptHeader {
            server_version: Some(toc.header.remote_version.clone()),
            dump_version: Some(toc.header.dump_version.clone()),
            creates_large_objects_with_data: !toc.header.version.at_least(12),
        },
        encoding: toc.encoding.clone(),
    };
    warn_with_oids(&toc.entries, &selection.wants, events);
    let (entries, wants) = for_script(options.foreign_keys, &toc.entries, &selection.wants, events);
    let scripted = Scripted { entries: &entries, order: &selection.order, wants: &wants };
    let mut out = output(script.file)?;
    let result = match access {
        Access::Random(random) => {
            write_script(&mut out, scripted, &script_options, events, &mut |entry| {
                random.open(entry, ReadCounter::default())
            })
        }
        Access::Stream(stream) => {
            let wanted: HashSet<_> = selection
                .wanted()
                .filter(|place| selection.want(*place).data)
                .map(|place| toc.at(place).dump_id)
                .collect();
            let objects = toc
                .entries
                .iter()
                .any(|entry| entry.desc == Desc::Blobs && wanted.contains(&entry.dump_id));
            let mut sequential = Sequential::new(stream, wanted, objects);
            write_script(&mut out, scripted, &script_options, events, &mut |entry| {
                sequential.open(entry)
            })
            .and_then(|()| sequential.finish().map_err(ScriptError::from))
        }
    };
    result.map_err(|error| match &error {
        ScriptError::Archive(_) => CommandFailure::of(ARCHIVE, &error),
        ScriptError::Output(source) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            CommandFailure::told(ERRORS)
        }
        _ => CommandFailure::of(ERRORS, &error),
    })
}

fn output(path: &Path) -> Result<Box<dyn Write>, CommandFailure> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdout().lock()));
    }
    Ok(Box::new(File::create(path).map_err(unwritable(path))?))
}

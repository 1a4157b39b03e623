//! `nocturne list`: prints an archive's table of contents.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

use super::args::List;
use super::choose;
use super::exit::{CommandFailure, CommandResult, ERRORS, USAGE, unwritable};
use super::input;
use super::local_time;
use super::values::OutputFormat;
use crate::archive::{Format, Header};
use crate::report::{ReportOptions, Screen, Verbosity, telemetry};
use crate::restore::event::{Event, Events};
use crate::select::listing::{EntryObject, Listing};
use crate::shown;
use crate::source::{self, Archive};

/// Runs the command.
pub(super) fn run(typed: &List) -> CommandResult {
    start_log()?;
    let options = choose::options(&typed.selection, typed.create)?;
    let archive = source::open(&input(typed.archive.as_deref())?)?;
    let events = warnings(&Screen::plain());
    let chosen = choose::choose(&archive.toc, &options, &typed.selection, &events)?;
    let verbose = typed.verbose > 0;
    let listing = Listing { entries: &archive.toc.entries, selection: &chosen.selection, verbose };
    let text = match typed.format {
        OutputFormat::Text => as_text(&archive, &listing),
        OutputFormat::Json => as_json(&archive, &listing)?,
    };
    match typed.format {
        OutputFormat::Text => write(typed.file.as_deref(), text.as_bytes()),
        OutputFormat::Json => write_json(typed.file.as_deref(), &text),
    }
}

/// Sends warnings from lower layers, such as a retried download, to standard error.
pub(super) fn start_log() -> CommandResult {
    let report = ReportOptions { verbosity: Verbosity::Quiet, ..ReportOptions::default() };
    telemetry::init(&report, &Screen::plain()).map_err(|error| CommandFailure::of(USAGE, &error))
}

/// Prints warnings on standard error at once.
pub(super) fn warnings(screen: &Screen) -> Events {
    let screen = screen.clone();
    Events::to(move |event| {
        if let Event::Warning { message } = event {
            screen.say(&format!("warning: {message}"));
        }
    })
}

/// The heading and the entries' lines, exactly as `pg_restore -l` prints them.
fn as_text(archive: &Archive, listing: &Listing<'_>) -> String {
    let Header { created, dbname, version, layout, .. } = &archive.toc.header;
    let created = local_time::of(created);
    let header = &archive.toc.header;
    let dbname = dbname.replace(['\n', '\r'], " ");
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        text,
        ";\n; Archive created at {created}\n;     dbname: {dbname}\n;     TOC Entries: {}\n\
         ;     Compression: {}\n;     Dump Version: {}.{}-{}\n;     Format: {}\n\
         ;     Integer: {} bytes\n;     Offset: {} bytes\n\
         ;     Dumped from database version: {}\n;     Dumped by pg_dump version: {}\n\
         ;\n;\n; Selected TOC Entries:\n;\n{listing}",
        archive.toc.entries.len(),
        header.compression.name(),
        version.major,
        version.minor,
        version.revision,
        archive.format.name(),
        layout.int_size,
        layout.offset_size,
        header.remote_version,
        header.dump_version,
    );
    text
}

#[derive(Serialize)]
struct Object<'a> {
    archive: &'a str,
    format: Format,
    header: &'a Header,
    encoding: &'a str,
    entries: Vec<EntryObject<'a>>,
}

fn as_json(archive: &Archive, listing: &Listing<'_>) -> Result<String, CommandFailure> {
    let object = Object {
        archive: &archive.name,
        format: archive.format,
        header: &archive.toc.header,
        encoding: archive.toc.encoding.name(),
        entries: listing.objects().collect(),
    };
    let json = serde_json::to_string_pretty(&object);
    json.map(|json| json + "\n").map_err(|error| CommandFailure::of(ERRORS, &error))
}

/// Fails if an output file is the archive itself.
pub(super) fn check_apart<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
    archive: Option<&Path>,
) -> CommandResult {
    let identity = |path: &Path| {
        let file = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some((file.dev(), file.ino()))
    };
    let Some(archive) = archive.and_then(identity) else { return Ok(()) };
    match paths.into_iter().find(|path| identity(path) == Some(archive)) {
        None => Ok(()),
        Some(path) => {
            let message =
                format!("{} is the archive itself: choose another output file", path.display());
            Err(CommandFailure::new(USAGE, message))
        }
    }
}

/// Fails early if a file cannot be written that a long run writes at its end.
pub(super) fn check_writable<'a>(paths: impl IntoIterator<Item = &'a Path>) -> CommandResult {
    for path in paths.into_iter().filter(|path| *path != Path::new("-")) {
        let mut options = std::fs::OpenOptions::new();
        // An existing file keeps its content until it is replaced; a new one is removed again.
        let checked = if path.exists() {
            options.write(true).open(path).map(drop)
        } else {
            let created = options.write(true).create_new(true).open(path);
            created.and_then(|_| std::fs::remove_file(path))
        };
        checked.map_err(unwritable(path))?;
    }
    Ok(())
}

/// Writes to a file, or to standard output for none and for `-`. On a terminal, control characters
/// are escaped; other readers get the bytes unchanged, as from pg_restore.
pub(super) fn write(path: Option<&Path>, bytes: &[u8]) -> CommandResult {
    write_shown(path, bytes, shown::lines)
}

/// Writes JSON, which stays valid JSON on a terminal.
pub(super) fn write_json(path: Option<&Path>, json: &str) -> CommandResult {
    write_shown(path, json.as_bytes(), shown::json)
}

fn write_shown(path: Option<&Path>, bytes: &[u8], show: fn(&str) -> String) -> CommandResult {
    if let Some(path) = path.filter(|path| *path != Path::new("-")) {
        return std::fs::write(path, bytes).map_err(unwritable(path));
    }
    let mut out = io::stdout().lock();
    let shown;
    let bytes = if out.is_terminal() {
        shown = show(&String::from_utf8_lossy(bytes));
        shown.as_bytes()
    } else {
        bytes
    };
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // The reader, such as `head`, closed the pipe: not an error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| {
            CommandFailure::new(ERRORS, format!("cannot write to standard output: {error}"))
        }),
    }
}

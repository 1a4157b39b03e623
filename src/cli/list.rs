//! `nocturne list`: prints an archive's table of contents.

use std::fmt::Write as _;

use serde::Serialize;

use super::exit::{CommandFailure, CommandResult, ERRORS};
use super::options::List;
use super::options::values::OutputFormat;
use super::shared::choose;
use super::shared::input::input;
use super::shared::local_time;
use super::shared::output;
use crate::archive::{Format, Header};
use crate::report::Screen;
use crate::select::listing::{EntryObject, Listing};
use crate::source::{self, Archive};

/// Runs the command.
pub(super) fn run(typed: &List) -> CommandResult {
    output::start_log()?;
    let options = choose::options(&typed.selection, typed.create)?;
    let archive = source::open(&input(typed.archive.as_deref())?)?;
    let events = output::warnings(&Screen::plain());
    let chosen = choose::choose(&archive.toc, &options, &typed.selection, &events)?;
    let verbose = typed.verbose > 0;
    let listing = Listing { entries: &archive.toc.entries, selection: &chosen.selection, verbose };
    let text = match typed.format {
        OutputFormat::Text => as_text(&archive, &listing),
        OutputFormat::Json => as_json(&archive, &listing)?,
    };
    match typed.format {
        OutputFormat::Text => output::write(typed.file.as_deref(), text.as_bytes()),
        OutputFormat::Json => output::write_json(typed.file.as_deref(), &text),
    }
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

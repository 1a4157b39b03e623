//! `nocturne verify -d`: compares a database with an archive.

use std::num::NonZeroUsize;

use super::exit::{ARCHIVE, CONNECT, CommandFailure, CommandResult, ERRORS, INTERRUPTED};
use super::options::values::OutputFormat;
use super::options::{Verify, connection};
use super::shared::choose::ChosenEntries;
use super::shared::output;
use super::shared::threads::{self, interrupted};
use crate::error::chain;
use crate::report::Screen;
use crate::restore::event::Event;
use crate::server;
use crate::source::{Archive, Input};
use crate::verify::{CompareError, CompareOptions, compare};

/// Compares, and prints the result.
pub(super) fn run(
    typed: &Verify,
    archive: Archive,
    input: &Input,
    chosen: &ChosenEntries,
    jobs: NonZeroUsize,
    screen: &Screen,
) -> CommandResult {
    let to = connection::resolve(&typed.database.options())?;
    let options = CompareOptions {
        jobs,
        role: connection::given(&typed.database.role),
        // Standard input cannot be read again.
        again: Some(input.clone()).filter(|input| *input != Input::Stdin),
    };
    let runtime = threads::runtime(jobs.get())?;
    let bar = output::bar(screen, "{msg} ");
    let told = bar.clone();
    let progress = move |progress| output::show(&told, progress);
    let warnings = output::warnings(screen);
    let waits = |error: &server::SessionError| {
        let message = format!("waiting for the server: {}", chain(error));
        warnings.send(Event::Warning { message });
    };
    let compared = runtime.block_on(async {
        let stop = interrupted();
        let compared = compare(archive, &chosen.selection, &options, &to, progress, waits);
        tokio::select! {
            compared = Box::pin(compared) => compared.map_err(|error| match error {
                CompareError::Connect(_) => CommandFailure::of(CONNECT, &error),
                error => CommandFailure::of(ERRORS, &error),
            }),
            () = stop => Err(CommandFailure::new(INTERRUPTED, "interrupted")),
        }
    });
    // Do not wait for the thread that reads the archive.
    runtime.shutdown_background();
    bar.finish_and_clear();
    let comparison = compared?;
    match typed.format {
        OutputFormat::Text => {
            output::write(None, comparison.text(typed.reporting.verbose > 0).as_bytes())?;
        }
        OutputFormat::Json => {
            let json = comparison.json().map_err(|error| CommandFailure::of(ERRORS, &error))?;
            output::write_json(None, &(json + "\n"))?;
        }
    }
    // The output above lists the differences.
    match () {
        () if !comparison.faults.is_empty() => Err(CommandFailure::told(ARCHIVE)),
        () if !comparison.is_equal() => Err(CommandFailure::told(ERRORS)),
        () => Ok(()),
    }
}

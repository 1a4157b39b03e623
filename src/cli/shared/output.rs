//! What a command writes: log lines and warnings, a progress bar, its result.

use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::exit::{CommandFailure, CommandResult, ERRORS, USAGE};
use crate::report::{ReportOptions, Screen, Verbosity, telemetry};
use crate::restore::event::{Event, Events};
use crate::shown;
use crate::verify::VerifyProgress;

/// Sends warnings from lower layers, such as a retried download, to standard error.
pub(crate) fn start_log() -> CommandResult {
    let report = ReportOptions { verbosity: Verbosity::Quiet, ..ReportOptions::default() };
    telemetry::init(&report, &Screen::plain()).map_err(|error| CommandFailure::of(USAGE, &error))
}

/// Prints warnings on standard error at once.
pub(crate) fn warnings(screen: &Screen) -> Events {
    let screen = screen.clone();
    Events::to(move |event| {
        if let Event::Warning { message } = event {
            screen.say(&format!("warning: {message}"));
        }
    })
}

/// Fails if an output file is the archive itself.
pub(crate) fn check_apart<'a>(
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
pub(crate) fn check_writable<'a>(paths: impl IntoIterator<Item = &'a Path>) -> CommandResult {
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
pub(crate) fn write(path: Option<&Path>, bytes: &[u8]) -> CommandResult {
    write_shown(path, bytes, shown::lines)
}

/// Writes JSON, which stays valid JSON on a terminal.
pub(crate) fn write_json(path: Option<&Path>, json: &str) -> CommandResult {
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

/// Turns an output file's error into a failure.
pub(crate) fn unwritable(path: &Path) -> impl Fn(std::io::Error) -> CommandFailure {
    move |error| CommandFailure::new(ERRORS, format!("cannot write {}: {error}", path.display()))
}

/// A progress bar on standard error, if the screen shows any, with this text before it.
pub(crate) fn bar(screen: &Screen, text: &str) -> ProgressBar {
    let Some(bars) = screen.bars() else { return ProgressBar::hidden() };
    let bar = bars.add(ProgressBar::no_length());
    let size = "{decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(&format!("{text}{{wide_bar}} {size}")) {
        bar.set_style(style);
    }
    bar
}

/// Shows the progress of verifying an archive on its bar.
pub(crate) fn show(bar: &ProgressBar, progress: VerifyProgress) {
    if let Some(size) = progress.size {
        bar.set_length(size);
    }
    bar.set_position(progress.read);
    bar.set_message(format!("{}/{} entries", progress.entries_done, progress.entries));
}

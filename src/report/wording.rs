//! Wording of events, for a terminal or a log.
//!
//! Names and messages come from archives and servers, so they pass through [`one_line`].

use std::time::Duration;

use crate::restore::event::{Cause, EntryRef, Event, Failure, Outcome};
pub(super) use crate::shown::one_line;

use super::units;

/// A line's severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Error,
    Warning,
    Notice,
}

impl Severity {
    /// The word at the start of the line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }

    /// The severity of a server message.
    pub(super) fn of_server(severity: &str) -> Self {
        match severity {
            "ERROR" | "FATAL" | "PANIC" => Self::Error,
            "WARNING" => Self::Warning,
            _ => Self::Notice,
        }
    }
}

/// The line that the user must see even while bars are shown, if any.
///
/// An entry that failed because of a separately reported problem gets none.
pub(super) fn remark(event: &Event) -> Option<(Severity, String)> {
    match event {
        Event::Finished { entry, outcome: Outcome::Failed { failure }, .. }
            if failure.cause.is_none() =>
        {
            Some((Severity::Error, failed(entry, failure)))
        }
        Event::Problem { cause, message, entries, tolerated } => {
            let severity = if *tolerated { Severity::Warning } else { Severity::Error };
            Some((severity, problem(cause, message, *entries)))
        }
        Event::DropFailed { entry, failure, tolerated } => {
            let severity = if *tolerated { Severity::Warning } else { Severity::Error };
            Some((severity, not_dropped(entry, failure)))
        }
        Event::Analyzed { entry, failure: Some(failure), .. } => {
            Some((Severity::Warning, failed(entry, failure)))
        }
        Event::Warning { message } => Some((Severity::Warning, one_line(message))),
        Event::Notice { severity, message, .. } => {
            Some((Severity::of_server(severity), one_line(message)))
        }
        _ => None,
    }
}

/// `expected to take 1h 2min 5s (from earlier runs)`.
pub(super) fn predicted(wall: Duration) -> String {
    format!("expected to take {} (from earlier runs)", units::duration(wall))
}

/// `everything restored: --from-scratch was given`, with such a start.
pub(super) fn everything(start: &str, reasons: &[String]) -> String {
    format!("{start}: {}", one_line(&reasons.join("; ")))
}

/// `TABLE DATA public.users: duplicate key value … (23505)`.
pub(super) fn failed(entry: &EntryRef, failure: &Failure) -> String {
    format!("{}: {}", label(entry), message(failure))
}

/// `cannot drop TABLE public.users: table "users" does not exist (42P01)`.
pub(super) fn not_dropped(entry: &EntryRef, failure: &Failure) -> String {
    format!("cannot drop {}", failed(entry, failure))
}

/// `duplicate key value … (23505)`.
pub(super) fn message(failure: &Failure) -> String {
    match &failure.sqlstate {
        Some(state) => format!("{} ({})", one_line(&failure.message), one_line(state)),
        None => one_line(&failure.message),
    }
}

/// `role "app" does not exist: needed by 14 entries`. Not everything that depends on an extension
/// fails without it.
pub(super) fn problem(cause: &Cause, message: &str, entries: usize) -> String {
    let most = if matches!(cause, Cause::MissingExtension { .. }) { "up to " } else { "" };
    let entries = units::plural(entries as u64, "entry", "entries");
    format!("{}: needed by {most}{entries}", one_line(message))
}

/// A default description of a cause, if no better one was reported.
pub(super) fn cause(cause: &Cause, entry: Option<&EntryRef>) -> String {
    match (cause, entry) {
        (Cause::Entry { .. }, Some(entry)) => format!("{} was not restored", label(entry)),
        (Cause::Entry { entry }, None) => format!("entry {entry} was not restored"),
        (Cause::MissingRole { role }, _) => {
            format!("role \"{}\" does not exist", one_line(role))
        }
        (Cause::MissingExtension { extension }, _) => {
            format!("extension \"{}\" is not available", one_line(extension))
        }
    }
}

/// `app.dump: 560 of 600 entries, 29.1 GB of data in 42 of them, 8 jobs`.
pub(super) fn planned(
    archive: &str,
    entries: usize,
    wanted: usize,
    with_data: usize,
    data_bytes: Option<u64>,
    jobs: usize,
) -> String {
    let size = match data_bytes {
        Some(size) => format!("{} of data", units::bytes(size)),
        None => "data".to_owned(),
    };
    format!(
        "{}: {} of {}, {size} in {} of them, {}",
        one_line(archive),
        units::count(wanted as u64),
        units::plural(entries as u64, "entry", "entries"),
        units::count(with_data as u64),
        units::plural(jobs as u64, "job", "jobs"),
    )
}

/// An entry's name, safe to show.
pub(super) fn label(entry: &EntryRef) -> String {
    one_line(&entry.label())
}

/// The text shortened to `width` characters by cutting its middle, which keeps the kind and the end
/// of the name.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let Some(kept) = width.checked_sub(1) else { return String::new() };
    let head = kept.div_ceil(2);
    let tail = kept - head;
    let mut short: String = text.chars().take(head).collect();
    short.push('…');
    short.extend(text.chars().skip(length - tail));
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_name_is_cut_in_the_middle() {
        assert_eq!(shortened("INDEX public.answers_pkey", 25), "INDEX public.answers_pkey");
        assert_eq!(shortened("INDEX public.answers_pkey", 11), "INDEX…_pkey");
        assert_eq!(shortened("INDEX", 1), "…");
        assert_eq!(shortened("INDEX", 0), "");
        assert_eq!(shortened("表表表表表", 3), "表…表");
    }
}

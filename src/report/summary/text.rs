//! The summary as text. Problems come last, where a terminal shows them.

use std::fmt::{self, Display, Formatter};

use super::super::{units, wording};
use super::{CommonCause, FailedEntry, Summary, Totals};
use crate::restore::event::EntryRef;

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.heading(f)?;
        self.kinds(f)?;
        self.data(f)?;
        self.slowest(f)?;
        self.analyzed(f)?;
        self.skipped(f)?;
        self.not_checked(f)?;
        self.warnings(f)?;
        list(f, "tolerated", self.tolerated.iter().collect())?;
        for cause in &self.causes {
            common_cause(f, cause)?;
        }
        let (orphans, others) = self.failures.iter().partition(|failed| failed.is_of_orphans());
        list(f, "foreign keys with orphaned rows", orphans)?;
        list(f, "failed", others)?;
        self.not_loaded(f)?;
        self.hints(f)?;
        self.verdict(f)
    }
}

impl Summary {
    fn heading(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.sync.is_some() { "sync" } else { "restore" })?;
        if let Some(archive) = &self.archive {
            write!(f, " of {}", wording::one_line(archive))?;
        }
        let jobs = units::plural(self.jobs as u64, "job", "jobs");
        writeln!(f, " took {}, {jobs}", units::duration(self.seconds))?;
        if let Some(sync) = &self.sync {
            writeln!(f, "{sync}")?;
        }
        if let Some(predicted) = self.predicted_seconds {
            writeln!(f, "predicted {} from earlier runs", units::duration(predicted))?;
        }
        // Names can be long: each gets a line.
        if let Some(target) = &self.target {
            write!(f, "into {}", wording::one_line(target))?;
            if let Some(version) = &self.server_version {
                write!(f, ", PostgreSQL {}", wording::one_line(version))?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }

    fn kinds(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.kinds.is_empty() {
            return Ok(());
        }
        let header = [
            "kind",
            "entries",
            "done",
            "skipped",
            "tolerated",
            "failed",
            "rows",
            "MB",
            "session time",
        ];
        let mut rows = vec![header.map(str::to_owned)];
        rows.extend(
            self.kinds.iter().map(|kind| cells(&wording::one_line(&kind.kind), &kind.totals)),
        );
        rows.push(cells("total", &self.total));
        f.write_str("\n")?;
        columns(f, &rows, |column| match column {
            // Most runs need none of these; without them the table fits a narrow terminal.
            3 => self.total.skipped > 0,
            4 => self.total.tolerated > 0,
            5 => self.total.failed > 0,
            _ => true,
        })
    }

    fn data(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.total.bytes == 0 && self.total.read == 0 {
            return Ok(());
        }
        let rate = |rate: Option<u64>| match rate {
            Some(rate) => format!(", {} MB/s", units::megabytes(rate)),
            None => String::new(),
        };
        let rows = [
            ["data sent", &units::megabytes(self.total.bytes), &rate(self.bytes_per_second)],
            ["data read", &units::megabytes(self.total.read), &rate(self.read_per_second)],
        ];
        let width = rows.iter().map(|[_, size, _]| size.len()).max().unwrap_or(0);
        f.write_str("\n")?;
        for [what, size, rate] in rows {
            writeln!(f, "{what}  {size:>width$} MB{rate}")?;
        }
        Ok(())
    }

    fn slowest(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.slowest.is_empty() {
            return Ok(());
        }
        f.write_str("\nslowest entries\n")?;
        let times: Vec<String> =
            self.slowest.iter().map(|timed| units::duration(timed.seconds)).collect();
        let width = times.iter().map(String::len).max().unwrap_or(0);
        for (timed, time) in self.slowest.iter().zip(times) {
            write!(f, "  {time:>width$}  {}", wording::label(&timed.entry))?;
            if timed.rows > 0 {
                write!(f, ", {}", units::plural(timed.rows, "row", "rows"))?;
            }
            if timed.bytes > 0 {
                write!(f, ", {}", units::bytes(timed.bytes))?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }

    fn analyzed(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let super::Analyzed { count, seconds } = self.analyzed;
        if count == 0 {
            return Ok(());
        }
        let tables = units::plural(count, "table", "tables");
        writeln!(f, "\nanalyzed  {tables}, {} of session time", units::duration(seconds))
    }

    fn not_checked(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.not_checked {
            0 => Ok(()),
            1 => writeln!(f, "\n1 foreign key is NOT VALID, as requested"),
            count => {
                writeln!(f, "\n{} foreign keys are NOT VALID, as requested", units::count(count))
            }
        }
    }

    fn skipped(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.skipped.is_empty() {
            return Ok(());
        }
        f.write_str("\nskipped\n")?;
        let counts: Vec<String> =
            self.skipped.iter().map(|skipped| units::count(skipped.count)).collect();
        let width = counts.iter().map(String::len).max().unwrap_or(0);
        for (skipped, count) in self.skipped.iter().zip(counts) {
            writeln!(f, "  {count:>width$}  {}", wording::one_line(&skipped.reason))?;
        }
        Ok(())
    }

    fn warnings(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.warnings.is_empty() {
            return Ok(());
        }
        f.write_str("\nwarnings\n")?;
        for warning in &self.warnings {
            writeln!(f, "  {}", wording::one_line(warning))?;
        }
        Ok(())
    }

    fn not_loaded(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.not_loaded.is_empty() {
            return Ok(());
        }
        f.write_str("\ntables not loaded\n")?;
        for entry in self.not_loaded.iter().take(MOST_TABLES) {
            let EntryRef { schema, name, .. } = entry;
            let schema = schema.as_ref().map_or_else(String::new, |schema| format!("{schema}."));
            writeln!(f, "  {}", wording::one_line(&format!("{schema}{name}")))?;
        }
        match self.not_loaded.len().saturating_sub(MOST_TABLES) {
            0 => Ok(()),
            more => writeln!(f, "  and {} more", units::count(more as u64)),
        }
    }

    fn hints(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.hints.is_empty() {
            f.write_str("\n")?;
        }
        self.hints.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))
    }

    fn verdict(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Totals { count, done, skipped, tolerated, failed, .. } = self.total;
        f.write_str("\n")?;
        if !self.is_balanced() {
            writeln!(
                f,
                "{} selected, but {} accounted for",
                units::plural(self.wanted, "entry was", "entries were"),
                units::plural(count, "was", "were"),
            )?;
        }
        match self.errors() {
            0 if self.was_cut_short() => f.write_str("not finished")?,
            0 => f.write_str("no errors")?,
            errors => f.write_str(&units::plural(errors, "error", "errors"))?,
        }
        write!(f, ": {} done", units::plural(done, "entry", "entries"))?;
        for (count, word) in [(skipped, "skipped"), (tolerated, "tolerated"), (failed, "failed")] {
            if count > 0 {
                write!(f, ", {} {word}", units::count(count))?;
            }
        }
        f.write_str("\n")
    }
}

/// A cause, and below it the entries that failed because of it.
fn common_cause(f: &mut Formatter<'_>, cause: &CommonCause) -> fmt::Result {
    let message = wording::one_line(&cause.message);
    let accepted = if cause.tolerated { " (tolerated)" } else { "" };
    let entries = |count| units::plural(count, "entry", "entries");
    let lost = cause.entries.len() as u64 - cause.without_owner;
    let owners = format!("owner not set on {}", entries(cause.without_owner));
    let lost = match lost {
        0 => None,
        lost => Some(format!("{} not restored", entries(lost))),
    };
    let owners = (cause.without_owner > 0).then_some(owners);
    let said: Vec<String> = owners.into_iter().chain(lost).collect();
    let colon = if said.is_empty() { "" } else { ": " };
    writeln!(f, "\n{message}{accepted}{colon}{}", said.join(", "))?;
    let width = cause.entries.iter().map(|entry| digits(entry.dump_id)).max().unwrap_or(0);
    for entry in &cause.entries {
        writeln!(f, "  {:>width$}  {}", entry.dump_id, wording::label(entry))?;
    }
    Ok(())
}

/// Failed entries, each with all details.
fn list(f: &mut Formatter<'_>, heading: &str, entries: Vec<&FailedEntry>) -> fmt::Result {
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{heading}")?;
    let width = entries.iter().map(|failed| digits(failed.entry.dump_id)).max().unwrap_or(0);
    for FailedEntry { entry, message, sqlstate, detail, statement } in entries {
        let indent = width + 4;
        writeln!(f, "  {:>width$}  {}", entry.dump_id, wording::label(entry))?;
        write!(f, "{:indent$}", "")?;
        if let Some(state) = sqlstate {
            write!(f, "{}: ", wording::one_line(state))?;
        }
        writeln!(f, "{}", wording::one_line(message))?;
        for line in [detail, statement].into_iter().flatten().flat_map(|text| text.lines()) {
            // Keeps its indentation; control characters are escaped.
            let text = line.trim_start();
            let inner = indent + (line.len() - text.len()).min(MOST_INDENT);
            if !text.is_empty() {
                writeln!(f, "{:inner$}{}", "", wording::one_line(text))?;
            }
        }
    }
    Ok(())
}

/// The number of tables listed; the JSON lists all.
const MOST_TABLES: usize = 10;

/// A statement's own indentation is kept up to this width.
const MOST_INDENT: usize = 16;

fn digits(dump_id: i32) -> usize {
    dump_id.to_string().len()
}

/// A row of the table of kinds. Zeros become dashes, so that other numbers stand out.
fn cells(name: &str, totals: &Totals) -> [String; 9] {
    let Totals { count, done, skipped, tolerated, failed, rows, bytes, seconds, .. } = *totals;
    let shown = |zero: bool, text: String| if zero { "-".to_owned() } else { text };
    let [count, done, skipped, tolerated, failed, rows] =
        [count, done, skipped, tolerated, failed, rows]
            .map(|number| shown(number == 0, units::count(number)));
    let size = shown(bytes == 0, units::megabytes(bytes));
    let time = shown(seconds.is_zero(), units::duration(seconds));
    [name.to_owned(), count, done, skipped, tolerated, failed, rows, size, time]
}

/// Writes a table of the `shown` columns: the first aligned left, the others right.
fn columns<const N: usize>(
    f: &mut Formatter<'_>,
    rows: &[[String; N]],
    shown: impl Fn(usize) -> bool,
) -> fmt::Result {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().filter(|(index, _)| shown(*index));
        for (index, (cell, width)) in cells {
            if index == 0 {
                write!(f, "{cell:<width$}")?;
            } else {
                write!(f, "  {cell:>width$}")?;
            }
        }
        f.write_str("\n")?;
    }
    Ok(())
}

//! What a sync did, or would do: a sentence, and a table.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::super::{units, wording};
use crate::restore::event::Answer;

/// What differed between the archive and the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// Why everything was restored; empty if it was not.
    pub restored_for: Vec<String>,
    /// The tables with rows; empty if everything was restored.
    pub tables: Vec<SyncedTable>,
    /// Sequences that were set.
    pub sequences: u64,
    /// Materialized views that were refreshed.
    pub views: u64,
}

/// What was done with a table's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncedTable {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What was done.
    pub answer: Answer,
    /// Rows inserted.
    pub rows_in: u64,
    /// Rows deleted.
    pub rows_out: u64,
    /// Why this, if it is not the least work.
    pub reason: Option<String>,
}

impl Synced {
    /// The tables as text, one a line, below a header, if there are any. Lines end with a newline.
    #[must_use]
    pub fn table(&self) -> String {
        if self.tables.is_empty() {
            return String::new();
        }
        let header = ["TABLE", "ANSWER", "ROWS IN", "ROWS OUT", "REASON"].map(str::to_owned);
        let shown = |rows: u64| if rows == 0 { String::new() } else { units::count(rows) };
        let rows: Vec<_> = std::iter::once(header)
            .chain(self.tables.iter().map(|table| {
                [
                    wording::one_line(&format!("{}.{}", table.schema, table.name)),
                    table.answer.word().to_owned(),
                    shown(table.rows_in),
                    shown(table.rows_out),
                    table.reason.as_deref().map(wording::one_line).unwrap_or_default(),
                ]
            }))
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let [a, b, c, d] = [0, 1, 2, 3].map(|column| width(column).unwrap_or_default());
        let line = |[name, answer, rows_in, rows_out, reason]: &[String; 5]| {
            let line = format!("{name:<a$}  {answer:<b$}  {rows_in:>c$}  {rows_out:>d$}  {reason}");
            line.trim_end().to_owned() + "\n"
        };
        rows.iter().map(line).collect()
    }

    /// The sentence before anything is done. Display is the one afterwards.
    #[must_use]
    pub fn expected(&self) -> String {
        match self.restored_for.as_slice() {
            [] => self.to_string(),
            reasons => wording::everything("everything would be restored", reasons),
        }
    }

    fn of(&self, answer: Answer) -> Vec<&SyncedTable> {
        self.tables.iter().filter(|table| table.answer == answer).collect()
    }
}

/// `12 of 18 tables unchanged, 5 patched (41,203 rows in, 12,877 out), 1 replaced`.
impl Display for Synced {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.restored_for.is_empty() {
            return f.write_str(&wording::everything("everything restored", &self.restored_for));
        }
        let unchanged = units::count(self.of(Answer::Unchanged).len() as u64);
        let all = units::plural(self.tables.len() as u64, "table", "tables");
        write!(f, "{unchanged} of {all} unchanged")?;
        let patched = self.of(Answer::Patched);
        if !patched.is_empty() {
            let rows_in = patched.iter().map(|table| table.rows_in).sum();
            let rows_out = patched.iter().map(|table| table.rows_out).sum();
            write!(
                f,
                ", {} patched ({} in, {} out)",
                units::count(patched.len() as u64),
                units::plural(rows_in, "row", "rows"),
                units::count(rows_out)
            )?;
        }
        let replaced = self.of(Answer::Replaced);
        if !replaced.is_empty() {
            write!(f, ", {} replaced", units::count(replaced.len() as u64))?;
        }
        if let [SyncedTable { reason: Some(reason), .. }] = replaced[..] {
            write!(f, " ({})", wording::one_line(reason))?;
        }
        for (count, one, many, done) in [
            (self.sequences, "sequence", "sequences", "set"),
            (self.views, "materialized view", "materialized views", "refreshed"),
        ] {
            if count > 0 {
                write!(f, "; {} {done}", units::plural(count, one, many))?;
            }
        }
        Ok(())
    }
}

//! Compares an archive's data with a database's: `nocturne verify ARCHIVE -d URL`.
//!
//! Both sides are read once, in parallel. The rows of each table are counted and added to an
//! order-independent digest ([`crate::rows::RowSet`]): the archive's by [`verify`], on its
//! threads; the database's by sessions that share one snapshot, with `COPY … TO STDOUT` of the same
//! columns under pg_dump's settings. The number of jobs bounds the memory of both sides.
//!
//! Equal text means equal rows. Different text need not mean different rows: pg_dump's session may
//! have had another time zone or `bytea` format, and old servers wrote other digits. So no
//! difference is reported from the text alone while the counts agree. Such tables are read again
//! under the database's own settings, then compared in the *exact way* (`exact.rs`): the archive's
//! rows are loaded into a temporary table with the columns' types, and both tables are read with
//! the server's own output functions. INSERT statements are always compared that way.
//!
//! Large objects are compared by OID, length and digest, sequences by their values, materialized
//! views by whether they are populated, as their rows are not in an archive. Definitions are not
//! compared.

mod exact;
mod found_tables;
mod large_objects;
mod names;
mod report;
mod sessions;
mod states;
mod subjects;
mod tables;
mod temporary_table;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

pub use report::{Compared, ComparedKind, Comparison, Verdict};
pub(crate) use states::sequence_value;

use crate::rows::{RowSet, RowSetKey};
use crate::select::Selection;
use crate::server::{self, Target};
use crate::source::{Access, Archive, Input};
use crate::verify::archive::{EntryReport, VerifyOptions, VerifyProgress, verify};
use exact::Again;
use found_tables::FoundTable;
use sessions::{Sessions, Zone};
use subjects::{ComparedTable, Subjects};
use tables::ComparisonPass;

/// What to compare with, and how.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// Number of decompressing threads, and of reading sessions.
    pub jobs: NonZeroUsize,
    /// The role that sessions switch to.
    pub role: Option<String>,
    /// Where a streamed archive can be opened again; `None` if it cannot.
    pub again: Option<Input>,
}

/// Why the whole comparison failed.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// No session could be opened.
    #[error("{0}")]
    Connect(#[source] server::SessionError),
    /// The queries that a comparison needs first have failed.
    #[error("cannot look up the database's tables")]
    Catalogue(#[source] server::SessionError),
    /// The operating system provides no random bytes for the digests' key.
    #[error("cannot create a key for the digests")]
    Random(#[source] std::io::Error),
    /// A bug in this program.
    #[error("a comparison thread stopped unexpectedly")]
    Internal(#[source] tokio::task::JoinError),
}

/// The digest of a table's rows, or the reason there is none.
type Digested = Result<RowSet, TableError>;

/// Why a table's rows could not be read from the database.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TableError {
    /// A character does not exist in the archive's encoding: the rows differ, at least as text.
    Encoding,
    /// Any other reason.
    Other(String),
}

/// Compares the selected data of an archive with a database.
///
/// `progress` receives the progress of reading the archive; `waits` receives the reason for waiting
/// when the server does not accept sessions yet.
///
/// # Errors
/// When the whole comparison fails. Problems with single tables are in their verdicts.
pub async fn compare(
    archive: Archive,
    selection: &Selection,
    options: &CompareOptions,
    target: &Target,
    progress: impl Fn(VerifyProgress) + Send + 'static,
    waits: impl FnOnce(&server::SessionError),
) -> Result<Comparison, CompareError> {
    let (toc, name) = (archive.toc.clone(), archive.name.clone());
    let again = match (&archive.access, &options.again) {
        (Access::Random(random), _) => Again::Here(random.clone()),
        (Access::Stream(_), Some(input)) => Again::From(input.clone()),
        (Access::Stream(_), None) => Again::Never,
    };
    let subjects = Subjects::new(&toc, selection);
    let sessions = Arc::new(Box::pin(Sessions::open(target, &toc, options, waits)).await?);
    let tables = found_tables::look_up(sessions.holder(), &toc, &subjects.tables)
        .await
        .map_err(CompareError::Catalogue)?;
    let pass = ComparisonPass {
        sessions: sessions.clone(),
        key: RowSetKey::random().map_err(CompareError::Random)?,
        jobs: options.jobs,
        encoding: toc.encoding.name().to_owned(),
    };
    let reading = VerifyOptions {
        jobs: options.jobs,
        wanted: subjects.is_partial(&toc).then(|| subjects.with_data()),
        digests: false,
        rows: Some(pass.key.clone()),
    };
    let reading = tokio::task::spawn_blocking(move || verify(archive, &reading, &progress));
    let work = async {
        let everything: Vec<usize> = (0..tables.len()).collect();
        let (report, mut database, states) = tokio::join!(
            reading,
            pass.read(&tables, &everything, Zone::Utc),
            states::compare(&sessions, &toc, &subjects),
        );
        let report = report.map_err(CompareError::Internal)?;
        let reports: HashMap<i32, &EntryReport> =
            report.entries.iter().map(|entry| (entry.dump_id, entry)).collect();
        let archived: Vec<Archived> =
            subjects.tables.iter().map(|table| Archived::of(table, &reports)).collect();

        // Rows whose text differs in UTC may be equal in the database's own time zone.
        let mut doubtful = find_doubtful(&tables, &archived, &database);
        if !doubtful.is_empty() && sessions.has_zone_of_its_own() {
            for (at, digested) in pass.read(&tables, &doubtful, Zone::OfTheDatabase).await {
                if archived[at].rows().is_some_and(|rows| digested == Ok(rows)) {
                    database.insert(at, digested);
                }
            }
            doubtful = find_doubtful(&tables, &archived, &database);
        }
        let mut exact = HashMap::new();
        if !doubtful.is_empty() {
            exact = exact::compare(&pass, &tables, &doubtful, &toc, again).await;
        }
        let of_table = |(at, found): (usize, &FoundTable<'_>)| {
            report::table(found, &archived[at], database.get(&at), exact.get(&at))
        };
        let mut items: Vec<Compared> = tables.iter().enumerate().map(of_table).collect();
        items.extend(large_objects::compare(&pass, &subjects.large_objects, &reports).await);
        items.extend(states);
        let faults = report.faults().collect();
        let (database, remarks) = (target.to_string(), report.remarks);
        Ok(Comparison { archive: name, database, items, faults, remarks })
    };
    sessions.kept_alive(Box::pin(work)).await
}

/// The data that the archive contains for a table.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Archived {
    /// These rows.
    Rows(RowSet),
    /// INSERT statements, or rows with different column orders.
    Other,
    /// Damaged data.
    Damaged(String),
}

impl Archived {
    fn of(table: &ComparedTable, found: &HashMap<i32, &EntryReport>) -> Self {
        let mut rows = RowSet::default();
        for id in &table.entries {
            match found.get(&id.0) {
                Some(EntryReport { error: Some(error), .. }) => {
                    return Self::Damaged(error.clone());
                }
                Some(EntryReport { row_set: Some(set), .. }) if table.columns.is_some() => {
                    rows = rows.and(*set);
                }
                Some(_) => return Self::Other,
                None => return Self::Damaged("its data was not read".to_owned()),
            }
        }
        Self::Rows(rows)
    }

    fn rows(&self) -> Option<RowSet> {
        match self {
            Self::Rows(rows) => Some(*rows),
            Self::Other | Self::Damaged(_) => None,
        }
    }
}

/// The tables for which the text alone is inconclusive.
fn find_doubtful(
    tables: &[FoundTable<'_>],
    archived: &[Archived],
    database: &HashMap<usize, Digested>,
) -> Vec<usize> {
    let is_doubtful = |at: &usize| match (&archived[*at], database.get(at)) {
        (Archived::Rows(ours), Some(Ok(theirs))) => ours.rows == theirs.rows && ours != theirs,
        (Archived::Rows(_), Some(Err(TableError::Encoding))) => true,
        (Archived::Other, _) => tables[*at].is_comparable(),
        _ => false,
    };
    (0..tables.len()).filter(is_doubtful).collect()
}

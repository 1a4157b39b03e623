//! The journal: what a restore has done so far, kept so that another run can resume from there.
//!
//! # Where it is kept, and why there
//!
//! In the target database, in two tables of the schema `nocturne`, the one that
//! [`replicate::clean`](crate::replicate::clean) keeps. An entry's line is written in the
//! transaction that does the entry's work, so an entry is done exactly when its line is there,
//! whatever fails in between: the client, its machine, the connection, the server. A file next to
//! the archive could not be written atomically with the work, and a replaced container loses its
//! files. A COMMIT without a reply is resolved by looking for the line.
//!
//! # What is atomic
//!
//! - **Definitions**: all statements of the entry, and its line, are one transaction. What follows
//!   a definition (its owner, a partitioned table's access method) is idempotent; `Mark::Defined`
//!   means that only this is left. An index is never left invalid, because none is built outside a
//!   transaction.
//! - **Rows**: COPY and the line are one transaction. Several sessions that load one table have one
//!   each; the one with the line is committed last. So a table without its line may hold rows, and
//!   one that this restore created is emptied before it is loaded again. A table with its line is
//!   never touched.
//! - **Constraints in two steps**: each step has a line (`Mark::FirstStep`, then `Mark::Done`). A
//!   run that creates them in one step finishes what another started in two.
//! - **Large objects that arrive one by one** (a tar as a stream) have no line: they are
//!   overwritten with the same contents.
//! - **Dropping** (`--clean`) and the caller's work [at the stages](crate::restore::Stages) have a
//!   line when they are complete; interrupted work starts from the beginning. With a journal,
//!   dropping ignores missing objects.
//!
//! Once the definitions are complete they are made durable, and from then on lines are written with
//! `synchronous_commit`. So a server crash while rows are loaded loses nothing that was reported as
//! done, and the run continues when the server is back. An earlier crash is left to the next run.
//! Rows of UNLOGGED tables do not survive a crash (detected by the reset time of the server's
//! statistics): their lines are void then.
//!
//! # Left for the next run
//!
//! When the rows of a table cannot be loaded, its indexes, constraints, triggers and everything
//! else that comes after rows are not created: the next run will load the rows, and triggers must
//! not fire then.
//!
//! # Identity
//!
//! `Identity` records the archive, selection, options and target of the journal; if any differs,
//! the restore is refused with the differences. The number of jobs and the way the archive is read
//! may change. The tables that are done must exist.
//!
//! # The manifest
//!
//! A line of data has the SHA-256 of the entry's bytes as stored in the archive (compressed: there
//! are fewer of them, and comparing needs no decompression). It is computed by the decoder's thread
//! as it reads, and is the same for a file and a stream. The header has the file system's metadata
//! of the archive's files at the start of the run.
//!
//! - **Files** that are unchanged since the last run are trusted. Otherwise the data of finished
//!   entries is read again and compared before anything is written (`manifest.rs`), also inside a
//!   wrapper.
//! - **Streams** are compared as they are read, in `stream/feed.rs`.
//! - Unfinished entries are not compared but loaded as they are now. So the database ends up
//!   matching the archive that the last run read.
//! - Large objects that arrive one by one have no line, and are not compared.
//!
//! Two processes never write one journal: see `lock.rs`.
//!
//! # How it is used
//!
//! Set [`RestoreOptions::journal`](crate::restore::RestoreOptions::journal). The first run writes a
//! journal, a run that finds a journal resumes. A restore that ends without errors drops it, and
//! the schema if the journal created it, unless [`JournalOptions::keep`] is set; otherwise it
//! stays. Where dropping it would fire an event trigger of the database that this role cannot
//! disable, it is emptied instead (`quiet.rs`). [`exists`] and [`forget`] are for callers that
//! prepare a target: do not empty a target that has a journal of the same restore; forget the
//! journal of a different one.

mod identity;
pub(crate) mod line;
pub(crate) mod lock;
mod manifest;
pub(crate) mod open;
pub(crate) mod quiet;
pub(crate) mod state;
pub(crate) mod store;

use crate::server::{self, Session, SessionSettings, Target};

pub use crate::restore::error::JournalError;
pub use crate::restore::options::JournalOptions;
pub(crate) use identity::differences;

/// Whether a target holds a journal.
///
/// # Errors
/// When the target cannot be reached or queried.
pub async fn exists(target: &Target) -> server::Result<bool> {
    store::exists(&Session::connect(target, &SessionSettings::default()).await?).await
}

/// Drops a target's journal, if it holds one. Not while a restore writes it.
///
/// # Errors
/// When the target cannot be reached, or refuses.
pub async fn forget(target: &Target) -> server::Result<()> {
    let session = Session::connect(target, &SessionSettings::default()).await?;
    if store::exists(&session).await? {
        store::drop_tables(&session).await?;
    }
    Ok(())
}

/// The reason reported for entries that an earlier run restored.
pub const DONE_BEFORE: &str = "restored by an earlier run";

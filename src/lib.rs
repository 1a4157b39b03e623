//! nocturne restores PostgreSQL archives: what `pg_dump` wrote in its custom, directory and tar
//! formats, back in a database, without `pg_restore`.
//!
//! # The data's way
//!
//! The bytes of an archive go one way, and the modules are its stations:
//!
//! ```text
//!         bytes          entries, data     wanted         jobs            rows, statements
//!  source ─────▶ archive ────────────▶ select ────▶ plan ─────▶ restore ─────────────────▶ target
//!                                                                  │
//!                                rows, sql: pure helpers           └──▶ events ──▶ report
//! ```
//!
//! 1. [`source`] opens a file, a directory, standard input or a URL, looks through wrappers such as
//!    `.tar.gz`, and says how the data can be reached: at any place, or once as a stream.
//! 2. [`archive`] reads the table of contents, as [`Entry`](archive::Entry) after entry, and
//!    decompresses data so that none can end early without a word.
//! 3. [`select`] decides which entries are wanted, by pg_restore's rules.
//! 4. [`plan`] puts them in order: dependencies, locks, the longest chain of work first.
//! 5. [`restore`] carries the plan out over several sessions. Decoders on a rayon pool fill bounded
//!    channels, sessions on tokio empty them into COPY. [`rows`] finds row boundaries and turns
//!    text into binary rows; [`sql`] takes statements apart where that is needed.
//! 6. [`target`] is one session of the server: parameters as libpq reads them, TLS, COPY.
//! 7. [`report`] reads the [events](restore::event) of all this: bars, log lines, the summary.
//!
//! Beside the way stand [`verify`], which takes it up to the decompressed data and needs no
//! server; [`compare`], which holds those data against a database's; [`embedded`], a throw-away
//! server; [`replicate`], the nightly run around a restore, from a host's backup to an enriched
//! warehouse, with its worker and its web page; and [`cli`], which makes settings of options.
//!
//! # Example
//!
//! What an archive holds, and whether all of it is sound:
//!
//! ```
//! use std::path::PathBuf;
//!
//! use nocturne::archive::Desc;
//! use nocturne::source::{self, Input};
//! use nocturne::verify::{VerifyOptions, verify};
//!
//! let input = Input::Path(PathBuf::from("fixtures/mission-demo.tar.gz"));
//! let archive = source::open(&input)?;
//! let tables = archive.toc.entries.iter().filter(|entry| entry.desc == Desc::Table);
//! assert_eq!(tables.count(), 18);
//!
//! let report = verify(archive, &VerifyOptions::default(), &|_progress| {});
//! assert!(report.is_intact());
//! # Ok::<(), nocturne::archive::Error>(())
//! ```
//!
//! [`restore::restore`] takes the same archive, a [`Selection`](select::Selection), a
//! [`Target`](target::Target), a receiver of events and a future that ends it early; the file
//! `src/cli/restore.rs` shows how they are made.
//!
//! # Guarantees
//!
//! - **A table's rows are loaded whole or not at all**: committed only when the archive's data came
//!   to their proper end and the server stored as many rows as were sent.
//! - **Every wanted entry is accounted for** as done, skipped, tolerated or failed, exactly once.
//! - **What is reported as restored is durable**: the end waits for a commit that is on disk.
//! - **Memory is bounded** by the number of jobs and the table of contents, not by tables: about
//!   3 MiB a job, and a decompressor. `docs/architecture.md` has the sum.
//! - **Bytes are not trusted**, SQL is: see `SECURITY.md`.
//!
//! The command line is the product. The library's interface follows its needs and may change with
//! any version before 1.0.

pub mod archive;
pub mod cli;
pub mod compare;
pub mod embedded;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod plan;
pub mod replicate;
pub mod report;
pub mod restore;
pub mod rows;
pub mod select;
mod shown;
pub mod source;
pub mod sql;
pub mod target;
pub mod verify;

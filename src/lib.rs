//! nocturne restores PostgreSQL archives in `pg_dump`'s custom, directory and tar formats, without
//! `pg_restore`.
//!
//! # Data flow
//!
//! The bytes of an archive flow in one direction through these modules:
//!
//! ```text
//!         bytes          entries, data     wanted         jobs            rows, statements
//!  source ─────▶ archive ────────────▶ select ────▶ plan ─────▶ restore ─────────────────▶ server
//!                                                                  │
//!                                rows, sql: pure helpers           └──▶ events ──▶ report
//! ```
//!
//! 1. [`source`] opens a file, a directory, standard input or a URL, unwraps formats such as
//!    `.tar.gz`, and provides access to the data: random, or once as a stream.
//! 2. [`archive`] reads the table of contents, one [`Entry`](archive::Entry) after the other, and
//!    decompresses data; truncated data is always an error.
//! 3. [`select`] selects entries by pg_restore's rules.
//! 4. [`plan`] orders them: dependencies, locks, the longest chain of work first.
//! 5. [`restore`] runs the plan over several sessions. Decoders on a rayon pool fill bounded
//!    channels, sessions on tokio drain them into COPY. [`statements`] writes an entry's SQL;
//!    [`script`] writes it to a file instead. [`rows`] finds row boundaries and converts text into
//!    binary rows; [`sql`] parses statements where necessary.
//! 6. [`server`] is a server session: connection parameters with libpq's rules, TLS, COPY.
//! 7. [`report`] turns the [events](restore::event) of all this into bars, log lines and the
//!    summary.
//!
//! Other modules: [`verify`] checks an archive up to its decompressed data, without a server, or
//! compares that data with a database; [`sync`] makes a database
//! equal to an archive by changing what differs; [`embedded`] runs a temporary server; [`replicate`] is the
//! nightly run around a restore, from a host's backup to an enriched warehouse, with its worker and
//! its web page; [`cli`] turns options into settings.
//!
//! # Example
//!
//! Count an archive's tables, and check that the archive is intact:
//!
//! ```
//! use std::path::PathBuf;
//!
//! use nocturne::archive::Desc;
//! use nocturne::source::{self, Input};
//! use nocturne::verify::{VerifyOptions, verify};
//!
//! let input = Input::Path(PathBuf::from("fixtures/warehouse-demo.tar.gz"));
//! let archive = source::open(&input)?;
//! let tables = archive.toc.entries.iter().filter(|entry| entry.desc == Desc::Table);
//! assert_eq!(tables.count(), 18);
//!
//! let report = verify(archive, &VerifyOptions::default(), &|_progress| {});
//! assert!(report.is_intact());
//! # Ok::<(), nocturne::archive::ArchiveError>(())
//! ```
//!
//! [`restore::restore`] takes the same archive, a [`Selection`](select::Selection), a
//! [`Target`](server::Target), a receiver of events and a future that stops it early;
//! `src/cli/restore.rs` shows how to build them.
//!
//! # Guarantees
//!
//! - **A table's rows are loaded completely or not at all**: committed only if the archive's data
//!   ends properly and the server stored as many rows as were sent.
//! - **Every selected entry is accounted for** as done, skipped, tolerated or failed, exactly once.
//! - **Whatever is reported as restored is durable**: the restore ends only after a commit to disk.
//! - **Memory is bounded** by the number of jobs and the table of contents, not by tables: about
//!   3 MiB per job, plus a decompressor. `docs/architecture.md` has the calculation.
//! - **An archive's bytes are not trusted**, its SQL is: see `SECURITY.md`.
//!
//! # Features
//!
//! All are on by default: `http` (archives at URLs), `replicate` (the nightly run) and `web` (its
//! status page). Without them, this is a plain restorer that builds with fewer crates.
//!
//! The command line is the product. The library's API serves it and may change with any version
//! before 1.0.

// Some re-exports are used by the nightly run only.
#![cfg_attr(not(feature = "replicate"), allow(unused_imports))]

pub mod archive;
pub mod cli;
pub mod embedded;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(feature = "http")]
mod http;
pub mod plan;
#[cfg(feature = "replicate")]
pub mod replicate;
pub mod report;
pub mod restore;
pub mod rows;
pub mod script;
pub mod select;
pub mod server;
mod shown;
pub mod source;
pub mod sql;
pub mod statements;
pub mod sync;
pub mod verify;

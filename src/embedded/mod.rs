//! A throw-away PostgreSQL server from the binaries on the machine.
//!
//! This module finds an installation, initialises a data directory, starts the server, waits until
//! it is ready and stops it. It is independent of archives and opens no connection: the URL from
//! [`Embedded::url`] goes to [`server`](crate::server) like that of any other database.
//!
//! ```no_run
//! use nocturne::embedded::{Embedded, EmbeddedOptions};
//!
//! let server = Embedded::start(&EmbeddedOptions::default())?;
//! println!("{} at {}", server.version(), server.url("postgres"));
//! server.stop()?;
//! # Ok::<(), nocturne::embedded::EmbeddedError>(())
//! ```
//!
//! Three guarantees:
//!
//! * **It ends with its owner.** A small shell, the supervisor, runs between this process and the
//!   server and reads a pipe whose other end only this process holds. However this process ends,
//!   even by `SIGKILL`, the pipe closes and the server is stopped.
//! * **No one else gets in.** Connections use a socket in a folder that only the server's account
//!   can enter; optional TCP listens on 127.0.0.1 and requires a password generated for this run.
//! * **Nothing is left behind**, unless [`EmbeddedOptions::data_dir`] names a folder to keep.
//!
//! Everything here blocks and may take seconds: from async code, call it in `spawn_blocking`.

mod account;
mod data_dir;
mod error;
mod folder;
mod installation;
mod options;
mod password;
mod server;
mod supervisor;
mod url;

pub use data_dir::initialize;
pub use error::{EmbeddedError, Result};
pub use installation::{Installation, Version, find_binaries};
pub use options::{EmbeddedOptions, Listen};
pub use server::Embedded;

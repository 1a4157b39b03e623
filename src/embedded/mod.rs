//! A throw-away PostgreSQL server from the binaries on the machine.
//!
//! This module finds an installation, initialises a data directory, starts the server, waits
//! until it answers and stops it. It knows nothing of archives and holds no connection: what
//! [`Embedded::url`] gives goes to [`target`](crate::target) like any other database.
//!
//! ```no_run
//! use nocturne::embedded::{Embedded, EmbeddedOptions};
//!
//! let server = Embedded::start(&EmbeddedOptions::default())?;
//! println!("{} at {}", server.version(), server.url("postgres"));
//! server.stop()?;
//! # Ok::<(), nocturne::embedded::Error>(())
//! ```
//!
//! Three promises:
//!
//! * **It ends with its owner.** A small shell, the supervisor, stands between this process and
//!   the server and reads a pipe whose other end only this process holds. However this process
//!   ends, `SIGKILL` included, the pipe closes and the server is stopped.
//! * **Nobody else gets in.** Connections come through a socket in a folder that only the
//!   server's account can enter; if TCP is asked for, it is on 127.0.0.1 and wants a password
//!   made for this run.
//! * **Nothing stays**, unless [`EmbeddedOptions::data_dir`] names a folder to keep.
//!
//! Everything here blocks and may take seconds: call it from async code through
//! `spawn_blocking`.

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
pub use error::{Error, Result};
pub use installation::{Installation, Version, find_binaries};
pub use options::{EmbeddedOptions, Listen};
pub use server::Embedded;

//! Shared by the integration tests: real servers of every version, their own tools as oracle, the
//! built program, and ways to make things fail.
//!
//! A test uses a server of [`cluster`] or runs on all of them with [`for_each_version`], creates
//! its own database with [`Cluster::fresh_db`], and compares with
//! [`compare::assert_same_database`]. A missing version is a failure that explains how to
//! get it, never a silent pass.

// Every test binary compiles this module and uses a part of it.
#![allow(dead_code, unused_imports)]

pub mod archive;
pub mod beside;
pub mod cluster;
pub mod compare;
pub mod disk;
pub mod files;
pub mod fixture;
pub mod gate;
pub mod hidden;
pub mod interactive;
pub mod owned;
pub mod program;
pub mod proxy;
pub mod random;
pub mod restore;
pub mod script;
pub mod secrets;
pub mod tool;
pub mod versions;
pub mod waiting;

pub use archive::Archive;
pub use beside::Beside;
pub use cluster::{Cluster, Database, cluster, fresh_name};
pub use compare::{assert_same_database, dump, dump_without};
pub use disk::SmallDisk;
pub use files::folder;
pub use fixture::{Fixture, fixtures, fixtures_where};
pub use interactive::Interactive;
pub use owned::Owned;
pub use program::{bare_nocturne, nocturne};
pub use proxy::Proxy;
pub use restore::{Restored, Running, restore, restore_to};
pub use secrets::Secrets;
pub use tool::{Finished, Tool};
pub use versions::{for_each_version, versions};
pub use waiting::{PATIENCE, until, wait_until};

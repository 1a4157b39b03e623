//! The databases that a run reads and writes.

use super::reader::{VariableReader, Wrong};
use super::table;
use super::variable::Variable;
use crate::error::chain;
use crate::server::{ConnectOptions, PasswordPrompt, Target};

/// The error of a URL that does not name a database.
const NO_DATABASE: &str =
    "no database is named; add it to the URL, as in postgresql://user@host:5432/name";

/// Where to connect. `Debug` shows no password.
#[derive(Clone, Debug, Default)]
pub struct Databases {
    /// The warehouse.
    pub target: Option<Target>,
    /// The source of the incremental copy.
    pub source: Option<Target>,
    /// The target of the incremental copy: the warehouse, unless another database is named.
    pub incremental_target: Option<Target>,
}

impl Databases {
    /// Whether the rows of incremental tables are copied into the restored database.
    #[must_use]
    pub fn is_fed_here(&self) -> bool {
        let shown = |target: &Option<Target>| target.as_ref().map(ToString::to_string);
        shown(&self.incremental_target) == shown(&self.target)
    }
}

pub(super) fn read(reader: &mut VariableReader<'_>) -> Databases {
    let target = database(reader, &table::DATABASE_URL);
    Databases {
        source: database(reader, &table::SOURCE_DATABASE_URL),
        incremental_target: database(reader, &table::TARGET_DATABASE_URL)
            .or_else(|| target.clone()),
        target,
    }
}

fn database(reader: &mut VariableReader<'_>, variable: &'static Variable) -> Option<Target> {
    let environment = reader.environment();
    let parse = |text: &str| {
        let options = ConnectOptions {
            default_url: Some(text.to_owned()),
            // Runs are unattended.
            password: PasswordPrompt::Never,
            ..ConnectOptions::default()
        };
        // Its errors show no password.
        let target = Target::resolve(&options, environment)
            .map_err(|error| Wrong::Because(chain(&error)))?;
        // libpq defaults to the database named after the role, which must not be overwritten by
        // accident.
        if target.names_its_database() {
            Ok(target)
        } else {
            Err(Wrong::Because(NO_DATABASE.to_owned()))
        }
    };
    reader.read_shown(variable, parse, |target, _| target.to_string())
}

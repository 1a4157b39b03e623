//! Connection options, with pg_restore's letters.

use clap::Args;

use super::values::ConnectionString;
use crate::cli::exit::{CommandFailure, USAGE};
use crate::server::{ConnectOptions, PasswordPrompt, Target};

/// How to connect to the target, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Target")]
pub struct Connection {
    /// Target database: a name, a key=value connection string, or a URL
    ///
    /// For example app, "host=db dbname=app", or postgres://user@host:5432/app. If no option names a
    /// target, the variable DATABASE_URL is used. Keep passwords out of the command line, where other
    /// users of the machine can read them: use PGPASSWORD or PGPASSFILE.
    #[arg(short = 'd', long, value_name = "NAME|URL")]
    pub dbname: Option<ConnectionString>,

    /// Server's host name, or directory of its socket
    #[arg(short = 'h', long, value_name = "HOSTNAME")]
    pub host: Option<String>,

    /// Server's port
    #[arg(short = 'p', long, value_name = "PORT")]
    pub port: Option<String>,

    /// Role to connect as
    #[arg(short = 'U', long, value_name = "NAME")]
    pub username: Option<String>,

    /// Never prompt for a password; fail if one is needed and not available
    #[arg(short = 'w', long, overrides_with = "password")]
    pub no_password: bool,

    /// Prompt for a password before connecting
    #[arg(short = 'W', long, overrides_with = "no_password")]
    pub password: bool,

    /// Run SET ROLE to this role in every session
    ///
    /// For a user who cannot create objects but is a member of a role that can.
    #[arg(long, value_name = "ROLENAME")]
    pub role: Option<String>,

    /// Superuser to switch to for --disable-triggers
    #[arg(short = 'S', long, value_name = "NAME")]
    pub superuser: Option<String>,
}

/// The database to compare an archive with, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Comparison")]
pub struct ComparedDatabase {
    /// Compare the data with this database: a name, a key=value connection string, or a URL
    ///
    /// Rows are counted and digested on both sides, in any order; large objects and sequence values
    /// are also compared. Differences are listed, and the exit code is 1. Nothing is changed.
    /// libpq's variables provide defaults; DATABASE_URL alone does not start a comparison.
    #[arg(
        short = 'd',
        long,
        value_name = "NAME|URL",
        conflicts_with_all = ["digests", "write_digests"]
    )]
    pub dbname: Option<ConnectionString>,

    /// Server's host name, or directory of its socket
    #[arg(short = 'h', long, value_name = "HOSTNAME", requires = "dbname")]
    pub host: Option<String>,

    /// Server's port
    #[arg(short = 'p', long, value_name = "PORT", requires = "dbname")]
    pub port: Option<String>,

    /// Role to connect as
    #[arg(short = 'U', long, value_name = "NAME", requires = "dbname")]
    pub username: Option<String>,

    /// Never prompt for a password; fail if one is needed and not available
    #[arg(short = 'w', long, overrides_with = "password")]
    pub no_password: bool,

    /// Prompt for a password before connecting
    #[arg(short = 'W', long, overrides_with = "no_password")]
    pub password: bool,

    /// Run SET ROLE to this role in every session
    #[arg(long, value_name = "ROLENAME", requires = "dbname")]
    pub role: Option<String>,
}

impl Connection {
    /// The connection options given. `default_url` applies if no database is named.
    pub(crate) fn options(&self, default_url: Option<String>) -> ConnectOptions {
        let server = [&self.host, &self.port, &self.username];
        let said = options(self.dbname.as_ref(), server, self.no_password, self.password);
        ConnectOptions { default_url, ..said }
    }
}

impl ComparedDatabase {
    /// The connection options given.
    pub(crate) fn options(&self) -> ConnectOptions {
        let server = [&self.host, &self.port, &self.username];
        options(self.dbname.as_ref(), server, self.no_password, self.password)
    }
}

fn options(
    dbname: Option<&ConnectionString>,
    server: [&Option<String>; 3],
    no_password: bool,
    password: bool,
) -> ConnectOptions {
    let [host, port, username] = server.map(given);
    ConnectOptions {
        dbname: dbname.map(|dbname| dbname.expose().to_owned()),
        default_url: None,
        host,
        port,
        username,
        password: match (no_password, password) {
            (true, _) => PasswordPrompt::Never,
            (false, true) => PasswordPrompt::Force,
            (false, false) => PasswordPrompt::Auto,
        },
    }
}

/// An option's value; an empty one counts as not given.
pub(crate) fn given(option: &Option<String>) -> Option<String> {
    option.clone().filter(|value| !value.is_empty())
}

/// Resolves where to connect, with the process's environment.
pub(crate) fn resolve(options: &ConnectOptions) -> Result<Target, CommandFailure> {
    Target::resolve(options, &|name| std::env::var(name).ok())
        .map_err(|error| CommandFailure::of(USAGE, &error))
}

//! The options that say where the target is, with pg_restore's letters.

use clap::Args;

use super::exit::{Failure, USAGE};
use super::values::ConnectionString;
use crate::target::{ConnectOptions, PasswordPrompt, Target};

/// Where the target is, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Target")]
pub struct Connection {
    /// The database to restore into: its name, a key=value connection string, or a URL
    ///
    /// For instance app, or "host=db dbname=app", or postgres://user@host:5432/app. When it is
    /// absent and neither --file nor --embedded is given, the environment variable DATABASE_URL is
    /// read in its place. A password is better kept out of the command line, where other users of
    /// the machine may see it: see PGPASSWORD and PGPASSFILE.
    #[arg(short = 'd', long, value_name = "NAME|URL")]
    pub dbname: Option<ConnectionString>,

    /// The server's host name, or the directory of its socket
    #[arg(short = 'h', long, value_name = "HOSTNAME")]
    pub host: Option<String>,

    /// The server's port
    #[arg(short = 'p', long, value_name = "PORT")]
    pub port: Option<String>,

    /// The role to connect as
    #[arg(short = 'U', long, value_name = "NAME")]
    pub username: Option<String>,

    /// Never ask for a password; fail when one is needed and not at hand
    #[arg(short = 'w', long, overrides_with = "password")]
    pub no_password: bool,

    /// Ask for a password before connecting
    #[arg(short = 'W', long, overrides_with = "no_password")]
    pub password: bool,

    /// SET ROLE to this role after connecting, in every session
    ///
    /// For a user who may not create objects but is a member of a role that may.
    #[arg(long, value_name = "ROLENAME")]
    pub role: Option<String>,

    /// The superuser to become for --disable-triggers
    #[arg(short = 'S', long, value_name = "NAME")]
    pub superuser: Option<String>,
}

/// Which database an archive is compared with, as typed.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Comparison")]
pub struct ComparedDatabase {
    /// Compare the archive's data with those of this database: its name, a key=value connection
    /// string, or a URL
    ///
    /// Rows are counted and digested on both sides, whatever their order; large objects and the
    /// values of sequences are compared too. Differences are listed, and make the exit code 1.
    /// Nothing is changed. The variables of libpq complete what is not said; DATABASE_URL alone
    /// does not ask for a comparison.
    #[arg(
        short = 'd',
        long,
        value_name = "NAME|URL",
        conflicts_with_all = ["digests", "write_digests"]
    )]
    pub dbname: Option<ConnectionString>,

    /// The server's host name, or the directory of its socket
    #[arg(short = 'h', long, value_name = "HOSTNAME", requires = "dbname")]
    pub host: Option<String>,

    /// The server's port
    #[arg(short = 'p', long, value_name = "PORT", requires = "dbname")]
    pub port: Option<String>,

    /// The role to connect as
    #[arg(short = 'U', long, value_name = "NAME", requires = "dbname")]
    pub username: Option<String>,

    /// Never ask for a password; fail when one is needed and not at hand
    #[arg(short = 'w', long, overrides_with = "password")]
    pub no_password: bool,

    /// Ask for a password before connecting
    #[arg(short = 'W', long, overrides_with = "no_password")]
    pub password: bool,

    /// SET ROLE to this role after connecting, in every session
    #[arg(long, value_name = "ROLENAME", requires = "dbname")]
    pub role: Option<String>,
}

impl Connection {
    /// What is said of the place. `default_url` counts where no database is named.
    pub(super) fn options(&self, default_url: Option<String>) -> ConnectOptions {
        let server = [&self.host, &self.port, &self.username];
        let said = options(self.dbname.as_ref(), server, self.no_password, self.password);
        ConnectOptions { default_url, ..said }
    }
}

impl ComparedDatabase {
    /// What is said of the place.
    pub(super) fn options(&self) -> ConnectOptions {
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

/// An option, unless it is empty: then it says nothing.
pub(super) fn given(option: &Option<String>) -> Option<String> {
    option.clone().filter(|value| !value.is_empty())
}

/// Works out where to connect, with the process's environment.
pub(super) fn resolve(options: &ConnectOptions) -> Result<Target, Failure> {
    Target::resolve(options, &|name| std::env::var(name).ok())
        .map_err(|error| Failure::of(USAGE, &error))
}

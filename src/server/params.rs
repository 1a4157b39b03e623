//! Gathers connection parameters from the command line, the connection string and the environment,
//! and gives each its type.
//!
//! Nothing here connects; [`super::connect`] does.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::conninfo;
use super::error::{Result, SessionError};
use super::host::{self, Host};
use super::keyword::{self, KEYWORDS, Use};
use super::pgpass::PasswordFile;
use super::require_auth::RequireAuth;
use super::service;
use super::tls::{RootCertificates, SslMode, TlsOptions, TlsVersion};

/// The default time limit for a connection, in seconds. libpq waits forever for an address that
/// does not respond.
const CONNECT_WITHIN: i64 = 60;

/// An environment, so that tests need not change the process environment.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where to connect, from the command line: the same options as in `pg_restore`.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// `-d`: a database's name, a URI or a `key=value` string. A connection string overrides the
    /// options below, as documented for `pg_restore`.
    pub dbname: Option<String>,
    /// A URI or `key=value` string for what neither `dbname` nor the options below set; it
    /// overrides the `PG*` variables. Meant for `DATABASE_URL`.
    pub default_url: Option<String>,
    /// `-h`: a host name or a socket directory, or several separated by commas.
    pub host: Option<String>,
    /// `-p`: a port, or one for each host separated by commas.
    pub port: Option<String>,
    /// `-U`: the role to connect as.
    pub username: Option<String>,
    /// `-w`, `-W` or neither.
    pub password: PasswordPrompt,
}

/// Whether to prompt for a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordPrompt {
    /// Prompt if the server requests one, none is known, and there is a terminal.
    #[default]
    Auto,
    /// Never prompt (`-w`).
    Never,
    /// Prompt before connecting (`-W`).
    Force,
}

/// A password. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Password(String);

impl Password {
    pub(super) fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password itself, for the server only.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The requirement of `target_session_attrs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    /// A standby if one of the hosts is one, otherwise any server.
    PreferStandby,
}

/// The parameters, each with its type.
#[derive(Clone, Debug)]
pub(super) struct Params {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    pub(super) dbname: String,
    /// Whether the database was set: if not, it has the role's name.
    pub(super) is_named: bool,
    pub(super) load_balance: bool,
    pub(super) password: Option<Password>,
    pub(super) passfile: PasswordFile,
    pub(super) application_name: String,
    pub(super) options: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) keepalive: Keepalive,
    pub(super) channel_binding: ChannelBinding,
    pub(super) require_auth: Option<RequireAuth>,
    pub(super) demand: Demand,
    pub(super) direct_tls: bool,
    pub(super) tls: TlsOptions,
    /// Warnings for the user.
    pub(super) warnings: Vec<String>,
}

/// TCP keepalive, where `None` leaves the driver's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keepalive {
    pub(super) on: bool,
    pub(super) idle: Option<Duration>,
    pub(super) interval: Option<Duration>,
    pub(super) count: Option<u32>,
    pub(super) user_timeout: Option<Duration>,
}

/// `channel_binding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// The default role: the operating system's user.
pub(super) type OsUser<'a> = &'a dyn Fn() -> Option<String>;

impl Params {
    /// Gathers the parameters and gives each its type.
    ///
    /// # Errors
    /// [`SessionError::Params`] naming the parameter that is unknown, refused, or has an invalid value.
    pub(super) fn resolve(
        options: &ConnectOptions,
        environment: Environment<'_>,
        os_user: OsUser<'_>,
    ) -> Result<Self> {
        let settings = ParamSettings::gather(options, environment)?;
        // A URL mistaken for a name must not be shown.
        for name in ["dbname", "host", "user"] {
            if settings.get(name).is_some_and(conninfo::may_hold_a_password) {
                return Err(conninfo::misspelt(name));
            }
        }
        let home = environment("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let user = match settings.get("user") {
            Some(user) => user.to_owned(),
            None => os_user().ok_or_else(|| {
                params(
                    "no role to connect as: set -U or PGUSER (the operating system does not \
                        know this user's name)",
                )
            })?,
        };
        let mut warnings = Vec::new();
        let passfile = settings
            .get("passfile")
            .map(PathBuf::from)
            .or_else(|| home.as_deref().map(|home| home.join(".pgpass")));
        let passfile = match (passfile, settings.get("password")) {
            (Some(path), None) => PasswordFile::read(&path, &mut warnings),
            _ => PasswordFile::default(),
        };
        let tls = settings.tls(home.as_deref())?;
        let direct_tls =
            settings.one_of("sslnegotiation", &[("postgres", false), ("direct", true)])?;
        let direct_tls = direct_tls.unwrap_or(false);
        if direct_tls && tls.mode < SslMode::Require {
            return Err(params(format!(
                "sslmode \"{}\" may not be used with sslnegotiation=direct (use \"require\", \
                 \"verify-ca\" or \"verify-full\")",
                tls.mode
            )));
        }
        Ok(Self {
            hosts: host::hosts(
                settings.get("host"),
                settings.get("hostaddr"),
                settings.get("port"),
            )?,
            dbname: settings.get("dbname").unwrap_or(&user).to_owned(),
            is_named: settings.get("dbname").is_some(),
            load_balance: settings
                .one_of("load_balance_hosts", &[("disable", false), ("random", true)])?
                .unwrap_or(false),
            user,
            password: settings.get("password").map(Password::new),
            passfile,
            application_name: settings
                .get("application_name")
                .or_else(|| settings.get("fallback_application_name"))
                .unwrap_or(env!("CARGO_PKG_NAME"))
                .to_owned(),
            options: settings.get("options").map(str::to_owned),
            // As in libpq, 0 and less mean no limit.
            connect_timeout: settings
                .number::<i64>("connect_timeout")?
                .or(Some(CONNECT_WITHIN))
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
            keepalive: settings.keepalive()?,
            channel_binding: settings
                .one_of(
                    "channel_binding",
                    &[
                        ("disable", ChannelBinding::Disable),
                        ("prefer", ChannelBinding::Prefer),
                        ("require", ChannelBinding::Require),
                    ],
                )?
                .unwrap_or(ChannelBinding::Prefer),
            require_auth: settings.get("require_auth").map(RequireAuth::parse).transpose()?,
            demand: settings
                .one_of(
                    "target_session_attrs",
                    &[
                        ("any", Demand::Any),
                        ("read-write", Demand::ReadWrite),
                        ("read-only", Demand::ReadOnly),
                        ("primary", Demand::Primary),
                        ("standby", Demand::Standby),
                        ("prefer-standby", Demand::PreferStandby),
                    ],
                )?
                .unwrap_or(Demand::Any),
            direct_tls,
            tls,
            warnings,
        })
    }

    /// The password for this host, from a parameter or from the password file.
    pub(super) fn password_for(&self, host: &Host) -> Option<&Password> {
        self.password.as_ref().or_else(|| {
            self.passfile.lookup(host.password_name(), host.port, &self.dbname, &self.user)
        })
    }
}

/// Values by parameter, untyped; an empty value counts as unset.
struct ParamSettings(BTreeMap<&'static str, String>);

impl ParamSettings {
    fn gather(options: &ConnectOptions, environment: Environment<'_>) -> Result<Self> {
        let mut settings = Self(BTreeMap::new());
        // From the strongest source to the weakest: the first value wins.
        let mut plain_name = None;
        match options.dbname.as_deref() {
            Some(text) if conninfo::is_connection_string(text) => settings.string(text)?,
            name => plain_name = name,
        }
        for (name, value) in [
            ("dbname", plain_name),
            ("host", options.host.as_deref()),
            ("port", options.port.as_deref()),
            ("user", options.username.as_deref()),
        ] {
            settings.offer(name, value.unwrap_or_default())?;
        }
        if let Some(text) = &options.default_url {
            settings.default_url(text, options)?;
        }
        let is_said = settings.get("service").is_some();
        for (name, variable) in [("service", "PGSERVICE"), ("servicefile", "PGSERVICEFILE")] {
            settings.offer(name, &environment(variable).unwrap_or_default())?;
        }
        // A service takes precedence over the other variables (`conninfo_add_defaults` in libpq).
        if let Some(service) = settings.get("service") {
            let found = service::find(service, settings.get("servicefile"), environment);
            let found = found.map_err(|error| match error {
                // If the database was named otherwise, the cause is not obvious.
                SessionError::Params(message) if !is_said => {
                    params(format!("{message} (PGSERVICE is set: unset it, or define the service)"))
                }
                error => error,
            })?;
            for (name, value) in found {
                settings.offer(&name, &value)?;
            }
        }
        for keyword in KEYWORDS {
            if let Some(value) = keyword.variable.and_then(environment) {
                settings.offer(keyword.name, &value)?;
            }
        }
        Ok(settings)
    }

    /// Reads a connection string. If a parameter is given twice the last one wins, as in libpq.
    fn string(&mut self, text: &str) -> Result<()> {
        for (name, value) in conninfo::parse(text)?.into_iter().rev() {
            self.offer(&name, &value)?;
        }
        Ok(())
    }

    /// Reads a URL that the options complete. Its password is only for its own server, not for
    /// another one named by `-h` or `-p`.
    fn default_url(&mut self, text: &str, options: &ConnectOptions) -> Result<()> {
        let mut said = conninfo::parse(text)?;
        let url = |name: &str, default: &str| {
            let last = said.iter().rev().find(|(n, value)| n == name && !value.is_empty());
            last.map_or_else(|| default.to_owned(), |(_, value)| value.clone())
        };
        let differs = |option: &Option<String>, of_url: String| {
            option.as_ref().is_some_and(|option| !option.is_empty() && *option != of_url)
        };
        if differs(&options.host, url("host", "")) || differs(&options.port, url("port", "5432")) {
            said.retain(|(name, _)| name != "password");
        }
        for (name, value) in said.into_iter().rev() {
            self.offer(&name, &value)?;
        }
        Ok(())
    }

    fn offer(&mut self, name: &str, value: &str) -> Result<()> {
        let Some(keyword) = keyword::find(name) else {
            // Anything but a plain word may be part of a URL or a password.
            let is_word = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let shown = if is_word { format!(" \"{name}\"") } else { String::new() };
            return Err(params(format!("unknown connection parameter{shown}")));
        };
        if value.is_empty() {
            return Ok(());
        }
        match keyword.usage {
            Use::Honoured => {
                self.0.entry(keyword.name).or_insert_with(|| value.to_owned());
            }
            Use::Ignored => {}
            Use::Only(values) if values.contains(&value) => {}
            Use::Only(_) => {
                return Err(params(format!(
                    "connection parameter {name}={} is not supported",
                    conninfo::shown(value)
                )));
            }
            Use::Refused => {
                return Err(params(format!("connection parameter \"{name}\" is not supported")));
            }
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(keyword::find(name).is_some_and(|k| k.usage == Use::Honoured), "{name}");
        self.0.get(name).map(String::as_str)
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let parse = |value: &str| value.trim().parse().map_err(|_| wrong_value(name, value));
        self.get(name).map(parse).transpose()
    }

    fn one_of<T: Copy>(&self, name: &str, values: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match values.iter().find(|(text, _)| *text == value) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => Err(wrong_value(name, value)),
        }
    }

    fn keepalive(&self) -> Result<Keepalive> {
        let seconds = |name| -> Result<Option<Duration>> {
            // 0 means the system's default.
            let seconds = self.number::<u64>(name)?.filter(|seconds| *seconds > 0);
            Ok(seconds.map(Duration::from_secs))
        };
        Ok(Keepalive {
            on: self.number::<i64>("keepalives")? != Some(0),
            idle: seconds("keepalives_idle")?,
            interval: seconds("keepalives_interval")?,
            count: self.number::<u32>("keepalives_count")?.filter(|count| *count > 0),
            user_timeout: self
                .number::<u64>("tcp_user_timeout")?
                .filter(|milliseconds| *milliseconds > 0)
                .map(Duration::from_millis),
        })
    }

    fn tls(&self, home: Option<&Path>) -> Result<TlsOptions> {
        let system = self.get("sslrootcert") == Some("system");
        let mode = match self.get("sslmode") {
            Some(text) => SslMode::from_text(text).ok_or_else(|| wrong_value("sslmode", text))?,
            None if system => SslMode::VerifyFull,
            None => SslMode::Prefer,
        };
        if system && mode != SslMode::VerifyFull {
            return Err(params(format!(
                "sslmode \"{mode}\" may not be used with sslrootcert=system (use \"verify-full\")"
            )));
        }
        let version = |name: &str, default| -> Result<TlsVersion> {
            // rustls has no TLS below 1.2, so a lower minimum is always satisfied.
            let below: &[_] = match default {
                TlsVersion::V12 => &[("TLSv1", TlsVersion::V12), ("TLSv1.1", TlsVersion::V12)],
                TlsVersion::V13 => &[],
            };
            let known = [("TLSv1.2", TlsVersion::V12), ("TLSv1.3", TlsVersion::V13)];
            Ok(self.one_of(name, &[&known, below].concat())?.unwrap_or(default))
        };
        let versions = (
            version("ssl_min_protocol_version", TlsVersion::V12)?,
            version("ssl_max_protocol_version", TlsVersion::V13)?,
        );
        if versions.0 > versions.1 {
            return Err(params("invalid SSL protocol version range"));
        }
        let default = |file: &str| home.map(|home| home.join(".postgresql").join(file));
        let given = |name: &str| self.get(name).map(PathBuf::from);
        Ok(TlsOptions {
            mode,
            roots: if system {
                RootCertificates::System
            } else {
                given("sslrootcert")
                    .or_else(|| default("root.crt"))
                    .map_or(RootCertificates::None, RootCertificates::File)
            },
            // A missing default certificate means no certificate; a given one must exist.
            certificate: given("sslcert")
                .or_else(|| default("postgresql.crt").filter(|path| path.exists())),
            key: given("sslkey").or_else(|| default("postgresql.key")),
            sni: self.one_of("sslsni", &[("0", false), ("1", true)])?.unwrap_or(true),
            versions,
        })
    }
}

pub(super) fn params(message: impl Into<String>) -> SessionError {
    SessionError::Params(message.into())
}

pub(super) fn wrong_value(name: &str, value: &str) -> SessionError {
    let value = conninfo::shown(value);
    params(format!("invalid value \"{value}\" of connection parameter \"{name}\""))
}

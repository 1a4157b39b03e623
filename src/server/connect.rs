//! From a [`Target`] to an open connection: tries hosts in turn, negotiates TLS, finds the
//! password.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::sync::OnceCell;
use tokio_postgres::config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conninfo::concealed;
use super::driver::Driver;
use super::error::{Result, SessionError};
use super::host::{Endpoint, Host};
use super::params::{
    ChannelBinding, ConnectOptions, Demand, Environment, Params, Password, PasswordPrompt,
};
use super::prompt;
use super::session::SessionSettings;
use super::tls::SslMode;
use super::watch::Watch;
use super::wire::Connector;

/// Where to connect, resolved and checked: any number of sessions can be opened from it.
///
/// Cheap to clone; clones share a prompted password, so that the prompt appears once. `Display`
/// shows `user@host:port/dbname`; neither it nor `Debug` reveals a password.
#[derive(Clone)]
pub struct Target {
    params: Arc<Params>,
    tls: Option<MakeRustlsConnect>,
    prompt: PasswordPrompt,
    prompted: Arc<OnceCell<Password>>,
}

impl Target {
    /// Resolves where to connect. `environment` looks up a variable; for the process's own
    /// environment, pass `&|name| std::env::var(name).ok()`.
    ///
    /// If a parameter is set in several places, the first one wins: the connection string in
    /// `dbname`, the other options, `default_url`, the `PG*` variables, libpq's defaults.
    ///
    /// # Errors
    /// [`SessionError::Params`] naming the parameter that is unknown, unsupported or invalid;
    /// [`SessionError::Tls`] if a certificate or key cannot be read.
    pub fn resolve(
        options: &ConnectOptions,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let params = Params::resolve(options, environment, &|| os_user(environment))?;
        // TLS is never used over a Unix-domain socket, so its files do not matter there.
        let remote = params.hosts.iter().any(|host| !matches!(host.place, Endpoint::Unix(_)));
        let tls = if remote { params.tls.client_config()? } else { None };
        Ok(Self {
            params: Arc::new(params),
            tls: tls.map(MakeRustlsConnect::new),
            prompt: options.password,
            prompted: Arc::default(),
        })
    }

    /// The same server, role and password, with another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut params = Params::clone(&self.params);
        name.clone_into(&mut params.dbname);
        Self { params: Arc::new(params), ..self.clone() }
    }

    /// The database.
    #[must_use]
    pub fn dbname(&self) -> &str {
        &self.params.dbname
    }

    /// Whether the database was set: by an option, a connection string, a service or a variable. If
    /// not, it has the name of the role, as in libpq.
    #[must_use]
    pub fn names_its_database(&self) -> bool {
        self.params.is_named
    }

    /// The role.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.params.user
    }

    /// The requested TLS mode.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.params.tls.mode
    }

    /// Whether the server is known to run on this machine. A local port may lead anywhere, for
    /// example into a tunnel; a Unix-domain socket does not.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        self.params.hosts.iter().all(|host| matches!(host.place, Endpoint::Unix(_)))
    }

    /// Warnings for the user, such as an ignored password file.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.params.warnings
    }

    /// Opens a connection, prompting for a password if needed and allowed.
    pub(super) async fn open(&self, settings: &SessionSettings) -> Result<Driver> {
        if self.prompt == PasswordPrompt::Force {
            self.ask().await?;
        }
        match self.try_hosts(settings).await {
            Err(SessionError::NoPassword) if self.prompt == PasswordPrompt::Auto => {
                self.ask().await?;
                self.try_hosts(settings).await
            }
            other => other,
        }
    }

    /// Prompts for the password at the terminal, once.
    async fn ask(&self) -> Result<()> {
        let read = || async {
            let question = format!("Password for {self}: ");
            match prompt::ask(&question).await {
                Ok(password) => Ok(Password::new(password)),
                // No terminal for a prompt. The actual problem is that no password was given.
                Err(_) if self.prompt == PasswordPrompt::Auto => Err(SessionError::NoPassword),
                Err(error) => Err(SessionError::Prompt(error)),
            }
        };
        self.prompted.get_or_try_init(read).await.map(|_| ())
    }

    /// Tries each host in turn, until one accepts. A server that refuses the role or the database
    /// ends the search, as in libpq; one that is starting up or unsuitable does not.
    async fn try_hosts(&self, settings: &SessionSettings) -> Result<Driver> {
        if self.params.demand != Demand::PreferStandby {
            return self.try_each(settings).await;
        }
        match self.demanding(Demand::Standby).try_each(settings).await {
            Err(error) if !ends_the_search(&error) => {
                self.demanding(Demand::Any).try_each(settings).await
            }
            other => other,
        }
    }

    /// The same servers, with this demand.
    fn demanding(&self, demand: Demand) -> Self {
        let params = Params { demand, ..Params::clone(&self.params) };
        Self { params: Arc::new(params), ..self.clone() }
    }

    async fn try_each(&self, settings: &SessionSettings) -> Result<Driver> {
        let mut last = None;
        let mut hosts: Vec<&Host> = self.params.hosts.iter().collect();
        if self.params.load_balance {
            shuffle(&mut hosts);
        }
        for host in hosts {
            let mut addresses: Vec<_> = match &host.place {
                Endpoint::Unix(_) => vec![None],
                Endpoint::Address { address, .. } => vec![Some(*address)],
                Endpoint::Name(name) => {
                    match tokio::net::lookup_host((name.as_str(), host.port)).await {
                        Ok(found) => found.map(|address| Some(address.ip())).collect(),
                        Err(error) => {
                            last = Some(SessionError::Network(error.into()));
                            continue;
                        }
                    }
                }
            };
            if self.params.load_balance {
                shuffle(&mut addresses);
            }
            for address in addresses {
                match self.try_address(host, address, settings).await {
                    Ok(driver) => return Ok(driver),
                    Err(error) if ends_the_search(&error) => return Err(error),
                    Err(error) => last = Some(error),
                }
            }
        }
        Err(last.unwrap_or_else(|| SessionError::Network("the host name has no address".into())))
    }

    /// Tries one address, within the time limit, with and without TLS as `sslmode` allows.
    async fn try_address(
        &self,
        host: &Host,
        address: Option<IpAddr>,
        settings: &SessionSettings,
    ) -> Result<Driver> {
        let mode = if address.is_none() { SslMode::Disable } else { self.params.tls.mode };
        let attempt = |tls, required| self.attempt(host, address, tls, required, settings);
        match mode {
            SslMode::Disable => attempt(false, false).await,
            SslMode::Allow => match attempt(false, false).await {
                Err(error) if refuses_without_judging(&error) => attempt(true, true).await,
                other => other,
            },
            SslMode::Prefer => match attempt(true, false).await {
                // The error of the preferred kind of connection is the more useful one.
                Err(error) if refuses_without_judging(&error) => {
                    attempt(false, false).await.map_err(|_| error)
                }
                other => other,
            },
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => attempt(true, true).await,
        }
    }

    async fn attempt(
        &self,
        host: &Host,
        address: Option<IpAddr>,
        tls: bool,
        required: bool,
        settings: &SessionSettings,
    ) -> Result<Driver> {
        let connector = Connector {
            tls: self.tls.clone().filter(|_| tls),
            required,
            direct: self.params.direct_tls,
            require_auth: self.params.require_auth.clone(),
            server_encoding: !settings.encoding.is_utf8(),
            watch: Arc::new(Watch::default()),
        };
        let opening = Box::pin(self.dial(host, address, connector, settings));
        match self.params.connect_timeout {
            None => opening.await,
            Some(limit) => tokio::time::timeout(limit, opening)
                .await
                .unwrap_or(Err(SessionError::Timeout(limit.as_secs()))),
        }
    }

    async fn dial(
        &self,
        host: &Host,
        address: Option<IpAddr>,
        connector: Connector,
        settings: &SessionSettings,
    ) -> Result<Driver> {
        let config = self.driver_config(host, address);
        let driver = match host.socket() {
            Some(path) => {
                let stream = UnixStream::connect(&path).await.map_err(|error| {
                    SessionError::Network(format!("socket \"{}\": {error}", path.display()).into())
                })?;
                let (client, connection) =
                    config.connect_raw(stream, connector.handshake("")).await.map_err(refused)?;
                Driver::start(client, connection, connector, Some(path), settings)
            }
            None => {
                let (client, connection) =
                    config.connect(connector.clone()).await.map_err(refused)?;
                Driver::start(client, connection, connector, None, settings)
            }
        };
        self.suits(driver).await
    }

    /// The driver's parameters. The driver assumes direct TLS: [`super::wire`] negotiates.
    fn driver_config(&self, host: &Host, address: Option<IpAddr>) -> config::Config {
        let params = &*self.params;
        let mut config = config::Config::new();
        config
            .user(&params.user)
            .dbname(&params.dbname)
            .application_name(&params.application_name)
            .port(host.port)
            .ssl_mode(config::SslMode::Require)
            .ssl_negotiation(config::SslNegotiation::Direct)
            .keepalives(params.keepalive.on)
            .channel_binding(match params.channel_binding {
                ChannelBinding::Disable => config::ChannelBinding::Disable,
                ChannelBinding::Prefer => config::ChannelBinding::Prefer,
                ChannelBinding::Require => config::ChannelBinding::Require,
            });
        if let (Endpoint::Name(name) | Endpoint::Address { name, .. }, Some(address)) =
            (&host.place, address)
        {
            config.host(name).hostaddr(address);
        }
        // A prompted password takes precedence.
        let asked = self.prompted.get();
        if let Some(password) = asked.or_else(|| params.password_for(host)) {
            config.password(password.reveal());
        }
        if let Some(options) = &params.options {
            config.options(options);
        }
        let keepalive = &params.keepalive;
        if let Some(idle) = keepalive.idle {
            config.keepalives_idle(idle);
        }
        if let Some(interval) = keepalive.interval {
            config.keepalives_interval(interval);
        }
        if let Some(count) = keepalive.count {
            config.keepalives_retries(count);
        }
        if let Some(limit) = keepalive.user_timeout {
            config.tcp_user_timeout(limit);
        }
        config
    }

    /// Checks that the server satisfies `target_session_attrs`.
    async fn suits(&self, driver: Driver) -> Result<Driver> {
        let (query, wanted, complaint) = match self.params.demand {
            Demand::Any | Demand::PreferStandby => return Ok(driver),
            Demand::ReadWrite => ("SHOW transaction_read_only", "off", "the session is read-only"),
            Demand::ReadOnly => {
                ("SHOW transaction_read_only", "on", "the session is not read-only")
            }
            Demand::Primary => {
                ("SELECT pg_catalog.pg_is_in_recovery()", "f", "the server is in hot standby mode")
            }
            Demand::Standby => (
                "SELECT pg_catalog.pg_is_in_recovery()",
                "t",
                "the server is not in hot standby mode",
            ),
        };
        let rows = driver.query_text(query).await?;
        match rows.first().and_then(|row| row.first()) {
            Some(Some(value)) if value == wanted => Ok(driver),
            _ => Err(SessionError::Unsuitable(complaint)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where a password was typed in the wrong place, it must not be shown.
        let name = |text: &str| concealed(text).unwrap_or_else(|| text.to_owned());
        let user = &self.params.user;
        match user.split_once(':') {
            Some((before, _)) => write!(f, "{before}:…@")?,
            None => write!(f, "{}@", name(user))?,
        }
        for (i, host) in self.params.hosts.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            host.fmt(f)?;
        }
        write!(f, "/{}", name(&self.params.dbname))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("params", &self.params)
            .field("prompt", &self.prompt)
            .finish_non_exhaustive()
    }
}

/// Puts a list in random order (`load_balance_hosts=random`).
fn shuffle<T>(list: &mut [T]) {
    // Without random numbers, the order stays.
    list.sort_by_cached_key(|_| getrandom::u64().unwrap_or_default());
}

/// Whether trying another host is pointless. libpq continues only after network failures and
/// `cannot_connect_now`.
fn ends_the_search(error: &SessionError) -> bool {
    match error {
        SessionError::Server(error) => error.sqlstate != "57P03",
        SessionError::Network(_)
        | SessionError::Timeout(_)
        | SessionError::Unsuitable(_)
        | SessionError::Lost(_) => false,
        _ => true,
    }
}

/// Whether the same server may answer differently with TLS instead of without, or the reverse:
/// `pg_hba.conf` has no line for this kind of connection, or TLS itself failed. Unlike in libpq, a
/// wrong password is not tried again the other way: that would not help, only expose it further.
fn refuses_without_judging(error: &SessionError) -> bool {
    match error {
        SessionError::Server(error) => error.sqlstate == "28000",
        SessionError::Tls { .. } => true,
        _ => false,
    }
}

/// Classifies the driver's error when connecting failed.
pub(super) fn refused(error: tokio_postgres::Error) -> SessionError {
    if error.as_db_error().is_some() {
        return SessionError::from_driver(error, None);
    }
    let what = error.to_string();
    match error.into_source() {
        None => SessionError::Network(what.into()),
        Some(source) => match source.downcast::<SessionError>() {
            Ok(own) => *own,
            Err(source) if source.to_string() == "password missing" => SessionError::NoPassword,
            Err(source) => match source.downcast::<std::io::Error>() {
                // The stream itself refused.
                Ok(error) => match error.downcast::<SessionError>() {
                    Ok(own) => own,
                    Err(error) => SessionError::Network(error.into()),
                },
                Err(source) => SessionError::Protocol(what, Some(source)),
            },
        },
    }
}

/// The operating system's name for the user of this process, from `/etc/passwd`; if users are
/// stored elsewhere, from the login environment.
fn os_user(environment: Environment<'_>) -> Option<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.get(2) == Some(&uid.as_str()));
    found
        .and_then(|fields| fields.first().map(|name| (*name).to_owned()))
        .or_else(|| environment("USER"))
        .or_else(|| environment("LOGNAME"))
        .filter(|name| !name.is_empty())
}

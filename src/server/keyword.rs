//! The connection parameters that libpq knows, and what this program does with each.
//!
//! The list is `PQconninfoOptions` of PostgreSQL 18 (`src/interfaces/libpq/fe-connect.c`). A
//! parameter that affects security (certificate revocation, peer checks) and is not implemented is
//! refused: a restore that runs without a requested check is worse than one that does not start.

/// How a parameter is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is honoured.
    Honoured,
    /// Harmlessly ignored.
    Ignored,
    /// Accepted with these values only, which have no effect; others are refused.
    Only(&'static [&'static str]),
    /// Refused.
    Refused,
}

/// One parameter of libpq.
#[derive(Debug)]
pub(super) struct Keyword {
    /// Its name in a connection string.
    pub(super) name: &'static str,
    /// The environment variable that sets it.
    pub(super) variable: Option<&'static str>,
    /// How it is treated.
    pub(super) usage: Use,
}

/// The parameter of this name, if libpq has one.
pub(super) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

const fn keyword(name: &'static str, variable: Option<&'static str>, usage: Use) -> Keyword {
    Keyword { name, variable, usage }
}

/// All parameters, in libpq's order.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("service", Some("PGSERVICE"), Use::Honoured),
    keyword("servicefile", Some("PGSERVICEFILE"), Use::Honoured),
    keyword("user", Some("PGUSER"), Use::Honoured),
    keyword("password", Some("PGPASSWORD"), Use::Honoured),
    keyword("passfile", Some("PGPASSFILE"), Use::Honoured),
    keyword("channel_binding", Some("PGCHANNELBINDING"), Use::Honoured),
    keyword("connect_timeout", Some("PGCONNECT_TIMEOUT"), Use::Honoured),
    keyword("dbname", Some("PGDATABASE"), Use::Honoured),
    keyword("host", Some("PGHOST"), Use::Honoured),
    keyword("hostaddr", Some("PGHOSTADDR"), Use::Honoured),
    keyword("port", Some("PGPORT"), Use::Honoured),
    // Every session is UTF8; the restore sets the archive's encoding.
    keyword("client_encoding", Some("PGCLIENTENCODING"), Use::Ignored),
    keyword("options", Some("PGOPTIONS"), Use::Honoured),
    keyword("application_name", Some("PGAPPNAME"), Use::Honoured),
    keyword("fallback_application_name", None, Use::Honoured),
    keyword("keepalives", None, Use::Honoured),
    keyword("keepalives_idle", None, Use::Honoured),
    keyword("keepalives_interval", None, Use::Honoured),
    keyword("keepalives_count", None, Use::Honoured),
    keyword("tcp_user_timeout", None, Use::Honoured),
    keyword("sslmode", Some("PGSSLMODE"), Use::Honoured),
    keyword("sslnegotiation", Some("PGSSLNEGOTIATION"), Use::Honoured),
    keyword("sslcompression", Some("PGSSLCOMPRESSION"), Use::Ignored),
    keyword("sslcert", Some("PGSSLCERT"), Use::Honoured),
    keyword("sslkey", Some("PGSSLKEY"), Use::Honoured),
    keyword("sslcertmode", Some("PGSSLCERTMODE"), Use::Only(&["allow"])),
    keyword("sslpassword", None, Use::Refused),
    keyword("sslrootcert", Some("PGSSLROOTCERT"), Use::Honoured),
    keyword("sslcrl", Some("PGSSLCRL"), Use::Refused),
    keyword("sslcrldir", Some("PGSSLCRLDIR"), Use::Refused),
    keyword("sslsni", Some("PGSSLSNI"), Use::Honoured),
    keyword("sslkeylogfile", None, Use::Refused),
    keyword("requirepeer", Some("PGREQUIREPEER"), Use::Refused),
    keyword("require_auth", Some("PGREQUIREAUTH"), Use::Honoured),
    keyword("min_protocol_version", Some("PGMINPROTOCOLVERSION"), Use::Only(&["3.0"])),
    keyword("max_protocol_version", Some("PGMAXPROTOCOLVERSION"), Use::Ignored),
    // rustls supports 1.2 and 1.3 only.
    keyword("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION"),
        Use::Honoured),
    keyword("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION"), Use::Honoured),
    keyword("gssencmode", Some("PGGSSENCMODE"), Use::Only(&["disable", "prefer"])),
    keyword("krbsrvname", Some("PGKRBSRVNAME"), Use::Ignored),
    keyword("gsslib", Some("PGGSSLIB"), Use::Ignored),
    keyword("gssdelegation", Some("PGGSSDELEGATION"), Use::Ignored),
    keyword("replication", None, Use::Only(&["false", "off", "no", "0"])),
    keyword("target_session_attrs", Some("PGTARGETSESSIONATTRS"), Use::Honoured),
    keyword("load_balance_hosts", Some("PGLOADBALANCEHOSTS"), Use::Honoured),
    keyword("scram_client_key", None, Use::Refused),
    keyword("scram_server_key", None, Use::Refused),
    keyword("oauth_issuer", None, Use::Refused),
    keyword("oauth_client_id", None, Use::Refused),
    keyword("oauth_client_secret", None, Use::Refused),
    keyword("oauth_scope", None, Use::Refused),
];

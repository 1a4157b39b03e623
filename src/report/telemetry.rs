//! Sets up tracing: the log lines of every layer, as text or JSON, on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::{LogFormat, ReportOptions, Screen, Verbosity};

/// Why tracing could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// An environment variable contains an invalid filter.
    #[error("environment variable {variable}: invalid log filter")]
    Filter {
        /// The variable's name.
        variable: &'static str,
        /// What is wrong with it.
        source: ParseError,
    },
    /// This process already has a subscriber.
    #[error("a log subscriber is already installed")]
    Occupied(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends the process's log lines to `screen` from now on.
///
/// The environment variable `NOCTURNE_LOG` or, if not set, `RUST_LOG` selects the lines
/// (`nocturne=debug,tokio_postgres=info`); otherwise the verbosity does. Lines of crates that use
/// `log` are included.
///
/// # Errors
///
/// If the filter is invalid, or the process already has a subscriber.
pub fn init(options: &ReportOptions, screen: &Screen) -> Result<(), TelemetryError> {
    let filter = filter(options.verbosity, environment)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(screen.colours())
        .with_writer(screen.clone());
    match options.format {
        LogFormat::Text => builder.with_target(options.verbosity >= Verbosity::Debug).try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
    .map_err(TelemetryError::Occupied)
}

/// Whether the environment sets a log filter.
#[must_use]
pub fn is_set_by_environment() -> bool {
    from_environment(environment).is_some()
}

fn environment(variable: &'static str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The first variable that is set, and its value.
fn from_environment(
    variable: impl Fn(&'static str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let set = |name| variable(name).filter(|text| !text.is_empty()).map(|text| (name, text));
    ["NOCTURNE_LOG", "RUST_LOG"].into_iter().find_map(set)
}

/// The filter from the environment or the verbosity.
fn filter(
    verbosity: Verbosity,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<EnvFilter, TelemetryError> {
    if let Some((variable, text)) = from_environment(variable) {
        let parsed = EnvFilter::builder().parse(text);
        return parsed.map_err(|source| TelemetryError::Filter { variable, source });
    }
    Ok(EnvFilter::new(match verbosity {
        Verbosity::Quiet => "warn",
        Verbosity::Normal => "warn,nocturne=info",
        Verbosity::Verbose => "warn,nocturne=debug",
        Verbosity::Debug => "info,nocturne=trace,tokio_postgres=debug",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbosity_applies_without_environment_variables() {
        let quiet = filter(Verbosity::Quiet, |_| None).unwrap();
        assert_eq!(quiet.to_string(), "warn");
        let verbose = filter(Verbosity::Verbose, |_| Some(String::new())).unwrap();
        assert_eq!(verbose.to_string(), "nocturne=debug,warn");
    }

    #[test]
    fn own_variable_overrides_rust_log() {
        let both = |name| match name {
            "NOCTURNE_LOG" => Some("nocturne=trace".to_owned()),
            _ => Some("error".to_owned()),
        };
        assert_eq!(filter(Verbosity::Quiet, both).unwrap().to_string(), "nocturne=trace");
        let general = |name| (name == "RUST_LOG").then(|| "error".to_owned());
        assert_eq!(filter(Verbosity::Quiet, general).unwrap().to_string(), "error");
    }

    #[test]
    fn invalid_filter_error_names_its_variable() {
        let error = filter(Verbosity::Normal, |name| {
            (name == "RUST_LOG").then(|| "nocturne=loudly".to_owned())
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "environment variable RUST_LOG: invalid log filter");
    }
}

//! The options that override environment variables.
//!
//! They are generated from the table of variables, for the commands of the nightly run: one list of
//! names, meanings and values, and one reader for both.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use clap::{Arg, ArgMatches, Args, Command as Clap, Error, FromArgMatches};

use crate::cli::exit::{CommandFailure, USAGE};
use crate::cli::shared::environment;
use crate::replicate::config::{Config, NightCommand, ValueKind, Variable, table};

/// Selects a command's settings.
pub trait Purpose {
    /// The command.
    const COMMAND: NightCommand;
}

/// The settings of `nocturne worker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForWorker {}

impl Purpose for ForWorker {
    const COMMAND: NightCommand = NightCommand::Worker;
}

/// The settings of `nocturne run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForRun {}

impl Purpose for ForRun {
    const COMMAND: NightCommand = NightCommand::Run;
}

/// The settings of `nocturne incremental`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForIncremental {}

impl Purpose for ForIncremental {
    const COMMAND: NightCommand = NightCommand::Incremental;
}

/// The settings of `nocturne web`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForWeb {}

impl Purpose for ForWeb {
    const COMMAND: NightCommand = NightCommand::Web;
}

/// The settings of `nocturne fetch-backup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForFetchBackup {}

impl Purpose for ForFetchBackup {
    const COMMAND: NightCommand = NightCommand::FetchBackup;
}

/// The settings of `nocturne drop-objects`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForDropObjects {}

impl Purpose for ForDropObjects {
    const COMMAND: NightCommand = NightCommand::DropObjects;
}

/// The settings of `nocturne enrich`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForEnrich {}

impl Purpose for ForEnrich {
    const COMMAND: NightCommand = NightCommand::Enrich;
}

/// The values typed, by variable name. `Debug` shows only the names.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedSettings<P> {
    typed: BTreeMap<&'static str, String>,
    purpose: PhantomData<P>,
}

impl<P: Purpose> TypedSettings<P> {
    /// The validated settings; typed values override the environment.
    ///
    /// # Errors
    /// A usage failure that lists every problem.
    pub(crate) fn config(&self) -> Result<Config, CommandFailure> {
        let variable = |name: &str| self.typed.get(name).cloned().or_else(|| environment(name));
        Config::for_command(P::COMMAND, variable).map_err(|problems| {
            let failure = CommandFailure::new(USAGE, "invalid settings");
            failure.with_details(problems.iter().map(ToString::to_string))
        })
    }

    /// The same settings, plus one that does not come from the command line.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, text: String) -> Self {
        self.typed.insert(name, text);
        self
    }

    /// The value typed for a variable.
    #[cfg(test)]
    pub(crate) fn typed(&self, name: &str) -> Option<&str> {
        self.typed.get(name).map(String::as_str)
    }
}

impl<P> fmt::Debug for TypedSettings<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.typed.keys()).finish()
    }
}

/// A command's variables that have an option.
fn options<P: Purpose>() -> impl Iterator<Item = (&'static Variable, &'static str)> {
    table::of(P::COMMAND).filter_map(|variable| Some((variable, variable.option?)))
}

fn argument(variable: &'static Variable, option: &'static str) -> Arg {
    let meaning = variable.meaning.replace('`', "");
    let (short, _) = meaning.split_once(". ").unwrap_or((meaning.trim_end_matches('.'), ""));
    let mut expected = variable.kind.expected().replace('`', "");
    if let Some(default) = variable.default {
        expected.push_str(&format!("; default {default}"));
    }
    let long = format!("{meaning}\n\nExpected: {expected}. Variable: {}.", variable.name);
    let arg = Arg::new(variable.name)
        .long(option)
        .help(short.to_owned())
        .long_help(long)
        .help_heading("Settings");
    let arg = match option {
        "jobs" => arg.short('j'),
        "database-url" => arg.short('d'),
        "enrichment-dir" => arg.visible_alias("dir"),
        "source-database-url" => arg.visible_alias("source"),
        "target-database-url" => arg.visible_alias("target"),
        _ => arg,
    };
    match variable.kind {
        // --swap is --swap=true.
        ValueKind::Flag => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("true|false"),
        ValueKind::Number { .. } => arg.value_name("NUM").allow_negative_numbers(true),
        _ => arg.value_name(value_name(option)),
    }
}

/// The name of the value in the help.
fn value_name(option: &str) -> &'static str {
    match option {
        option if option.ends_with("url") => "URL",
        option if option.ends_with("dir") => "DIR",
        "from" => "PATH|URL",
        "backup" => "ID",
        "backup-mode" | "incremental-keys" | "exclude" | "tolerate" => "JSON",
        "schedule" => "CRON",
        _ => "NAME",
    }
}

impl<P: Purpose> Args for TypedSettings<P> {
    fn augment_args(command: Clap) -> Clap {
        options::<P>()
            .fold(command, |command, (variable, option)| command.arg(argument(variable, option)))
    }

    fn augment_args_for_update(command: Clap) -> Clap {
        Self::augment_args(command)
    }
}

impl<P: Purpose> FromArgMatches for TypedSettings<P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut settings = Self { typed: BTreeMap::new(), purpose: PhantomData };
        settings.update_from_arg_matches(matches)?;
        Ok(settings)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for (variable, _) in options::<P>() {
            if let Some(text) = matches.get_one::<String>(variable.name) {
                self.typed.insert(variable.name, text.clone());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct SettingLine {
        #[command(flatten)]
        settings: TypedSettings<ForWorker>,
    }

    fn parse(line: &str) -> TypedSettings<ForWorker> {
        let words = std::iter::once("nocturne").chain(line.split_whitespace());
        SettingLine::try_parse_from(words)
            .unwrap_or_else(|error| panic!("{line}: {error}"))
            .settings
    }

    #[test]
    fn each_option_overrides_its_variable() {
        for (line, name, text) in [
            ("-j 8", "PG_RESTORE_JOBS", "8"),
            ("-d postgres://db/app", "DATABASE_URL", "postgres://db/app"),
            ("--dir sql", "ENRICHMENT_DIR", "sql"),
            ("--jobs=8", "PG_RESTORE_JOBS", "8"),
            ("--region osc-secnum-fr1", "SCALINGO_REGION", "osc-secnum-fr1"),
            ("--app pix", "SCALINGO_APP", "pix"),
            ("--swap", "SWAP", "true"),
            ("--swap=false", "SWAP", "false"),
            ("--any-day", "BACKUP_ANY_DAY", "true"),
            ("--max-retry-count -1", "MAX_RETRY_COUNT", "-1"),
            ("--from backup.tar.gz", "BACKUP_SOURCE", "backup.tar.gz"),
        ] {
            assert_eq!(parse(line).typed(name), Some(text), "{line}");
        }
        assert_eq!(parse("").typed("SWAP"), None);
    }

    #[test]
    fn debug_hides_values() {
        let settings = parse("--database-url postgres://u:word-1@h/d");
        assert_eq!(format!("{settings:?}"), "{\"DATABASE_URL\"}");
    }

    #[test]
    fn command_has_only_its_own_options() {
        let words = |line: &'static str| line.split_whitespace();
        assert!(SettingLine::try_parse_from(words("nocturne --port 80")).is_err());
        let web = TypedSettings::<ForWeb>::augment_args(Clap::new("web"));
        let named: Vec<_> = web.get_arguments().filter_map(Arg::get_long).collect();
        assert_eq!(named, ["schedule", "schedule-timezone", "database-url", "log-format", "port"]);
    }
}

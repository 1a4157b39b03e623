//! Parses the command line: short help as `-h`, abbreviated options, and the program name
//! `pg_restore`.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command as Clap, CommandFactory, Error, FromArgMatches};

use super::options::{Cli, sync};

/// The program name under which nocturne acts as `nocturne restore`.
const PG_RESTORE: &str = "pg_restore";

/// The commands that a feature of the package adds, the feature, and whether this build has it.
const OPTIONAL: [(&str, &str, bool); 8] = [
    ("drop-objects", "replicate", cfg!(feature = "replicate")),
    ("enrich", "replicate", cfg!(feature = "replicate")),
    ("fetch-backup", "replicate", cfg!(feature = "replicate")),
    ("incremental", "replicate", cfg!(feature = "replicate")),
    ("report", "replicate", cfg!(feature = "replicate")),
    ("run", "replicate", cfg!(feature = "replicate")),
    ("worker", "replicate", cfg!(feature = "replicate")),
    ("web", "web", cfg!(feature = "web")),
];

/// The program's commands and options, ready for parsing or completion.
///
/// Options accept unambiguous abbreviations, as with getopt_long. `-h` is help unless the command
/// uses it for the host, as PostgreSQL's programs do.
pub(super) fn command() -> Clap {
    let command = with_short_help(Cli::command().infer_long_args(true));
    let command = command.mut_subcommand("sync", sync::without_refused);
    command.mut_subcommands(|subcommand| {
        // The version is the program's, not the subcommand's.
        with_short_help(subcommand.infer_long_args(true).display_name("nocturne"))
    })
}

fn with_short_help(command: Clap) -> Clap {
    if command.get_arguments().any(|argument| argument.get_short() == Some('h')) {
        return command;
    }
    let help = Arg::new("short-help").short('h').action(ArgAction::HelpShort).hide(true);
    command.arg(help)
}

/// Parses the command line. Also returns the command's name, for hints.
///
/// # Errors
/// clap's errors, which include help and version.
pub(super) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<(Cli, String), Error> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let called = words.first().and_then(|word| Path::new(word).file_name());
    if called.is_some_and(|name| name == PG_RESTORE) {
        words.insert(1, "restore".into());
    }
    let matches = command().try_get_matches_from(&words).map_err(|mut error| {
        if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg)
            && follows_password(&words, word)
        {
            let concealed = ContextValue::String("…".to_owned());
            error.insert(ContextKind::InvalidArg, concealed);
        }
        let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
            return error;
        };
        let absent = OPTIONAL.iter().find(|(name, _, is_built)| name == word && !is_built);
        absent.map_or(error, |(name, feature, _)| not_built(name, feature))
    })?;
    if let Some(("sync", given)) = matches.subcommand() {
        check_sync(given)?;
    }
    let name = matches.subcommand_name().unwrap_or_default().to_owned();
    Ok((Cli::from_arg_matches(&matches)?, name))
}

/// Fails if an option is given that restore has, but not sync.
fn check_sync(given: &ArgMatches) -> Result<(), Error> {
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    let Some((id, why)) = sync::REFUSED.iter().find(|(id, _)| is_given(id)) else { return Ok(()) };
    let command = command();
    let command = command.find_subcommand("sync");
    let arg = command.and_then(|command| command.get_arguments().find(|arg| arg.get_id() == id));
    let short = arg.and_then(Arg::get_short).map(|letter| format!("-{letter}/"));
    let long = arg.and_then(Arg::get_long).unwrap_or(id);
    let option = format!("{}--{long}", short.unwrap_or_default());
    let text = format!("option {option} cannot be used with sync: {why}\n");
    Err(Error::raw(ErrorKind::ArgumentConflict, text))
}

/// Whether a word was meant as the value of `--password`, which takes none.
fn follows_password(words: &[OsString], word: &str) -> bool {
    let is_option = |word: &OsString| {
        word.to_str().is_some_and(|word| word == "-W" || word.starts_with("--pass"))
    };
    words.windows(2).any(|pair| pair[1] == *word && is_option(&pair[0]))
}

/// The error for a command that this build lacks.
fn not_built(name: &str, feature: &str) -> Error {
    let text =
        format!("nocturne {name} is not in this build\nhint: build with --features {feature}\n");
    Error::raw(ErrorKind::InvalidSubcommand, text)
}

#[cfg(test)]
mod tests {
    use super::super::options::CliCommand;
    use super::*;

    fn parsed(line: &str) -> Result<(Cli, String), Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn short_h_is_help_unless_it_is_host() {
        command().debug_assert();
        for line in ["nocturne -h", "nocturne list -h", "nocturne plan -h", "nocturne run -h"] {
            assert_eq!(parsed(line).unwrap_err().kind(), ErrorKind::DisplayHelp, "{line}");
        }
        let (cli, name) = parsed("nocturne restore -h db.example a.dump").unwrap();
        let CliCommand::Restore(restore) = cli.command else { panic!("{name}") };
        assert_eq!(restore.connection.host.as_deref(), Some("db.example"));
    }

    #[test]
    fn unambiguous_abbreviation_is_accepted() {
        let (cli, name) = parsed("nocturne restore --no-ow --single -d x a.dump").unwrap();
        let CliCommand::Restore(restore) = cli.command else { panic!("{name}") };
        assert!(restore.properties.no_owner && restore.behaviour.single_transaction);
        assert!(parsed("nocturne restore --no -d x a.dump").is_err(), "it could be several");
        for line in [
            "nocturne list --verb a.dump",
            "nocturne plan --comp a.dump",
            "nocturne sync --dry --patch 5 a.dump",
            "nocturne verify --write x a.dump",
            "nocturne fetch-backup --out x",
            "nocturne run --dry --max-retry 3",
            "nocturne worker --dry --schedule-t UTC",
            "nocturne incremental --tab x:y",
            "nocturne web --po 80",
            "nocturne drop-objects --dry",
            "nocturne enrich --enrich sql",
            "nocturne report --la fr x",
        ] {
            parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    /// `make lint` checks the builds that lack commands.
    #[test]
    fn absent_command_is_an_error_with_its_feature() {
        let command = command();
        for (name, feature, is_built) in OPTIONAL {
            assert!(is_built && command.find_subcommand(name).is_some(), "{name}");
            let error = not_built(name, feature);
            assert!(error.use_stderr());
            assert_eq!(
                error.to_string(),
                format!(
                    "error: nocturne {name} is not in this build\n\
                     hint: build with --features {feature}\n"
                )
            );
        }
    }

    #[test]
    fn option_that_sync_lacks_is_an_error_with_its_reason() {
        for (line, expected) in [
            (
                "nocturne sync -a x",
                "option -a/--data-only cannot be used with sync: it compares definitions and data \
                 together",
            ),
            (
                "nocturne sync --transaction-size 5 x",
                "option --transaction-size cannot be used with sync: it applies all changes in one \
                 transaction",
            ),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.use_stderr());
            assert_eq!(error.to_string(), format!("error: {expected}\n"));
        }
        for (id, why) in sync::REFUSED {
            let command = command();
            let command = command.find_subcommand("sync").unwrap();
            let arg = command.get_arguments().find(|arg| arg.get_id() == id).expect(id);
            assert!(arg.is_hide_set() && !why.is_empty(), "{id}");
        }
    }

    #[test]
    fn program_named_pg_restore_runs_restore() {
        let (_, name) = parsed("/usr/local/bin/pg_restore -d x a.dump").unwrap();
        assert_eq!(name, "restore");
        let version = parsed("pg_restore --version").unwrap_err();
        assert_eq!(version.to_string(), format!("nocturne {}\n", env!("CARGO_PKG_VERSION")));
    }
}

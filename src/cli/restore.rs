//! `nocturne restore`: restores an archive into a database.

use super::embedded::EmbeddedServer;
use super::exit::{CommandFailure, CommandResult, ERRORS, USAGE};
use super::options::Restore;
use super::options::values::Jobs;
use super::shared::input::input;
use super::shared::restoring::{self, Typed};
use super::shared::threads::{self, interrupted};
use super::shared::{choose, costs, results};
use super::{list, script};
use crate::report::timeline::TimelineReader;
use crate::report::{LogFormat, ReportOptions, Reporter, Screen};
use crate::restore::event::{Event, Events};
use crate::restore::{Ended, RestoreError, restore};
use crate::server::Target;
use crate::source;

/// Runs the command.
pub(super) fn run(typed: &Restore) -> CommandResult {
    if typed.behaviour.list {
        return list::run(&as_list(typed));
    }
    results::reported(typed.reporting, |report, screen| run_reported(typed, report, screen))
}

fn run_reported(typed: &Restore, report: ReportOptions, screen: &Screen) -> CommandResult {
    check(typed)?;
    let goal = goal(typed)?;
    results::check(&typed.results, typed.place.file.as_deref(), typed.archive.as_deref())?;
    let select_options = choose::options(&typed.selection, typed.place.create)?;
    // One thread reads and writes a script.
    if !matches!(goal, Goal::Script) {
        threads::room_for(0)?;
    }
    let archive = source::open(&input(typed.archive.as_deref())?)?;
    restoring::check_format(&typed.behaviour, &archive)?;

    let reporter = Reporter::new(report, screen);
    let recorder = typed.results.timeline.is_some().then(TimelineReader::new);
    let events = reporter.events().read_by(recorder.as_ref().map(TimelineReader::reader));
    let chosen = choose::choose(&archive.toc, &select_options, &typed.selection, &events)?;
    let mut options = restoring::options(&restored(typed), &archive, &chosen)?;
    if let Goal::Script = goal {
        drop(reporter);
        let events = script_warnings(screen, report.format);
        let Some(file) = typed.place.file.as_deref() else {
            return Err(CommandFailure::new(USAGE, "no file to write the script to"));
        };
        let script = script::Script {
            file,
            restrict_key: typed.place.restrict_key.as_deref(),
            verbose: typed.reporting.verbose > 0,
        };
        return script::write(&script, archive, &chosen.selection, &options, &events);
    }

    let history = costs::open(&typed.costs, &events);
    options.history = history.costs.clone();
    let database = archive.toc.header.dbname.clone();
    let runtime = threads::runtime(options.jobs)?;
    runtime.block_on(async {
        let (target, server) = match goal {
            Goal::Embedded => {
                let (server, target) =
                    EmbeddedServer::start(typed, &archive, &chosen.selection, &options, &events)
                        .await?;
                (target, Some(server))
            }
            Goal::Target(target) => (*target, None),
            Goal::Script => return Ok(()),
        };
        for warning in target.warnings() {
            events.send(Event::Warning { message: warning.clone() });
        }
        let told = events.clone().read_by([history.reader()]);
        let result =
            restore(archive, &chosen.selection, options, target, told, interrupted()).await;
        let complete = matches!(result, Ok(Ended { errors: 0 }));
        if let Err(error) = history.save(&database, complete) {
            costs::warn(&error, &events);
        }
        let outcome = conclude(typed, reporter, recorder.as_ref(), result);
        match server {
            Some(server) => server.stay(&typed.place, outcome).await,
            None => outcome,
        }
    })
}

fn restored(typed: &Restore) -> Typed<'_> {
    let Restore { connection, properties, behaviour, place, .. } = typed;
    Typed { connection, properties, behaviour, create: place.create }
}

/// The restore's destination.
enum Goal {
    Script,
    Embedded,
    Target(Box<Target>),
}

fn goal(typed: &Restore) -> Result<Goal, CommandFailure> {
    if typed.place.embedded {
        return Ok(Goal::Embedded);
    }
    if typed.place.file.is_some() {
        if typed.connection.dbname.is_some() {
            return Err(cannot_be_together("-d/--dbname", "-f/--file"));
        }
        return Ok(Goal::Script);
    }
    let Some(target) = restoring::target(&typed.connection)? else {
        let message = "no target given: one of -d/--dbname and -f/--file must be specified";
        let hint = "name the database with -d, PGDATABASE, PGSERVICE or DATABASE_URL, or use \
                    --embedded to restore into a temporary server";
        return Err(CommandFailure::new(USAGE, message).with_hint(hint));
    };
    Ok(Goal::Target(Box::new(target)))
}

fn cannot_be_together(one: &str, other: &str) -> CommandFailure {
    CommandFailure::new(USAGE, format!("options {one} and {other} cannot be used together"))
}

/// Checks the conflicts that pg_restore's `main` checks, except those between options that select
/// entries.
fn check(typed: &Restore) -> Result<(), CommandFailure> {
    let behaviour = &typed.behaviour;
    if typed.selection.data_only && behaviour.clean {
        return Err(cannot_be_together("-c/--clean", "-a/--data-only"));
    }
    if behaviour.single_transaction && behaviour.transaction_size.is_some() {
        return Err(cannot_be_together("-1/--single-transaction", "--transaction-size"));
    }
    if typed.place.create && behaviour.single_transaction {
        return Err(cannot_be_together("-C/--create", "-1/--single-transaction"));
    }
    let several = matches!(behaviour.jobs, Some(Jobs::Count(count)) if count.get() > 1);
    if behaviour.single_transaction && several {
        let message = "cannot specify both --single-transaction and multiple jobs";
        return Err(CommandFailure::new(USAGE, message));
    }
    let grouped = behaviour.single_transaction || behaviour.transaction_size.is_some();
    if grouped && !behaviour.tolerate.is_empty() {
        // After any error the server rejects the rest of a transaction.
        let one = "-1/--single-transaction and --transaction-size";
        return Err(cannot_be_together(one, "--tolerate"));
    }
    if behaviour.if_exists && !behaviour.clean {
        return Err(CommandFailure::new(USAGE, "option --if-exists requires option -c/--clean"));
    }
    // clap does not check this if --embedded would conflict with another option.
    let place = &typed.place;
    if !place.embedded && (place.keep.is_some() || place.query.is_some() || place.exit) {
        let message = "options --keep, --query and --exit require option --embedded";
        return Err(CommandFailure::new(USAGE, message));
    }
    for (given, option) in [
        (behaviour.analyze, "--analyze"),
        (!behaviour.set.is_empty(), "--set"),
        (behaviour.resume, "--resume"),
    ] {
        // A script is as pg_restore writes it; its user can do both.
        if typed.place.file.is_some() && given {
            return Err(cannot_be_together("-f/--file", option));
        }
    }
    if typed.place.restrict_key.is_some() && typed.place.file.is_none() {
        return Err(CommandFailure::new(USAGE, "option --restrict-key requires option -f/--file"));
    }
    Ok(())
}

/// Reports the result: the summary, its file, the exit code.
fn conclude(
    typed: &Restore,
    reporter: Reporter,
    recorder: Option<&TimelineReader>,
    result: Result<Ended, RestoreError>,
) -> CommandResult {
    let is_started = match &result {
        Err(RestoreError::Connect(_) | RestoreError::Archive(_) | RestoreError::Journal(_)) => {
            false
        }
        // At the password prompt, for example.
        Err(RestoreError::Interrupted) => reporter.is_connected(),
        _ => true,
    };
    let result = match result {
        Err(error) if !is_started => {
            // There is nothing to summarize.
            drop(reporter);
            return Err(error.into());
        }
        result => result,
    };
    let summary = reporter.finish();
    results::write(&typed.results, recorder, &summary)?;
    let ended = result.map_err(|error| match error {
        RestoreError::Interrupted if typed.behaviour.resume => {
            CommandFailure::from(error).with_hint("run the same command again to resume")
        }
        RestoreError::Interrupted if typed.behaviour.single_transaction => {
            CommandFailure::from(error)
                .with_hint("nothing was changed (-1): run the same command again")
        }
        RestoreError::Interrupted => CommandFailure::from(error).with_hint(
            "start again with an empty database; a restore with --resume can be interrupted and \
             continued",
        ),
        error => error.into(),
    })?;
    if ended.errors > 0 || summary.errors() > 0 {
        Err(CommandFailure::told(ERRORS))
    } else {
        Ok(())
    }
}

/// Sends warnings to standard error: the script may go to standard output.
fn script_warnings(screen: &Screen, format: LogFormat) -> Events {
    let screen = screen.clone();
    Events::to(move |event| match (event, format) {
        (Event::Warning { message }, LogFormat::Text) => {
            screen.say(&format!("warning: {message}"));
        }
        (Event::Warning { message }, LogFormat::Json) => tracing::warn!("{message}"),
        _ => {}
    })
}

/// `restore -l` is `list`.
fn as_list(typed: &Restore) -> super::options::List {
    super::options::List {
        archive: typed.archive.clone(),
        selection: typed.selection.clone(),
        create: typed.place.create,
        format: super::options::values::OutputFormat::Text,
        file: typed.place.file.clone(),
        verbose: typed.reporting.verbose,
    }
}

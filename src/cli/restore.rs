//! `nocturne restore`: restores an archive into a database.

use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::embedded::EmbeddedServer;
use super::exit::{CommandFailure, CommandResult, ERRORS, USAGE};
use super::options::connection::{self, given};
use super::options::size::Size;
use super::options::values::{ArchiveFormat, Jobs};
use super::options::{Reporting, Restore, Results};
use super::shared::choose::{self, ChosenEntries};
use super::shared::input::{input, read_digests};
use super::shared::output::unwritable;
use super::shared::threads::{self, automatic_jobs, interrupted};
use super::shared::{costs, environment, output};
use super::{list, script};
use crate::archive::Format;
use crate::report::timeline::TimelineReader;
use crate::report::{
    LogFormat, ProgressMode, ReportOptions, Reporter, Screen, Verbosity, telemetry,
};
use crate::restore::event::{Event, Events};
use crate::restore::journal::JournalOptions;
use crate::restore::{
    Ended, RestoreError, RestoreOptions, SplitSize, Stages, Transactions, restore,
};
use crate::server::Target;
use crate::source::{self, Archive};
use crate::statements::{Ownership, SourceSettings, Style};

/// Runs the command.
pub(super) fn run(typed: &Restore) -> CommandResult {
    if typed.behaviour.list {
        return list::run(&as_list(typed));
    }
    let reporting = &typed.reporting;
    let report = ReportOptions {
        progress: progress(reporting),
        format: reporting.log_format,
        verbosity: Verbosity::from_flags(reporting.quiet, reporting.verbose),
    };
    let screen = Screen::new(&report);
    telemetry::init(&report, &screen).map_err(|error| CommandFailure::of(USAGE, &error))?;
    let outcome = run_reported(typed, report, &screen);
    match report.format {
        LogFormat::Text => outcome,
        LogFormat::Json => outcome.map_err(CommandFailure::logged),
    }
}

/// The effective `--progress`. A pipe or cron's output file, where pg_restore writes only problems,
/// gets no line per entry unless requested.
fn progress(reporting: &Reporting) -> ProgressMode {
    let wants_lines = reporting.verbose > 0
        || reporting.log_format == LogFormat::Json
        || telemetry::is_set_by_environment();
    match reporting.progress {
        ProgressMode::Auto if !wants_lines && !std::io::stderr().is_terminal() => {
            ProgressMode::None
        }
        asked => asked,
    }
}

fn run_reported(typed: &Restore, report: ReportOptions, screen: &Screen) -> CommandResult {
    check(typed)?;
    let goal = goal(typed)?;
    let Results { summary, timeline } = &typed.results;
    let written = [summary, timeline, &typed.place.file];
    let written = written.into_iter().flatten().map(PathBuf::as_path);
    output::check_apart(written, typed.archive.as_deref())?;
    output::check_writable([summary, timeline].into_iter().flatten().map(PathBuf::as_path))?;
    let select_options = choose::options(&typed.selection, typed.place.create)?;
    // One thread reads and writes a script.
    if !matches!(goal, Goal::Script) {
        threads::room_for(0)?;
    }
    let archive = source::open(&input(typed.archive.as_deref())?)?;
    check_format(typed, &archive)?;

    let reporter = Reporter::new(report, screen);
    let recorder = typed.results.timeline.is_some().then(TimelineReader::new);
    let events = reporter.events().read_by(recorder.as_ref().map(TimelineReader::reader));
    let chosen = choose::choose(&archive.toc, &select_options, &typed.selection, &events)?;
    let mut options = options(typed, &archive, &chosen)?;
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
    // With -d, the URL would send data meant for another server to its own.
    let url = environment("DATABASE_URL").filter(|_| typed.connection.dbname.is_none());
    let options = typed.connection.options(url);
    // The error is in the URL, not in other variables such as PGSERVICE.
    let is_of_url =
        || options.default_url.is_some() && Target::resolve(&options, &|_| None).is_err();
    let target = connection::resolve(&options).map_err(|failure| match is_of_url() {
        true => failure.with_hint(
            "DATABASE_URL is used because -d is not given; its form is \
             postgresql://user:password@host:5432/name",
        ),
        false => failure,
    })?;
    // As in pg_restore, a server alone selects no database: libpq's default is the role's name.
    if typed.connection.dbname.is_none() && !target.names_its_database() {
        let message = "no target given: one of -d/--dbname and -f/--file must be specified";
        let hint = "name the database with -d, PGDATABASE, PGSERVICE or DATABASE_URL, or use \
                    --embedded to restore into a temporary server";
        return Err(CommandFailure::new(USAGE, message).with_hint(hint));
    }
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

fn check_format(typed: &Restore, archive: &Archive) -> Result<(), CommandFailure> {
    let wanted = match typed.behaviour.format {
        None | Some(ArchiveFormat::Any) => return Ok(()),
        Some(ArchiveFormat::Custom) => Format::Custom,
        Some(ArchiveFormat::Directory) => Format::Directory,
        Some(ArchiveFormat::Tar) => Format::Tar,
    };
    if wanted == archive.format {
        return Ok(());
    }
    let message = format!(
        "{} is an archive in {} format, not in {} format",
        archive.name,
        archive.format.name().to_lowercase(),
        wanted.name().to_lowercase()
    );
    Err(CommandFailure::new(super::exit::ARCHIVE, message))
}

fn options(
    typed: &Restore,
    archive: &Archive,
    chosen: &ChosenEntries,
) -> Result<RestoreOptions, CommandFailure> {
    let behaviour = &typed.behaviour;
    let transactions = match behaviour.transaction_size.and_then(NonZeroU32::new) {
        Some(size) => Transactions::Batches(size),
        None if behaviour.single_transaction => Transactions::Single,
        None => Transactions::None,
    };
    let jobs = match behaviour.jobs {
        Some(Jobs::Count(count)) => count.get(),
        // A fixed order or a single transaction needs one session.
        _ if transactions != Transactions::None || chosen.reordered => 1,
        // Existing tables may have foreign keys, which stay enabled: load them in the archive's
        // order, which pg_dump chose.
        _ if !chosen.selection.dump_schema() && !behaviour.disable_triggers => 1,
        _ => automatic_jobs(),
    };
    Ok(RestoreOptions {
        shuffle: None,
        jobs,
        style: Style {
            ownership: match (typed.properties.no_owner, behaviour.use_set_session_authorization) {
                (true, _) => Ownership::Ignore,
                (false, true) => Ownership::SetSessionAuthorization,
                (false, false) => Ownership::AlterOwner,
            },
            no_tablespaces: typed.properties.no_tablespaces,
            no_table_access_method: typed.properties.no_table_access_method,
            superuser: given(&typed.connection.superuser),
            role: given(&typed.connection.role),
            enable_row_security: behaviour.enable_row_security,
            source: SourceSettings::of(&archive.toc),
        },
        clean: behaviour.clean,
        if_exists: behaviour.if_exists,
        create: typed.place.create,
        // As in pg_restore, a transaction of several entries cannot continue after an error.
        exit_on_error: behaviour.exit_on_error || transactions != Transactions::None,
        transactions,
        copy_format: behaviour.copy_format,
        split_size: match behaviour.split_size {
            None => SplitSize::Auto,
            Some(Size(0)) => SplitSize::Never,
            Some(Size(bytes)) => SplitSize::Bytes(bytes),
        },
        read_ahead: behaviour.read_ahead.0,
        disable_triggers: behaviour.disable_triggers,
        no_data_for_failed_tables: behaviour.no_data_for_failed_tables,
        tolerate: behaviour.tolerate.clone(),
        digests: match &behaviour.digests {
            Some(path) => Some(Arc::new(read_digests(path)?)),
            None => None,
        },
        history: Arc::default(),
        foreign_keys: behaviour.foreign_keys,
        analyze: behaviour.analyze,
        settings: behaviour.set.clone(),
        strictly_in_order: jobs == 1,
        stages: Stages::default(),
        journal: behaviour.resume.then(JournalOptions::default),
    })
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
    if let (Some(path), Some(recorder)) = (&typed.results.timeline, recorder) {
        write_timeline(path, recorder)?;
    }
    if let Some(path) = &typed.results.summary {
        let file = std::fs::File::create(path);
        file.and_then(|file| summary.write_json(file)).map_err(unwritable(path))?;
    }
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

/// Writes a page, or raw spans if the name ends in `.json`.
fn write_timeline(path: &Path, recorder: &TimelineReader) -> CommandResult {
    let recording = recorder.finish();
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        recording.write_json(&mut bytes).map_err(|error| CommandFailure::of(ERRORS, &error))?;
    } else {
        bytes = recording.page().into_bytes();
    }
    output::write(Some(path), &bytes)
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

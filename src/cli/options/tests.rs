//! Every option reaches its field, and the help lists every option.

use std::num::NonZeroUsize;

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::values::ArchiveFormat;
use super::*;
use crate::archive::Section;
use crate::report::{LogFormat, ProgressMode};
use crate::restore::{ForeignKeys, Tolerance};

fn parse(line: &str) -> Result<CliCommand, clap::Error> {
    let words = std::iter::once("nocturne").chain(line.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.command)
}

fn restore(line: &str) -> Restore {
    match parse(&format!("restore {line}")) {
        Ok(CliCommand::Restore(restore)) => *restore,
        other => panic!("{line}: {other:?}"),
    }
}

fn list(line: &str) -> List {
    match parse(&format!("list {line}")) {
        Ok(CliCommand::List(list)) => *list,
        other => panic!("{line}: {other:?}"),
    }
}

fn verify(line: &str) -> Verify {
    match parse(&format!("verify {line}")) {
        Ok(CliCommand::Verify(verify)) => *verify,
        other => panic!("{line}: {other:?}"),
    }
}

fn refused(line: &str) -> clap::Error {
    parse(line).expect_err(line)
}

/// Sets one field of a `Restore` without options.
fn with(change: impl FnOnce(&mut Restore)) -> Restore {
    let mut expected = restore("");
    change(&mut expected);
    expected
}

/// Each spelling must change this field, and nothing else.
macro_rules! sets {
    ($($($line:literal),+ => $($field:ident).+ = $value:expr;)+) => {
        $({
            let expected = with(|restore| restore.$($field).+ = $value);
            for line in [$($line),+] {
                assert_eq!(restore(line), expected, "{line}");
            }
        })+
    };
}

#[test]
fn command_definition_is_valid() {
    Cli::command().debug_assert();
}

#[test]
fn each_pg_restore_option_sets_its_field() {
    sets! {
        "x.dump" => archive = Some("x.dump".into());
        "-" => archive = Some("-".into());
        "-d app", "-dapp", "--dbname app", "--dbname=app"
            => connection.dbname = Some("app".into());
        "-h db", "--host=db" => connection.host = Some("db".into());
        "-p 5433", "--port=5433" => connection.port = Some("5433".into());
        "-U me", "--username=me" => connection.username = Some("me".into());
        "-w", "--no-password" => connection.no_password = true;
        "-W", "--password" => connection.password = true;
        "--role=owner" => connection.role = Some("owner".into());
        "-S boss", "--superuser=boss" => connection.superuser = Some("boss".into());
        "-f -", "--file=-" => place.file = Some("-".into());
        "--restrict-key=k" => place.restrict_key = Some("k".into());
        "-C", "--create" => place.create = true;
        "-a", "--data-only" => selection.data_only = true;
        "-s", "--schema-only" => selection.schema_only = true;
        "--statistics-only" => selection.statistics_only = true;
        "--statistics" => selection.statistics = true;
        "--section=pre-data --section data --section=post-data"
            => selection.section = vec![Section::PreData, Section::Data, Section::PostData];
        "-n a -n b", "--schema=a --schema=b" => selection.schema = vec!["a".into(), "b".into()];
        "-N a -N b", "--exclude-schema=a --exclude-schema=b"
            => selection.exclude_schema = vec!["a".into(), "b".into()];
        "-t a -t b", "--table=a --table=b" => selection.table = vec!["a".into(), "b".into()];
        "-I a -I b", "--index=a --index=b" => selection.index = vec!["a".into(), "b".into()];
        "-P f() -P g(integer)", "--function=f() --function=g(integer)"
            => selection.function = vec!["f()".into(), "g(integer)".into()];
        "-T a -T b", "--trigger=a --trigger=b" => selection.trigger = vec!["a".into(), "b".into()];
        "-L l", "--use-list=l" => selection.use_list = Some("l".into());
        "--filter=a --filter=-" => selection.filter = vec!["a".into(), "-".into()];
        "--strict-names" => selection.strict_names = true;
        "--no-data" => selection.leave_out.no_data = true;
        "--no-schema" => selection.leave_out.no_schema = true;
        "--no-statistics" => selection.leave_out.no_statistics = true;
        "-x", "--no-privileges", "--no-acl" => selection.leave_out.no_privileges = true;
        "--no-comments" => selection.leave_out.no_comments = true;
        "--no-policies" => selection.leave_out.no_policies = true;
        "--no-publications" => selection.leave_out.no_publications = true;
        "--no-security-labels" => selection.leave_out.no_security_labels = true;
        "--no-subscriptions" => selection.leave_out.no_subscriptions = true;
        "-O", "--no-owner" => properties.no_owner = true;
        "--no-table-access-method" => properties.no_table_access_method = true;
        "--no-tablespaces" => properties.no_tablespaces = true;
        "-j 8", "-j8", "--jobs=8"
            => behaviour.jobs = NonZeroUsize::new(8).map(Jobs::Count);
        "-c", "--clean" => behaviour.clean = true;
        "--if-exists" => behaviour.if_exists = true;
        "-e", "--exit-on-error" => behaviour.exit_on_error = true;
        "-1", "--single-transaction" => behaviour.single_transaction = true;
        "--transaction-size=1000" => behaviour.transaction_size = Some(1000);
        "--no-data-for-failed-tables" => behaviour.no_data_for_failed_tables = true;
        "--disable-triggers" => behaviour.disable_triggers = true;
        "--enable-row-security" => behaviour.enable_row_security = true;
        "--use-set-session-authorization" => behaviour.use_set_session_authorization = true;
        "-F c", "-Fc", "--format=custom" => behaviour.format = Some(ArchiveFormat::Custom);
        "-l", "--list" => behaviour.list = true;
        "-R", "--no-reconnect" => behaviour.no_reconnect = true;
        "-v", "--verbose" => reporting.verbose = 1;
    }
}

#[test]
fn each_nocturne_option_sets_its_field() {
    sets! {
        "-j auto" => behaviour.jobs = Some(Jobs::Auto);
        "--tolerate 42P07,missing-role --tolerate already-exists" => behaviour.tolerate = vec![
            "42P07".parse().unwrap(),
            Tolerance::MissingRole,
            Tolerance::AlreadyExists,
        ];
        "--foreign-keys not-valid" => behaviour.foreign_keys = ForeignKeys::NotValid;
        "--foreign-keys none" => behaviour.foreign_keys = ForeignKeys::None;
        "--analyze" => behaviour.analyze = true;
        "--set work_mem=1GB --set=a.b=-1" => behaviour.set = vec![
            "work_mem=1GB".parse().unwrap(),
            "a.b=-1".parse().unwrap(),
        ];
        "--cost-history f" => costs.cost_history = Some("f".into());
        "--no-cost-history" => costs.no_cost_history = true;
        "--digests f" => behaviour.digests = Some("f".into());
        "--embedded" => place.embedded = true;
        "--log-format json" => reporting.log_format = LogFormat::Json;
        "--progress none" => reporting.progress = ProgressMode::None;
        "--progress bars" => reporting.progress = ProgressMode::Bars;
        "--progress log" => reporting.progress = ProgressMode::Log;
        "-q", "--quiet" => reporting.quiet = true;
        "-vv", "-v -v" => reporting.verbose = 2;
        "--summary f" => results.summary = Some("f".into());
        "--timeline f" => results.timeline = Some("f".into());
    }
    let kept = restore("--embedded --keep d --exit");
    assert_eq!((kept.place.keep, kept.place.exit), (Some("d".into()), true));
    assert_eq!(restore("--embedded --query q").place.query, Some("q".into()));
    // An SQL comment starts like an option.
    assert_eq!(restore("--embedded --query --q").place.query, Some("--q".into()));
}

#[test]
fn list_and_verify_accept_the_same_selection() {
    let words = "-t a -n b -x --section data -L l --filter f x.dump";
    let selection = restore(words).selection;
    assert_eq!(list(words).selection, selection);
    assert_eq!(verify(words).selection, selection);
    assert_eq!(list(words).archive, Some("x.dump".into()));
    assert_eq!(verify(words).archive, Some("x.dump".into()));
}

#[test]
fn list_accepts_its_own_options() {
    let list = list("--format json -f out -v -C x.dump");
    assert_eq!(list.format, OutputFormat::Json);
    assert_eq!(list.file, Some("out".into()));
    assert_eq!(list.verbose, 1);
    assert!(list.create);
}

#[cfg(feature = "replicate")]
#[test]
fn report_accepts_day_format_and_language() {
    let report = |line: &str| match parse(line) {
        Ok(CliCommand::Report(report)) => *report,
        other => panic!("{line}: {other:?}"),
    };
    let typed = report("report logs.txt --date 2020-10-22 --format html --lang fr -f night.html");
    assert_eq!(
        typed,
        Report {
            logs: Some("logs.txt".into()),
            date: NaiveDate::from_ymd_opt(2020, 10, 22),
            format: ReportFormat::Html,
            lang: Some(Lang::Fr),
            file: Some("night.html".into()),
        }
    );
    assert_eq!(report("report").format, ReportFormat::Text);
    assert_eq!(refused("report --date 22/10/2020").kind(), ErrorKind::ValueValidation);
}

#[test]
fn verify_accepts_database_or_digests_not_both() {
    let database = verify("-d app -h db -p 1 -U me -w --role r x.dump").database;
    assert_eq!(database.dbname, Some("app".into()));
    assert_eq!((database.host, database.port), (Some("db".into()), Some("1".into())));
    assert_eq!((database.username, database.role), (Some("me".into()), Some("r".into())));
    assert!(database.no_password);
    for line in ["-d app --digests d x", "-d app --write-digests d x", "-h db x"] {
        assert!(parse(&format!("verify {line}")).is_err(), "{line}");
    }
}

#[test]
fn verify_accepts_its_own_options() {
    let verify =
        verify("-j 3 --format json --write-digests w --digests d -q --log-format json x.dump");
    assert_eq!(verify.jobs, NonZeroUsize::new(3).map(Jobs::Count));
    assert_eq!(verify.format, OutputFormat::Json);
    assert_eq!(verify.write_digests, Some("w".into()));
    assert_eq!(verify.digests, Some("d".into()));
    assert!(verify.reporting.quiet);
    assert_eq!(verify.reporting.log_format, LogFormat::Json);
}

fn sync(line: &str) -> Sync {
    match parse(&format!("sync {line}")) {
        Ok(CliCommand::Sync(sync)) => *sync,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn sync_accepts_its_own_options_and_those_of_restore() {
    let typed = sync("--dry-run --adopt --no-full --patch-limit 5 -O -d app -t a -j 3 x.dump");
    let changes = Changes {
        dry_run: true,
        adopt: true,
        no_full: true,
        patch_limit: Some(5),
        ..Changes::default()
    };
    assert_eq!(typed.changes, changes);
    let like = restore("-O -d app -t a -j 3 x.dump");
    assert_eq!((typed.archive, typed.connection), (like.archive, like.connection));
    assert_eq!((typed.selection, typed.properties), (like.selection, like.properties));
    assert_eq!(typed.behaviour, like.behaviour);
    assert!(sync("--from-scratch").changes.from_scratch);
    for line in ["--from-scratch --adopt", "--from-scratch --no-full", "--dry-run --summary f"] {
        assert_eq!(refused(&format!("sync {line}")).kind(), ErrorKind::ArgumentConflict, "{line}");
    }
    assert_eq!(refused("sync --patch-limit 101").kind(), ErrorKind::ValueValidation);
}

#[test]
fn completions_accept_a_shell() {
    assert_eq!(parse("completions zsh").unwrap(), CliCommand::Completions { shell: Shell::Zsh });
}

#[test]
fn repeated_option_keeps_the_last_value() {
    assert_eq!(restore("-c -c"), restore("-c"));
    assert_eq!(restore("-d a -d b"), restore("-d b"));
    assert_eq!(restore("-w -W"), restore("-W"));
    assert_eq!(restore("-W -w"), restore("-w"));
}

#[test]
fn options_follow_the_archive_and_letters_combine() {
    assert_eq!(restore("x.dump -Ocd app"), restore("-O -c -d app x.dump"));
}

#[test]
fn wrong_value_is_rejected_with_the_expected_ones() {
    for (line, hint) in [
        ("restore -j 0", "expected \"auto\" or a number from 1 to 262143"),
        ("restore -F p", "run it with psql"),
        ("restore -F zip", "unrecognized archive format"),
        ("restore --section early", "pre-data, data, post-data"),
        ("restore --tolerate all", "\"already-exists\""),
        ("restore --transaction-size 0", "1..=2147483647"),
        ("restore --log-format xml", "text, json"),
        ("restore --progress fast", "auto, bars, log, none"),
    ] {
        let error = refused(line);
        let text = error.to_string();
        assert!(text.contains(hint), "{line}: {text}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn conflicting_or_incomplete_options_are_rejected() {
    for line in [
        "restore --keep d",
        "restore --exit",
        "restore --query q",
        "restore --embedded -d app",
        "restore --embedded -f x",
        "restore -q -v",
    ] {
        let kind = refused(line).kind();
        let right =
            matches!(kind, ErrorKind::ArgumentConflict | ErrorKind::MissingRequiredArgument);
        assert!(right, "{line}: {kind:?}");
    }
}

#[test]
fn debug_hides_the_password_of_a_connection_string() {
    let typed = restore("-d postgres://me:hunter2@db/app");
    assert!(!format!("{typed:?}").contains("hunter2"));
}

#[test]
fn help_and_version_use_pg_restore_letters() {
    assert_eq!(refused("-?").kind(), ErrorKind::DisplayHelp);
    assert_eq!(refused("restore -?").kind(), ErrorKind::DisplayHelp);
    assert_eq!(refused("restore --help").kind(), ErrorKind::DisplayHelp);
    assert_eq!(refused("help restore").kind(), ErrorKind::DisplayHelp);
    assert_eq!(refused("-V").kind(), ErrorKind::DisplayVersion);
    assert_eq!(refused("restore -V").kind(), ErrorKind::DisplayVersion);
}

/// The options in the usage of pg_restore 18.
const PG_RESTORE: &str = "\
    -d --dbname -f --file -F --format -l --list -v --verbose -V --version -? --help \
    -a --data-only -c --clean -C --create -e --exit-on-error -I --index -j --jobs \
    -L --use-list -n --schema -N --exclude-schema -O --no-owner -P --function \
    -s --schema-only -S --superuser -t --table -T --trigger -x --no-privileges --no-acl \
    -1 --single-transaction --disable-triggers --enable-row-security --filter --if-exists \
    --no-comments --no-data --no-data-for-failed-tables --no-policies --no-publications \
    --no-schema --no-security-labels --no-statistics --no-subscriptions \
    --no-table-access-method --no-tablespaces --restrict-key --section --statistics \
    --statistics-only --strict-names --transaction-size --use-set-session-authorization \
    -h --host -p --port -U --username -w --no-password -W --password --role \
    -R --no-reconnect";

#[test]
fn help_lists_every_pg_restore_option() {
    let help = refused("restore --help").to_string();
    let named: Vec<&str> = help
        .split(|character: char| !(character.is_ascii_alphanumeric() || "-?".contains(character)))
        .collect();
    for option in PG_RESTORE.split_whitespace() {
        assert!(named.contains(&option), "{option} is missing in:\n{help}");
    }
}

#[test]
fn long_help_has_every_section() {
    let help = refused("restore --help").to_string();
    for heading in [
        "Target:",
        "Selection:",
        "Exclusions:",
        "Behaviour:",
        "Output:",
        "EXIT CODES",
        "EXAMPLES",
        "ENVIRONMENT",
        "MEMORY",
    ] {
        assert_eq!(help.matches(heading).count(), 1, "{heading} in:\n{help}");
    }
    for command in
        ["sync", "list", "verify", "plan", "report", "fetch-backup", "incremental", "worker", "web"]
    {
        let help = refused(&format!("{command} --help")).to_string();
        assert!(help.contains("EXIT CODES"), "{command}");
    }
}

#[test]
fn help_examples_are_valid_command_lines() {
    let texts = [
        help::EPILOGUE,
        help::RESTORE_EPILOGUE,
        help::SYNC_EPILOGUE,
        help::LIST_EPILOGUE,
        help::VERIFY_EPILOGUE,
        help::PLAN_EPILOGUE,
        help::REPORT_EPILOGUE,
        help::FETCH_BACKUP_EPILOGUE,
        help::INCREMENTAL_EPILOGUE,
        help::WORKER_EPILOGUE,
        help::WEB_EPILOGUE,
    ];
    for text in texts {
        let mut examples = 0;
        let commands = text
            .lines()
            .flat_map(|line| line.trim_start().split(" | ").map(move |command| (line, command)));
        for (line, command) in commands {
            if let Some(words) = command.strip_prefix("nocturne ") {
                let words = words.split(" > ").next().unwrap_or_default();
                // Quoted text is one word.
                let parts = words.split('\'').enumerate();
                let words: String =
                    parts.map(|(at, part)| if at % 2 == 1 { "quoted" } else { part }).collect();
                let words = words.as_str();
                assert!(parse(words).is_ok(), "{line}");
                examples += 1;
            }
        }
        assert!(examples > 0, "{text}");
    }
}

//! Every variable: its default, its values, its errors.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;

use super::*;

mod table_modes;

/// The settings that `worker` requires, and no more.
const WORKER: [(&str, &str); 4] = [
    ("SCHEDULE", "10 5 * * *"),
    ("SCALINGO_APP", "pix-api-production"),
    ("SCALINGO_API_TOKEN", "tk-secret-1"),
    ("DATABASE_URL", "postgresql://owner:word-2@db.example:31000/warehouse"),
];

fn read(command: NightCommand, variables: &[(&str, &str)]) -> Result<Config, ConfigProblems> {
    let map: BTreeMap<&str, &str> = variables.iter().copied().collect();
    Config::for_command(command, |name| map.get(name).map(|text| (*text).to_owned()))
}

/// The settings of a worker with more variables, which override those above.
fn with(more: &[(&str, &str)]) -> Result<Config, ConfigProblems> {
    read(NightCommand::Worker, &[&WORKER, more].concat())
}

fn config(more: &[(&str, &str)]) -> Config {
    with(more).unwrap_or_else(|problems| panic!("{more:?}: {problems}"))
}

fn problems(result: Result<Config, ConfigProblems>) -> Vec<String> {
    let problems = result.expect_err("something is wrong");
    problems.iter().map(ToString::to_string).collect()
}

/// The only problem with a worker's settings.
fn problem(more: &[(&str, &str)]) -> String {
    let all = problems(with(more));
    assert_eq!(all.len(), 1, "{all:?}");
    all.concat()
}

#[test]
fn defaults_match_the_replaced_system() {
    let config = config(&[]);
    assert_eq!(config.zone, Tz::UTC);
    assert_eq!(config.schedule.as_ref().unwrap().to_string(), "10 5 * * *");
    assert_eq!(config.backup.region.name(), "osc-fr1");
    assert!(!config.backup.any_day && !config.backup.download_first);
    assert_eq!((config.backup.max_age, &config.backup.addon), (None, &None));
    assert_eq!(
        config.retry,
        RetryPolicy {
            retries: 10,
            min: Duration::from_millis(900_000),
            max: Duration::from_millis(900_000),
            warn_after: Duration::from_secs(180 * 60),
        }
    );
    let restore = &config.restore;
    assert_eq!(restore.jobs, 4);
    assert!(!restore.foreign_keys && !restore.swap);
    assert_eq!(restore.drop_timeout, Some(Duration::from_secs(300)));
    assert!(restore.enrichment.is_absolute() && restore.enrichment.ends_with("sql/enrichment"));
    assert_eq!(restore.hooks, None);
    let incremental = &config.incremental;
    assert_eq!(incremental.keys.column("public", "answers"), "id");
    assert_eq!((incremental.jobs.get(), incremental.lag), (2, 0));
    assert_eq!(incremental.range_rows.map(std::num::NonZero::get), Some(5_000_000));
    assert!(!incremental.add_columns && !incremental.check_gaps && !incremental.fill_gaps);
    assert_eq!(incremental.late_commits_timeout, Some(Duration::from_secs(300)));
    assert_eq!(incremental.statement_timeout, Some(Duration::from_secs(6 * 3600)));
    assert!(config.notifications.is_empty());
    assert_eq!(config.log_format, LogFormat::Text);
    let databases = &config.databases;
    assert_eq!(databases.target.as_ref().unwrap().to_string(), "owner@db.example:31000/warehouse");
    assert!(databases.source.is_none());
}

#[test]
fn every_variable_reaches_its_setting() {
    let config = config(&[
        ("SCHEDULE", "@daily"),
        ("SCHEDULE_TIMEZONE", "Europe/Paris"),
        ("SCALINGO_REGION", "osc-secnum-fr1"),
        ("SCALINGO_AUTH_URL", "http://127.0.0.1:1/"),
        ("SCALINGO_API_URL", "http://127.0.0.1:2/"),
        ("SCALINGO_DB_URL", "http://127.0.0.1:3/"),
        ("BACKUP_ID", "5f1"),
        ("BACKUP_ANY_DAY", "true"),
        ("DOWNLOAD_FIRST", "TRUE"),
        ("SOURCE_DATABASE_URL", "postgres://reader@source/app"),
        ("TARGET_DATABASE_URL", "postgres://writer@other/copy"),
        ("MAX_RETRY_COUNT", "3"),
        ("MIN_TIMEOUT", "1000"),
        ("MAX_TIMEOUT", "60000"),
        ("RETRIES_TIMEOUT_MINUTES", "15"),
        ("RESTORE_FK_CONSTRAINTS", "true"),
        ("PG_RESTORE_JOBS", "8"),
        ("BACKUP_MODE", r#"{"answers":"incremental"}"#),
        ("INCREMENTAL_KEYS", r#"{"answers":"answer_id"}"#),
        ("INCREMENTAL_JOBS", "3"),
        ("INCREMENTAL_RANGE_ROWS", "0"),
        ("INCREMENTAL_LAG", "1000"),
        ("INCREMENTAL_ADD_COLUMNS", "true"),
        ("INCREMENTAL_CHECK_GAPS", "true"),
        ("INCREMENTAL_FILL_GAPS", "true"),
        ("INCREMENTAL_LATE_COMMITS_TIMEOUT_MS", "2500"),
        ("INCREMENTAL_STATEMENT_TIMEOUT_MS", "0"),
        ("DROP_TIMEOUT_MS", "1500"),
        ("ENRICHMENT_DIR", "/srv/enrichment"),
        ("HOOKS_DIR", "/srv/hooks"),
        ("NOTIFICATIONS", r#"["https://one.example/x",{"url":"https://two.example","token":"t"}]"#),
        ("LOG_FORMAT", "json"),
        ("APP", "pix-datawarehouse"),
        ("SCALINGO_ADDON", "ad-1"),
        ("BACKUP_MAX_AGE_HOURS", "36"),
    ]);
    let schedule = config.schedule.as_ref().unwrap();
    assert_eq!((schedule.to_string().as_str(), schedule.zone()), ("@daily", Tz::Europe__Paris));
    assert_eq!(config.zone, Tz::Europe__Paris);
    let backup = &config.backup;
    assert_eq!(backup.app.as_deref(), Some("pix-api-production"));
    assert_eq!(backup.token.as_ref().unwrap().expose_secret(), "tk-secret-1");
    assert_eq!(backup.region, Region::OscSecnumFr1);
    assert_eq!(backup.endpoints.auth.as_ref().unwrap().port(), Some(1));
    assert_eq!(backup.endpoints.api.as_ref().unwrap().port(), Some(2));
    assert_eq!(backup.endpoints.database_api.as_ref().unwrap().port(), Some(3));
    assert_eq!(backup.id.as_deref(), Some("5f1"));
    assert!(backup.any_day && backup.download_first);
    assert_eq!(backup.addon.as_deref(), Some("ad-1"));
    assert_eq!(backup.max_age, Some(Duration::from_secs(36 * 60 * 60)));
    let databases = &config.databases;
    assert_eq!(databases.source.as_ref().unwrap().to_string(), "reader@source:5432/app");
    let target = databases.incremental_target.as_ref().unwrap();
    assert_eq!(target.to_string(), "writer@other:5432/copy");
    assert_eq!(config.retry.retries, 3);
    assert_eq!(config.retry.min, Duration::from_secs(1));
    assert_eq!(config.retry.max, Duration::from_secs(60));
    assert_eq!(config.retry.warn_after, Duration::from_secs(900));
    let restore = &config.restore;
    assert!(restore.foreign_keys);
    assert_eq!(restore.jobs, 8);
    assert_eq!(restore.tables.mode("public", "answers"), TableMode::Incremental);
    let incremental = &config.incremental;
    assert_eq!(incremental.keys.column("public", "answers"), "answer_id");
    assert_eq!((incremental.jobs.get(), incremental.lag), (3, 1000));
    assert!(incremental.add_columns && incremental.check_gaps && incremental.fill_gaps);
    assert_eq!(incremental.late_commits_timeout, Some(Duration::from_millis(2500)));
    assert_eq!((incremental.range_rows, incremental.statement_timeout), (None, None));
    assert_eq!(restore.drop_timeout, Some(Duration::from_millis(1500)));
    assert_eq!(restore.enrichment, PathBuf::from("/srv/enrichment"));
    assert_eq!(restore.hooks, Some(PathBuf::from("/srv/hooks")));
    let told: Vec<String> = config.notifications.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["https://one.example", "https://two.example"]);
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.app.as_deref(), Some("pix-datawarehouse"));

    let swap = [&WORKER[..], &[("SWAP", "true")]].concat();
    assert!(read(NightCommand::Worker, &swap).unwrap().restore.swap);
    let web = read(NightCommand::Web, &[("PORT", "5000")]).unwrap();
    assert_eq!(web.web.port, Some(5000));
    assert!(web.web.status_token.is_none());
}

#[test]
fn exactly_the_variables_of_the_table_are_read() {
    let asked = RefCell::new(BTreeSet::new());
    let _ = Config::for_command(NightCommand::Run, |name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    let table: BTreeSet<String> = table::all().map(|variable| variable.name.to_owned()).collect();
    assert_eq!(asked.into_inner(), table);
}

#[test]
fn options_are_unique_and_tokens_have_none() {
    let mut options = BTreeSet::new();
    for variable in table::all() {
        assert!(!variable.commands.is_empty(), "{}", variable.name);
        if let Some(option) = variable.option {
            assert!(options.insert(option), "{option}");
            let is_token = variable.name.contains("TOKEN") || variable.name.contains("NOTIF");
            assert!(!is_token, "{}", variable.name);
        }
    }
}

#[test]
fn zero_is_a_value_and_empty_is_unset() {
    let config = config(&[
        ("MAX_RETRY_COUNT", "0"),
        ("MIN_TIMEOUT", "0"),
        ("MAX_TIMEOUT", " 0 "),
        ("RETRIES_TIMEOUT_MINUTES", "0"),
        ("DROP_TIMEOUT_MS", "0"),
        ("PG_RESTORE_JOBS", ""),
        ("SCHEDULE_TIMEZONE", "  "),
    ]);
    assert_eq!(config.retry.retries, 0);
    assert_eq!(config.retry.min, Duration::ZERO);
    assert_eq!(config.retry.max, Duration::ZERO);
    assert_eq!(config.retry.warn_after, Duration::ZERO);
    assert_eq!(config.restore.drop_timeout, None);
    assert_eq!(config.restore.jobs, 4);
    assert_eq!(config.zone, Tz::UTC);
    assert_eq!(
        problem(&[("PG_RESTORE_JOBS", "0")]),
        "PG_RESTORE_JOBS (--jobs): expected a whole number from 1 to 1000, found \"0\""
    );
}

#[test]
fn url_without_a_database_is_a_problem() {
    for name in ["DATABASE_URL", "SOURCE_DATABASE_URL", "TARGET_DATABASE_URL"] {
        for url in ["postgres://u@h", "postgres://u@h/?sslmode=require", "host=h user=u"] {
            let said = problem(&[(name, url)]);
            assert!(said.starts_with(name) && said.contains("no database is named"), "{said}");
        }
    }
    config(&[("DATABASE_URL", "postgres://u@h"), ("PGDATABASE", "warehouse")]);
}

#[test]
fn all_problems_are_reported_in_table_order() {
    let all = problems(read(
        NightCommand::Worker,
        &[
            ("SCHEDULE", "10 25 * * *"),
            ("SCHEDULE_TIMEZONE", "Paris"),
            ("SCALINGO_REGION", "osc-fr2"),
            ("DATABASE_URL", "mysql://u:word-2@h/d"),
            ("PG_RESTORE_JOBS", "many"),
            ("RESTORE_FK_CONSTRAINTS", "yes"),
            ("BACKUP_MODE", "{answers}"),
            ("MAX_RETRY_COUNT", "-1"),
            ("MIN_TIMEOUT", "15min"),
            ("NOTIFICATIONS", "https://hooks.example/key-3"),
            ("LOG_FORMAT", "xml"),
            // Variables of another command.
            ("PORT", "http"),
            ("STATUS_TOKEN", "short"),
        ],
    ));
    let expected = [
        "SCHEDULE (--schedule): \"10 25 * * *\": hour: \"25\" is not from 0 to 23",
        "SCHEDULE_TIMEZONE (--schedule-timezone): expected an IANA time zone, such as \
         `Europe/Paris`, found \"Paris\"",
        "SCALINGO_APP (--app): required by \"worker\", unless BACKUP_SOURCE is set",
        "SCALINGO_API_TOKEN: required by \"worker\", unless BACKUP_SOURCE is set",
        "SCALINGO_REGION (--region): expected `osc-fr1` or `osc-secnum-fr1`, found \"osc-fr2\"",
    ];
    assert_eq!(all[..5], expected);
    assert!(all[5].starts_with("DATABASE_URL (--database-url): "), "{}", all[5]);
    assert_eq!(
        all[6..],
        [
            "PG_RESTORE_JOBS (--jobs): expected a whole number from 1 to 1000, found \"many\"",
            "RESTORE_FK_CONSTRAINTS (--restore-fk-constraints): expected `true` or `false`, found \
             \"yes\"",
            "BACKUP_MODE (--backup-mode): invalid JSON: key must be a string at line 1 column 2",
            "MAX_RETRY_COUNT (--max-retry-count): expected a whole number from 0 to 1000, found \
             \"-1\"",
            "MIN_TIMEOUT (--min-timeout): expected a whole number from 0 to 86400000, found \
             \"15min\"",
            "NOTIFICATIONS: invalid JSON at line 1 column 1",
            "LOG_FORMAT (--log-format): expected `text` or `json`, found \"xml\"",
        ]
    );
    let text = all.join("\n");
    assert!(!text.contains("word-2") && !text.contains("key-3"), "{text}");
}

#[test]
fn each_command_requires_its_own_settings() {
    let needs = |command, variables: &[(&str, &str)]| -> Vec<&str> {
        match read(command, variables) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(|problem| problem.variable.name).collect(),
        }
    };
    let backup = ["SCALINGO_APP", "SCALINGO_API_TOKEN"];
    let with_backup = |more: &[&'static str]| -> Vec<&str> { [&backup, more].concat() };
    assert_eq!(
        needs(NightCommand::Worker, &[]),
        ["SCHEDULE", "SCALINGO_APP", "SCALINGO_API_TOKEN", "DATABASE_URL"]
    );
    assert_eq!(needs(NightCommand::Run, &[]), with_backup(&["DATABASE_URL"]));
    assert_eq!(needs(NightCommand::FetchBackup, &[]), with_backup(&[]));
    assert_eq!(needs(NightCommand::DropObjects, &[]), ["DATABASE_URL"]);
    assert_eq!(needs(NightCommand::Enrich, &[]), ["DATABASE_URL"]);
    assert_eq!(needs(NightCommand::Incremental, &[]), ["DATABASE_URL", "SOURCE_DATABASE_URL"]);
    assert_eq!(needs(NightCommand::Web, &[]), ["PORT"]);
    // One setting in place of another.
    assert_eq!(needs(NightCommand::FetchBackup, &[("BACKUP_SOURCE", "backup.tar.gz")]), [""; 0]);
    let target = ("TARGET_DATABASE_URL", "postgres://u@h/t");
    assert_eq!(needs(NightCommand::Incremental, &[target]), ["SOURCE_DATABASE_URL"]);
    // Settings that another setting requires.
    let incremental = [&WORKER[..], &[("BACKUP_MODE", r#"{"a":"incremental"}"#)]].concat();
    assert_eq!(needs(NightCommand::Worker, &incremental), ["SOURCE_DATABASE_URL"]);
    let status = [("PORT", "80"), ("STATUS_TOKEN", "0123456789abcdef")];
    assert_eq!(needs(NightCommand::Web, &status), ["DATABASE_URL"]);
    // The web process ignores the settings of a run.
    assert_eq!(needs(NightCommand::Web, &[("PORT", "80"), ("BACKUP_MODE", "wrong")]), [""; 0]);
}

#[test]
fn contradictory_settings_are_rejected() {
    assert_eq!(
        problem(&[("MIN_TIMEOUT", "1000000")]),
        "MIN_TIMEOUT (--min-timeout): 1000000 is greater than MAX_TIMEOUT (900000)"
    );
    let incremental = r#"{"a":"incremental"}"#;
    let source = ("SOURCE_DATABASE_URL", "postgres://u@h/s");
    assert!(problem(&[("SWAP", "true"), ("BACKUP_MODE", incremental), source]).starts_with("SWAP"));
    let elsewhere = [("BACKUP_SOURCE", "/backups"), ("BACKUP_ID", "5f1")];
    assert!(problem(&elsewhere).starts_with("BACKUP_ID"));
    let twice = [("NOTIFICATIONS", "[]"), ("NOTIFICATION_URLS", "[]")];
    assert!(problem(&twice).starts_with("NOTIFICATION_URLS"));
    let old = ("RESTORE_ANSWERS_AND_KES", "true");
    assert!(problem(&[("BACKUP_MODE", "{}"), old]).starts_with("RESTORE_ANSWERS_AND_KES "));
    let by_increment = ("RESTORE_ANSWERS_AND_KES_INCREMENTALLY", "true");
    assert!(problem(&[old, by_increment]).starts_with("RESTORE_ANSWERS_AND_KES_INCREMENTALLY"));
    assert!(
        problem(&[("BACKUP_MODE", "{}"), by_increment])
            .starts_with("RESTORE_ANSWERS_AND_KES_INCREMENTALLY")
    );
}

#[test]
fn notifications_accept_urls_or_objects_and_both_names() {
    let old = config(&[("NOTIFICATION_URLS", r#"["https://one.example"]"#)]);
    assert_eq!(old.notifications.len(), 1);
    for (text, end) in [
        (r#"{"url":"https://one.example"}"#, "expected a JSON array"),
        (r#"["https://one.example",3]"#, "element 2: expected a URL or an object with \"url\""),
        (r#"["one.example"]"#, "element 1: not a URL"),
        (r#"["ftp://one.example"]"#, "element 1: not an http:// or https:// URL"),
        (r#"[{"token":"t"}]"#, "element 1: \"url\" is missing or not a string"),
        (r#"[{"url":"https://one.example","tokn":"t"}]"#, "element 1: unknown member \"tokn\""),
        (r#"[{"url":"https://one.example","token":1}]"#, "element 1: \"token\" is not a string"),
    ] {
        assert_eq!(problem(&[("NOTIFICATIONS", text)]), format!("NOTIFICATIONS: {end}"));
    }
}

#[test]
fn backup_source_is_shown_without_secrets() {
    let backup = |text| {
        let all = [&WORKER[..], &[("BACKUP_SOURCE", text)]].concat();
        read(NightCommand::Run, &all).unwrap().backup.elsewhere.unwrap()
    };
    assert!(
        matches!(backup("/srv/backups"), Elsewhere::Path(path) if path.as_os_str() == "/srv/backups")
    );
    let address = backup("https://user:word@files.example/b.tar.gz?signature=word#word");
    assert_eq!(address.to_string(), "https://files.example/b.tar.gz");
    assert!(!format!("{address:?}").contains("word"));
    assert!(problem(&[("BACKUP_SOURCE", "s3://bucket/word")]).ends_with("`https://` URL"));
}

#[test]
fn debug_and_shown_settings_contain_no_secret() {
    let config = config(&[
        ("SOURCE_DATABASE_URL", "postgres://reader:word-3@source/app?sslmode=require"),
        ("TARGET_DATABASE_URL", "host=h user=u password=word-4 dbname=d"),
        ("BACKUP_SOURCE", "https://u:word-5@h/b?t=word-6"),
        ("NOTIFICATIONS", r#"[{"url":"https://u:word-7@h/word-8?word-9","token":"word-10"}]"#),
    ]);
    let shown: Vec<String> = config
        .settings()
        .iter()
        .map(|setting| format!("{}={:?}", setting.variable.name, setting.shown))
        .collect();
    let shown = format!("{config:?}\n{}", shown.join("\n"));
    assert!(!shown.contains("word-") && !shown.contains("tk-secret"), "{shown}");
    for expected in [
        "SCALINGO_API_TOKEN=Some(\"(set)\")",
        "DATABASE_URL=Some(\"owner@db.example:31000/warehouse\")",
        "NOTIFICATIONS=Some(\"https://h\")",
        "HOOKS_DIR=None",
        "PG_RESTORE_JOBS=Some(\"4\")",
    ] {
        assert!(shown.lines().any(|line| line == expected), "{expected} in {shown}");
    }
    let web = [("PORT", "1"), ("STATUS_TOKEN", "word-0123456789abcdef"), WORKER[3]];
    let web = read(NightCommand::Web, &web).unwrap();
    assert!(!format!("{web:?} {:?}", web.settings()).contains("word-"));
}

#[test]
fn status_token_must_be_long_and_fit_a_header() {
    for text in ["short", "fifteen-letters", "sixteen letters, blanks", "sixteen-lettérs…"] {
        let all = problems(read(NightCommand::Web, &[("PORT", "1"), ("STATUS_TOKEN", text)]));
        assert_eq!(all, ["STATUS_TOKEN: expected at least 16 visible ASCII characters"]);
    }
}

#[test]
fn second_address_after_a_comma_is_rejected() {
    let two = "https://u:word-1@a.example/b.tar.gz,https://v:word-3@b.example/c.tar.gz";
    for name in ["BACKUP_SOURCE", "SCALINGO_AUTH_URL", "SCALINGO_API_URL", "SCALINGO_DB_URL"] {
        let problem = problem(&[(name, two)]);
        assert!(problem.contains("more than one address"), "{problem}");
        assert!(!problem.contains("word-"), "{problem}");
        let config = config(&[(name, "https://u:word-1@a.example/b?sign=word-3")]);
        let setting = config.settings().iter().find(|setting| setting.variable.name == name);
        assert_eq!(setting.unwrap().shown.as_deref(), Some("https://a.example/b"));
    }
    let two = "postgresql://u:word-1@a/d,postgresql://v:word-3@b/e";
    for name in ["DATABASE_URL", "SOURCE_DATABASE_URL", "TARGET_DATABASE_URL"] {
        let problem = problem(&[(name, two)]);
        assert!(!problem.contains("word-"), "{problem}");
    }
}

#[test]
fn tolerances_are_parsed_as_on_the_command_line() {
    let tolerate = |text: &str| config(&[("RESTORE_TOLERATE", text)]).restore.tolerate;
    let expected = [Tolerance::SqlState("42501".to_owned()), Tolerance::MissingRole];
    assert_eq!(tolerate(r#"["42501", "missing-role"]"#), expected);
    assert_eq!(tolerate("[]"), []);
    for wrong in ["42501", r#"{"42501":1}"#, r#"["everything"]"#, r#"["00000"]"#] {
        let problem = problem(&[("RESTORE_TOLERATE", wrong)]);
        assert!(problem.starts_with("RESTORE_TOLERATE (--tolerate): "), "{problem}");
    }
    assert!(problem(&[("RESTORE_EXCLUDE", r#"[" "]"#)]).ends_with("empty pattern"));
}

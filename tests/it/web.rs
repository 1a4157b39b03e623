//! The web process on a real database, and its page in a real browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use nocturne::replicate::stages::Stage;
use nocturne::replicate::worker::{
    BackupRecord, DatabaseHistory, Entries, History, RunOutcome, RunRecord, StageName, StageRecord,
    StageState, Trigger,
};
use nocturne::server::{ConnectOptions, Target};

use crate::common::versions::newest;
use crate::common::{Database, Secrets, Tool, bare_nocturne, cluster};

const TOKEN: &str = "sixteen-letters-and-more";

/// The process, and its address.
struct Web {
    child: Child,
    address: String,
    secrets: Secrets,
}

impl Web {
    fn start(tool: Tool) -> Self {
        let mut command = tool.env("PORT", "0").env("LOG_FORMAT", "json").into_command();
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let secrets = Secrets::of(&command);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let split = line.split_once("listening on 0.0.0.0:");
        let (_, rest) = split.unwrap_or_else(|| panic!("{line}"));
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Self { child, address: format!("127.0.0.1:{port}"), secrets }
    }

    /// Status code and body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: nocturne\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    /// Stops it like the host, and returns the exit code.
    fn stop(self) -> Option<i32> {
        Tool::new("sh").args(["-c", &format!("kill -s TERM {}", self.child.id())]).succeed();
        let output = self.child.wait_with_output().unwrap();
        self.secrets.check("nocturne web", &output);
        output.status.code()
    }
}

fn with_status(database: &Database<'_>) -> Tool {
    bare_nocturne()
        .arg("web")
        .env("DATABASE_URL", database.url())
        .env("STATUS_TOKEN", TOKEN)
        .env("SCHEDULE", "10 5 * * *")
        .env("SCHEDULE_TIMEZONE", "Europe/Paris")
        .env("APP", "pix-datawarehouse")
}

#[test]
fn web_process_serves_health_without_settings_and_stops() {
    let web = Web::start(bare_nocturne().arg("web"));
    let hello = format!("nocturne {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(web.get("/"), (200, hello.clone()));
    assert_eq!(web.get("/healthz"), (200, hello));
    assert_eq!(web.get(&format!("/status?token={TOKEN}")).0, 404);
    assert_eq!(web.get("/metrics").0, 404);
    assert_eq!(web.stop(), Some(0));
}

#[test]
fn status_page_shows_recorded_runs() {
    let database = cluster(newest()).fresh_db("web");
    let web = Web::start(with_status(&database));
    let status = format!("/status?token={TOKEN}");
    let (code, page) = web.get(&status);
    assert_eq!(code, 200);
    assert!(page.contains("No run has been recorded yet."), "{page}");
    keep(&database, &nights(Utc::now()));
    let (_, page) = web.get(&status);
    assert!(page.contains("backup-2026"), "{page}");
    let (_, metrics) = web.get(&format!("/metrics?token={TOKEN}"));
    assert!(metrics.contains("\nnocturne_last_run_success 1\n"), "{metrics}");
    assert_eq!(web.get("/status").0, 404);
    assert_eq!(web.stop(), Some(0));
}

#[test]
fn unavailable_database_shows_on_page_and_health_stays() {
    let tool = bare_nocturne()
        .arg("web")
        .env("DATABASE_URL", "postgres://owner:word-1@127.0.0.1:1/warehouse?connect_timeout=2")
        .env("STATUS_TOKEN", TOKEN);
    let web = Web::start(tool);
    let (code, page) = web.get(&format!("/status?token={TOKEN}"));
    assert_eq!(code, 503);
    assert!(page.contains("Cannot read the records") && !page.contains("word-1"), "{page}");
    assert_eq!(web.get("/healthz").0, 200);
    assert_eq!(web.stop(), Some(0));
}

fn keep(database: &Database<'_>, runs: &[RunRecord]) {
    let options = ConnectOptions { default_url: Some(database.url()), ..ConnectOptions::default() };
    let history = DatabaseHistory::new(Target::resolve(&options, &|_| None).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for run in runs {
            history.save(run).await.unwrap();
        }
    });
}

/// Ten nights before `now`: one failed, one was missed, one needed a second attempt.
fn nights(now: DateTime<Utc>) -> Vec<RunRecord> {
    (0..10).map(|ago| night(now - TimeDelta::hours(6 + 24 * ago), ago)).collect()
}

fn night(started: DateTime<Utc>, ago: i64) -> RunRecord {
    let at = |minutes: i64| started + TimeDelta::minutes(minutes);
    let stage = |attempt, name, from, to, state, rows| StageRecord {
        name,
        attempt,
        started: at(from),
        ended: Some(at(to)),
        state,
        rows,
        bytes: 61 * rows,
    };
    let done = StageState::Done;
    let retried = RunRecord {
        id: format!("night-{ago}"),
        app: Some("pix-datawarehouse".to_owned()),
        mode: "full".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        trigger: Trigger::Schedule,
        scheduled: Some(started),
        schedule: Some("10 5 * * * Europe/Paris".to_owned()),
        started,
        ended: Some(at(153)),
        outcome: RunOutcome::Succeeded,
        attempts: 2,
        stages: vec![
            stage(1, StageName::Known(Stage::FindBackup), 0, 1, StageState::Failed, 0),
            stage(2, StageName::Known(Stage::FindBackup), 16, 17, done, 0),
            stage(2, StageName::Known(Stage::Drop), 17, 19, done, 0),
            stage(2, StageName::Known(Stage::Restore), 19, 128, done, 412_345_678),
            stage(2, StageName::Known(Stage::Enrich), 128, 141, done, 0),
            stage(
                2,
                StageName::Known(Stage::Incremental),
                141,
                152,
                done,
                1_234_567 + 1000 * ago.unsigned_abs(),
            ),
            stage(2, StageName::Known(Stage::Hooks), 152, 153, done, 0),
        ],
        backup: Some(BackupRecord {
            id: format!("backup-2026-{ago}"),
            created: Some(at(-250)),
            bytes: Some(29_100_000_000),
            sha256: Some("0f".repeat(32)),
        }),
        entries: Some(Entries { done: 1_412, skipped: 12, tolerated: 3, failed: 0 }),
        restored_by: None,
        delta: None,
        not_restored: Vec::new(),
        error: None,
        report: Some(
            "Durée de récupération du backup: 0h 0min 0s\nDurée de réplication: 1h 49min 0s\n\
             Durée de l'enrichissement: 0h 13min 0s\nDurée totale: 2h 33min 0s\n"
                .to_owned(),
        ),
    };
    match ago {
        3 => RunRecord {
            outcome: RunOutcome::Failed,
            attempts: 11,
            ended: Some(at(150)),
            stages: Vec::new(),
            error: Some("Scalingo: no backup of pix-api-production is of today".to_owned()),
            ..retried
        },
        6 => RunRecord {
            outcome: RunOutcome::Missed,
            attempts: 0,
            stages: Vec::new(),
            ended: Some(started),
            error: Some(
                "missed the run of 5:10: the previous run was still in progress".to_owned(),
            ),
            ..retried
        },
        _ => retried,
    }
}

/// A browser, if the machine has one.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let places =
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// The page as the browser's text, and a screenshot of it.
fn look(browser: &Path, url: &str, size: &str, more: &str, picture: &Path) -> String {
    let profile = tempfile::tempdir().unwrap();
    let run = |argument: &str| {
        Tool::new(browser)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--virtual-time-budget=4000", "--force-device-scale-factor=2"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={size}"))
            .arg(more)
            .arg(argument)
            .arg(url)
            .succeed()
    };
    run(&format!("--screenshot={}", picture.display()));
    run("--dump-dom").stdout()
}

#[test]
fn page_fits_desktop_and_phone_in_both_themes() {
    let Some(browser) = browser() else {
        eprintln!("SKIPPED: no chromium in PATH, so the page is not checked in a browser");
        return;
    };
    let database = cluster(newest()).fresh_db("web_browser");
    keep(&database, &nights(Utc::now()));
    let web = Web::start(with_status(&database));
    let url = format!("http://{}/status?token={TOKEN}", web.address);
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // A browser's window has at least 500 pixels. Larger letters leave as few of them in a line as
    // a phone of 380 pixels does: all sizes of the page are relative to them.
    let phone = "--blink-settings=defaultFontSize=21";
    let dark_phone = "--blink-settings=defaultFontSize=21,preferredColorScheme=0";
    let see = |name: &str, size: &str, more: &str| {
        let picture = pictures.join(format!("{name}.png"));
        let page = look(&browser, &url, size, more, &picture);
        for expected in ["pix-datawarehouse", "Next runs", "missed"] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
        // A blank page compresses to nothing.
        let bytes = std::fs::metadata(&picture).unwrap().len();
        assert!(bytes > 40_000, "{}: {bytes} bytes", picture.display());
        page
    };
    for (name, size, more) in [
        ("status-desk", "1000,1500", "--blink-settings=defaultFontSize=16"),
        ("status-phone", "500,2700", phone),
        ("status-phone-dark", "500,2700", dark_phone),
    ] {
        assert!(see(name, size, more).contains("412,345,678 rows"));
    }
    let now = Utc::now();
    let mut going_on = night(now - TimeDelta::minutes(50), 11);
    going_on.ended = None;
    going_on.outcome = RunOutcome::Running;
    going_on.error = Some("Scalingo: no backup of pix-api-production is of today".to_owned());
    going_on.stages.truncate(4);
    going_on.entries = None;
    going_on.report = None;
    let restore = going_on.stages.last_mut().unwrap();
    (restore.ended, restore.state) = (None, StageState::Running);
    keep(&database, &[going_on]);
    let page = see("status-running", "1000,1500", "--blink-settings=defaultFontSize=16");
    // Or a little more, when the browser is slow.
    assert!(page.contains("running for 5"), "{page}");
    assert_eq!(web.stop(), Some(0));
}

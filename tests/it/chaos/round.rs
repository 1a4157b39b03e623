//! One round: a restore is disturbed, perhaps twice, and completed.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tempfile::TempDir;

use super::archives::{Form, Source, WITHOUT_UNLOGGED};
use super::disturbance::{Family, Scene};
use super::server::{ROLE, Server, owned};
use crate::common::disk::TABLESPACE;
use crate::common::random::Random;
use crate::common::{Database, Proxy, SmallDisk, compare, nocturne, versions};

/// No restore of this size takes this long, however disturbed it is and slow the machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// The parameters of a round, from its seed.
pub struct Round {
    random: Random,
    pub family: Family,
    form: Form,
    jobs: u64,
    /// Maximum number of disturbances; it may finish before.
    disturbances: u64,
}

impl Round {
    /// Consecutive seeds have consecutive families.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let in_turn = Family::ALL[(seed % Family::ALL.len() as u64) as usize];
        let family = Family::asked_for().unwrap_or(in_turn);
        let (form, jobs) = (random.one(&Form::ALL), 1 + random.below(4));
        let disturbances = 1 + random.below(2);
        Self { random, family, form, jobs, disturbances }
    }

    /// The server version of a seed; it changes after as many seeds as there are families.
    pub fn major(seed: u64) -> u32 {
        let versions = versions();
        versions[((seed / Family::ALL.len() as u64) % versions.len() as u64) as usize]
    }

    /// Restores into a new database, and into another one if the disturbance came too late. True
    /// if a restore was disturbed at all.
    pub fn run(&mut self, world: &mut World<'_>) -> bool {
        let whole = world.undisturbed(self.form, self.jobs);
        [1, 2, 4, 8].into_iter().any(|part| self.try_once(world, whole / part))
    }

    fn try_once(&mut self, world: &World<'_>, whole: Duration) -> bool {
        let tablespace = (self.family == Family::Full).then_some(TABLESPACE);
        let target = owned(&world.server.cluster, "chaos", tablespace);
        let proxy = Proxy::start(&world.server.cluster);
        let url = match self.family {
            Family::Cut | Family::Stalled => proxy.url(&target).replace("postgres@", "chaos@"),
            _ => url(&target),
        };
        let scene =
            Scene { server: world.server, disk: world.disk, proxy: &proxy, target: &target, whole };
        let mut was_disturbed = false;
        let mut is_over = false;
        // Kept in case the round fails.
        let mut runs = Vec::new();
        for _ in 0..self.disturbances {
            let mut run = world.start(self.form, &url, self.jobs);
            let at_work = scene.disturb(self.family, &mut run, &mut self.random);
            let code = run.end();
            scene.heal();
            is_over = code == Some(0) || (code.is_none() && ended_before_it_was_killed(&target));
            let has_felt = at_work && run.has_felt(self.family, code);
            was_disturbed |= has_felt;
            eprintln!("    exit code {code:?}{}", if has_felt { "" } else { ", undisturbed" });
            let too_late = is_over && run.was_done_when_the_server_had_gone();
            runs.push(run);
            if too_late {
                // Losing rows of an unlogged table then is PostgreSQL's doing, not the restore's.
                let (expected, args) = (&world.source.dump_of_logged, &WITHOUT_UNLOGGED);
                compare::assert_same_dump_with(&target, expected, args);
                return false;
            }
            if is_over {
                break;
            }
        }
        if !is_over {
            let mut run = world.start(self.form, &url, 1 + self.random.below(4));
            let code = run.end();
            runs.push(run);
            assert_eq!(code, Some(0), "undisturbed, with --resume");
        }
        self.assert_whole(world, &target);
        was_disturbed
    }

    fn assert_whole(&self, world: &World<'_>, target: &Database<'_>) {
        compare::assert_same_dump(target, &world.source.dump);
        let odd = target.query(
            "SELECT count(*) FILTER (WHERE NOT indisvalid) FROM pg_index \
             UNION ALL SELECT count(*) FROM pg_constraint WHERE NOT convalidated \
             UNION ALL SELECT count(*) FROM pg_namespace WHERE nspname = 'nocturne'",
        );
        assert_eq!(odd, "0\n0\n0", "an invalid index, a key NOT VALID, a journal");
        let verify = nocturne().arg("verify").arg(world.source.path(self.form));
        verify.args(["-d", &url(target)]).succeed();
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}, -j {}", self.family, self.form, self.jobs)
    }
}

/// Whether a killed restore had finished: everything exists and the journal is gone.
fn ended_before_it_was_killed(target: &Database<'_>) -> bool {
    // Statements it sent before may still be in flight: idle-looking sessions first have to
    // notice that their client is gone.
    target.wait_until(&format!(
        "NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
         AND usename = '{ROLE}' AND (state <> 'active' OR query ~ 'DROP TABLE nocturne'))"
    ));
    let journal = target.query("SELECT to_regclass('nocturne.restore_journal') IS NOT NULL");
    let begun = target.query("SELECT to_regclass('public.a_first') IS NOT NULL");
    (journal.as_str(), begun.as_str()) == ("f", "t")
}

/// The URL of a database for the role.
fn url(database: &Database<'_>) -> String {
    database.url().replace("user=postgres", &format!("user={ROLE}"))
}

/// A server with everything a round needs.
pub struct World<'a> {
    pub server: &'a Server,
    pub disk: &'a SmallDisk,
    pub source: &'a Source,
    /// Duration of an undisturbed restore.
    pub durations: HashMap<Form, Duration>,
}

impl World<'_> {
    fn undisturbed(&mut self, form: Form, jobs: u64) -> Duration {
        // The number of jobs makes little difference.
        if let Some(duration) = self.durations.get(&form) {
            return *duration;
        }
        let target = owned(&self.server.cluster, "undisturbed", None);
        let started = Instant::now();
        let mut run = self.start(form, &url(&target), jobs);
        let code = run.end();
        assert_eq!(code, Some(0), "{}", run.stderr());
        *self.durations.entry(form).or_insert(started.elapsed())
    }

    fn start(&self, form: Form, url: &str, jobs: u64) -> Run {
        Run::start(&self.source.path(form), form == Form::Stream, url, jobs)
    }
}

/// A running restore.
pub struct Run {
    child: Child,
    /// When the server was found to be gone.
    server_went: Option<DateTime<Utc>>,
    folder: TempDir,
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- a restore of this round said:\n{}", self.stderr());
        }
    }
}

impl Run {
    fn start(archive: &std::path::Path, through_a_pipe: bool, url: &str, jobs: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tool = nocturne().args(["restore", "--progress", "log", "-d", url, "--resume"]);
        let tool = tool.args(["--split-size", "64kB", "-j", &jobs.to_string()]).arg("--summary");
        let tool = tool.arg(folder.path().join("summary.json"));
        let tool = if through_a_pipe { tool } else { tool.arg(archive) };
        let mut command = tool.into_command();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(folder.path().join("stderr")).unwrap());
        if through_a_pipe {
            // As standard input a file would still be seekable.
            let mut cat = Command::new("cat");
            let mut cat = cat.arg(archive).stdout(Stdio::piped()).spawn().unwrap();
            command.stdin(cat.stdout.take().unwrap());
            std::thread::spawn(move || cat.wait());
        }
        Self { child: command.spawn().unwrap(), server_went: None, folder }
    }

    /// Records that the server was stopped or crashed and may not be back for a while.
    pub fn server_has_gone(&mut self) {
        self.server_went = Some(Utc::now());
    }

    /// Whether it noticed the disturbance: one between two of its steps may have cost
    /// it nothing.
    fn has_felt(&self, family: Family, code: Option<i32>) -> bool {
        match family {
            Family::Terminated
            | Family::Stopped
            | Family::Crashed
            | Family::Cut
            | Family::Crowded => code != Some(0) || self.stderr().contains(" WARN "),
            Family::Full => self.stderr().contains("No space left on device"),
            Family::Killed => code.is_none(),
            // These are counted where they happen.
            Family::Stalled | Family::Locked => true,
        }
    }

    /// Whether the last entry had finished by that time, according to the log.
    fn was_done_when_the_server_had_gone(&self) -> bool {
        let said = self.stderr();
        let done = said.lines().filter(|line| line.contains(" done dump_id=")).filter_map(|line| {
            line.split_whitespace().next().and_then(|time| time.parse::<DateTime<Utc>>().ok())
        });
        self.server_went.is_some_and(|went| done.max().is_none_or(|last| last < went))
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills it; false if it has already ended.
    pub fn kill(&mut self) -> bool {
        let was_alive = !self.has_ended();
        self.child.kill().unwrap();
        was_alive
    }

    /// Waits for its end, but no longer than this.
    pub fn wait_at_most(&mut self, limit: Duration) -> bool {
        let started = Instant::now();
        while !self.has_ended() {
            if started.elapsed() > limit {
                return false;
            }
            sleep(Duration::from_millis(10));
        }
        true
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// Waits for its end. Returns the exit code, `None` if killed; any other than 0 comes with a
    /// message, and the summary accounts for every entry.
    fn end(&mut self) -> Option<i32> {
        if !self.wait_at_most(PATIENCE) {
            self.kill();
            panic!("the restore does not exit: {}", self.stderr());
        }
        let code = self.child.wait().unwrap().code();
        let said = self.stderr();
        assert!(!said.contains("panicked"), "{said}");
        assert!(matches!(code, None | Some(0 | 1 | 3 | 4)), "{code:?}: {said}");
        let has_words = ["nocturne: ", "ERROR"].iter().any(|word| said.contains(word));
        assert!(code.is_none_or(|code| code == 0) || has_words, "{code:?}: {said}");
        if let Ok(summary) = fs::read(self.folder.path().join("summary.json"))
            && code.is_some()
        {
            let summary: Value = serde_json::from_slice(&summary).unwrap();
            let total = |name: &str| summary["total"][name].as_u64().unwrap();
            let accounted = total("done") + total("skipped") + total("tolerated") + total("failed");
            assert_eq!(summary["wanted"].as_u64(), Some(accounted), "{said}");
        }
        code
    }
}

//! The ways to disturb a restore. Each reports whether there was something to disturb; the end
//! of the run shows whether the restore noticed.

use std::thread::sleep;
use std::time::Duration;

use super::round::Run;
use super::server::{ROLE, Server};
use crate::common::random::Random;
use crate::common::{Database, Interactive, Proxy, SmallDisk, Tool};

/// The kinds of disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Sessions are ended by `pg_terminate_backend`.
    Terminated,
    /// nocturne is killed.
    Killed,
    /// The server is stopped immediately and restarted a little later.
    Stopped,
    /// A backend is killed, so that the server ends all sessions and recovers.
    Crashed,
    /// Connections are cut, and perhaps refused for a while.
    Cut,
    /// Connections are silent or slow for a while, and perhaps cut then.
    Stalled,
    /// The role runs out of connections.
    Crowded,
    /// A reader of the target holds locks.
    Locked,
    /// The disk is full.
    Full,
}

impl Family {
    pub const ALL: [Self; 9] = [
        Self::Terminated,
        Self::Killed,
        Self::Stopped,
        Self::Crashed,
        Self::Cut,
        Self::Stalled,
        Self::Crowded,
        Self::Locked,
        Self::Full,
    ];
}

impl Family {
    /// The only family to run: `NOCTURNE_CHAOS_FAMILY=Crashed`.
    pub fn asked_for() -> Option<Self> {
        let name = std::env::var("NOCTURNE_CHAOS_FAMILY").ok()?;
        let found = Self::ALL.into_iter().find(|family| format!("{family:?}") == name);
        Some(found.unwrap_or_else(|| panic!("{name} is not one of {:?}", Self::ALL)))
    }
}

/// Everything a disturbance may need.
pub struct Scene<'a> {
    pub server: &'a Server,
    pub disk: &'a SmallDisk,
    pub proxy: &'a Proxy,
    pub target: &'a Database<'a>,
    /// How long an undisturbed restore takes.
    pub whole: Duration,
}

impl Scene<'_> {
    /// Disturbs a restore that has just started, at a random moment. True if it was still working.
    pub fn disturb(&self, family: Family, run: &mut Run, random: &mut Random) -> bool {
        if family == Family::Stalled && random.below(3) == 0 {
            self.proxy.slow_down(Duration::from_micros(500 + random.below(3000)));
        }
        if family == Family::Crowded && random.below(3) == 0 {
            self.limit_connections(1 + random.below(2));
        }
        sleep(random.within(self.whole));
        if run.has_ended() {
            return false;
        }
        match family {
            Family::Terminated => {
                let mut ended = 0;
                for _ in 0..=random.below(3) {
                    ended += self.terminate(1 + random.below(3));
                    sleep(random.within(Duration::from_millis(300)));
                }
                ended > 0
            }
            Family::Killed => run.kill(),
            Family::Stopped => {
                let sessions = self.sessions();
                self.server.stop_at_once();
                sleep(random.within(Duration::from_secs(2)));
                run.server_has_gone();
                self.server.start_again();
                sessions > 0
            }
            Family::Crashed => self.crash(run),
            Family::Cut => {
                let sessions = self.sessions();
                self.proxy.refuse(random.below(2) == 0);
                for _ in 0..=random.below(2) {
                    self.proxy.cut_all();
                    sleep(random.within(Duration::from_secs(1)));
                }
                self.proxy.refuse(false);
                sessions > 0
            }
            Family::Stalled => {
                let before = self.proxy.held_up();
                self.proxy.stall(true);
                sleep(random.within(Duration::from_secs(3)));
                if random.below(2) == 0 {
                    self.proxy.cut_all();
                }
                let held_up = self.proxy.held_up() - before;
                self.proxy.stall(false);
                held_up > 0
            }
            Family::Crowded => {
                self.limit_connections(random.below(3));
                let ended = self.terminate(1 + random.below(4));
                sleep(random.within(Duration::from_secs(2)));
                if random.below(2) == 0 {
                    self.limit_connections_no_more();
                }
                ended > 0
            }
            Family::Locked => self.lock(run, random),
            Family::Full => {
                self.disk.fill();
                let held = random.within(Duration::from_secs(4));
                run.wait_at_most(held);
                self.disk.clear();
                true
            }
        }
    }

    /// Undoes what would outlive a restore.
    pub fn heal(&self) {
        self.proxy.stall(false);
        self.proxy.refuse(false);
        self.proxy.slow_down(Duration::ZERO);
        self.disk.clear();
        self.limit_connections_no_more();
        self.server.wait_until_ready();
    }

    fn sessions(&self) -> u64 {
        self.count(&format!(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND usename = '{ROLE}'"
        ))
    }

    /// The answer to a query; 0 if the server does not answer because it is recovering.
    fn count(&self, query: &str) -> u64 {
        let psql = self.target.psql().args(["--tuples-only", "--no-align", "--command", query]);
        psql.run().stdout().trim().parse().unwrap_or(0)
    }

    /// Ends this many sessions of the restore, chosen at random.
    fn terminate(&self, most: u64) -> u64 {
        self.count(&format!(
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
             WHERE datname = current_database() AND usename = '{ROLE}' \
             ORDER BY random() LIMIT {most}) sessions"
        ))
    }

    fn crash(&self, run: &mut Run) -> bool {
        let pid = self.count(&format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
             AND usename = '{ROLE}' ORDER BY random() LIMIT 1"
        ));
        // It may have ended by itself meanwhile.
        let killed =
            pid > 0 && Tool::new("sh").args(["-c", &format!("kill -s KILL {pid}")]).run().success();
        run.server_has_gone();
        self.server.wait_until_ready();
        killed
    }

    fn limit_connections(&self, most: u64) {
        self.alter_role(&format!("CONNECTION LIMIT {most}"));
    }

    fn limit_connections_no_more(&self) {
        self.alter_role("CONNECTION LIMIT -1");
    }

    fn alter_role(&self, what: &str) {
        self.server.wait_until_ready();
        let sql = format!("ALTER ROLE {ROLE} {what}");
        self.server.cluster.psql("postgres").args(["--command", &sql]).succeed();
    }

    /// Holds a reader's lock on an existing table until the restore has waited for it for a
    /// while. False if the restore ends without waiting.
    fn lock(&self, run: &mut Run, random: &mut Random) -> bool {
        let tables = "FROM pg_class WHERE relkind = 'r' AND \
                      relnamespace = 'public'::regnamespace";
        while self.count(&format!("SELECT count(*) {tables}")) == 0 {
            if run.has_ended() {
                return false;
            }
            sleep(Duration::from_millis(10));
        }
        // A reader blocked by the restore's locks waits and reads later.
        let lock = format!(
            "BEGIN; SELECT format('LOCK TABLE %s IN ACCESS SHARE MODE', oid::regclass) \
             {tables} ORDER BY random() LIMIT 1 \\gexec"
        );
        let _reader = Interactive::start(self.target, "reader", &lock);
        let held_up = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = '{ROLE}' \
             AND datname = current_database() AND pg_blocking_pids(pid) && ARRAY( \
                 SELECT pid FROM pg_stat_activity WHERE application_name = 'reader')"
        );
        while self.count(&held_up) == 0 {
            if run.has_ended() {
                return false;
            }
            sleep(Duration::from_millis(10));
        }
        sleep(random.within(Duration::from_secs(3)));
        true
    }
}

//! One round: a database, its archive, and restores of it by pg_restore and by nocturne.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::judge::{self, Result as Restored, picture};
use super::kinds::Kind;
use super::names::Alphabet;
use super::shuffled::restore_shuffled;
use super::source::Source;
use crate::common::random::Random;
use crate::common::{Archive, Cluster, Database, cluster, nocturne, versions};

/// Schemas of a database.
const SCHEMAS: u64 = 4;

/// How a restore is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// With default options.
    Default,
    /// In four sessions, with its jobs in a random order.
    Shuffled,
    /// As a script that psql runs.
    Script,
    /// Through a pipe.
    Stream,
    /// The data into an existing schema.
    DataOnly,
    /// Over a database that was restored before.
    Clean,
}

/// The parameters of a round, from its seed.
pub struct Round {
    pub seed: u64,
    pub kinds: Vec<Kind>,
    source: Source,
    dump: Vec<String>,
    ways: Vec<Way>,
    has_statistics: bool,
    disables_triggers: bool,
}

/// Why a round fails.
pub struct Failure {
    pub way: Way,
    pub reason: String,
}

impl Round {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let versions = versions();
        let major = versions[(seed % versions.len() as u64) as usize];
        let (alphabet, is_superuser) = (Alphabet::any(&mut random), random.chance(75));
        let has_statistics = major >= 18 && random.chance(40);
        let disables_triggers = is_superuser && random.chance(60);
        let dump = dump_options(&mut random, major, has_statistics);
        let extra = [Way::Script, Way::Stream, Way::DataOnly, Way::Clean];
        let mut ways = vec![Way::Default, Way::Shuffled];
        ways.extend(random.chance(50).then(|| random.one(&extra)));
        let mut source = Source::new(random, major, alphabet, is_superuser);
        let (asked, mut kinds) = (Kind::asked_for(), Vec::new());
        for _ in 0..SCHEMAS {
            source.start_schema();
            for kind in Kind::some(&asked, &mut source.random) {
                if kind.is_possible(&source) {
                    kind.make(&mut source);
                    kinds.push(kind);
                }
            }
        }
        if has_statistics {
            source.at_end("ANALYZE");
        }
        kinds.sort_unstable();
        kinds.dedup();
        Self { seed, kinds, source, dump, ways, has_statistics, disables_triggers }
    }

    pub fn statements(&self) -> Vec<String> {
        self.source.statements()
    }

    /// These statements as a script for psql.
    pub fn script(&self, statements: &[String]) -> Vec<u8> {
        let client = self.source.alphabet.client();
        let mut script = format!("SET client_encoding = '{client}';\n");
        statements.iter().for_each(|statement| script.push_str(&format!("{statement};\n")));
        self.source.alphabet.encode(&script)
    }

    /// Restores the database of its statements; whether pg_restore has restored it exactly.
    pub fn run(&self) -> Result<bool, Failure> {
        self.run_with(&self.statements(), &self.ways, true)
    }

    /// Restores the database of some of the statements, in one of the ways. Statements that fail
    /// because others are missing do not matter.
    pub fn run_part(&self, statements: &[String], way: Way) -> Result<bool, Failure> {
        self.run_with(statements, &[way], false)
    }

    fn run_with(&self, statements: &[String], ways: &[Way], strict: bool) -> Result<bool, Failure> {
        let place = Place::new(self);
        let source = place.database();
        let stop = format!("ON_ERROR_STOP={}", u8::from(strict));
        let psql = place.cluster.tool("psql").args(["-X", "-q", "-o", "/dev/null", "-v", &stop]);
        let psql =
            psql.args(["-U", &place.role, "-d", &source.name]).input(self.script(statements));
        let made = psql.run();
        assert!(!strict || made.success(), "the statements fail: {made}");
        let options: Vec<&str> = self.dump.iter().map(String::as_str).collect();
        let archive = Archive::dump(&source, &options);
        let wanted = picture(&source, self.has_statistics);
        drop(source);
        let mut full = None;
        for way in ways {
            let own;
            let theirs = if matches!(way, Way::DataOnly | Way::Clean | Way::Script) {
                own = self.by_pg_restore(&place, &archive.path(), *way);
                &own
            } else {
                full.get_or_insert_with(|| self.by_pg_restore(&place, &archive.path(), *way))
            };
            let ours = self.by_nocturne(&place, &archive.path(), *way);
            if let Some(fault) = judge::fault(&ours, theirs, &wanted) {
                let (ours, theirs) = (&ours.said, &theirs.said);
                let reason = format!("{fault}--- nocturne: {ours}\n--- pg_restore: {theirs}");
                return Err(Failure { way: *way, reason });
            }
        }
        Ok(full.is_some_and(|theirs| theirs.code == 0 && theirs.picture == wanted))
    }

    /// The options of a way that pg_restore has, too.
    fn options(&self, way: Way) -> Vec<&'static str> {
        match way {
            Way::DataOnly if self.disables_triggers => vec!["--data-only", "--disable-triggers"],
            Way::DataOnly => vec!["--data-only"],
            Way::Clean => vec!["--clean", "--if-exists"],
            _ => Vec::new(),
        }
    }

    /// A database in the state that a way needs.
    fn prepared<'a>(&self, place: &'a Place, archive: &Path, way: Way) -> Database<'a> {
        let database = place.database();
        let before: Option<&[&str]> = match way {
            Way::DataOnly => Some(&["--schema-only"]),
            Way::Clean => Some(&[]),
            _ => None,
        };
        if let Some(options) = before {
            let options = [options, &["-U", &place.role]].concat();
            database.pg_restore(archive, &options);
        }
        database
    }

    fn by_pg_restore(&self, place: &Place, archive: &Path, way: Way) -> Restored {
        let database = self.prepared(place, archive, way);
        if way == Way::Script {
            let tool = place.cluster.tool("pg_restore").args(["-f", "-"]).arg(archive);
            return self.by_psql(place, &database, tool.succeed().stdout_bytes());
        }
        let options = [self.options(way), vec!["-U", &place.role]].concat();
        let finished = database.pg_restore(archive, &options);
        self.result(&database, finished.code(), finished.stderr())
    }

    /// After a COPY that fails, psql reads the rows as statements: a restore that has errors ends
    /// otherwise than pg_restore's.
    fn by_psql(&self, place: &Place, database: &Database<'_>, script: &[u8]) -> Restored {
        let psql = place.cluster.tool("psql").args(["-X", "-q", "-o", "/dev/null"]);
        let psql = psql.args(["-U", &place.role, "-d", &database.name]).input(script);
        let finished = psql.run();
        // psql's exit code is 0 whatever the result of its statements.
        let code = if finished.stderr().contains("ERROR:") { 1 } else { finished.code() };
        self.result(database, code, finished.stderr())
    }

    fn by_nocturne(&self, place: &Place, archive: &Path, way: Way) -> Restored {
        let database = self.prepared(place, archive, way);
        let url = database.url().replace("user=postgres", &format!("user={}", place.role));
        let tool = nocturne().args(["restore", "--quiet"]).args(self.options(way));
        let finished = match way {
            Way::Script => {
                let script = tool.args(["-f", "-"]).arg(archive).succeed();
                return self.by_psql(place, &database, script.stdout_bytes());
            }
            Way::Stream if archive.is_file() => {
                tool.args(["-d", &url]).input(std::fs::read(archive).unwrap()).run()
            }
            Way::Shuffled => {
                let failed = restore_shuffled(archive, &url, self.seed);
                let code = i32::from(!failed.is_empty());
                return self.result(&database, code, failed.join("\n"));
            }
            _ => tool.args(["-d", &url]).arg(archive).run(),
        };
        self.result(&database, finished.code(), finished.stderr())
    }

    fn result(&self, database: &Database<'_>, code: i32, said: String) -> Restored {
        Restored { code, picture: picture(database, self.has_statistics), said }
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Source { major, alphabet, is_superuser, .. } = &self.source;
        let role = if *is_superuser { "a superuser" } else { "an owner" };
        write!(f, "PostgreSQL {major}, {}, {role}, ", alphabet.encoding)?;
        write!(f, "{}, {:?}, {:?}", self.dump.join(" "), self.ways, self.kinds)
    }
}

/// Options for pg_dump.
fn dump_options(random: &mut Random, major: u32, has_statistics: bool) -> Vec<String> {
    let format = random.one(&["custom", "directory", "tar"]);
    let mut options = vec![format!("--format={format}")];
    let mut codecs = vec!["0", "1", "gzip"];
    if major == 17 {
        codecs.extend(["lz4", "zstd"]);
    }
    if format != "tar" && major >= 16 {
        options.push(format!("--compress={}", random.one(&codecs)));
    }
    let rows = ["--inserts", "--column-inserts", "--rows-per-insert=50"];
    options.extend(random.chance(25).then(|| random.one(&rows).to_owned()));
    for (option, percent) in [("--load-via-partition-root", 15), ("--quote-all-identifiers", 10)] {
        options.extend(random.chance(percent).then(|| option.to_owned()));
    }
    options.extend(has_statistics.then(|| "--statistics".to_owned()));
    options
}

/// Where the databases of a round are created, and by whom.
struct Place<'a> {
    cluster: &'static Cluster,
    /// Owns them, and is dropped with this value if it is not the superuser.
    role: String,
    source: &'a Source,
}

impl<'a> Place<'a> {
    fn new(round: &'a Round) -> Self {
        let source = &round.source;
        let cluster = cluster(source.major);
        let mut role = "postgres".to_owned();
        if !source.is_superuser {
            role = format!("round_{}", next());
            cluster.psql("postgres").args(["-c", &format!("CREATE ROLE {role} LOGIN")]).succeed();
        }
        Self { cluster, role, source }
    }

    fn database(&self) -> Database<'static> {
        let database = self.cluster.adopt_db(format!("round_{}", next()));
        let name = &database.name;
        let tool = self.cluster.tool("createdb").args(["--template=template0", "--locale=C"]);
        let tool = tool.args(["--locale-provider=libc", "--owner", &self.role]);
        tool.args(["--encoding", self.source.alphabet.encoding, name]).succeed();
        if let Some(extension) = &self.source.extension {
            let path = extension.path();
            let set = format!("ALTER DATABASE {name} SET extension_control_path = '{path}'");
            self.cluster.psql("postgres").args(["-c", &set]).succeed();
        }
        database
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.source.is_superuser {
            let drop = format!("DROP ROLE IF EXISTS {}", self.role);
            // A database of a failed round may still exist.
            let _ = self.cluster.psql("postgres").args(["-c", &drop]).run();
        }
    }
}

/// A number that no other database or role of this process has.
fn next() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

//! A small database in which every option has an effect, its archive, and targets with
//! existing objects.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::common::{Cluster, Database, Finished, Tool, cluster, nocturne, versions};

/// Roles and a tablespace belong to the cluster; the tests of this binary share them.
const CLUSTER: &str = "
SET client_min_messages = warning;
SET allow_in_place_tablespaces = on;
CREATE ROLE options_owner;
CREATE ROLE options_boss SUPERUSER;
CREATE ROLE options_plain LOGIN;
CREATE TABLESPACE options_space LOCATION '';
GRANT CREATE ON TABLESPACE options_space TO PUBLIC;
";

const PROBE: &str = "
SET client_min_messages = error;
CREATE SCHEMA one;
CREATE SCHEMA two;
GRANT ALL ON SCHEMA two TO options_owner;
CREATE TABLE one.log (what text);
CREATE FUNCTION one.count_it() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO one.log VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TABLE one.counted (id integer PRIMARY KEY, note text);
INSERT INTO one.counted SELECT n, 'note ' || n FROM generate_series(1, 20) AS n;
CREATE INDEX counted_note ON one.counted (note);
CREATE INDEX counted_other ON one.counted (id, note);
CREATE TRIGGER counting AFTER INSERT ON one.counted FOR EACH ROW EXECUTE FUNCTION one.count_it();
CREATE TABLE two.counted (id serial, other text);
INSERT INTO two.counted (other) VALUES ('same name');
CREATE TABLE two.owned (id integer, who text);
ALTER TABLE two.owned OWNER TO options_owner;
INSERT INTO two.owned VALUES (1, 'owner');
GRANT SELECT ON two.owned TO options_plain;
COMMENT ON TABLE two.owned IS 'a comment';
ALTER TABLE two.owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON two.owned USING (true);
CREATE TABLE two.child (id integer REFERENCES one.counted);
INSERT INTO two.child VALUES (7);
CREATE VIEW two.seen AS SELECT id FROM one.counted;
CREATE ACCESS METHOD options_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE two.method (id integer) USING options_heap;
CREATE TABLE two.spaced (id integer) TABLESPACE options_space;
CREATE PUBLICATION options_publication FOR TABLE two.child;
CREATE SUBSCRIPTION options_subscription CONNECTION 'dbname=nowhere' PUBLICATION p
    WITH (connect = false, slot_name = NONE);
SELECT lo_from_bytea(4711, 'large');
ANALYZE;
";

/// The shared server, with the cluster-wide objects of the probe.
pub fn server() -> &'static Cluster {
    static READY: OnceLock<()> = OnceLock::new();
    let cluster = cluster(versions::newest());
    READY.get_or_init(|| drop(cluster.psql("postgres").input(CLUSTER).succeed()));
    cluster
}

/// The probe's archive, created once: custom format, with statistics where pg_dump writes them.
pub fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let source = server().fresh_db("options_source");
        source.psql().input(PROBE).succeed();
        let path = scratch("probe.dump");
        let with_statistics: &[&str] =
            if source.cluster.major >= 18 { &["--statistics"] } else { &[] };
        dump(&source, &path, with_statistics);
        path
    })
}

/// A file that outlives the tests' values, in the folder of this run.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("options");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// Dumps a database in custom format.
pub fn dump(database: &Database<'_>, path: &Path, options: &[&str]) {
    let file = ["-Fc", "--no-sync", "-f", path.to_str().unwrap()];
    database.pg_dump(&[&file, options].concat()).succeed();
}

/// The target's existing contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// The schemas, which -n and -t assume to exist.
    Schemas,
    /// The archive's objects, without rows.
    Schema,
    /// All of the archive, and one more row.
    More,
    /// All definitions except the post-data ones.
    Tables,
    /// A publication of the same name: an error near the end.
    Late,
    /// A schema and a table of the same names, with one column fewer: an immediate error, and more.
    Taken,
    /// A table with the right columns and no rows, which cannot be created again.
    Empty,
}

/// A database in such a state, with a unique name.
pub fn target(before: Before) -> Database<'static> {
    static MADE: Mutex<Vec<Before>> = Mutex::new(Vec::new());
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let server = server();
    if before == Before::Nothing {
        return server.fresh_db("options");
    }
    let template = format!("options_{before:?}").to_lowercase();
    {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.contains(&before) {
            server.tool("createdb").args(["-T", "template0", "-E", "UTF8", &template]).succeed();
            prepare(server, &template, before);
            made.push(before);
        }
    }
    let name = format!("{template}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    server.tool("createdb").args(["--template", &template, &name]).succeed();
    server.adopt_db(name)
}

fn prepare(server: &Cluster, template: &str, before: Before) {
    let restore = |options: &[&str]| {
        let tool = server.tool("pg_restore").args(options).args(["-d", template]);
        tool.arg(archive()).succeed();
    };
    let run = |sql: &str| drop(server.psql(template).input(sql).succeed());
    match before {
        Before::Nothing => {}
        Before::Schemas => run("CREATE SCHEMA one; CREATE SCHEMA two"),
        Before::Schema => restore(&["-s", "--no-subscriptions"]),
        Before::More => {
            restore(&["--no-subscriptions"]);
            run("INSERT INTO one.log VALUES ('left over')");
        }
        Before::Tables => restore(&["--section=pre-data"]),
        Before::Late => run("CREATE PUBLICATION options_publication"),
        Before::Taken => {
            run("CREATE SCHEMA one; CREATE TABLE one.counted (id integer PRIMARY KEY)");
        }
        Before::Empty => run("CREATE SCHEMA two; CREATE TABLE two.owned (id integer, who text)"),
    }
}

/// Restores the probe with our program.
pub fn restore(database: &Database<'_>, options: &[&str]) -> Finished {
    nocturne().args(["restore", "-d", &database.url()]).args(options).arg(archive()).run()
}

/// Restores the probe as another role: the user of a URL would override `-U`.
pub fn restore_as(role: &str, database: &Database<'_>, archive: &Path) -> Tool {
    let server = database.cluster.server();
    let port = server.port().to_string();
    let tool = nocturne().args(["restore", "-d", &database.name, "-U", role, "-p", &port]);
    tool.arg("-h").arg(server.socket_dir()).arg(archive)
}

//! The manifest is believed only if no one else can have written it.

use super::nights::{Nights, sync_to};
use crate::common::versions::newest;
use crate::common::{Database, cluster, fresh_name};

const SOURCE: &str = "
    CREATE TABLE t (id int PRIMARY KEY);
    INSERT INTO t SELECT generate_series(1, 100);";

/// What someone does to it, and why it is not believed then.
const DAMAGE: [(&str, &str); 11] = [
    ("UPDATE nocturne.sync_rel SET rows = rows", "it was edited"),
    ("DELETE FROM nocturne.sync_object", "its checksum is wrong"),
    ("UPDATE nocturne.sync_head SET format = 2", "it has format 2"),
    (
        "CREATE TRIGGER x BEFORE DELETE ON nocturne.sync_rel FOR EACH ROW \
         EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "table nocturne.sync_rel has triggers",
    ),
    ("CREATE RULE x AS ON DELETE TO nocturne.sync_rel DO INSTEAD NOTHING", "has rules"),
    ("ALTER TABLE nocturne.sync_rel ENABLE ROW LEVEL SECURITY", "has row security"),
    ("GRANT UPDATE ON nocturne.sync_rel TO PUBLIC", "can be written by other roles"),
    ("GRANT UPDATE (rows) ON nocturne.sync_rel TO PUBLIC", "can be written by other roles"),
    ("ALTER TABLE nocturne.sync_rel ADD x int", "has other columns"),
    ("CREATE INDEX x ON nocturne.sync_rel ((rows + 1))", "has other indexes or constraints"),
    ("DROP TABLE nocturne.sync_entry", "table nocturne.sync_entry is missing"),
];

#[test]
fn damaged_manifest_is_not_believed() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    for (sql, why) in DAMAGE {
        nights.target.execute(sql);
        let reasons = nights.night("SELECT 1").reasons();
        assert!(reasons.contains(why), "{sql}: {reasons}");
        // A new one was written.
        assert_eq!(nights.night("SELECT 1").changes(), [""; 0], "{sql}");
    }
}

#[test]
fn frozen_and_rewritten_manifest_is_believed() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    nights.target.execute("VACUUM (FREEZE); VACUUM FULL nocturne.sync_entry, nocturne.sync_rel");
    assert_eq!(nights.night("SELECT 1").changes(), [""; 0]);
}

#[test]
fn manifest_of_a_copied_database_is_not_believed() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    let copy = Database { cluster: nights.target.cluster, name: fresh_name("copy") };
    let sql = format!("CREATE DATABASE {} TEMPLATE {}", copy.name, nights.target.name);
    nights.source.execute(&sql);
    let reasons = sync_to(&nights.dump().path(), &copy.url(), &[]).expect(0).reasons();
    assert!(reasons.contains("it was made in another database"), "{reasons}");
}

#[test]
fn manifest_of_another_role_is_refused() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    let role = fresh_name("stranger");
    nights.target.execute(&format!("CREATE ROLE {role}"));
    for table in ["TABLE nocturne.sync_rel", "SCHEMA nocturne"] {
        nights.target.execute(&format!("ALTER {table} OWNER TO {role}"));
        let failed = nights.sync(&[]).expect(1);
        assert!(failed.stderr().contains(&role), "{}", failed.stderr());
        nights.target.execute(&format!("ALTER {table} OWNER TO CURRENT_USER"));
    }
    assert_eq!(nights.night("SELECT 1").changes(), [""; 0]);
    nights.target.execute(&format!("DROP ROLE {role}"));
}

/// The tables hold names that the archive's owner may not want others to see or change.
#[test]
fn default_privileges_do_not_apply_to_the_manifest() {
    let cluster = cluster(newest());
    let nights = Nights { source: cluster.fresh_db("source"), target: cluster.fresh_db("synced") };
    nights.source.execute(SOURCE);
    nights.target.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC");
    nights.sync(&[]).expect(0);
    let granted = "SELECT count(*) FROM pg_class c, aclexplode(relacl) a \
        WHERE relnamespace = 'nocturne'::regnamespace AND a.grantee <> relowner";
    assert_eq!(nights.target.query(granted), "0");
    assert_eq!(nights.sync(&[]).expect(0).changes(), [""; 0]);
}

#[test]
fn other_settings_restore_everything_with_the_reason() {
    let nights = Nights::new(cluster(newest()), SOURCE);
    let reasons = nights.sync(&["--foreign-keys", "not-valid"]).expect(0).reasons();
    assert!(reasons.contains("--foreign-keys was validated, is now not-valid"), "{reasons}");
    let reasons = nights.sync(&["--set", "work_mem=8MB"]).expect(0).reasons();
    assert!(reasons.contains("--set differs"), "{reasons}");
    let reasons = nights.sync(&["-N", "nothing"]).expect(0).reasons();
    assert!(!reasons.contains("definitions changed"), "{reasons}");
    let reasons = nights.sync(&["-t", "t"]).expect(0).reasons();
    assert!(
        reasons.contains("definitions changed: CONSTRAINT public.t t_pkey (dropped)"),
        "{reasons}"
    );
}

//! Triggers do not fire when rows are patched, and keep their states.

use super::nights::{Nights, sync_to};
use crate::common::{Owned, for_each_version};

/// A table with a trigger in each state; they write to a log in the target alone.
const SOURCE: &str = "
    CREATE TABLE fired (what text);
    CREATE TABLE watched (id int PRIMARY KEY, word text);
    INSERT INTO watched SELECT n, 'word ' || n FROM generate_series(1, 20000) n;
    CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_database() !~ '^source' THEN INSERT INTO public.fired VALUES (TG_NAME); END IF;
            RETURN NULL;
        END $$;
    CREATE TRIGGER usual AFTER INSERT OR DELETE ON watched FOR EACH ROW EXECUTE FUNCTION fire();
    CREATE TRIGGER always AFTER INSERT OR DELETE ON watched FOR EACH ROW EXECUTE FUNCTION fire();
    CREATE TRIGGER replica AFTER INSERT OR DELETE ON watched FOR EACH STATEMENT EXECUTE FUNCTION fire();
    CREATE TRIGGER never AFTER INSERT OR DELETE ON watched FOR EACH ROW EXECUTE FUNCTION fire();
    CREATE CONSTRAINT TRIGGER late AFTER INSERT OR DELETE ON watched
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire();
    ALTER TABLE watched ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica,
        DISABLE TRIGGER never, ENABLE ALWAYS TRIGGER late;";

const CHANGE: &str = "DELETE FROM watched WHERE id % 100 = 0;
    UPDATE watched SET word = 'new' WHERE id % 100 = 1;";

#[test]
fn triggers_of_patched_table_rest_and_keep_their_states() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, SOURCE);
        assert_eq!(nights.night(CHANGE).changes(), ["watched patched 200 400"]);
        // A table that is replaced.
        let synced = nights.night("UPDATE watched SET word = word || '!'");
        assert_eq!(synced.changes(), ["watched replaced 19800 19800"]);
        assert_eq!(nights.target.rows("fired"), 0);
    });
}

#[test]
fn owner_patches_without_firing_triggers() {
    for_each_version(|cluster| {
        let source = cluster.fresh_db("source");
        source.execute(SOURCE);
        let owned = Owned::new(cluster, "synced");
        let nights = Nights { source, target: owned.database };
        let url = nights.target.url().replace("user=postgres", &format!("user={}", owned.role));
        let sync = || sync_to(&nights.dump().path(), &url, &["--no-owner"]).expect(0);
        sync();
        nights.source.execute(CHANGE);
        assert_eq!(sync().changes(), ["watched patched 200 400"]);
        assert_eq!(nights.target.rows("fired"), 0);
        let states = "SELECT string_agg(tgname::text || tgenabled::text, ' ' ORDER BY tgname) \
                      FROM pg_trigger WHERE tgrelid = 'public.watched'::regclass";
        assert_eq!(nights.target.query(states), nights.source.query(states));
    });
}

//! Sequences are set in the closing transaction.

use super::nights::Nights;
use crate::common::for_each_version;

const SOURCE: &str = "
    CREATE TABLE counted (id int GENERATED ALWAYS AS IDENTITY, word text);
    CREATE SEQUENCE \"Odd \"\"one\" INCREMENT 2 START 7;
    CREATE SEQUENCE fixed;
    INSERT INTO counted (word) SELECT 'x' FROM generate_series(1, 10);
    CREATE MATERIALIZED VIEW picky AS SELECT 1 / CASE WHEN current_database() ~ '^synced'
        AND count(*) = 12 THEN 0 ELSE 1 END AS n FROM counted;";

#[test]
fn sequence_follows_or_keeps_its_value_with_the_rows() {
    for_each_version(|cluster| {
        let nights = Nights::new(cluster, SOURCE);
        let synced = nights
            .night("SELECT nextval('\"Odd \"\"one\"'); INSERT INTO counted (word) VALUES ('y')");
        assert_eq!(synced.values(), (2, 1));
        assert_eq!(nights.night("SELECT 1").values(), (0, 0));
        // The view is refreshed after sequences are set.
        nights
            .source
            .execute("SELECT setval('fixed', 99); INSERT INTO counted (word) VALUES ('z')");
        let failed = nights.sync(&[]).expect(1);
        let said = failed.stderr();
        assert!(said.contains("cannot refresh materialized view public.picky"), "{said}");
        assert_eq!(nights.target.query("SELECT last_value, is_called FROM fixed"), "1|f");
        assert_eq!(nights.target.rows("counted"), 11);
    });
}

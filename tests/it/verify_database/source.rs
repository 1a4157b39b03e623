//! A small database with a value of every kind whose text depends on settings, its archive, and
//! a comparison by the built program.

use std::path::Path;

use serde_json::Value;

use crate::common::{Archive, Cluster, Database, Finished, nocturne, restore};

/// Tables with duplicate rows, times, floats, bytes and names of objects.
pub const SOURCE: &str = r#"
    CREATE TABLE plain (id int PRIMARY KEY, word text, big text);
    INSERT INTO plain SELECT n, 'w' || n, repeat('x', n) FROM generate_series(1, 500) n;
    CREATE TABLE doubled (a int, b text);
    INSERT INTO doubled SELECT n % 10, chr(65 + n % 10) FROM generate_series(1, 100) n;
    CREATE TYPE mood AS ENUM ('ok', 'sad');
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE TABLE kinds (
        at timestamptz, day date, span interval, share float8, small float4, raw bytea,
        of regclass, moods mood[], net inet, doc jsonb, price numeric(10, 2), n positive,
        twice int GENERATED ALWAYS AS (n * 2) STORED);
    INSERT INTO kinds
        SELECT '2026-03-29 00:30+00'::timestamptz + n * '7 hours'::interval, '4714-11-24 BC',
               '1 mon -3 days 4:05:06.7', n / 7.0, n / 7.0, decode(md5(n::text), 'hex'),
               'public.plain', '{ok,NULL,sad}', '10.0.0.1/8', '{"b": 1, "a": null}', n, n
        FROM generate_series(1, 200) n;
    CREATE TABLE parts (id int, state mood) PARTITION BY HASH (state);
    CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO parts SELECT n, CASE n % 3 WHEN 0 THEN 'ok' ELSE 'sad' END::mood
        FROM generate_series(1, 60) n;
    CREATE TABLE parent (id int);
    CREATE TABLE child () INHERITS (parent);
    INSERT INTO parent VALUES (1), (2);
    INSERT INTO child VALUES (3);
    CREATE SEQUENCE counter;
    SELECT setval('counter', 41);
    CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM plain;
    SELECT lo_from_bytea(70001, 'small'), lo_create(70002);
    SELECT lo_from_bytea(70003, decode(repeat('00ff10', 1000000), 'hex'));
"#;

/// A new database into which an archive was restored.
pub fn restored<'a>(archive: &Archive, cluster: &'a Cluster) -> Database<'a> {
    let target = cluster.fresh_db("compared");
    restore(&archive.path(), &target, &[]).expect(0);
    target
}

/// A finished comparison.
pub struct Verified {
    pub finished: Finished,
    /// Its output.
    pub json: Value,
}

/// Compares an archive with the database of a URL.
pub fn verify(archive: &Path, url: &str, args: &[&str]) -> Verified {
    let tool = nocturne().arg("verify").arg(archive).args(["-d", url, "--format", "json"]);
    let finished = tool.args(args).run();
    let json = serde_json::from_str(&finished.stdout()).unwrap_or_default();
    Verified { finished, json }
}

impl Verified {
    /// Fails the test unless the exit code is this one.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.finished.code(), code, "{}", self.finished);
        self
    }

    pub fn items(&self) -> &[Value] {
        self.json["items"].as_array().expect("a JSON list")
    }

    /// The items that are not equal: name, verdict and detail.
    pub fn differences(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let items = self.items().iter().filter(|item| item["verdict"] != "equal");
        items
            .map(|item| {
                let (name, verdict) = (text(&item["name"]), text(&item["verdict"]));
                format!("{name} {verdict} {}", text(&item["detail"])).trim().to_owned()
            })
            .collect()
    }

    /// Names of the items that had to be compared exactly.
    pub fn exactly(&self) -> Vec<String> {
        let items = self.items().iter().filter(|item| item["exact"] == true);
        items.map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

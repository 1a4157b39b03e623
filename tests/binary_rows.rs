//! Binary rows are exact: what `rows::Transcoder` makes of COPY text is, once stored, what
//! PostgreSQL makes of the same text.
//!
//! For each codec many texts, valid, nearly valid and extreme. Those that the transcoder takes are
//! loaded in both formats and the two tables are compared by `COPY TO`, as text and as binary
//! (that is, by the `send` functions). Then PostgreSQL's own output of these values, which is what
//! pg_dump writes, must be taken as well, every one of it. The last test does the same with all
//! tables of the archives in `fixtures/`.

// Its helpers are tests as well, where a broken expectation may panic.
#![allow(clippy::unwrap_used)]

mod common;

use bytes::{Bytes, BytesMut};
use common::{Database, for_each_version};
use nocturne::archive::{Data, ReadCounter};
use nocturne::rows::{
    COLUMNS_QUERY, CatalogType, ColumnType, CopyStatement, CopyText, HEADER, TRAILER,
    TranscodeError, Transcoder,
};
use nocturne::source::{self, Access, Input};
use nocturne::sql::ident::{literal, quoted};
use nocturne::target::{ConnectOptions, Error, Session, SessionSettings, Target};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::runtime::{Builder, Runtime};

/// Texts tried for each strategy.
const SAMPLES: usize = 400;

/// A database with a session that copies into it.
struct Loader<'a> {
    db: Database<'a>,
    runtime: Runtime,
    session: Session,
}

impl<'a> Loader<'a> {
    fn new(db: Database<'a>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let options = ConnectOptions { dbname: Some(db.url()), ..ConnectOptions::default() };
        let target = Target::resolve(&options, &|_| None).unwrap();
        let settings = SessionSettings::default();
        let session = runtime.block_on(Session::connect(&target, &settings)).unwrap();
        // The session's own styles must not matter, nor its zone.
        let set = "SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kathmandu'; \
                   SET IntervalStyle = 'sql_standard'";
        runtime.block_on(session.execute(set)).unwrap();
        Self { db, runtime, session }
    }

    /// The codecs of a table's columns by their names.
    fn columns(&self, table: &str) -> Vec<(String, Option<ColumnType>)> {
        let query = COLUMNS_QUERY.replace("{table}", &literal(table));
        let rows = self.runtime.block_on(self.session.query_text(&query)).unwrap();
        rows.into_iter()
            .map(|row| {
                let [name, oids, kinds] = row.try_into().unwrap();
                let chain = CatalogType::chain(&oids.unwrap(), &kinds.unwrap()).unwrap();
                (name.unwrap(), ColumnType::for_catalog(&chain))
            })
            .collect()
    }

    fn copy(&self, statement: &str, data: impl Into<Bytes>) -> Result<u64, Error> {
        self.runtime.block_on(async {
            let mut copy = self.session.copy_in(statement).await?;
            copy.send(data.into()).await?;
            copy.finish().await
        })
    }

    /// A table's rows in the order in which they came, in the given format.
    fn contents(&self, table: &str, format: &str) -> Vec<u8> {
        let settings = "SET DateStyle = ISO; SET IntervalStyle = postgres; \
                        SET extra_float_digits = 3; SET synchronize_seqscans = off";
        let copy = format!("COPY {table} TO STDOUT (FORMAT {format})");
        let psql = self.db.psql().args(["--command", settings, "--command", &copy]);
        psql.succeed().stdout_bytes().to_vec()
    }

    fn assert_same(&self, one: &str, other: &str, what: &str) {
        let [one_text, other_text] = [one, other].map(|table| self.contents(table, "text"));
        let lines = |text: &[u8]| -> Vec<String> {
            String::from_utf8_lossy(text).lines().map(str::to_owned).collect()
        };
        for (one, other) in lines(&one_text).iter().zip(&lines(&other_text)) {
            assert!(one == other, "{what}: text {one}\nbinary {other}");
        }
        assert!(one_text == other_text, "{what}");
        let [one, other] = [one, other].map(|table| self.contents(table, "binary"));
        assert!(one == other, "{what}: the send functions differ");
    }

    /// Tries the texts of a type, each the field of COPY text. At least a tenth must be taken.
    fn agree(&self, kind: &str, texts: &[String]) {
        self.db.execute(&format!(
            "SET client_min_messages = error; DROP TABLE IF EXISTS public.text_way, public.binary_way; \
             CREATE TABLE public.text_way (v {kind}); CREATE TABLE public.binary_way (v {kind})"
        ));
        let column = self.columns("public.text_way").remove(0).1;
        let column = column.unwrap_or_else(|| panic!("{kind} has no codec"));
        let rows: Vec<String> = texts.iter().map(|text| format!("{text}\n")).collect();
        let taken: Vec<&str> = rows
            .iter()
            .filter(|row| to_binary(std::slice::from_ref(&column), row.as_bytes()).is_ok())
            .map(String::as_str)
            .collect();
        assert!(taken.len() * 10 >= rows.len(), "{kind}: only {} are taken", taken.len());
        self.load_both(kind, &column, taken.concat().as_bytes());
        // What PostgreSQL itself writes for these values.
        let written = self.contents("public.text_way", "text");
        self.db.execute("TRUNCATE public.text_way, public.binary_way");
        self.load_both(kind, &column, &written);
    }

    /// All that PostgreSQL writes for the values of a query must be taken.
    fn agree_on_query(&self, kind: &str, query: &str) {
        self.db.execute(&format!(
            "SET client_min_messages = error; DROP TABLE IF EXISTS public.text_way, public.binary_way; \
             CREATE TABLE public.text_way (v {kind}); CREATE TABLE public.binary_way (v {kind}); \
             SELECT setseed(0.5); INSERT INTO public.text_way {query}"
        ));
        let column = self.columns("public.text_way").remove(0).1.unwrap();
        let written = self.contents("public.text_way", "text");
        assert!(!written.is_empty(), "{kind}: no values");
        self.db.execute("TRUNCATE public.text_way");
        self.load_both(kind, &column, &written);
    }

    fn load_both(&self, kind: &str, column: &ColumnType, rows: &[u8]) {
        let binary = to_binary(std::slice::from_ref(column), rows).unwrap_or_else(|error| {
            let row = rows.split(|&byte| byte == b'\n').nth(error.row as usize - 1).unwrap();
            panic!("{kind}: {error}: {}", String::from_utf8_lossy(row))
        });
        let text = self.copy("COPY public.text_way FROM STDIN", rows.to_vec());
        let text = text.unwrap_or_else(|error| panic!("{kind}: as text: {}", full(&error)));
        let copy = "COPY public.binary_way FROM STDIN (FORMAT binary)";
        let binary = self.copy(copy, binary);
        let binary = binary.unwrap_or_else(|error| panic!("{kind}: as binary: {}", full(&error)));
        assert_eq!(text, binary, "{kind}");
        self.assert_same("public.text_way", "public.binary_way", kind);
    }
}

fn full(error: &Error) -> String {
    format!("{error} {error:?}")
}

/// A whole COPY in binary format.
fn to_binary(columns: &[ColumnType], rows: &[u8]) -> Result<Bytes, TranscodeError> {
    let mut out = BytesMut::from(&HEADER[..]);
    Transcoder::new(columns.to_vec()).transcode(rows, &mut out)?;
    out.extend_from_slice(&TRAILER);
    Ok(out.freeze())
}

/// The same texts in each run.
fn samples<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..SAMPLES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Texts of one or more regular expressions, and some by hand.
fn texts(patterns: &[&'static str], more: &[&str]) -> Vec<String> {
    let mut texts: Vec<String> = more.iter().map(|&text| text.to_owned()).collect();
    for &pattern in patterns {
        texts.extend(samples(pattern));
    }
    texts
}

/// As COPY text writes a value.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\x08' => text.push_str("\\b"),
            '\x0b' => text.push_str("\\v"),
            '\x0c' => text.push_str("\\f"),
            _ => text.push(character),
        }
    }
    text
}

/// Runs a test with a database on each version.
fn on_each_version(test: impl Fn(&Loader<'_>)) {
    for_each_version(|cluster| test(&Loader::new(cluster.fresh_db("binary"))));
}

#[test]
fn booleans_and_integers() {
    on_each_version(|loader| {
        loader.agree("boolean", &texts(&["[tf]", "[a-z01 ]{0,5}"], &["\\N", "t", "f", ""]));
        for kind in ["smallint", "integer", "bigint", "oid"] {
            let patterns =
                ["-?[0-9]{1,5}", "-?[0-9]{1,10}", "-?[0-9]{9,20}", "[-+ ]?0?[0-9a-fx_]{1,4} ?"];
            let edges = [
                "\\N",
                "0",
                "-0",
                "007",
                "-1",
                "32767",
                "32768",
                "-32768",
                "-32769",
                "2147483647",
                "2147483648",
                "-2147483648",
                "-2147483649",
                "4294967295",
                "4294967296",
                "9223372036854775807",
                "9223372036854775808",
                "-9223372036854775808",
                "-9223372036854775809",
                "18446744073709551615",
                "",
                "-",
                "0x1f",
                "1_000",
                "１",
            ];
            loader.agree(kind, &texts(&patterns, &edges));
        }
    });
}

#[test]
fn floating_point_numbers() {
    on_each_version(|loader| {
        let edges = [
            "\\N",
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "-0",
            "-0.0",
            "0e400",
            "1e308",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "2e308",
            "5e-324",
            "2e-324",
            "2.2250738585072014e-308",
            "2.225073858507201e-308",
            "4.9406564584124654e-324",
            "1e-400",
            "3.4028235e38",
            "3.4028236e38",
            "1e-45",
            "7e-46",
            "1.1754944e-38",
            "1.1754942e-38",
            "9007199254740993",
            "0.1",
            "1e23",
            "8.5e-46",
            "nan",
            "inf",
            "-NaN",
            "1e",
            ".5",
            "5.",
            "1.00000005960464480",
            "1.0000000596046447",
            "340282356779733661637539395458142568448",
        ];
        let patterns = ["-?[0-9]{1,25}(\\.[0-9]{0,25})?", "-?[0-9]\\.[0-9]{0,20}e[-+]?[0-9]{1,3}"];
        let mut all = texts(&patterns, &edges);
        all.extend(samples(any::<u64>().prop_map(|bits| format!("{:e}", f64::from_bits(bits)))));
        all.extend(samples(any::<u32>().prop_map(|bits| format!("{:e}", f32::from_bits(bits)))));
        all.extend(samples((0u64..1 << 52).prop_map(|bits| format!("{:e}", f64::from_bits(bits)))));
        loader.agree("double precision", &all);
        loader.agree("real", &all);
        let query =
            "SELECT (random() - 0.5) * 10 ^ (random() * 600 - 300) FROM generate_series(1, 2000)";
        loader.agree_on_query("double precision", query);
        let query = "SELECT ((random() - 0.5) * 10 ^ (random() * 70 - 35))::real FROM generate_series(1, 2000)";
        loader.agree_on_query("real", query);
    });
}

#[test]
fn numerics() {
    on_each_version(|loader| {
        let long = "123456789".repeat(112);
        let least = format!("-0.{}7", "0".repeat(16_382));
        let most = format!("9{}", "0".repeat(131_071));
        let both = format!("{most}.{}1", "0".repeat(16_382));
        let edges = [
            "\\N",
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            "inf",
            "0",
            "-0",
            "0.000",
            "-0.0000000",
            "10000",
            "9999",
            "99999999",
            "0.0001",
            "0.00010000",
            "0.9999",
            "1e5",
            "1.",
            ".5",
            "+1",
            "00000.10",
            "1000000000000000000000000000000.00001",
            &long,
            &least,
            &most,
            &both,
            &format!("{long}.{long}"),
            &format!("-0.{long}"),
            &format!("{most}0"),
            &format!("{least}1"),
        ];
        let patterns = [
            "-?0{0,6}[0-9]{1,30}(\\.[0-9]{0,30})?",
            "-?[0-9]{1,10}0{0,12}(\\.0{0,12}[0-9]{1,9}0{0,6})?",
            "0\\.0{0,20}[0-9]{1,4}",
        ];
        loader.agree("numeric", &texts(&patterns, &edges));
        loader.agree("numeric(20,3)", &texts(&["-?[0-9]{1,16}(\\.[0-9]{1,12})?"], &["NaN"]));
        loader.agree("numeric(6)", &texts(&["-?[0-9]{1,5}(\\.[0-9]{1,5})?"], &["0.5", "-0.5"]));
        loader.agree("numeric(5,-2)", &texts(&["-?[0-9]{1,6}(\\.[0-9]{1,3})?"], &["49", "50"]));
        loader.agree("numeric(3,5)", &texts(&["-?0\\.00[0-8][0-9]{0,8}"], &["0.000005"]));
        let query = "SELECT trunc((random() * 10 ^ (random() * 40 - 20))::numeric, (random() * 30)::int) \
                     FROM generate_series(1, 2000)";
        loader.agree_on_query("numeric", query);
    });
}

#[test]
fn text_of_all_kinds() {
    let strings = || -> Vec<String> {
        let mut all =
            texts(&[], &["\\N", "", "NULL", "\\\\N", "\\\\.", "\\\\x41", " a ", "é漢😀", "a\\.b"]);
        all.extend(samples("\\PC{0,40}").iter().map(|text| escaped(text)));
        all.extend(
            samples("[\\\\\n\r\t\x08\x0b\x0c .N\"'a]{0,12}").iter().map(|text| escaped(text)),
        );
        all.extend(samples("[\\\\ntrN.x1a\t]{0,8}"));
        all
    };
    on_each_version(|loader| {
        loader.agree("text", &strings());
        loader.agree("varchar", &strings());
        // Too many characters are an error both ways, unless they are spaces.
        let short = || {
            let mut all = texts(&["[é漢a]{0,4} {0,6}"], &["\\N", "", "abcde", "漢漢漢漢漢   "]);
            all.extend(samples("\\PC{0,5}").iter().map(|text| escaped(text)));
            all
        };
        loader.agree("varchar(5)", &short());
        loader.agree("char(5)", &short());
        loader.agree("bpchar", &short());
        loader.agree("name", &texts(&["[a-z漢]{0,25}", "[a-z]{50,70}"], &["", "\\N"]));
        loader.agree(
            "\"char\"",
            &texts(&["[ -\\[\\]-~]?", "[a-z]{2,4}", "\\\\\\\\[0-7]{3}"], &["", "\\\\\\\\", "é"]),
        );
        loader.db.execute(
            "CREATE TYPE public.mood AS ENUM ('sad', 'it''s \\ \"ok\"', 'heureux é', ''); \
             CREATE DOMAIN public.short AS varchar(5) CHECK (value <> 'never'); \
             CREATE DOMAIN public.shorter AS public.short",
        );
        loader.agree("public.mood", &texts(&["sad|it's \\\\\\\\ \"ok\"|heureux é|"], &["\\N"]));
        loader.agree("public.shorter", &texts(&["[a-m]{0,5} {0,2}"], &["\\N", ""]));
        if loader.db.query("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'")
            == "1"
        {
            loader.db.execute("CREATE EXTENSION citext SCHEMA public");
            loader.agree("public.citext", &strings());
        }
    });
}

#[test]
fn json() {
    on_each_version(|loader| {
        let edges = [
            "\\N",
            "null",
            "{}",
            "[]",
            "\"\"",
            "1.50",
            "-0",
            "1e400",
            "\"\\\\u00e9\\\\n\\\\\\\\\"",
            "{\"b\": 1, \"a\": [1, 2,  3], \"a\": null}",
            " [ 1 , true ] ",
            "\"é漢😀\"",
            "{\"a\":\"\\\\\"\\\\t\"}",
        ];
        let patterns = [
            "\\{\"[a-z]{0,4}\": ?(-?[1-9][0-9]{0,30}|true|\"\\PC{0}[a-z é]{0,9}\")\\}",
            "\\[( ?-?[1-9][0-9]{0,9}(\\.[0-9]{1,5})?(e-?[1-9])? ?,){0,5} ?null ?\\]",
        ];
        loader.agree("json", &texts(&patterns, &edges));
        loader.agree("jsonb", &texts(&patterns, &edges));
    });
}

#[test]
fn bytes_and_addresses() {
    on_each_version(|loader| {
        let uuids = [
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-fA-F]{12}",
            "\\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\\}?",
        ];
        loader.agree("uuid", &texts(&uuids, &["\\N", ""]));

        let every: String = (0..=255).map(|byte| format!("{byte:02x}")).collect();
        let octal: String = (0..=255).map(|byte| format!("\\\\{byte:03o}")).collect();
        let patterns = [
            "\\\\\\\\x([0-9a-fA-F]{2}){0,40}",
            "\\\\\\\\x[0-9a-g ]{0,5}",
            "([ -\\[\\]-~]|\\\\\\\\[0-3][0-7][0-7]|\\\\\\\\\\\\\\\\){0,12}",
            "[\\\\x0-9é]{0,12}",
        ];
        let edges = ["\\N", "", "\\\\x", &format!("\\\\x{every}"), &octal];
        loader.agree("bytea", &texts(&patterns, &edges));

        let addresses = [
            "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(/[0-9]{1,2})?",
            "([12]?[0-9]\\.){3}[0-9](/[12]?[0-9])?",
            "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(/[0-9]{1,3})?",
            "([0-9a-f]{1,4}:){0,6}:(:?[0-9a-f]{1,4}){0,6}(/[0-9]{1,3})?",
            "(::|::ffff:|::ffff:0:|64:ff9b::)([12]?[0-9]\\.){3}[0-9](/[0-9]{1,3})?",
        ];
        let edges = [
            "\\N",
            "0.0.0.0",
            "0.0.0.0/0",
            "255.255.255.255/32",
            "::",
            "::/0",
            "::1/128",
            "::ffff:1.2.3.4",
            "10.0/16",
            "fe80::1%eth0",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
        ];
        loader.agree("inet", &texts(&addresses, &edges));
        let networks = [
            "([12]?[0-9]\\.){2}0\\.0/(1[6-9]|2[0-9])",
            "[0-9a-f]{1,4}::/(1[6-9]|[2-9][0-9])",
            "10\\.[0-9]{1,2}\\.[0-9]{1,2}\\.0(/2[4-9])?",
            "[0-9]{1,2}\\.0\\.0\\.0/[0-9]{1,2}",
        ];
        loader.agree("cidr", &texts(&networks, &edges));
        loader.agree(
            "macaddr",
            &texts(&["([0-9a-fA-F]{2}:){5}[0-9a-f]{2}", "([0-9a-f]{2}[-:]?){5,8}"], &["\\N"]),
        );
        loader.agree(
            "macaddr8",
            &texts(&["([0-9a-fA-F]{2}:){7}[0-9a-f]{2}", "([0-9a-f]{2}[-:]?){5,8}"], &["\\N"]),
        );
    });
}

#[test]
fn bytea_in_the_escape_form() {
    on_each_version(|loader| {
        let database = &loader.db.name;
        loader.db.execute(&format!("ALTER DATABASE {database} SET bytea_output = 'escape'"));
        let query = "SELECT decode(repeat(lpad(to_hex(n), 2, '0'), n % 5 + 1), 'hex') \
                     FROM generate_series(0, 255) n";
        loader.agree_on_query("bytea", query);
    });
}

#[test]
fn dates_and_times() {
    on_each_version(|loader| {
        let edges = [
            "\\N",
            "infinity",
            "-infinity",
            "4714-11-24 BC",
            "4714-11-23 BC",
            "4713-01-01 BC",
            "0001-01-01",
            "0001-12-31 BC",
            "0001-02-29 BC",
            "0005-02-29 BC",
            "0004-02-29 BC",
            "0000-01-01",
            "1582-10-10",
            "1900-02-29",
            "2000-02-29",
            "9999-12-31",
            "10000-01-01",
            "5874897-12-31",
            "5874898-01-01",
            "epoch",
            "today",
            "J2451545",
            "12-31-99",
            "",
        ];
        let dates = ["[0-9]{4}-[01][0-9]-[0-3][0-9]( BC)?", "[1-9][0-9]{4,6}-0[1-9]-[12][0-9]"];
        loader.agree("date", &texts(&dates, &edges));
        let query = "SELECT DATE '4714-11-24 BC' + n * 250919 FROM generate_series(0, 8558) n";
        loader.agree_on_query("date", query);

        let times = [
            "([01][0-9]|2[0-4]):[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,7})?",
            "1[0-9]:[0-5][0-9]:[0-5][0-9]\\.9{1,7}",
        ];
        let edges =
            ["\\N", "24:00:00", "24:00:00.000001", "23:59:60", "23:59:59.9999999", "00:00:00"];
        for kind in ["time", "time(0)", "time(3)"] {
            loader.agree(kind, &texts(&times, &edges));
        }
        let times = [
            "([01][0-9]|2[0-4]):[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,7})?[-+](0[0-9]|1[0-7])(:[0-6][0-9]){0,2}",
        ];
        let edges = [
            "\\N",
            "24:00:00+00",
            "24:00:00-15:59:59",
            "24:00:00+15:59:59",
            "00:00:00",
            "00:00:00Z",
        ];
        for kind in ["timetz", "timetz(0)", "timetz(4)"] {
            loader.agree(kind, &texts(&times, &edges));
        }
    });
}

const TIMESTAMP_EDGES: [&str; 26] = [
    "\\N",
    "infinity",
    "-infinity",
    "now",
    "epoch",
    "",
    "4714-11-24 00:00:00 BC",
    "4714-11-23 23:59:59.999999 BC",
    "294276-12-31 23:59:59.999999",
    "294277-01-01 00:00:00",
    "294276-12-31 23:59:59.9999999",
    "0001-12-31 23:59:59.999999 BC",
    "0001-01-01 00:00:00",
    "1999-12-31 23:59:59.999999",
    "2000-01-01 00:00:00",
    "1969-12-31 23:59:59.5",
    "2000-02-29 24:00:00",
    "2016-12-31 23:59:60",
    "2000-01-01T00:00:00",
    "2000-01-01 00:00:00.5 BC",
    "10000-01-01 00:00:00.000001",
    "0044-03-15 12:00:00 BC",
    "2100-02-29 00:00:00",
    "2000-01-01 00:00",
    "20000-02-29 01:02:03",
    "1900-01-01 00:00:00 AD",
];

#[test]
fn timestamps() {
    let patterns = [
        "[0-9]{4}-(0[1-9]|1[0-2])-[0-2][0-9] [01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,7})?( BC)?",
        "[1-9][0-9]{4,5}-[01][0-9]-[0-3][0-9] 2[0-4]:[0-6][0-9]:[0-6][0-9]",
    ];
    on_each_version(|loader| {
        for kind in ["timestamp", "timestamp(0)", "timestamp(3)"] {
            // Rounded up, it would be out of range, an error both ways.
            let edges = TIMESTAMP_EDGES
                .iter()
                .filter(|text| kind == "timestamp" || !text.starts_with("294276-12-31 23:59:59.9"));
            loader.agree(kind, &texts(&patterns, &edges.copied().collect::<Vec<_>>()));
        }
        let query = "SELECT '4714-11-24 00:00:00 BC'::timestamp + n * interval '12345 days 01:02:03.456789' \
                     FROM generate_series(0, 8000) n";
        loader.agree_on_query("timestamp", query);
    });
}

#[test]
fn timestamps_with_time_zone() {
    let patterns = [
        "[0-9]{4}-(0[1-9]|1[0-2])-[0-2][0-9] [01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,7})?[-+](0[0-9]|1[0-7])(:[0-6][0-9]){0,2}( BC)?",
        "[1-9][0-9]{4,5}-[01][0-9]-[0-3][0-9] 2[0-4]:[0-6][0-9]:[0-6][0-9]\\+00",
    ];
    on_each_version(|loader| {
        let mut edges: Vec<String> = Vec::new();
        for zone in ["", "+00", "-15:59:59", "+15:59:59", "+05:45", "-00:00:01", " UTC", "Z"] {
            for edge in TIMESTAMP_EDGES {
                edges.push(match edge.strip_suffix(" BC") {
                    Some(edge) => format!("{edge}{zone} BC"),
                    None => format!("{edge}{zone}"),
                });
            }
        }
        let edges: Vec<&str> = edges.iter().map(String::as_str).collect();
        loader.agree("timestamptz", &texts(&patterns, &edges));
        loader.agree("timestamptz(2)", &texts(&patterns, &[]));
        let name = &loader.db.name;
        for zone in ["UTC", "Europe/Paris", "Africa/Monrovia", "America/St_Johns", "Pacific/Apia"] {
            loader.db.execute(&format!("ALTER DATABASE {name} SET TimeZone = '{zone}'"));
            let query = "SELECT '1700-01-01 00:00:00Z'::timestamptz + n * interval '1234567.890123 s' \
                         FROM generate_series(0, 9000) n";
            loader.agree_on_query("timestamptz", query);
        }
    });
}

#[test]
fn intervals() {
    let patterns = [
        "([-+]?[0-9]{1,8} years? )?([-+]?[0-9]{1,3} mons? )?([-+]?[0-9]{1,10} days? )?[-+]?[0-9]{2,8}:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,7})?",
        "-?[0-9]{1,9} (years?|mons?|days?|weeks?)",
        "-?[1-9] years -?[1-9] mons",
    ];
    let edges = [
        "\\N",
        "00:00:00",
        "infinity",
        "-infinity",
        "2562047788:00:54.775807",
        "-2562047788:00:54.775808",
        "-178956970 years -8 mons",
        "178956970 years 7 mons",
        "178956970 years 8 mons",
        "2147483647 days",
        "-2147483648 days",
        "2147483648 days",
        "178956970 years 7 mons 2147483647 days 2562047788:00:54.775807",
        "-178956970 years -8 mons -2147483648 days -2562047788:00:54.775808",
        "-1 years -2 mons +3 days -04:05:06.789",
        "-1 years +2 mons 3 days",
        "-1 days +02:03:00",
        "-1 days 02:03:00",
        "1 day -00:00:00.000001",
        "P1Y",
        "1-2",
        "1",
        "",
        "@ 1 day ago",
    ];
    on_each_version(|loader| {
        loader.agree("interval", &texts(&patterns, &edges));
        let kinds = [
            "interval(0)",
            "interval(3)",
            "interval year",
            "interval month",
            "interval day",
            "interval hour",
            "interval minute",
            "interval second",
            "interval second(1)",
            "interval year to month",
            "interval day to hour",
            "interval day to minute",
            "interval day to second",
            "interval day to second(2)",
            "interval hour to minute",
            "interval hour to second",
            "interval minute to second(4)",
        ];
        for kind in kinds {
            let patterns = [
                "(-?[0-9] years )?(\\+[0-9]{1,2} mons )?(\\+[0-9]{1,3} days )?[-+][0-9]{2,3}:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?",
            ];
            loader.agree(kind, &texts(&patterns, &["00:00:00", "-1 years -2 mons"]));
        }
        let query = "SELECT make_interval(y * 3, m * 7, 0, d * 11, 0, 0, s * 45296.789) FROM \
                     generate_series(-1, 1) y, generate_series(-1, 1) m, generate_series(-1, 1) d, \
                     generate_series(-1, 1) s";
        loader.agree_on_query("interval", query);
    });
}

#[test]
fn arrays() {
    on_each_version(|loader| {
        loader.db.execute(
            "CREATE TYPE public.mood AS ENUM ('sad', 'it''s \"ok\"', 'null'); \
             CREATE DOMAIN public.small AS integer CHECK (value < 1000); \
             CREATE DOMAIN public.smalls AS public.small[]",
        );
        let integers =
            ["\\{(-?[0-9]{1,3}|NULL|null)(,(-?[0-9]{1,3}|NULL)){0,9}\\}", "[{},0-9 \"]{0,7}"];
        let edges = [
            "\\N",
            "{}",
            "{{1,2},{3,4}}",
            "[0:1]={1,2}",
            "[1:2]={1,2}",
            "{1, 2}",
            "{NULL}",
            "{\"1\",\"NULL\"}",
            "{\"1\",\"2\"}",
            "",
        ];
        for kind in [
            "integer[]",
            "bigint[]",
            "integer[3][3]",
            "public.small[]",
            "public.smalls",
            "numeric(9,2)[]",
        ] {
            loader.agree(kind, &texts(&integers, &edges));
        }
        let strings = [
            "\\{(\"[a-z ,{}é]{0,6}\"|[a-z漢.:'-]{1,4}|NULL)(,(\"([a-z]|\\\\\\\\\\\\\\\\|\\\\\\\\\"|\\\\[ntrbfv]){0,6}\"|[a-z]{1,4}|NULL)){0,5}\\}",
            "\\{[a\",{}\\\\ N]{0,6}\\}",
        ];
        let edges = [
            "\\N",
            "{}",
            "{NULL,\"NULL\",null,\"null\",NULLX}",
            "{\"\"}",
            "{\"\\\\\\\\\\\\\"\"}",
            "{a\\\\,b}",
            "{\\\\N}",
        ];
        for kind in ["text[]", "varchar(9)[]", "bpchar[]"] {
            loader.agree(kind, &texts(&strings, &edges));
        }
        loader.agree("public.mood[]", &texts(&["\\{(sad|\"it's \\\\\\\\\"ok\\\\\\\\\"\"|\"null\"|NULL|\"sad\"){1}(,sad){0,3}\\}"], &[]));
        loader.agree(
            "jsonb[]",
            &texts(&["\\{(1|null|NULL|true|\"\\{\\\\\\\\\"a\\\\\\\\\": [0-9]\\}\")\\}"], &["{}"]),
        );
        let queries = [
            (
                "timestamptz[]",
                "SELECT array_agg(now() + n * i * interval '1.234567 h') FROM generate_series(1, 500) n, generate_series(1, 3) i GROUP BY n",
            ),
            ("date[]", "SELECT ARRAY['infinity', NULL, '0044-03-15 BC', '2000-01-01']::date[]"),
            (
                "bytea[]",
                "SELECT ARRAY[decode(lpad(to_hex(n), 2, '0'), 'hex'), ''] FROM generate_series(0, 255) n",
            ),
            (
                "text[]",
                "SELECT ARRAY[chr(n), chr(n) || chr(n + 1), NULL] FROM generate_series(1, 600) n",
            ),
            (
                "double precision[]",
                "SELECT ARRAY['NaN', '-0', '5e-324', random()]::float8[] FROM generate_series(1, 100)",
            ),
            (
                "interval[]",
                "SELECT ARRAY[n * interval '-1 day 2 hours', '1 mon -3 s'] FROM generate_series(-5, 5) n",
            ),
            ("uuid[]", "SELECT ARRAY[gen_random_uuid(), NULL] FROM generate_series(1, 100)"),
            ("inet[]", "SELECT ARRAY['::1', '10.0.0.1/8']::inet[]"),
            ("boolean[]", "SELECT ARRAY[true, NULL, false]"),
            ("\"char\"[]", "SELECT ARRAY[n::\"char\"] FROM generate_series(1, 127) n"),
            ("timetz[]", "SELECT ARRAY['24:00:00-03:30', '01:02:03.4+00']::timetz[]"),
            ("name[]", "SELECT ARRAY['a b', 'null', '']::name[]"),
            ("oid[]", "SELECT ARRAY[0, 4294967295]::oid[]"),
        ];
        for (kind, query) in queries {
            loader.agree_on_query(kind, query);
        }
    });
}

#[test]
fn types_without_an_exact_codec_have_none() {
    on_each_version(|loader| {
        loader.db.execute(
            "CREATE TYPE public.pair AS (a int, b int); CREATE DOMAIN public.pairs AS public.pair[]; \
             CREATE TABLE public.t (a xml, b money, c point, d int4range, e tsvector, f public.pair, \
             g public.pairs, h regclass, i bit(3), j int2vector, k oidvector, l box[], m pg_lsn, \
             n int4multirange, o jsonpath, p xid)",
        );
        for (name, codec) in loader.columns("public.t") {
            assert_eq!(codec, None, "{name}");
        }
    });
}

/// Where text is refused, PostgreSQL's own error is at that line, and nothing is stored.
#[test]
fn invalid_text_is_refused_at_the_line_of_postgresqls_error() {
    let invalid = [
        ("boolean", "maybe"),
        ("integer", "1.5"),
        ("integer", "2147483648"),
        ("bigint", ""),
        ("oid", "x"),
        ("double precision", "1e400"),
        ("real", "1,5"),
        ("numeric", "1.2.3"),
        ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1"),
        ("bytea", "\\\\x0"),
        ("date", "2001-02-29"),
        ("date", "0000-01-01"),
        ("time", "25:00:00"),
        ("timetz", "00:00:00+16:00"),
        ("timestamp", "294277-01-01 00:00:00"),
        ("timestamptz", "2000-01-01 00:00:00+16"),
        ("interval", "1 fortnight"),
        ("interval", "2147483648 days"),
        ("inet", "1.2.3.4/33"),
        ("cidr", "10.0.0.1/8"),
        ("macaddr", "08:00:2b:01:02"),
        ("integer[]", "{1,x}"),
        ("text[]", "{a"),
        ("text", "too\tmany"),
    ];
    on_each_version(|loader| {
        for (kind, text) in invalid {
            loader.db.execute(&format!(
                "SET client_min_messages = error; DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (v {kind})"
            ));
            let column = loader.columns("public.t").remove(0).1.unwrap();
            let rows = format!("\\N\n\\N\n{text}\n\\N\n");
            let error = to_binary(&[column], rows.as_bytes()).unwrap_err();
            assert_eq!(error.row, 3, "{kind} {text}");
            let error = loader.copy("COPY public.t FROM STDIN", rows).unwrap_err();
            assert!(full(&error).contains("line 3"), "{kind} {text}: {}", full(&error));
        }
    });
}

/// Where only the server can tell, both formats give the same error at the same line.
#[test]
fn text_that_only_the_server_can_judge_fails_alike() {
    let invalid: [(&str, &[u8]); 10] = [
        ("json", b"{"),
        ("jsonb", b"{\"a\"}"),
        ("jsonb", b"\"\\\\u0000\""),
        ("varchar(3)", b"abcd"),
        ("char(3)", b"abcd"),
        ("public.mood", b"glad"),
        ("public.small", b"1000"),
        ("numeric(3,1)", b"100"),
        ("text", b"\xff\xfe"),
        ("text", b"a\0b"),
    ];
    on_each_version(|loader| {
        loader.db.execute(
            "CREATE TYPE public.mood AS ENUM ('sad'); \
             CREATE DOMAIN public.small AS integer CHECK (value < 1000)",
        );
        for (kind, text) in invalid {
            loader.db.execute(&format!(
                "SET client_min_messages = error; DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (v {kind})"
            ));
            let column = loader.columns("public.t").remove(0).1.unwrap();
            let rows = [b"\\N\n\\N\n", text, b"\n\\N\n"].concat();
            let binary = to_binary(&[column], &rows).unwrap();
            let one = loader.copy("COPY public.t FROM STDIN", rows).unwrap_err();
            let other =
                loader.copy("COPY public.t FROM STDIN (FORMAT binary)", binary).unwrap_err();
            assert_eq!(one.to_string(), other.to_string(), "{kind}");
            assert!(full(&other).contains("line 3"), "{kind}: {}", full(&other));
        }
    });
}

/// Every table of an archive, loaded both ways.
#[test]
fn the_tables_of_every_archive_are_the_same_both_ways() {
    for_each_version(|cluster| {
        let folder = common::cluster::repository().join("fixtures");
        let (mut taken, mut without_codec) = (0, Vec::new());
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // Of the formats, one each is enough; a wrapped one is no other.
            if !name.contains(&format!("-pg{}-", cluster.major))
                || [".list", ".gz", ".tar"].iter().any(|suffix| name.ends_with(suffix))
                || ["data-only", "schema-only", "latin1-"].iter().any(|part| name.contains(part))
            {
                continue;
            }
            let archive = source::open(&Input::Path(path.clone())).unwrap();
            assert!(archive.toc.encoding.is_utf8(), "{name}");
            let Access::Random(access) = archive.access else { panic!("{name} is a stream") };
            let loader = Loader::new(cluster.fresh_db("archive"));
            // Some objects need what a test server lacks, say a role.
            let args = ["--section=pre-data", "--no-owner", "--no-privileges"];
            loader.db.pg_restore(&path, &args);
            for entry in archive.toc.entries.iter().filter(|entry| !entry.copy_stmt.is_empty()) {
                let Data::Rows(reader) = access.open(entry, ReadCounter::default()).unwrap() else {
                    continue;
                };
                let mut reader = CopyText::new(reader);
                let mut rows = Vec::new();
                while let Some(piece) = reader.next_piece().unwrap() {
                    rows.extend_from_slice(&piece);
                }
                let what = format!("{name}, {}", entry.label());
                match loader.table_agrees(&what, &entry.copy_stmt, &rows) {
                    true => taken += 1,
                    false => without_codec.push(what),
                }
            }
        }
        println!("{taken} tables, {} without a codec: {without_codec:#?}", without_codec.len());
        assert!(taken > 20, "only {taken} tables went both ways");
    });
}

impl Loader<'_> {
    /// Loads a table both ways. False if it has columns without a codec.
    fn table_agrees(&self, what: &str, copy: &str, rows: &[u8]) -> bool {
        let statement = CopyStatement::parse(copy).unwrap();
        let all = self.columns(statement.table);
        let columns: Option<Vec<ColumnType>> = statement
            .columns
            .iter()
            .map(|wanted| {
                let found = all.iter().find(|(name, _)| name == wanted);
                found.unwrap_or_else(|| panic!("{what}: no column {wanted}")).1.clone()
            })
            .collect();
        let Some(columns) = columns else { return false };
        let binary = to_binary(&columns, rows).unwrap_or_else(|error| {
            let row = rows.split(|&byte| byte == b'\n').nth(error.row as usize - 1).unwrap();
            panic!("{what}: {error}: {}", String::from_utf8_lossy(row))
        });
        // Tables of their own: what else hangs on the archive's table does not matter.
        let list: Vec<_> = statement.columns.iter().map(|name| quoted(name)).collect();
        let query = format!("SELECT {} FROM {} WITH NO DATA", list.join(", "), statement.table);
        self.db.execute(&format!(
            "SET client_min_messages = error; DROP TABLE IF EXISTS public.text_way, public.binary_way; \
             CREATE TABLE public.text_way AS {query}; CREATE TABLE public.binary_way AS {query}"
        ));
        let failed = |error: Error| -> u64 { panic!("{what}: {}", full(&error)) };
        let text = self.copy("COPY public.text_way FROM STDIN", rows.to_vec());
        let copy = "COPY public.binary_way FROM STDIN (FORMAT binary)";
        let binary = self.copy(copy, binary);
        assert_eq!(text.unwrap_or_else(failed), binary.unwrap_or_else(failed), "{what}");
        self.assert_same("public.text_way", "public.binary_way", what);
        true
    }
}

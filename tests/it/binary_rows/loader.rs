//! A database that loads rows in both formats, and texts to load.

use bytes::{Bytes, BytesMut};
use nocturne::rows::{
    COLUMNS_QUERY, CatalogType, ColumnType, CopyStatement, HEADER, TRAILER, TranscodeError,
    Transcoder,
};
use nocturne::server::{ConnectOptions, Session, SessionError, SessionSettings, Target};
use nocturne::sql::ident::{literal, quoted};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::runtime::{Builder, Runtime};

use crate::common::{Database, for_each_version};

/// Texts tried for each strategy.
pub(super) const SAMPLES: usize = 400;

/// A database with a session that copies into it.
pub(super) struct Loader<'a> {
    pub(super) db: Database<'a>,
    runtime: Runtime,
    session: Session,
}

impl<'a> Loader<'a> {
    pub(super) fn new(db: Database<'a>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let options = ConnectOptions { dbname: Some(db.url()), ..ConnectOptions::default() };
        let target = Target::resolve(&options, &|_| None).unwrap();
        let settings = SessionSettings::default();
        let session = runtime.block_on(Session::connect(&target, &settings)).unwrap();
        // The session's own date and interval styles and time zone must not matter.
        let set = "SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kathmandu'; \
                   SET IntervalStyle = 'sql_standard'";
        runtime.block_on(session.execute(set)).unwrap();
        Self { db, runtime, session }
    }

    /// The codecs of a table's columns by their names.
    pub(super) fn columns(&self, table: &str) -> Vec<(String, Option<ColumnType>)> {
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

    pub(super) fn copy(
        &self,
        statement: &str,
        data: impl Into<Bytes>,
    ) -> Result<u64, SessionError> {
        self.runtime.block_on(async {
            let mut copy = self.session.copy_in(statement).await?;
            copy.send(data.into()).await?;
            copy.finish().await
        })
    }

    /// A table's rows in insertion order, in the given format.
    pub(super) fn contents(&self, table: &str, format: &str) -> Vec<u8> {
        let settings = "SET DateStyle = ISO; SET IntervalStyle = postgres; \
                        SET extra_float_digits = 3; SET synchronize_seqscans = off";
        let copy = format!("COPY {table} TO STDOUT (FORMAT {format})");
        let psql = self.db.psql().args(["--command", settings, "--command", &copy]);
        psql.succeed().stdout_bytes().to_vec()
    }

    pub(super) fn assert_same(&self, one: &str, other: &str, what: &str) {
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

    /// Tries the texts of a type, each one a COPY text field. At least a tenth must be accepted.
    pub(super) fn agree(&self, kind: &str, texts: &[String]) {
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
        assert!(taken.len() * 10 >= rows.len(), "{kind}: only {} are accepted", taken.len());
        self.load_both(kind, &column, taken.concat().as_bytes());
        // What PostgreSQL itself writes for these values.
        let written = self.contents("public.text_way", "text");
        self.db.execute("TRUNCATE public.text_way, public.binary_way");
        self.load_both(kind, &column, &written);
    }

    /// Everything PostgreSQL writes for the values of a query must be accepted.
    pub(super) fn agree_on_query(&self, kind: &str, query: &str) {
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

    pub(super) fn load_both(&self, kind: &str, column: &ColumnType, rows: &[u8]) {
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

pub(super) fn full(error: &SessionError) -> String {
    format!("{error} {error:?}")
}

/// A whole COPY in binary format.
pub(super) fn to_binary(columns: &[ColumnType], rows: &[u8]) -> Result<Bytes, TranscodeError> {
    let mut out = BytesMut::from(&HEADER[..]);
    Transcoder::new(columns.to_vec()).transcode(rows, &mut out)?;
    out.extend_from_slice(&TRAILER);
    Ok(out.freeze())
}

/// The same texts in each run.
pub(super) fn samples<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..SAMPLES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Texts matching one or more regular expressions, and some written by hand.
pub(super) fn texts(patterns: &[&'static str], more: &[&str]) -> Vec<String> {
    let mut texts: Vec<String> = more.iter().map(|&text| text.to_owned()).collect();
    for &pattern in patterns {
        texts.extend(samples(pattern));
    }
    texts
}

/// A value as COPY text.
pub(super) fn escaped(value: &str) -> String {
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
pub(super) fn on_each_version(test: impl Fn(&Loader<'_>)) {
    for_each_version(|cluster| test(&Loader::new(cluster.fresh_db("binary"))));
}

impl Loader<'_> {
    /// Loads a table in both formats. False if it has columns without a codec.
    pub(super) fn table_agrees(&self, what: &str, copy: &str, rows: &[u8]) -> bool {
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
        // Tables of our own: other objects attached to the archive's table do not matter.
        let list: Vec<_> = statement.columns.iter().map(|name| quoted(name)).collect();
        let query = format!("SELECT {} FROM {} WITH NO DATA", list.join(", "), statement.table);
        self.db.execute(&format!(
            "SET client_min_messages = error; DROP TABLE IF EXISTS public.text_way, public.binary_way; \
             CREATE TABLE public.text_way AS {query}; CREATE TABLE public.binary_way AS {query}"
        ));
        let failed = |error: SessionError| -> u64 { panic!("{what}: {}", full(&error)) };
        let text = self.copy("COPY public.text_way FROM STDIN", rows.to_vec());
        let copy = "COPY public.binary_way FROM STDIN (FORMAT binary)";
        let binary = self.copy(copy, binary);
        assert_eq!(text.unwrap_or_else(failed), binary.unwrap_or_else(failed), "{what}");
        self.assert_same("public.text_way", "public.binary_way", what);
        true
    }
}

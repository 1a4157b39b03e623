//! Archives in every encoding that PostgreSQL supports, with all characters of each.
//!
//! nocturne's restore is compared with the source, and its script with pg_restore's, byte by
//! byte: text that is not UTF-8 is not a `String`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::script::{assert_same, comparable};
use crate::common::versions::newest;
use crate::common::{Cluster, Database, Finished, Tool, cluster, nocturne};

const KEY: &str = "--restrict-key=Key1";

/// What EUC encodings have in common.
const EUC: &[&str] = &["80-ff a0-ff"];

const EUC_WITH_THREE: &[&str] = &["80-ff a0-ff", "8f a1-fe a1-fe"];

/// The other server encodings, and the byte ranges that their characters consist of
/// (`src/common/wchar.c`). The server rejects invalid characters.
const MULTIBYTE: [(&str, &[&str]); 7] = [
    ("EUC_JP", EUC_WITH_THREE),
    ("EUC_CN", EUC),
    ("EUC_KR", EUC),
    ("EUC_TW", &["80-ff a0-ff", "8e a1-a2 a1-fe a1-fe"]),
    ("EUC_JIS_2004", EUC_WITH_THREE),
    MULE_INTERNAL,
    // The last range has the characters that stand for bytes inside the program.
    ("UTF8", &["c2-df 80-bf", "e0-ef 80-bf 80-bf", "f0 90 80-bf 80-bf", "f4 8f bc-bf 80-bf"]),
];

const MULE_INTERNAL: (&str, &[&str]) =
    ("MULE_INTERNAL", &["81-8d a0-ff", "91 a1-fe a1-fe", "9a-9b a0-ff a0-ff", "9c f0 a1-fe a1-fe"]);

/// The client-only encodings: the second byte of a character may look like ASCII. The
/// characters outside Unicode's first plane, all of which GB18030 has, follow one rule.
const CLIENTS: [(&str, &[&str]); 7] = [
    ("SJIS", &["81-fc 40-fc", "a1-df"]),
    ("SHIFT_JIS_2004", &["81-fc 40-fc", "a1-df"]),
    ("BIG5", &["81-fe 40-fe"]),
    ("GBK", &["80-fe 40-fe"]),
    ("UHC", &["81-fe 41-fe"]),
    ("JOHAB", &["81-fe 31-fe", "8f a1-fe a1-fe"]),
    ("GB18030", &["81-fe 40-fe", "81-84 30-39 81-fe 30-39", "90 30 81-fe 30-39"]),
];

fn server() -> &'static Cluster {
    cluster(newest())
}

fn create(encoding: &str, name: &str) -> Database<'static> {
    let database = server().adopt_db(name);
    server()
        .tool("createdb")
        .args(["--template=template0", "--locale=C", "--locale-provider=libc", "-E", encoding])
        .arg(name)
        .succeed();
    database
}

/// A schema `<encoding> …` with all characters that the byte ranges form in the encoding, if
/// the database's encoding has them, in rows. Names, defaults, checks, comments, functions, views
/// and labels contain a few hundred of them.
fn schema(encoding: &str, ranges: &[&str]) -> String {
    let number = |hex: &str| u8::from_str_radix(hex, 16).unwrap();
    let candidates = ranges.iter().chain(&["01-7f"]).map(|range| {
        let parts: Vec<(&str, &str)> =
            range.split(' ').map(|part| part.split_once('-').unwrap_or((part, part))).collect();
        let from: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(at, (first, last))| {
                format!("generate_series({}, {}) b{at}", number(first), number(last))
            })
            .collect();
        let hex: Vec<String> =
            (0..parts.len()).map(|at| format!("lpad(to_hex(b{at}), 2, '0')")).collect();
        format!("SELECT decode({}, 'hex') b FROM {}", hex.join(" || "), from.join(", "))
    });
    let candidates = candidates.collect::<Vec<_>>().join(" UNION ALL ");
    format!(
        "{CHARACTER}
         CREATE TEMP TABLE characters AS
             SELECT row_number() OVER (ORDER BY b) AS n, c, b >= '\\x80' AS high
             FROM (SELECT b, pg_temp.character(b, '{encoding}') AS c FROM ({candidates}) AS made)
                 AS tried
             WHERE c IS NOT NULL;
         SET nocturne.encoding = '{encoding}';
         {OBJECTS}"
    )
}

const CHARACTER: &str = "
    CREATE FUNCTION pg_temp.character(b bytea, encoding text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE c text;
    BEGIN
        c := convert_from(b, encoding);
        -- A name that changes on its way there and back is lost to pg_dump itself.
        RETURN CASE WHEN convert_to(c, encoding) = b THEN c END;
    EXCEPTION WHEN OTHERS THEN RETURN NULL;
    END $$;";

const OBJECTS: &str = "
    DO $do$
    DECLARE names text[]; name text;
    BEGIN
        SELECT array_agg(s) INTO names FROM (
            SELECT string_agg(c, '') AS s FROM (
                SELECT c, row_number() OVER (ORDER BY n) AS r FROM (
                    SELECT c, n, row_number() OVER (ORDER BY n) AS r, count(*) OVER () AS total
                    FROM characters WHERE high
                ) AS counted WHERE r % greatest(1, total / 240) = 0
            ) AS chosen GROUP BY r / 12
        ) AS joined;
        name := lower(current_setting('nocturne.encoding')) || ' ' || names[1];
        EXECUTE format('CREATE SCHEMA %I', name);
        PERFORM set_config('search_path', quote_ident(name), false);
        CREATE TABLE texts AS
            SELECT n / 200 AS chunk, string_agg(c, '' ORDER BY n) AS t FROM characters GROUP BY 1;
        EXECUTE format('COMMENT ON TABLE texts IS %L', array_to_string(names, '''\\'));
        EXECUTE format('CREATE FUNCTION names() RETURNS text LANGUAGE sql AS %L',
            format('SELECT %L::text', array_to_string(names, '''\\')));
        EXECUTE format('CREATE TYPE label AS ENUM (%s)',
            (SELECT string_agg(quote_literal(l), ', ') FROM unnest(names) AS l));
        CREATE TABLE labels (l label);
        INSERT INTO labels SELECT unnest(names)::label;
        EXECUTE format('CREATE TABLE many (%s)', (
            SELECT string_agg(
                -- A name that PostgreSQL makes and cuts may end inside a character.
                format('%I text DEFAULT %L CONSTRAINT %1$I CHECK (%1$I <> %3$L)',
                    l, l || '''\\', l || ';'), ', ')
            FROM unnest(names) AS l));
        INSERT INTO many DEFAULT VALUES;
        FOREACH name IN ARRAY names[2:4] LOOP
            EXECUTE format('CREATE TABLE %I (%1$I text CONSTRAINT %2$I UNIQUE)', name, 'u' || name);
            EXECUTE format('INSERT INTO %I VALUES (%1$L)', name);
            EXECUTE format('CREATE VIEW %I AS SELECT %2$L::text AS %2$I', 'v' || name, name);
            EXECUTE format('COMMENT ON COLUMN %I.%1$I IS %L', name, name || '''\\;');
        END LOOP;
    END $do$;";

/// Dumps an encoding's schema in this encoding.
fn dump(database: &Database<'_>, encoding: &str, options: &[&str]) -> Tool {
    let schema = format!("\"{} \"*", encoding.to_lowercase());
    let tool = database.pg_dump(&["--no-sync", "-E", encoding, "-n", &schema]);
    tool.args(options)
}

/// Restores an archive of an encoding's schema, and compares: the database with the archive by
/// `verify -d`, the script with pg_restore's, and pg_dump's output with the source's.
fn check(archive: &Path, database: &Database<'_>, encoding: &str, options: &[&str]) {
    nocturne().args(["restore", "-j1", "-d", &database.url()]).arg(archive).succeed();
    nocturne().arg("verify").arg(archive).args(["-d", &database.url()]).succeed();
    let script = nocturne().args(["restore", KEY, "-f", "-"]).arg(archive).succeed();
    let oracle = server().tool("pg_restore").args([KEY, "-f", "-"]).arg(archive).succeed();
    let [ours, theirs] =
        [&script, &oracle].map(|script| comparable(script.stdout_bytes(), server().major));
    assert_same(&ours, &theirs, encoding);
    let restored = dump(database, encoding, options).arg(KEY).succeed();
    assert_same(&sorted(&restored), &sorted(&oracle), encoding);
}

/// Lines in order: rows of INSERTs are stored wherever pages had room.
fn sorted(script: &Finished) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = script.stdout_bytes().split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines.join(&b'\n')
}

/// A database of one encoding holds the schemas of the others one at a time, as pg_dump reads all
/// names that exist.
fn every_encoding<'a>(
    database: &str,
    name: &str,
    encodings: impl Iterator<Item = (&'a str, &'a [&'a str])>,
    options: &[&str],
) {
    let source = create(database, &format!("{name}_source"));
    let target = create(database, &format!("{name}_target"));
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.dump");
    for (encoding, ranges) in encodings {
        source.execute(&format!("{DROP} {}", schema(encoding, ranges)));
        target.execute(DROP);
        dump(&source, encoding, options).args(["-Fc", "-Z0", "-f"]).arg(&archive).succeed();
        check(&archive, &target, encoding, options);
    }
    nocturne().arg("verify").arg(&archive).succeed();
}

const DROP: &str = "
    SET client_min_messages = warning;
    DO $$
    DECLARE name text;
    BEGIN
        FOR name IN SELECT nspname FROM pg_namespace WHERE nspname LIKE '% %' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', name);
        END LOOP;
    END $$;";

/// The encodings that the server knows: single-byte ones (and arbitrary bytes), or the others.
fn known(single_byte: bool) -> Vec<String> {
    let sign = if single_byte { "=" } else { ">" };
    let sql = format!(
        "SELECT pg_encoding_to_char(n) FROM generate_series(0, 99) n \
         WHERE pg_encoding_max_length(n) {sign} 1"
    );
    let names = server().psql("postgres").args(["-A", "-t", "-c", &sql]).succeed();
    names.stdout().lines().map(str::to_owned).collect()
}

#[test]
fn every_multibyte_encoding_is_tested() {
    let tested = MULTIBYTE.iter().chain(&CLIENTS).map(|(name, _)| (*name).to_owned());
    assert_eq!(tested.collect::<BTreeSet<_>>(), known(false).into_iter().collect());
}

/// A SQL_ASCII database accepts and returns the bytes of all server encodings.
#[test]
fn server_encodings_keep_all_bytes() {
    let known = known(true);
    let single = known.iter().map(|encoding| (encoding.as_str(), &["80-ff"][..]));
    every_encoding("SQL_ASCII", "bytes", MULTIBYTE.into_iter().chain(single), &["--inserts"]);
}

#[test]
fn client_encodings_keep_all_characters() {
    every_encoding("UTF8", "inserts", CLIENTS.into_iter(), &["--inserts"]);
    every_encoding("UTF8", "copy", CLIENTS.into_iter().take(2), &[]);
}

/// Its client cannot speak UTF-8.
#[test]
fn mule_internal_database_keeps_all_characters() {
    every_encoding("MULE_INTERNAL", "mule", [MULE_INTERNAL].into_iter(), &[]);
}

#[test]
fn latin1_archive_in_sql_ascii_database_keeps_bytes() {
    let source = create("LATIN1", "latin1_source");
    source.execute(&schema("LATIN1", &["80-ff"]));
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.dump");
    dump(&source, "LATIN1", &["-Fc", "-f"]).arg(&archive).succeed();
    check(&archive, &create("SQL_ASCII", "latin1_target"), "LATIN1", &[]);
}

/// Names unrelated to the archive whose characters its encoding lacks.
#[test]
fn foreign_names_outside_the_encoding_block_nothing() {
    let source = create("LATIN1", "others_source");
    source.execute(
        "CREATE TABLE a_codes (a int); INSERT INTO a_codes VALUES (1); \
         CREATE FUNCTION known(c int) RETURNS boolean LANGUAGE sql IMMUTABLE AS \
             $$ SELECT EXISTS (SELECT FROM public.a_codes WHERE a = c) $$; \
         CREATE TABLE b_rows (a int CHECK (known(a)), b text); INSERT INTO b_rows VALUES (1, chr(233))",
    );
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.dump");
    source.pg_dump(&["-Fc", "-f"]).arg(&archive).succeed();
    source.execute("CREATE ROLE \"роль\"");
    for (name, resume) in [("others_plain", &[][..]), ("others_resumed", &["--resume"])] {
        let target = create("UTF8", name);
        target.execute(
            "CREATE SCHEMA \"схема\"; CREATE TABLE \"схема\".\"таблица\" (a int); \
             CREATE FUNCTION \"схема\".\"функция\"() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        );
        let tool = nocturne().args(["restore", "-d", &target.url()]).args(resume).arg(&archive);
        let restored = tool.succeed();
        assert!(!restored.stderr().contains("warning"), "{restored}");
        assert_eq!(target.query("SELECT ascii(b) FROM b_rows"), "233");
    }
    source.execute("DROP ROLE \"роль\"");
}

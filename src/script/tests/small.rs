//! The table of contents of a small archive of pg_dump 18, as pg_dump wrote it.

use crate::archive::tests::entry::named;
use crate::archive::{DataLocation, Desc, DumpId, Entry, Section};

/// All entries, in the archive's order.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry {
            dump_id: DumpId(2582),
            section: Section::PreData,
            defn: r#"SET client_encoding = 'UTF8';
"#.to_owned(),
            ..named(Desc::Encoding, "ENCODING")
        },
        Entry {
            dump_id: DumpId(2583),
            section: Section::PreData,
            defn: r#"SET standard_conforming_strings = 'on';
"#.to_owned(),
            ..named(Desc::StdStrings, "STDSTRINGS")
        },
        Entry {
            dump_id: DumpId(2584),
            section: Section::PreData,
            defn: r#"SELECT pg_catalog.set_config('search_path', '', false);
"#.to_owned(),
            ..named(Desc::SearchPath, "SEARCHPATH")
        },
        Entry {
            dump_id: DumpId(2585),
            table_oid: 1262,
            oid: 17867,
            section: Section::PreData,
            defn: r#"CREATE DATABASE "my-app" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C';
"#.to_owned(),
            drop_stmt: r#"DROP DATABASE "my-app";
"#.to_owned(),
            owner: Some("Boss".to_owned()),
            ..named(Desc::Database, "my-app")
        },
        Entry {
            dump_id: DumpId(2586),
            section: Section::PreData,
            defn: r#"ALTER DATABASE "my-app" SET work_mem TO '8MB';
"#.to_owned(),
            owner: Some("Boss".to_owned()),
            ..named(Desc::DatabaseProperties, "my-app")
        },
        Entry {
            dump_id: DumpId(6),
            table_oid: 2615,
            oid: 17868,
            section: Section::PreData,
            defn: r#"CREATE SCHEMA app;
"#.to_owned(),
            drop_stmt: r#"DROP SCHEMA app;
"#.to_owned(),
            owner: Some("Boss".to_owned()),
            ..named(Desc::Schema, "app")
        },
        Entry {
            dump_id: DumpId(223),
            table_oid: 1255,
            oid: 17882,
            section: Section::PreData,
            defn: r#"CREATE FUNCTION app.f() RETURNS event_trigger
    LANGUAGE plpgsql
    AS $$BEGIN NULL; END$$;
"#.to_owned(),
            drop_stmt: r#"DROP FUNCTION app.f();
"#.to_owned(),
            namespace: Some("app".to_owned()),
            owner: Some("Boss".to_owned()),
            dependencies: vec![DumpId(6)],
            ..named(Desc::Function, "f()")
        },
        Entry {
            dump_id: DumpId(220),
            table_oid: 1259,
            oid: 17869,
            section: Section::PreData,
            defn: r#"CREATE TABLE app."Order" (
    id integer,
    note text,
    CONSTRAINT "Order_id_check" CHECK ((id > 0))
);
"#.to_owned(),
            drop_stmt: r#"DROP TABLE app."Order";
"#.to_owned(),
            namespace: Some("app".to_owned()),
            tablespace: Some(String::new()),
            table_am: Some("heap".to_owned()),
            owner: Some("Boss".to_owned()),
            relkind: b'r',
            dependencies: vec![DumpId(6)],
            ..named(Desc::Table, "Order")
        },
        Entry {
            dump_id: DumpId(2587),
            section: Section::None,
            defn: r#"COMMENT ON TABLE app."Order" IS 'many; words';
"#.to_owned(),
            namespace: Some("app".to_owned()),
            owner: Some("Boss".to_owned()),
            dependencies: vec![DumpId(220)],
            ..named(Desc::Comment, r#"TABLE "Order""#)
        },
        Entry {
            dump_id: DumpId(2588),
            section: Section::None,
            defn: r#"GRANT SELECT ON TABLE app."Order" TO PUBLIC;
"#.to_owned(),
            namespace: Some("app".to_owned()),
            owner: Some("Boss".to_owned()),
            dependencies: vec![DumpId(220)],
            ..named(Desc::Acl, r#"TABLE "Order""#)
        },
        Entry {
            dump_id: DumpId(222),
            table_oid: 1259,
            oid: 17884,
            section: Section::PreData,
            defn: r#"CREATE TABLE app.parts (
    id integer
)
PARTITION BY LIST (id);
"#.to_owned(),
            drop_stmt: r#"DROP TABLE app.parts;
"#.to_owned(),
            namespace: Some("app".to_owned()),
            tablespace: Some(String::new()),
            table_am: Some("heap".to_owned()),
            owner: Some("Boss".to_owned()),
            relkind: b'p',
            dependencies: vec![DumpId(6)],
            ..named(Desc::Table, "parts")
        },
        Entry {
            dump_id: DumpId(221),
            table_oid: 1259,
            oid: 17875,
            section: Section::PreData,
            defn: r#"CREATE MATERIALIZED VIEW app.totals AS
 SELECT count(*) AS count
   FROM app."Order"
  WITH NO DATA;
"#.to_owned(),
            drop_stmt: r#"DROP MATERIALIZED VIEW app.totals;
"#.to_owned(),
            namespace: Some("app".to_owned()),
            tablespace: Some(String::new()),
            table_am: Some("heap".to_owned()),
            owner: Some("Boss".to_owned()),
            relkind: b'm',
            dependencies: vec![DumpId(220), DumpId(6)],
            ..named(Desc::MaterializedView, "totals")
        },
        Entry {
            dump_id: DumpId(2576),
            had_dumper: true,
            oid: 17869,
            section: Section::Data,
            copy_stmt: r#"COPY app."Order" (id, note) FROM stdin;
"#.to_owned(),
            namespace: Some("app".to_owned()),
            owner: Some("Boss".to_owned()),
            dependencies: vec![DumpId(220)],
            data: DataLocation::File("2576.dat".to_owned()),
            ..named(Desc::TableData, "Order")
        },
        Entry {
            dump_id: DumpId(2578),
            table_oid: 2613,
            oid: 16,
            section: Section::Data,
            defn: r#"16
17
"#.to_owned(),
            drop_stmt: "-- dummy".to_owned(),
            owner: Some("Boss".to_owned()),
            ..named(Desc::BlobMetadata, "16..17")
        },
        Entry {
            dump_id: DumpId(2589),
            section: Section::None,
            defn: r#"GRANT SELECT ON LARGE OBJECT 16 TO PUBLIC;
"#.to_owned(),
            owner: Some("Boss".to_owned()),
            dependencies: vec![DumpId(2578)],
            ..named(Desc::Acl, "LARGE OBJECTS 16..17")
        },
        Entry {
            dump_id: DumpId(2579),
            had_dumper: true,
            section: Section::Data,
            owner: Some("Boss".to_owned()),
            dependencies: vec![DumpId(2578), DumpId(2580)],
            data: DataLocation::File("blobs_2579.toc".to_owned()),
            ..named(Desc::Blobs, "16..17")
        },
        Entry {
            dump_id: DumpId(2426),
            table_oid: 3466,
            oid: 17883,
            section: Section::PostData,
            defn: r#"CREATE EVENT TRIGGER watch ON ddl_command_end
   EXECUTE FUNCTION app.f();

ALTER EVENT TRIGGER watch DISABLE;
"#.to_owned(),
            drop_stmt: r#"DROP EVENT TRIGGER watch;
"#.to_owned(),
            owner: Some("Boss".to_owned()),
            dependencies: vec![DumpId(223)],
            ..named(Desc::EventTrigger, "watch")
        },
        Entry {
            dump_id: DumpId(2577),
            oid: 17875,
            section: Section::PostData,
            defn: r#"REFRESH MATERIALIZED VIEW app.totals;
"#.to_owned(),
            namespace: Some("app".to_owned()),
            owner: Some("Boss".to_owned()),
            dependencies: vec![DumpId(221), DumpId(2581)],
            ..named(Desc::MaterializedViewData, "totals")
        },
    ]
}

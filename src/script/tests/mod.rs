//! Whole scripts, compared with the output of pg_restore 18.6 for the same archive.

mod small;

use std::cell::RefCell;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use super::*;
use crate::archive::tests::entry::named;
use crate::archive::tests::writer::toc;
use crate::archive::{LargeObject, LargeObjects, Place};
use crate::statements::{Ownership, SourceSettings};

/// The first large object is two bytes longer than one statement holds; the second is empty.
const LARGE_OBJECT: (u32, &[u8], usize) = (16, b"\x00\xff", 8193);

struct TwoObjects(u32);

impl LargeObjects for TwoObjects {
    fn next_object(&mut self) -> archive::Result<Option<LargeObject<'_>>> {
        let (first, bytes, times) = LARGE_OBJECT;
        self.0 += 1;
        let content: Box<dyn Read + Send> = match self.0 {
            1 => Box::new(io::Cursor::new(bytes.repeat(times))),
            2 => Box::new(io::empty()),
            _ => return Ok(None),
        };
        Ok(Some(LargeObject { oid: first + self.0 - 1, content }))
    }
}

fn open(entry: &Entry) -> archive::Result<Data> {
    Ok(match entry.desc {
        Desc::Blobs => Data::LargeObjects(Box::new(TwoObjects(0))),
        _ => Data::Rows(Box::new(&b"1\ta\\tb\n2\t\\N\n\\.\n\n\n"[..])),
    })
}

fn options(entries: &[Entry]) -> ScriptOptions<'static> {
    let version = "18.6";
    ScriptOptions {
        style: Style { source: SourceSettings::of(&toc(entries, version)), ..Style::default() },
        clean: Clean::No,
        create: false,
        transactions: Transactions::None,
        disable_triggers: false,
        verbose: None,
        restrict_key: Some("key".to_owned()),
        for_server_major: None,
        header: ScriptHeader {
            server_version: Some(version.to_owned()),
            dump_version: Some(version.to_owned()),
            creates_large_objects_with_data: false,
        },
        encoding: Encoding::named("UTF8"),
    }
}

/// What pg_restore wants of an entry by default, with `--create`, or with `--data-only`.
fn parts(entry: &Entry, create: bool, data_only: bool) -> Want {
    let data = entry.had_dumper
        || entry.desc == Desc::BlobMetadata
        || entry.tag.starts_with("LARGE OBJECTS");
    match entry.desc {
        Desc::Encoding | Desc::StdStrings | Desc::SearchPath => Want::default(),
        Desc::Database | Desc::DatabaseProperties if !create => Want::default(),
        _ => Want { schema: !data && !data_only, data, ..Want::default() },
    }
}

/// The script for these entries, and the warnings.
fn script(
    entries: &[Entry],
    options: &ScriptOptions<'_>,
    data_only: bool,
    open: &mut OpenData<'_>,
) -> Result<(String, Vec<String>), ScriptError> {
    let order: Vec<Place> = (0..entries.len()).map(Place).collect();
    let parts: Vec<Want> = entries.iter().map(|e| parts(e, options.create, data_only)).collect();
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let events = Events::to({
        let warnings = warnings.clone();
        move |event| {
            if let Event::Warning { message } = event {
                warnings.lock().unwrap().push(message);
            }
        }
    });
    let mut out = Vec::new();
    let selection = ScriptSelection { entries, order: &order, wants: &parts };
    write_script(&mut out, selection, options, &events, open)?;
    let warnings = warnings.lock().unwrap().clone();
    Ok((String::from_utf8(out).unwrap(), warnings))
}

/// Compares with pg_restore's script, in which a large object's hexadecimal digits are shortened.
fn assert_script(options: &ScriptOptions<'_>, data_only: bool, expected: &str) {
    let (written, warnings) =
        script(&small::entries(), options, data_only, &mut |e| open(e)).unwrap();
    let shortened = written.replace(&"00ff".repeat(8192), "@CHUNK@");
    // Line by line first, where a difference is easier to see.
    for (number, (written, expected)) in shortened.lines().zip(expected.lines()).enumerate() {
        assert_eq!(written, expected, "line {}", number + 1);
    }
    assert_eq!(shortened, expected);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn plain_script_matches_pg_restore() {
    assert_script(&options(&small::entries()), false, include_str!("plain.sql"));
}

#[test]
fn create_script_in_batches_matches_pg_restore() {
    let options = ScriptOptions {
        create: true,
        clean: Clean::DropIfExists,
        transactions: Transactions::Batches(4.try_into().unwrap()),
        verbose: Some(Verbose {
            created: "THEN".to_owned(),
            now: &|| "NOW".to_owned(),
            custom_format: false,
        }),
        ..options(&small::entries())
    };
    assert_script(&options, false, include_str!("create_clean_in_batches.sql"));
}

#[test]
fn data_only_script_matches_pg_restore() {
    let mut options = ScriptOptions { disable_triggers: true, ..options(&small::entries()) };
    options.style.ownership = Ownership::SetSessionAuthorization;
    options.style.superuser = Some("root".to_owned());
    assert_script(&options, true, include_str!("data_only.sql"));
}

#[test]
fn ownerless_single_transaction_script_matches_pg_restore() {
    let mut options = ScriptOptions {
        clean: Clean::Drop,
        transactions: Transactions::Single,
        ..options(&small::entries())
    };
    options.style.ownership = Ownership::Ignore;
    assert_script(&options, false, include_str!("no_owner_single.sql"));
}

#[test]
fn before_1_12_large_objects_come_with_data() {
    let mut blobs = named(Desc::Blobs, "BLOBS");
    blobs.had_dumper = true;
    let mut options = options(&[]);
    options.header.creates_large_objects_with_data = true;
    options.clean = Clean::Drop;
    let (written, _) = script(&[blobs], &options, false, &mut |e| open(e)).unwrap();
    let expected = "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata \
                    WHERE oid = '17';\n\
                    SELECT pg_catalog.lo_open(pg_catalog.lo_create('17'), 131072);\n\
                    SELECT pg_catalog.lo_close(0);\n\nCOMMIT;\n\n";
    assert!(written.contains(expected), "{written}");
    // Without STDSTRINGS in the archive, a backslash has to be doubled.
    assert!(written.contains("lowrite(0, '\\\\x00ff');"));
}

#[test]
fn names_cannot_leave_their_comment() {
    let mut table = named(Desc::Table, "x\n\\! rm -r /\r");
    table.defn = "CREATE TABLE x ();\n".to_owned();
    let (written, _) = script(&[table], &options(&[]), false, &mut |e| open(e)).unwrap();
    assert!(written.contains("-- Name: x \\! rm -r / ; Type: TABLE; Schema: -; Owner: -\n"));
}

#[test]
fn warnings_do_not_stop_the_script() {
    let mut cube = named(Desc::Other("HYPERCUBE".to_owned()), "c");
    cube.defn = "CREATE HYPERCUBE c;\n".to_owned();
    cube.drop_stmt = "REMOVE c;\n".to_owned();
    cube.owner = Some("boss".to_owned());
    let mut warning = named(Desc::Warning, "w");
    warning.defn = "mind the gap".to_owned();
    let options = ScriptOptions { clean: Clean::DropIfExists, ..options(&[]) };
    let (written, warnings) = script(&[cube, warning], &options, false, &mut |e| open(e)).unwrap();
    assert!(written.contains("REMOVE c;\n") && written.contains("CREATE HYPERCUBE c;\n"));
    assert_eq!(
        warnings,
        [
            "could not find where to insert IF EXISTS in statement \"REMOVE c;\"",
            "HYPERCUBE c: do not know how to set the owner of a HYPERCUBE",
            "warning from original dump file: mind the gap",
        ]
    );
}

#[test]
fn text_keeps_archive_encoding_and_data_is_verbatim() {
    let mut table = named(Desc::TableData, "été");
    table.had_dumper = true;
    table.copy_stmt = "COPY t (a) FROM stdin;\n".to_owned();
    let mut options = options(&[]);
    options.encoding = Encoding::named("LATIN1");
    let selection = ScriptSelection {
        entries: &[table],
        order: &[Place(0)],
        wants: &[Want { data: true, ..Want::default() }],
    };
    let mut out = Vec::new();
    write_script(&mut out, selection, &options, &Events::discard(), &mut |_| {
        Ok(Data::Rows(Box::new(&b"\xff\n\\.\n\n\n"[..])))
    })
    .unwrap();
    let has = |part: &[u8]| memchr::memmem::find(&out, part).is_some();
    assert!(has(b"Name: \xe9t\xe9;") && has(b"stdin;\n\xff\n\\.\n"));
}

#[test]
fn damaged_data_is_archive_error_naming_the_entry() {
    struct Damaged;
    impl Read for Damaged {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(archive::ArchiveError::truncated("no end marker").into())
        }
    }
    let mut rows = named(Desc::TableData, "t");
    rows.had_dumper = true;
    let opened = RefCell::new(0);
    let error = script(&[rows], &options(&[]), false, &mut |_| {
        *opened.borrow_mut() += 1;
        Ok(Data::Rows(Box::new(Damaged)))
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "entry 1 TABLE DATA t: unexpected end of data: no end marker");
    assert!(matches!(error, ScriptError::Archive(e) if e.dump_id() == Some(DumpId(1))));
    assert_eq!(*opened.borrow(), 1);
}

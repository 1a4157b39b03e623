//! Which servers are contacted, and which are not: targets never chosen, misspelt URLs, addresses
//! without a listener, records owned by another role.

use std::fs;
use std::net::TcpListener;
use std::time::Instant;

use super::probe::{Before, archive, scratch, server, target};
use crate::common::{bare_nocturne, nocturne};

/// Far below the minutes that retries take.
const AT_ONCE: u64 = 45;

#[test]
fn server_without_a_database_is_not_a_target() {
    let cluster = server();
    let server = cluster.server();
    let (socket, port) = (server.socket_dir().to_str().unwrap(), server.port().to_string());
    let oracle = cluster.tool("pg_restore").arg(archive()).run();
    assert!(oracle.stderr().contains("one of -d/--dbname and -f/--file must be specified"));
    for options in [&[][..], &["-h", socket], &["-p", &port], &["-U", "postgres"]] {
        let said = bare_nocturne()
            .args(["restore", "-n", "one"])
            .args(options)
            .arg(archive())
            .env("PGHOST", socket)
            .env("PGPORT", &port)
            .env("PGUSER", "postgres")
            .run();
        assert!(said.stderr().contains("-d/--dbname and -f/--file must be specified"), "{said}");
        said.expect_code(2);
    }
    // A URL without a database would mean the role's.
    let url = format!("postgres://postgres@/?host={socket}&port={port}");
    let said = bare_nocturne().args(["restore"]).arg(archive()).env("DATABASE_URL", url).run();
    said.expect_code(2);
}

#[test]
fn url_without_a_database_selects_no_target() {
    let cluster = server();
    // What libpq would use: the database with the role's name.
    cluster.tool("createdb").args(["-O", "options_plain", "options_plain"]).succeed();
    let own = cluster.adopt_db("options_plain".to_owned());
    own.execute("SET ROLE options_plain; CREATE TABLE public.kept (id integer)");
    let (socket, port) = (cluster.server().socket_dir().display(), cluster.server().port());
    let folder = tempfile::tempdir().unwrap();
    for url in [
        format!("postgres://options_plain@/?host={socket}&port={port}"),
        format!("host={socket} port={port} user=options_plain"),
    ] {
        for command in ["run", "drop-objects", "enrich", "incremental", "worker"] {
            let tool = bare_nocturne().arg(command).env("DATABASE_URL", &url);
            let tool = tool.env("SOURCE_DATABASE_URL", own.url()).env("SCHEDULE", "@daily");
            let tool = tool.env("ENRICHMENT_DIR", folder.path());
            let said = tool.env("BACKUP_SOURCE", archive()).run();
            assert!(said.stderr().contains("no database is named"), "{command}: {said}");
            said.expect_code(2);
        }
    }
    assert_eq!(own.query("SELECT to_regclass('public.kept') IS NOT NULL"), "t");
}

#[test]
fn database_name_option_does_not_use_environment_server() {
    let (named, other) = (target(Before::Schemas), target(Before::Schemas));
    let tool = || bare_nocturne().args(["restore", "-n", "one"]).env("DATABASE_URL", named.url());
    let said = tool().args(["-d", &other.name]).env("PGHOST", "/nowhere").arg(archive()).run();
    said.expect_code(4);
    assert_eq!(other.query("SELECT to_regclass('one.counted') IS NULL"), "t");
}

#[test]
fn service_names_the_target() {
    let database = target(Before::Schemas);
    let server = server().server();
    let file = scratch("services");
    let text = format!(
        "[other]\nhost=/nowhere\n[nightly]\nhost={}\nport={}\nuser=postgres\ndbname={}\n",
        server.socket_dir().display(),
        server.port(),
        database.name
    );
    fs::write(&file, text).unwrap();
    let tool = || bare_nocturne().arg("restore").env("PGSERVICEFILE", &file);
    tool().args(["-n", "one"]).env("PGSERVICE", "nightly").arg(archive()).succeed();
    tool()
        .args(["-n", "two", "-t", "owned", "-O", "-x", "-d", "service=nightly"])
        .arg(archive())
        .run();
    assert_eq!(database.query("SELECT to_regclass('two.owned') IS NOT NULL"), "t");
    assert_eq!(database.query("SELECT count(*) FROM one.counted"), "20");
}

#[test]
fn undefined_service_with_url_is_named_in_error() {
    let url = target(Before::Schemas).url();
    let tool = |command: &str| bare_nocturne().arg(command).env("PGSERVICE", "nowhere-defined");
    for said in [
        tool("restore").env("DATABASE_URL", &url).arg(archive()).run(),
        tool("restore").args(["-d", &url]).arg(archive()).run(),
        tool("drop-objects").env("DATABASE_URL", &url).run(),
    ] {
        let said = said.expect_code(2);
        assert!(said.stderr().contains("\"nowhere-defined\" not found"), "{said}");
        assert!(said.stderr().contains("PGSERVICE is set: unset it"), "{said}");
        assert!(!said.stderr().contains("looks like"), "{said}");
    }
    // If the user names a service, the error names only it; a wrong URL keeps its hint.
    let named = nocturne().args(["restore", "-d", "service=nowhere-defined"]).arg(archive()).run();
    assert!(!named.stderr().contains("PGSERVICE"), "{named}");
    let wrong = bare_nocturne().arg("restore").env("DATABASE_URL", "postgresql://h:x/d");
    let wrong = wrong.arg(archive()).run().expect_code(2);
    assert!(wrong.stderr().contains("DATABASE_URL is used because -d is not given"), "{wrong}");
}

#[test]
fn misspelled_url_shows_no_password() {
    for text in ["postgresq://u:word-1@h/d", " postgres://u:word-1@h/d", "u:word-1@h/d"] {
        for command in [&["restore"][..], &["verify"]] {
            let said = nocturne().args(command).args(["-d", text]).arg(archive()).run();
            assert!(!said.stderr().contains("word-1"), "{said}");
            said.expect_code(2);
        }
        for command in ["run", "drop-objects", "enrich", "incremental", "web"] {
            let said = bare_nocturne().arg(command).env("DATABASE_URL", text).run();
            assert!(!said.stderr().contains("word-1") && !said.success(), "{said}");
        }
    }
}

/// Wherever it was typed, by mistake or not: as an archive, a file, a number, a word.
#[test]
fn password_in_any_argument_is_not_shown() {
    let path = archive().to_str().unwrap();
    let values = [
        "postgres://u:word-1@h/d",
        "u:word-1@h/d",
        "postgres:/u:word-1@h/d",
        "host=h password=word-1",
        "htps://h/f?signature=word-1",
    ];
    for value in values {
        let given = format!("--jobs={value}");
        for words in [
            &[value][..],
            &["restore", "-d", "x", value],
            &["restore", "-d", "x", "-j", value, path],
            &["restore", "-d", "x", &given, path],
            &["restore", "-d", "x", "--summary", value, path],
            &["restore", "-d", "x", "--set", value, path],
            &["restore", "-d", "x", "-L", value, path],
            &["restore", "-f", value, path, path],
            &["restore", "-d", "x", "--log-format", "json", "--timeline", value, path],
            &["list", value],
            &["plan", "--as-if", value, path],
            &["verify", "--digests", value, path],
            &["report", value],
            &["run", "--from", value, "-d", "x"],
            &["run", "--backup-mode", value],
            &["worker", "--schedule", value],
            &["drop-objects", value],
            &["fetch-backup", "--from", value],
            &["incremental", "--table", value],
            &["completions", value],
        ] {
            let said = bare_nocturne().args(words).run();
            let shown = said.stdout() + &said.stderr();
            assert!(!shown.contains("word-1") && !said.success(), "{words:?}: {said}");
        }
    }
}

#[test]
fn password_in_the_place_of_a_port_is_not_shown() {
    let path = archive().to_str().unwrap();
    for url in ["postgres://u:word-1", "postgres://u:word-1/d", "postgres://u:word-1#h/d"] {
        for words in [
            &["restore", "-w", "-d", url, path][..],
            &["verify", "-d", url, path],
            &["drop-objects", "-d", url],
            &["restore", "-d", "x", "-p", "1:word-1", path],
            &["restore", "-d", "x", "--password=word-1", path],
            &["restore", "-d", "x", path, "--pass", "word-1"],
        ] {
            let said = bare_nocturne().args(words).run();
            let shown = said.stdout() + &said.stderr();
            assert!(!shown.contains("word-1") && !said.success(), "{words:?}: {said}");
        }
        for command in [&["restore", "-w", path][..], &["run", "--dry-run"]] {
            let said = bare_nocturne().args(command).env("DATABASE_URL", url).run();
            let shown = said.stdout() + &said.stderr();
            assert!(!shown.contains("word-1"), "{command:?}: {said}");
        }
    }
}

#[test]
fn password_in_the_place_of_a_name_is_not_shown() {
    let path = archive().to_str().unwrap();
    let missing = "host=/nowhere dbname=d";
    for (variable, value, connection) in [
        ("PGHOST", "", "host=127.0.0.1,password=word-1 port=1 dbname=d"),
        ("PGHOST", "/nowhere", "postgres://u%3Aword-1@/d"),
        ("PGDATABASE", "host=h password=word-1", "host=/nowhere"),
        ("PGUSER", "u:word-1@h", missing),
        ("PGSERVICE", "postgres://u:word-1@h/d", missing),
        ("SCALINGO_API_URL", "https://u:word-1@x y/", missing),
    ] {
        let run = if variable.starts_with("PG") { "restore" } else { "run" };
        let words = [&[run, "-d", connection][..], if run == "run" { &[] } else { &["-w", path] }];
        let said = bare_nocturne().args(words.concat()).env(variable, value).run();
        let shown = said.stdout() + &said.stderr();
        assert!(!shown.contains("word-1") && !said.success(), "{variable}, {connection}: {said}");
    }
}

#[test]
fn address_without_a_listener_fails_at_once() {
    // Plain bytes where TLS is expected.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut &stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    // A server that expects TLS and answers anything else with an alert.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let expects_tls = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Its answer must not come before the request.
            let _ = std::io::Read::read(&mut &stream, &mut [0; 4096]);
            let _ = std::io::Write::write_all(&mut &stream, b"\x15\x03\x03\0\x02\x02\x46");
        }
    });
    for url in [
        format!("http://127.0.0.1:{expects_tls}/a.dump"),
        "http://127.0.0.1:1/a.dump".to_owned(),
        "http://nowhere.invalid/a.dump".to_owned(),
        format!("https://127.0.0.1:{plain}/a.dump"),
    ] {
        for command in ["list", "plan", "verify"] {
            let started = Instant::now();
            let said = nocturne().args([command, &url]).run();
            assert!(started.elapsed().as_secs() < AT_ONCE, "{url}: {said}");
            assert!(said.stderr().contains("cannot reach the server"), "{url}: {said}");
        }
    }
}

#[test]
fn journal_of_another_role_is_refused_unused() {
    let database = target(Before::Schemas);
    database.execute(
        "CREATE TABLE public.ran (who text);
         CREATE SCHEMA nocturne AUTHORIZATION options_plain;
         CREATE TABLE nocturne.restore_journal (format integer PRIMARY KEY, run integer);
         INSERT INTO nocturne.restore_journal VALUES (2, 1);
         CREATE FUNCTION nocturne.code() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO public.ran VALUES (current_user); RETURN NEW; END $$;
         CREATE TRIGGER code BEFORE UPDATE OR INSERT OR DELETE ON nocturne.restore_journal
             FOR EACH STATEMENT EXECUTE FUNCTION nocturne.code();
         ALTER TABLE nocturne.restore_journal OWNER TO options_plain",
    );
    let said = nocturne()
        .args(["restore", "-n", "one", "--resume", "-d", &database.url()])
        .arg(archive())
        .run();
    assert!(said.stderr().contains("belongs to role \"options_plain\""), "{said}");
    assert!(said.stderr().contains("hint: "), "{said}");
    assert_ne!(said.code(), 0);
    assert_eq!(database.query("SELECT count(*) FROM public.ran"), "0");
    assert_eq!(database.query("SELECT to_regclass('one.counted') IS NULL"), "t");
}

#[test]
fn commonest_mistakes_have_a_hint() {
    let full = target(Before::Taken);
    let (url, socket) = (full.url(), server().server().socket_dir().display().to_string());
    let port = server().server().port().to_string();
    let at = |rest: &str| format!("host={socket} port={port} {rest}");
    for (arguments, hint) in [
        (vec!["-d".to_owned(), url.clone()], "--clean --if-exists"),
        (vec!["-d".to_owned(), at("user=postgres dbname=nowhere_at_all")], "createdb"),
        (vec!["-Cd".to_owned(), at("user=postgres dbname=nowhere_at_all")], "-d postgres"),
        (vec!["-d".to_owned(), at("user=nobody_at_all dbname=postgres")], "-U, PGUSER"),
        (vec!["-d".to_owned(), "host=127.0.0.1 port=1 dbname=d user=u".to_owned()], "PGPORT"),
    ] {
        let said = nocturne().arg("restore").args(&arguments).arg(archive()).run();
        let found =
            said.stderr().lines().any(|line| line.starts_with("hint: ") && line.contains(hint));
        assert!(found && !said.success(), "{arguments:?}: {said}");
    }
    for url in ["mysql://u:word-1@h/d", "http://u:word-1@h/d", "warehouse"] {
        let said = bare_nocturne().arg("restore").arg(archive()).env("DATABASE_URL", url).run();
        let said = said.expect_code(2);
        assert!(said.stderr().contains("hint: DATABASE_URL is used"), "{said}");
        assert!(
            said.stderr().contains("postgresql://") && !said.stderr().contains("word-1"),
            "{said}"
        );
    }
    let said = bare_nocturne()
        .arg("run")
        .args(["--from", "x"])
        .env("DATABASE_URL", at("dbname=no user=u"));
    let said = said.env("MAX_RETRY_COUNT", "0").run();
    assert!(said.stderr().contains("hint: "), "{said}");
}

#[test]
fn missing_role_or_extension_has_a_hint() {
    let source = server().fresh_db("missing");
    source.execute(
        "CREATE TABLE public.t (a int); CREATE ROLE missing_one; \
                    ALTER TABLE public.t OWNER TO missing_one",
    );
    let path = scratch("no-role.dump");
    super::probe::dump(&source, &path, &[]);
    source.execute("DROP OWNED BY missing_one; DROP ROLE missing_one");
    let to = target(Before::Nothing);
    let said = nocturne().args(["restore", "-d", &to.url()]).arg(&path).run().expect_code(1);
    let text = said.stderr();
    assert!(text.contains("hint: create the missing roles"), "{said}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("1 error: "), "the verdict is the last line: {said}");
}

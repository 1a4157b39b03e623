//! Who is connected to, and who is not: targets that no one chose, misspelt URLs, addresses where
//! no one answers, records that another role owns.

use std::fs;
use std::net::TcpListener;
use std::time::Instant;

use crate::common::{bare_nocturne, nocturne};
use crate::probe::{Before, archive, scratch, server, target};

/// Far below the minutes that retries take.
const AT_ONCE: u64 = 45;

#[test]
fn server_without_a_database_is_no_target() {
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
fn name_beside_the_url_of_the_environment_is_not_its_server() {
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

#[test]
fn address_where_no_one_answers_fails_at_once() {
    // Plain bytes where TLS is expected.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut &stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    for url in [
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
fn journal_of_another_role_is_refused_and_runs_nothing() {
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

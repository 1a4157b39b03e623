//! Binary rows are exact: what `rows::Transcoder` makes of COPY text equals, once stored, what
//! PostgreSQL makes of the same text.
//!
//! Each codec gets many texts: valid, nearly valid and extreme. Those the transcoder accepts are
//! loaded in both formats, and the two tables are compared by `COPY TO`, as text and as binary
//! (that is, by the `send` functions). Then every output of PostgreSQL for these values, which is
//! what pg_dump writes, must also be accepted. `archives` does the same with all tables of the
//! archives in `fixtures/`.

mod archives;
mod arrays;
mod date_time;
mod loader;
mod numbers;
mod text;

use loader::{full, on_each_version, to_binary};

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
fn invalid_text_fails_at_postgresqls_error_line() {
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

/// Where only the server can decide, both formats give the same error at the same line.
#[test]
fn text_only_the_server_can_judge_fails_alike() {
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

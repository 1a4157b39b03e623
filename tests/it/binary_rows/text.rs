//! Text, json, bytes and addresses.

use super::loader::{escaped, on_each_version, samples, texts};

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
        // Too many characters are an error in both formats, unless they are spaces.
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
fn bytea_in_escape_format() {
    on_each_version(|loader| {
        let database = &loader.db.name;
        loader.db.execute(&format!("ALTER DATABASE {database} SET bytea_output = 'escape'"));
        let query = "SELECT decode(repeat(lpad(to_hex(n), 2, '0'), n % 5 + 1), 'hex') \
                     FROM generate_series(0, 255) n";
        loader.agree_on_query("bytea", query);
    });
}

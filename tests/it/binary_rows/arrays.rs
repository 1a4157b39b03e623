//! Arrays of one dimension.

use super::loader::{on_each_version, texts};

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

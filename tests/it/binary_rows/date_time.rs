//! Dates, times and intervals.

use super::loader::{on_each_version, texts};

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
            // Rounded up it would be out of range: an error in both formats.
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

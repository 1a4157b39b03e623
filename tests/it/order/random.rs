//! Random schemas whose tables depend on each other only through functions.

use super::case::Case;
use crate::common::random::{Random, seed, variable};

const TABLES: u64 = 6;

/// Statements that create tables, functions that read earlier tables, and callers of these.
fn schema(random: &mut Random) -> (String, Vec<String>) {
    let mut sql = String::new();
    let mut probes = Vec::new();
    for number in 0..TABLES {
        // The name determines the position in the archive.
        let letter = char::from(b'a' + u8::try_from(random.below(26)).unwrap());
        let table = format!("{letter}{number}");
        let other = (number > 0).then(|| random.below(number));
        let language = random.one(&[
            // With a SET clause it is not inlined where the view is still missing.
            "LANGUAGE sql IMMUTABLE SET search_path = '' AS 'SELECT {}'",
            "LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN ({}); END'",
            "LANGUAGE plpgsql IMMUTABLE AS
                'DECLARE r text; BEGIN EXECUTE ''{}'' INTO r USING $1; RETURN r; END'",
        ]);
        let query = match other {
            // The view is of another table's function, or of the table.
            Some(other) => format!("max(label) FROM public.v_{other} WHERE code <= $1"),
            None => "chr(65 + $1 % 26)".to_owned(),
        };
        let body = if language.contains("RETURN (") { format!("SELECT {query}") } else { query };
        let body = if language.contains("EXECUTE") { format!("SELECT {body}") } else { body };
        let function = language.replace("{}", &body);
        let column = random.one(&[
            "label text GENERATED ALWAYS AS (f_{}(code)) STORED",
            "label text CHECK (label = label AND f_{}(code) IS NOT NULL)",
            "label d_{}",
            "label text",
        ]);
        let rows = 20 + random.below(200);
        let target = if column.contains("GENERATED") { "(code)" } else { "(code, label)" };
        let values = if column.contains("GENERATED") { "n" } else { "n, 'row ' || n" };
        sql += &format!(
            "CREATE FUNCTION f_{number}(int) RETURNS text {function};
            CREATE DOMAIN d_{number} AS text CHECK (f_{number}(length(VALUE)) IS NOT NULL);
            CREATE TABLE {table} (code int, {});
            INSERT INTO {table} {target} SELECT {values} FROM generate_series(1, {rows}) n;
            CREATE VIEW v_{number} AS SELECT code, label::text FROM {table};
            ",
            column.replace("{}", &number.to_string()),
        );
        probes.push(format!("(SELECT count(label) FROM {table})"));
        match random.below(4) {
            0 => sql += &format!("CREATE INDEX ON {table} (f_{number}(code));"),
            1 => sql += &format!("CREATE INDEX ON {table} (code) WHERE f_{number}(code) > 'b';"),
            2 => {
                sql += &format!(
                    "CREATE MATERIALIZED VIEW m_{number} AS SELECT f_{number}(3), code FROM v_{number};"
                );
                probes.push(format!("(SELECT count(code) FROM m_{number})"));
            }
            _ => {}
        }
        probes.push(format!("(SELECT count(*) FROM {table} WHERE f_{number}(code) > 'b')"));
    }
    (sql, probes)
}

#[test]
fn random_schemas_end_as_by_pg_restore() {
    let seed = variable("NOCTURNE_ORDER_SEED").unwrap_or_else(seed);
    let (source, probes) = schema(&mut Random::new(seed));
    let case = Case {
        name: "random",
        source: &source,
        errors: None,
        seed: Some(seed),
        probe: &format!("SET enable_seqscan = off; SELECT {}", probes.join(", ")),
        ..Case::default()
    };
    case.hold();
}

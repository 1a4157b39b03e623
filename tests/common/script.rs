//! Compares the SQL scripts that two programs make of one archive.

/// A script without what may differ: the servers that a program supports, and the times in the
/// comments of `-v`.
pub fn comparable(script: &[u8], major: u32) -> Vec<u8> {
    let lines = script.split(|byte| *byte == b'\n').filter(|line| {
        // Ours are for servers of any version, where psql continues after an error.
        let newer = major < 17 && *line == b"SET transaction_timeout = 0;";
        let time = line.starts_with(b"-- Started on ") || line.starts_with(b"-- Completed on ");
        !newer && !time
    });
    let lines: Vec<Vec<u8>> = lines.map(|line| owner_of_relation(line, major)).collect();
    lines.join(&b'\n')
}

/// Before 16, pg_restore changed the owners of all relations with ALTER TABLE, which is equivalent.
fn owner_of_relation(line: &[u8], major: u32) -> Vec<u8> {
    let relations = [&b"ALTER SEQUENCE "[..], b"ALTER VIEW ", b"ALTER MATERIALIZED VIEW "];
    let owner = line.windows(10).any(|window| window == b" OWNER TO ");
    match relations.iter().find_map(|start| line.strip_prefix(*start)) {
        Some(rest) if owner && major < 16 => [b"ALTER TABLE ", rest].concat(),
        _ => line.to_vec(),
    }
}

/// Fails the test with the first difference.
#[track_caller]
pub fn assert_same(ours: &[u8], theirs: &[u8], what: &str) {
    if ours == theirs {
        return;
    }
    let lines = |script: &[u8]| -> Vec<String> {
        let lines = script.split(|byte| *byte == b'\n');
        lines.map(|line| String::from_utf8_lossy(line).chars().take(200).collect()).collect()
    };
    let (ours, theirs) = (lines(ours), lines(theirs));
    let first = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
    let first = first.unwrap_or(ours.len().min(theirs.len()));
    let part = |lines: &[String]| {
        lines[first.saturating_sub(3)..(first + 4).min(lines.len())].join("\n    ")
    };
    panic!(
        "{what}: the scripts differ from line {}\nours:\n    {}\ntheirs:\n    {}",
        first + 1,
        part(&ours),
        part(&theirs)
    );
}

//! Checks that what `SECURITY.md`, `docs/testing.md` and `docs/dependencies.md` name exists.

use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The parts of a text in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_named_by_a_threat_exists() {
    let text = read("SECURITY.md");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let mut tests = 0;
    for row in &rows {
        let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let mut file = String::new();
        for name in quoted(shown_by) {
            if name.contains(['/', '.']) {
                file = read(name);
            } else {
                assert!(file.contains(&format!("fn {name}(")), "no test {name}: {row}");
                tests += 1;
            }
        }
        assert!(!file.is_empty(), "no test shows it: {row}");
    }
    assert!(rows.len() > 30 && tests > 40, "{} threats, {tests} tests", rows.len());
}

#[test]
fn every_test_named_by_a_family_exists() {
    let text = read("docs/testing.md");
    let rows = text.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`: `"));
    let (mut families, mut tests) = (0, 0);
    for row in rows {
        let mut file = String::new();
        for name in quoted(row.rsplit(" | ").next().unwrap()) {
            if name.ends_with(".rs") {
                file = read(name);
            } else if !name.contains('.') {
                assert!(file.contains(&format!("fn {name}(")), "no test {name}: {row}");
                tests += 1;
            }
        }
        families += 1;
    }
    assert!(families > 10 && tests > 35, "{families} families, {tests} tests");
}

#[test]
fn every_direct_dependency_has_its_reasons() {
    let manifest = read("Cargo.toml");
    let document = read("docs/dependencies.md");
    let mut section = "";
    let mut crates = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if ["[dependencies]", "[dev-dependencies]"].contains(&section)
            && !line.starts_with('#')
            && let Some((name, _)) = line.split_once(" = ")
        {
            assert!(document.contains(&format!("| `{name}` |")), "{name} is not in the document");
            crates += 1;
        }
    }
    assert!(crates > 30, "{crates}");
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let name = quoted(line).next().unwrap();
        assert!(manifest.contains(&format!("\n{name} = ")), "{name} is not in Cargo.toml");
    }
}

//! Generates `docs/variables.md` from the table of variables.

use std::fmt::Write;

use super::table::CHAPTERS;
use super::variable::Variable;

const HEAD: &str = "\
# Variables

All settings of the nightly run, as environment variables. This page is generated from the table in
`src/replicate/config/variables.rs` by `NOCTURNE_BLESS=1 cargo test --lib document`; a test fails if
the two differ.

When a command starts, it reports all problems at once, by variable, with what is expected, and
exits with code 2. A variable set to an empty value counts as not set. `0` is a value. An option
overrides the variable of the same meaning. Secrets have no option, because other users of a machine
can read its command lines, and are never shown: of a database URL, only user, host and name are.
";

const TAIL: &str = "
## Other variables

- `NOCTURNE_LOG`, or `RUST_LOG` if it is not set, filters log lines, as in
  `nocturne=debug,tokio_postgres=info`.
- `PGSSLROOTCERT`, `PGOPTIONS`, `PGCONNECT_TIMEOUT` and the other variables of libpq apply to
  whatever a database URL does not set.
- `TEST_POSTGRES_URL` is only read by the project's tests.
";

/// The page, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for chapter in &CHAPTERS {
        // Writing to a String does not fail.
        let _ = write!(
            page,
            "\n## {}\n\n| variable | option | meaning | expected | default | required |\n\
             |---|---|---|---|---|---|\n",
            chapter.title
        );
        for variable in chapter.variables {
            page.push_str(&row(variable));
        }
    }
    page.push_str(TAIL);
    page
}

fn row(variable: &Variable) -> String {
    let option = variable.option.map(|option| format!("`--{option}`")).unwrap_or_default();
    let default = variable.default.map(|text| format!("`{text}`")).unwrap_or_default();
    let cells = [
        format!("`{}`", variable.name),
        option,
        variable.meaning.to_owned(),
        variable.kind.expected(),
        default,
        variable.required.unwrap_or_default().to_owned(),
    ];
    // A bar would end the cell.
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_matches_the_table_of_variables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/variables.md");
        if std::env::var_os("NOCTURNE_BLESS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == markdown(),
            "docs/variables.md does not match the table: NOCTURNE_BLESS=1 rewrites it"
        );
    }
}

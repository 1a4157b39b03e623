//! `docs/variables.md`, written from the table.

use std::fmt::Write;

use super::table::CHAPTERS;
use super::variable::Variable;

const HEAD: &str = "\
# Variables

All settings of the nightly run, as variables of the environment. This page is written from the
program's own table (`src/replicate/config/variables.rs`): `NOCTURNE_BLESS=1 cargo test --lib document`
writes it anew, and a test fails when it is not the same.

All that is wrong is told at once when a command starts, by name, with what is expected; it then
ends with exit code 2. A variable that is set to nothing counts as not set. `0` is a value. An
option of the command line goes before the variable of the same meaning. Secrets have no option,
for other users of a machine can read its command lines, and are never shown: of a database's URL,
user, host and name are.
";

const TAIL: &str = "
## Elsewhere

- `NOCTURNE_LOG`, and `RUST_LOG` when it is not set, choose log lines, as in
  `nocturne=debug,tokio_postgres=info`.
- `PGSSLROOTCERT`, `PGOPTIONS`, `PGCONNECT_TIMEOUT` and the other variables of libpq count for what
  a database's URL does not say.
- `TEST_POSTGRES_URL` is read by the project's tests only.
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
    fn the_page_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/variables.md");
        if std::env::var_os("NOCTURNE_BLESS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == markdown(),
            "docs/variables.md is not what the table says: NOCTURNE_BLESS=1 writes it anew"
        );
    }
}

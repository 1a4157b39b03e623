//! Compares the values of sequences, and whether materialized views are populated.

use std::collections::HashMap;

use super::names;
use super::report::{Compared, ComparedKind, Verdict};
use super::sessions::Sessions;
use super::subjects::Subjects;
use crate::archive::{Entry, Place, Toc};
use crate::error::chain;
use crate::server::sqlstate::{INVALID_SCHEMA_NAME, UNDEFINED_TABLE};
use crate::server::{Result, Session, SessionError};
use crate::sql::ident::{literal, qualified};

/// Compares all of them, one after another.
pub(super) async fn compare(sessions: &Sessions, toc: &Toc, subjects: &Subjects) -> Vec<Compared> {
    let mut all = Vec::new();
    if subjects.sequences.is_empty() && subjects.views.is_empty() {
        return all;
    }
    // Outside a transaction, which the first error would abort. Sequences ignore snapshots anyway.
    let session = match sessions.connect().await {
        Ok(session) => Ok(session),
        Err(error) => Err(chain(&error)),
    };
    for (places, kind) in [
        (&subjects.sequences, ComparedKind::Sequence),
        (&subjects.views, ComparedKind::MaterializedView),
    ] {
        let here = match &session {
            Ok(session) => look_up(session, toc, places, kind).await.map_err(|error| chain(&error)),
            Err(error) => Err(error.clone()),
        };
        for place in places {
            let entry = toc.at(*place);
            let (verdict, detail) = match (&session, &here) {
                (Err(error), _) | (_, Err(error)) => (Verdict::Unknown, Some(error.clone())),
                (Ok(session), Ok(here)) => match (here.get(&name(entry)), kind) {
                    (None, _) => (Verdict::Missing, None),
                    (Some(_), ComparedKind::Sequence) => sequence(session, entry).await,
                    (Some(true), _) => (Verdict::Equal, None),
                    (Some(false), _) => (Verdict::Different, Some("not populated".to_owned())),
                },
            };
            all.push(Compared {
                kind,
                schema: entry.namespace.clone().filter(|schema| !schema.is_empty()),
                name: entry.tag.clone(),
                in_archive: None,
                in_database: None,
                verdict,
                detail,
                exact: false,
                notes: Vec::new(),
            });
        }
    }
    all
}

type Name = (String, String);

fn name(entry: &Entry) -> Name {
    (entry.namespace.clone().unwrap_or_default(), entry.tag.clone())
}

/// Which of these sequences or materialized views exist, and whether they are populated. Nothing
/// else is read: a view with the same name could run any code.
async fn look_up(
    session: &Session,
    toc: &Toc,
    places: &[Place],
    kind: ComparedKind,
) -> Result<HashMap<Name, bool>> {
    let kind = if kind == ComparedKind::Sequence { 'S' } else { 'm' };
    let mut here = HashMap::new();
    let named = |place: &Place| {
        let (schema, name) = name(toc.at(*place));
        format!("({}, {})", literal(&schema), literal(&name))
    };
    let wanted: Vec<String> = places.iter().map(named).collect();
    let query = |wanted: &str| {
        format!(
            "SELECT n.nspname, c.relname, c.relispopulated FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE (n.nspname, c.relname) IN ({wanted}) AND c.relkind = '{kind}'"
        )
    };
    for row in names::look_up(session, &wanted, query).await? {
        if let [Some(schema), Some(name), Some(populated)] = &row[..] {
            here.insert((schema.clone(), name.clone()), populated == "t");
        }
    }
    Ok(here)
}

type Judged = (Verdict, Option<String>);

async fn sequence(session: &Session, entry: &Entry) -> Judged {
    let Some(archived) = sequence_value(&entry.defn) else {
        let what = "unrecognized setval statement in the archive".to_owned();
        return (Verdict::Unknown, Some(what));
    };
    let name = qualified(entry.namespace.as_deref(), &entry.tag);
    let rows = session.query_text(&format!("SELECT last_value, is_called FROM {name}")).await;
    judge(rows, |row| match row {
        [Some(last), Some(called)] => {
            let here = (last.clone(), called == "t");
            let said = |(last, called): &(String, bool)| {
                format!("{last}, {}", if *called { "used" } else { "not used yet" })
            };
            match here == archived {
                true => (Verdict::Equal, None),
                false => {
                    let what = format!("{} instead of {}", said(&here), said(&archived));
                    (Verdict::Different, Some(what))
                }
            }
        }
        _ => (Verdict::Unknown, None),
    })
}

fn judge(
    rows: Result<Vec<Vec<Option<String>>>>,
    of: impl Fn(&[Option<String>]) -> Judged,
) -> Judged {
    match rows {
        Ok(rows) => rows.first().map_or((Verdict::Missing, None), |row| of(row)),
        Err(SessionError::Server(error))
            if [UNDEFINED_TABLE, INVALID_SCHEMA_NAME].contains(&&*error.sqlstate) =>
        {
            (Verdict::Missing, None)
        }
        Err(error) => (Verdict::Unknown, Some(chain(&error))),
    }
}

/// What `SELECT pg_catalog.setval('public.s', 5, true);` sets a sequence to (`dumpSequenceData` in
/// `src/bin/pg_dump/pg_dump.c`): its last value, and whether that was used.
pub(crate) fn sequence_value(statement: &str) -> Option<(String, bool)> {
    let statement = statement.trim_end().strip_suffix(");")?;
    let mut fields = statement.rsplitn(3, ',').map(str::trim);
    let called = fields.next()?.parse().ok()?;
    let last: i64 = fields.next()?.parse().ok()?;
    fields.next()?.contains("setval(").then(|| (last.to_string(), called))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setval_is_parsed_for_any_name() {
        let value = |last: &str, called| Some((last.to_owned(), called));
        assert_eq!(
            sequence_value("SELECT pg_catalog.setval('s.q', 5, true);\n\n"),
            value("5", true)
        );
        assert_eq!(
            sequence_value("SELECT pg_catalog.setval('\"a'', 7\"', -3, false);"),
            value("-3", false)
        );
        for other in ["", "SELECT 1;", "SELECT f('a', 1, true);", "SELECT setval('a', x, true);"] {
            assert_eq!(sequence_value(other), None, "{other}");
        }
    }
}

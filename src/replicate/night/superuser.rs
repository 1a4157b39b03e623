//! Which entries of an archive only a superuser can create: facts from PostgreSQL's source, the same
//! in versions 13 to 18 unless noted.
//!
//! Only what a night restores is listed: no owners, privileges, security labels or settings of the
//! database. Extensions depend on the server and are checked in [`super::rights`].

use std::collections::HashSet;

use crate::archive::{Desc, DumpId, Entry, Toc};
use crate::server::sqlstate::{INSUFFICIENT_PRIVILEGE, INVALID_FUNCTION_DEFINITION};
use crate::server::{self, Session};
use crate::sql::scan;

/// A kind of entries that the server refuses to other roles.
pub(super) struct Fact {
    /// The kind, in the plural.
    pub(super) what: &'static str,
    /// The error.
    pub(super) sqlstate: &'static str,
    is: fn(&Entry, &Known<'_>) -> bool,
}

/// What the facts depend on, besides the entry.
pub(super) struct Known<'a> {
    toc: &'a Toc,
    /// `server_version_num`.
    version: u32,
    /// Languages in which only a superuser can create functions.
    untrusted: HashSet<String>,
    /// Parameters that the role may not set.
    parameters: HashSet<String>,
    /// Whether the role has the privileges of `pg_create_subscription`.
    subscribes: bool,
}

impl<'a> Known<'a> {
    /// Reads it from a database with the languages of the one to restore into.
    pub(super) async fn read(session: &Session, toc: &'a Toc) -> server::Result<Self> {
        let version = session.server_version_num();
        // Privileges on parameters exist from 15 on (`validate_option_array_item` in `guc.c`).
        let granted = match version >= 150_000 {
            true => "pg_catalog.has_parameter_privilege(name, 'SET')",
            false => "false",
        };
        let subscribes = match version >= 160_000 {
            true => "pg_catalog.pg_has_role('pg_create_subscription', 'USAGE')",
            false => "false",
        };
        let sql = format!(
            "SELECT 'language', lanname FROM pg_catalog.pg_language WHERE NOT lanpltrusted \
             UNION ALL SELECT 'parameter', pg_catalog.lower(name) FROM pg_catalog.pg_settings \
                 WHERE context = 'superuser' AND NOT {granted} \
             UNION ALL SELECT 'subscribes', '' WHERE {subscribes}"
        );
        let (mut untrusted, mut parameters) = (HashSet::new(), HashSet::new());
        let mut subscribes = false;
        for row in session.query_text(&sql).await? {
            let Ok([Some(kind), Some(name)]) = <[Option<String>; 2]>::try_from(row) else {
                continue;
            };
            match kind.as_str() {
                "language" => {
                    untrusted.insert(name);
                }
                "parameter" => {
                    parameters.insert(name);
                }
                _ => subscribes = true,
            }
        }
        Ok(Self { toc, version, untrusted, parameters, subscribes })
    }

    /// The fact that applies to an entry.
    pub(super) fn fact(&self, entry: &Entry) -> Option<&'static Fact> {
        FACTS.iter().find(|fact| (fact.is)(entry, self))
    }
}

const fn fact(what: &'static str, is: fn(&Entry, &Known<'_>) -> bool) -> Fact {
    Fact { what, sqlstate: INSUFFICIENT_PRIVILEGE, is }
}

/// Each with the function that checks it, in `src/backend/commands`.
const FACTS: &[Fact] = &[
    // CreateEventTrigger, event_trigger.c
    fact("event triggers", |entry, _| entry.desc == Desc::EventTrigger),
    // CreateForeignDataWrapper, foreigncmds.c
    fact("foreign-data wrappers", |entry, _| entry.desc == Desc::ForeignDataWrapper),
    // CreateAccessMethod, amcmds.c
    fact("access methods", |entry, _| entry.desc == Desc::AccessMethod),
    // DefineOpClass and DefineOpFamily, opclasscmds.c
    fact("operator classes", |entry, _| entry.desc == Desc::OperatorClass),
    fact("operator families", |entry, _| entry.desc == Desc::OperatorFamily),
    // DefineTSParser and DefineTSTemplate, tsearchcmds.c
    fact("text search parsers", |entry, _| entry.desc == Desc::TextSearchParser),
    fact("text search templates", |entry, _| entry.desc == Desc::TextSearchTemplate),
    // CreateTransform, functioncmds.c: the role must own the functions, and only those in C can have
    // their signature.
    fact("transforms", |entry, _| entry.desc == Desc::Transform),
    // DefineType, typecmds.c, also for the shell of a type.
    fact("base types", |entry, _| match entry.desc {
        Desc::ShellType => true,
        Desc::Type => behind(entry, "CREATE TYPE ").is_some_and(|rest| !rest.starts_with(" AS ")),
        _ => false,
    }),
    // CreateProceduralLanguage, proclang.c; without a handler it is an extension (gram.y).
    fact("languages with a handler", |entry, _| {
        entry.desc == Desc::ProceduralLanguage && entry.defn.contains(" HANDLER ")
    }),
    // CreateFunction, functioncmds.c
    fact("functions in an untrusted language", |entry, known| {
        function(entry).is_some_and(|function| known.untrusted.contains(&function.language))
    }),
    fact("leakproof functions", |entry, _| function(entry).is_some_and(|f| f.has("LEAKPROOF"))),
    // interpret_func_support, functioncmds.c
    fact("functions with a support function", |entry, _| {
        function(entry).is_some_and(|function| function.has("SUPPORT"))
    }),
    // validate_option_array_item, utils/misc/guc.c
    fact("functions that set these parameters", |entry, known| {
        function(entry).is_some_and(|function| {
            function.parameters.iter().any(|name| known.parameters.contains(name))
        })
    }),
    // DefineAggregate, aggregatecmds.c
    Fact {
        what: "aggregates with a state of type internal",
        sqlstate: INVALID_FUNCTION_DEFINITION,
        is: |entry, _| {
            entry.desc == Desc::Aggregate
                && entry.defn.lines().any(|line| {
                    matches!(
                        line.trim_end_matches(','),
                        "    STYPE = internal" | "    MSTYPE = internal"
                    )
                })
        },
    },
    // CreateCast, functioncmds.c
    fact("casts without a function", |entry, _| {
        entry.desc == Desc::Cast && entry.defn.contains(" WITHOUT FUNCTION")
    }),
    fact("casts between types of other roles", |entry, known| {
        entry.desc == Desc::Cast && !entry.dependencies.iter().any(|id| known.has_type(*id))
    }),
    // ValidateOperatorReference's estimators, operatorcmds.c: from the minor versions of February
    // 2026 on. pg_dump qualifies all but built-in functions.
    fact("operators with an estimator that is not built in", |entry, known| {
        let is_own = |line: &str| {
            let estimator = ["    RESTRICT = ", "    JOIN = "];
            estimator.iter().any(|word| line.strip_prefix(word).is_some_and(|n| n.contains('.')))
        };
        entry.desc == Desc::Operator
            && checks_estimators(known.version)
            && entry.defn.lines().any(is_own)
    }),
    // CreatePublication and CheckAlterPublication, publicationcmds.c
    fact("publications of all tables", |entry, _| {
        entry.desc == Desc::Publication
            && behind(entry, "CREATE PUBLICATION ")
                .is_some_and(|rest| rest.starts_with(" FOR ALL TABLES"))
    }),
    fact("publications of all tables of a schema", |entry, _| {
        entry.desc == Desc::PublicationTablesInSchema
    }),
    // CreateSubscription, subscriptioncmds.c
    fact("subscriptions", |entry, known| {
        entry.desc == Desc::Subscription && known.version < 160_000
    }),
    fact("subscriptions without the role pg_create_subscription", |entry, known| {
        entry.desc == Desc::Subscription && !known.subscribes
    }),
    fact("subscriptions with password_required = false", |entry, _| {
        entry.desc == Desc::Subscription && entry.defn.contains("password_required = false")
    }),
];

impl Known<'_> {
    /// Whether this is an entry whose type the role may own once it is restored.
    fn has_type(&self, id: DumpId) -> bool {
        self.toc.get(id).is_some_and(|entry| {
            matches!(
                entry.desc,
                Desc::Type
                    | Desc::ShellType
                    | Desc::Domain
                    | Desc::Table
                    | Desc::ForeignTable
                    | Desc::View
                    | Desc::MaterializedView
                    | Desc::Extension
            )
        })
    }
}

/// Whether this version lets only a superuser name an estimator that is not built in.
fn checks_estimators(version: u32) -> bool {
    let since = [140_021, 150_016, 160_012, 170_008, 180_002];
    let of_major = since.iter().find(|since| **since / 10_000 == version / 10_000);
    of_major.map_or(version >= 190_000, |since| version >= *since)
}

/// The text behind the name in the definition.
fn behind<'a>(entry: &'a Entry, words: &str) -> Option<&'a str> {
    let rest = entry.defn.strip_prefix(words)?;
    Some(&rest[scan::qualified(rest)?..])
}

/// The options of a function.
struct Function<'a> {
    language: String,
    options: &'a str,
    /// The parameters that it sets, in lower case.
    parameters: Vec<String>,
}

impl Function<'_> {
    fn has(&self, option: &str) -> bool {
        self.options.split_whitespace().any(|word| word == option)
    }
}

/// pg_dump writes the language and the options on one line, and each parameter on another
/// (`dumpFunc` in `pg_dump.c`).
fn function(entry: &Entry) -> Option<Function<'_>> {
    if !matches!(entry.desc, Desc::Function | Desc::Procedure) {
        return None;
    }
    let mut lines = entry.defn.lines();
    let line = lines.find_map(|line| line.strip_prefix("    LANGUAGE "))?;
    let (language, options) = line.split_at(scan::identifier(line)?);
    let parameters = lines.map_while(|line| line.strip_prefix("    SET "));
    let parameters = parameters
        .filter_map(|set| Some(scan::unquoted(&set[..scan::qualified(set)?]).to_lowercase()))
        .collect();
    Some(Function { language: scan::unquoted(language), options, parameters })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Section;

    fn entry(desc: Desc, defn: &str) -> Entry {
        Entry { defn: defn.to_owned(), ..Entry::bare(1, desc, Section::PreData) }
    }

    #[test]
    fn function_options_are_found_without_the_body() {
        let text = "CREATE FUNCTION public.\"LEAKPROOF\"() RETURNS int\n    \
                    LANGUAGE \"My c\" STABLE SUPPORT public.\"LEAKPROOF\"\n    \
                    SET \"DateStyle\" TO 'ISO'\n    SET a.b TO '1'\n    \
                    AS $$\n    SET work_mem TO 1 LEAKPROOF\n    LANGUAGE c $$;\n";
        let entry = entry(Desc::Function, text);
        let function = function(&entry).unwrap();
        assert_eq!(function.language, "My c");
        assert!(function.has("SUPPORT") && !function.has("LEAKPROOF"));
        assert_eq!(function.parameters, ["datestyle", "a.b"]);
    }

    #[test]
    fn text_behind_a_quoted_name_decides() {
        let rest = |desc, words, text| behind(&entry(desc, text), words).map(str::to_owned);
        let text = "CREATE TYPE public.\"a AS b\" (\n";
        assert_eq!(rest(Desc::Type, "CREATE TYPE ", text).unwrap(), " (\n");
        let text = "CREATE PUBLICATION \"x FOR ALL TABLES\" WITH (publish = 'insert');\n";
        let rest = rest(Desc::Publication, "CREATE PUBLICATION ", text).unwrap();
        assert!(rest.starts_with(" WITH"), "{rest}");
    }

    #[test]
    fn estimators_are_checked_from_minor_versions_on() {
        for (version, checks) in [
            (130_023, false),
            (140_020, false),
            (140_021, true),
            (180_001, false),
            (180_002, true),
            (190_000, true),
        ] {
            assert_eq!(checks_estimators(version), checks, "{version}");
        }
    }
}

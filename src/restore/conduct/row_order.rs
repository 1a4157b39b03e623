//! Dependencies between rows that the archive does not record, read from the target's catalog once
//! the definitions exist: rows that an existing foreign key refers to (tables of extensions, and
//! data without definitions), and rows read by functions and definitions that are not in the archive.

use std::collections::{HashMap, HashSet};

use crate::archive::{Desc, DumpId, Entry, Section};
use crate::plan::cost::Costs;
use crate::plan::{JobId, Plan};
use crate::restore::event::Event;
use crate::restore::facts::Facts;
use crate::restore::session::lane::Lane;
use crate::server::{Result, Session};

/// Which table references which.
const KEYS: &str = "SELECT DISTINCT cn.nspname, c.relname, pn.nspname, p.relname \
     FROM pg_catalog.pg_constraint o \
     JOIN pg_catalog.pg_class c ON c.oid = conrelid \
     JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace \
     JOIN pg_catalog.pg_class p ON p.oid = confrelid \
     JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace \
     WHERE contype = 'f' AND conrelid <> confrelid";

/// Which table calls which function when rows are inserted: through a constraint, a generated
/// column, a domain, a partition key, an index or a rule, through a trigger if `{fired}`, through a
/// DEFAULT if `{defaults}`, through a policy if `{policies}`. C functions and system functions are excluded; system objects have OIDs below
/// 16384 (`FirstNormalObjectId`).
const CALLS: &str = "WITH RECURSIVE functions AS ( \
         SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = prolang \
         WHERE p.oid >= 16384 AND lanname NOT IN ('internal', 'c')), \
     callers (class, id, function) AS ( \
         SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, oid, oid FROM functions \
         UNION \
         SELECT more.* FROM callers, LATERAL ( \
             SELECT classid, objid, function FROM pg_catalog.pg_depend \
             WHERE refclassid = class AND refobjid = id AND deptype IN ('n', 'a', 'i') \
                 AND (class <> 'pg_catalog.pg_class'::pg_catalog.regclass \
                     OR classid = 'pg_catalog.pg_type'::pg_catalog.regclass \
                     OR (SELECT relkind = 'v' FROM pg_catalog.pg_class c WHERE c.oid = id)) \
             UNION ALL \
             SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, contypid, function \
             FROM pg_catalog.pg_constraint o \
             WHERE class = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND o.oid = id \
                 AND contypid <> 0 \
             UNION ALL \
             SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, ev_class, function \
             FROM pg_catalog.pg_rewrite r \
             WHERE class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = id \
             UNION ALL \
             SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, inhrelid, function \
             FROM pg_catalog.pg_inherits \
             WHERE class = 'pg_catalog.pg_class'::pg_catalog.regclass AND inhparent = id \
             UNION ALL \
             SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, function \
             FROM pg_catalog.pg_operator o \
             WHERE class = 'pg_catalog.pg_operator'::pg_catalog.regclass AND id IN (oprcom, oprnegate) \
             UNION ALL \
             SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, oc.oid, function \
             FROM pg_catalog.pg_opclass oc \
             WHERE opcfamily IN ( \
                 SELECT amprocfamily FROM pg_catalog.pg_amproc a \
                 WHERE class = 'pg_catalog.pg_amproc'::pg_catalog.regclass AND a.oid = id \
                 UNION ALL SELECT amopfamily FROM pg_catalog.pg_amop a \
                 WHERE class = 'pg_catalog.pg_amop'::pg_catalog.regclass AND a.oid = id)) AS more), \
     tables (id, function) AS ( \
         SELECT id, function FROM callers WHERE class = 'pg_catalog.pg_class'::pg_catalog.regclass \
         UNION SELECT indrelid, function FROM callers JOIN pg_catalog.pg_index ON indexrelid = id \
             AND class = 'pg_catalog.pg_class'::pg_catalog.regclass \
         UNION SELECT adrelid, function FROM callers JOIN pg_catalog.pg_attrdef d ON d.oid = id \
             AND class = 'pg_catalog.pg_attrdef'::pg_catalog.regclass \
             JOIN pg_catalog.pg_attribute ON attrelid = adrelid AND attnum = adnum \
             WHERE attgenerated <> '' OR {defaults} \
         UNION SELECT conrelid, function FROM callers JOIN pg_catalog.pg_constraint o ON o.oid = id \
             AND class = 'pg_catalog.pg_constraint'::pg_catalog.regclass \
             WHERE contype <> 't' OR {fired} \
         UNION SELECT tgrelid, function FROM callers JOIN pg_catalog.pg_trigger t ON t.oid = id \
             AND class = 'pg_catalog.pg_trigger'::pg_catalog.regclass \
             WHERE tgenabled <> 'D' AND {fired} \
         UNION SELECT polrelid, function FROM callers JOIN pg_catalog.pg_policy p ON p.oid = id \
             AND class = 'pg_catalog.pg_policy'::pg_catalog.regclass WHERE {policies}) \
     SELECT {shown} FROM tables \
     JOIN pg_catalog.pg_class c ON c.oid = id \
     JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'm')";

/// What runs when rows are inserted, with its text: triggers other than the system's if
/// `{triggers}`, rules, policies if `{policies}`; what belongs to the table itself if `{table}`.
const DEFINITIONS: &str = "SELECT kind, nspname, relname, name, text FROM ( \
         SELECT 'TRIGGER' AS kind, tgrelid AS id, tgname AS name, \
             pg_catalog.pg_get_triggerdef(oid) AS text FROM pg_catalog.pg_trigger \
         WHERE tgfoid >= 16384 AND tgenabled <> 'D' AND {triggers} \
         UNION ALL SELECT 'RULE', ev_class, rulename, pg_catalog.pg_get_ruledef(oid) \
         FROM pg_catalog.pg_rewrite WHERE ev_type = '3' AND ev_enabled <> 'D' \
         UNION ALL SELECT 'POLICY', polrelid, polname, pg_catalog.concat( \
             ' USING (', pg_catalog.pg_get_expr(polqual, polrelid), \
             ') WITH CHECK (', pg_catalog.pg_get_expr(polwithcheck, polrelid), ')') \
         FROM pg_catalog.pg_policy WHERE {policies} \
         UNION ALL SELECT 'CHECK CONSTRAINT', conrelid, conname, pg_catalog.pg_get_constraintdef(oid) \
         FROM pg_catalog.pg_constraint WHERE contype IN ('c', 'x') AND {table} \
         UNION ALL SELECT 'CHECK CONSTRAINT', adrelid, attname, pg_catalog.pg_get_expr(adbin, adrelid) \
         FROM pg_catalog.pg_attrdef JOIN pg_catalog.pg_attribute ON attrelid = adrelid AND attnum = adnum \
         WHERE attgenerated <> '' AND {table} \
         UNION ALL SELECT 'INDEX', indrelid, '', pg_catalog.pg_get_indexdef(indexrelid) \
         FROM pg_catalog.pg_index WHERE (indexprs IS NOT NULL OR indpred IS NOT NULL) AND {table} \
     ) AS found JOIN pg_catalog.pg_class c ON c.oid = id \
     JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace \
     WHERE c.oid >= 16384 AND relkind IN ('r', 'p')";

/// Functions and views other than the system's.
const NAMES: &str = "SELECT 'f', nspname, proname, p.oid FROM pg_catalog.pg_proc p \
     JOIN pg_catalog.pg_language l ON l.oid = prolang \
     JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace \
     WHERE p.oid >= 16384 AND prokind IN ('f', 'p') AND lanname NOT IN ('internal', 'c') \
     UNION ALL SELECT 'v', nspname, relname, c.oid FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE relkind = 'v' AND c.oid >= 16384";

/// Operators, with the functions of their commutators and negators, too, casts and operator classes
/// with their functions: SQL text calls these without naming them.
const UNSPOKEN: &str = "SELECT 'OPERATOR', oprname, oprcode::pg_catalog.oid FROM pg_catalog.pg_operator \
     UNION ALL SELECT 'OPERATOR', o.oprname, other.oprcode::pg_catalog.oid FROM pg_catalog.pg_operator o \
     JOIN pg_catalog.pg_operator other ON other.oid IN (o.oprcom, o.oprnegate) \
     UNION ALL SELECT 'CAST', '', castfunc FROM pg_catalog.pg_cast \
     UNION ALL SELECT 'OPERATOR CLASS', '', amproc::pg_catalog.oid FROM pg_catalog.pg_amproc";

/// A query for the source of the functions and views with these OIDs; the language is given the way
/// pg_dump writes it.
fn texts(numbers: &str) -> String {
    format!(
        "SELECT p.oid, pg_catalog.concat('    LANGUAGE ', lanname, pg_catalog.chr(10), \
             CASE WHEN prosrc = '' THEN pg_catalog.pg_get_functiondef(p.oid) ELSE prosrc END) \
         FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = prolang \
         WHERE p.oid IN ({numbers}) \
         UNION ALL SELECT oid, pg_catalog.pg_get_viewdef(oid) FROM pg_catalog.pg_class \
         WHERE relkind = 'v' AND oid IN ({numbers})"
    )
}

/// Adds these dependencies to a plan. If the catalog cannot be read, this sends a warning and the
/// archive's own dependencies stand.
pub(crate) async fn add_waits(lane: &mut Lane, plan: &mut Plan, costs: &Costs) {
    let facts = lane.facts.clone();
    let ledger = lane.ledger.clone();
    // A single session in the archive's order needs none.
    let in_order = facts.options.strictly_in_order && facts.random.is_some();
    if !in_order && let Err(error) = ask(lane, plan).await {
        let message =
            format!("cannot read row dependencies from the catalog, using the archive's: {error}");
        facts.events.send(Event::Warning { message });
    }
    plan.rank(|id| costs.of(id));
    let waiting = plan.jobs.iter().filter(|job| job.wanted && !job.step.is_analyze());
    let mut reading = HashSet::new();
    for job in waiting {
        let entry = facts.entry(job.entry);
        if job.alone {
            reading.extend(entry.dependencies.first());
        }
        if let Some(why) = job.why.as_ref().filter(|_| !in_order) {
            let message = format!("{} {why}", entry.label());
            facts.events.send(Event::Note { message });
        }
    }
    ledger.server.note_reading(reading);
}

async fn ask(lane: &mut Lane, plan: &mut Plan) -> Result<()> {
    let facts = lane.facts.clone();
    let session = lane.session().await?;
    add_functions(&facts, session, plan).await?;
    if facts.options.disable_triggers && !facts.with_schema {
        return Ok(());
    }
    let mut jobs: HashMap<(&str, &str), Vec<JobId>> = HashMap::new();
    for (number, job) in plan.jobs.iter().enumerate() {
        let entry = facts.entry(job.entry);
        if job.wanted && !job.step.is_analyze() && entry.desc == Desc::TableData {
            jobs.entry(name(entry)).or_default().push(JobId(number));
        }
    }
    let mut pairs = Vec::new();
    for row in session.query_catalogue(KEYS).await? {
        let [Some(cs), Some(child), Some(ps), Some(parent)] = &row[..] else { continue };
        let find = |schema, name| jobs.get(&(schema, name)).into_iter().flatten().copied();
        for child in find(cs.as_str(), child.as_str()) {
            pairs.extend(find(ps.as_str(), parent.as_str()).map(|parent| (child, parent)));
        }
    }
    plan.behind_rows_referred_to(&pairs, facts.random.is_some());
    Ok(())
}

/// Extends the archive's entries with the functions, definitions and tables it lacks, and plans with
/// them.
async fn add_functions(facts: &Facts, session: &Session, plan: &mut Plan) -> Result<()> {
    let own = &facts.toc.entries;
    let Functions { mut found, of_archive } = functions(session, own).await?;
    let mut calls: HashMap<(String, String), Vec<DumpId>> = HashMap::new();
    let numbers: HashMap<&str, DumpId> =
        found.iter().map(|(oid, entry)| (oid.as_str(), entry.dump_id)).collect();
    let has_functions = found.iter().any(|(_, entry)| entry.desc == Desc::Function);
    if has_functions || !of_archive.is_empty() {
        let query = adapted(CALLS, facts).replace("{shown}", "nspname, relname, function");
        for row in session.query_catalogue(&query).await? {
            let [Some(schema), Some(table), Some(function)] = &row[..] else { continue };
            let of_archive = of_archive.get(function).into_iter().flatten();
            let of_target = numbers.get(function.as_str());
            let called = calls.entry((schema.clone(), table.clone())).or_default();
            called.extend(of_target.into_iter().chain(of_archive));
        }
    }
    if has_functions {
        let mut unspoken = Vec::new();
        for row in session.query_catalogue(UNSPOKEN).await? {
            let [Some(kind), Some(tag), Some(oid)] = &row[..] else { continue };
            if let Some(function) = numbers.get(oid.as_str()) {
                let number = numbered(found.len() + unspoken.len());
                let bare = Entry::bare(number, Desc::from_text(kind), Section::PreData);
                let (tag, dependencies) = (tag.clone(), vec![*function]);
                unspoken.push((String::new(), Entry { tag, dependencies, ..bare }));
            }
        }
        found.extend(unspoken);
    }
    let called = |entry: &Entry| {
        let (schema, name) = name(entry);
        calls.get(&(schema.to_owned(), name.to_owned())).cloned().unwrap_or_default()
    };
    let mut all: Vec<Entry> = own.clone();
    let noted = all.len();
    all.extend(found.into_iter().map(|(_, entry)| entry));
    let mut present: HashSet<DumpId> = own.iter().map(|entry| entry.dump_id).collect();
    let mut is_more = all.len() > noted;
    for (place, entry) in own.iter().enumerate() {
        match (&entry.desc, entry.dependencies.first()) {
            (Desc::Table | Desc::MaterializedView, _) => {
                // Also of a table that existed before, with triggers of its own.
                let mut more = called(entry);
                more.retain(|function| !entry.dependencies.contains(function));
                is_more |= !more.is_empty();
                all[place].dependencies.extend(more);
            }
            // A table without an entry belongs to an extension, or only its rows were dumped.
            (Desc::TableData, Some(table)) if present.insert(*table) => {
                let bare = Entry::bare(table.0, Desc::Table, Section::PreData);
                let (namespace, tag) = (entry.namespace.clone(), entry.tag.clone());
                all.push(Entry { namespace, tag, dependencies: called(entry), ..bare });
                is_more = true;
            }
            (Desc::SequenceSet, Some(sequence)) if present.insert(*sequence) => {
                let bare = Entry::bare(sequence.0, Desc::Sequence, Section::PreData);
                let (namespace, tag) = (entry.namespace.clone(), entry.tag.clone());
                all.push(Entry { namespace, tag, ..bare });
            }
            _ => {}
        }
    }
    let tables = all.iter().filter(|entry| entry.desc == Desc::Table);
    let tables = tables.map(|entry| (name(entry), entry.dump_id));
    let tables: HashMap<(&str, &str), DumpId> = tables.collect();
    let mut definitions = Vec::new();
    for row in session.query_catalogue(&adapted(DEFINITIONS, facts)).await? {
        let [Some(kind), Some(schema), Some(table), Some(name), Some(text)] = &row[..] else {
            continue;
        };
        let Some(on) = tables.get(&(schema.as_str(), table.as_str())) else { continue };
        let number = numbered(all.len() - noted + definitions.len());
        let bare = Entry::bare(number, Desc::from_text(kind), Section::PostData);
        let (namespace, tag) = (Some(schema.clone()), format!("{table} {name}"));
        let (defn, dependencies) = (text.clone(), vec![*on]);
        definitions.push(Entry { namespace, tag, defn, dependencies, ..bare });
    }
    is_more |= !definitions.is_empty();
    all.extend(definitions);
    if is_more {
        plan.keep_order_by_catalog(&all, noted);
    }
    Ok(())
}

/// The OIDs of the tables that call functions when rows are inserted, as a restore inserts them:
/// before there are triggers, with a value for each column. Functions of the system and those
/// written in C do not count, nor do policies.
///
/// # Errors
/// When the catalog cannot be read.
pub(crate) async fn row_callers(session: &Session) -> Result<HashSet<u32>> {
    let never = ["{fired}", "{defaults}", "{policies}"];
    let query = never.iter().fold(CALLS.to_owned(), |query, name| query.replace(name, "false"));
    let oids = session.query_text(&query.replace("{shown}", "DISTINCT c.oid")).await?;
    Ok(oids.into_iter().flatten().flatten().filter_map(|oid| oid.parse().ok()).collect())
}

/// A query for what runs in this restore.
fn adapted(query: &str, facts: &Facts) -> String {
    let options = &facts.options;
    let conditions = [
        // A column of the target that the archive lacks gets its DEFAULT.
        ("{fired}", true),
        ("{defaults}", !facts.with_schema),
        ("{table}", !facts.with_schema),
        ("{triggers}", facts.with_schema || !options.disable_triggers),
        ("{policies}", options.style.enable_row_security),
    ];
    conditions.iter().fold(query.to_owned(), |query, (name, holds)| {
        query.replace(name, if *holds { "true" } else { "false" })
    })
}

/// The target's functions and views.
struct Functions {
    /// Those that the archive lacks, as entries, with their OIDs.
    found: Vec<(String, Entry)>,
    /// By OID, the archive's functions of that name.
    of_archive: HashMap<String, Vec<DumpId>>,
}

/// Looks up the target's functions and views.
async fn functions(session: &Session, own: &[Entry]) -> Result<Functions> {
    let kinds = [Desc::Function, Desc::Procedure, Desc::View];
    let mut known: HashMap<(&str, &str), Vec<DumpId>> = HashMap::new();
    for entry in own.iter().filter(|entry| kinds.contains(&entry.desc)) {
        let (schema, name) = name(entry);
        let bare = name.split('(').next().unwrap_or(name);
        known.entry((schema, bare)).or_default().push(entry.dump_id);
    }
    let (mut found, mut of_archive) = (Vec::new(), HashMap::new());
    for row in session.query_catalogue(NAMES).await? {
        let [Some(kind), Some(schema), Some(name), Some(oid)] = &row[..] else { continue };
        if let Some(own) = known.get(&(schema.as_str(), name.as_str())) {
            if kind == "f" {
                of_archive.insert(oid.clone(), own.clone());
            }
            continue;
        }
        let desc = if kind == "f" { Desc::Function } else { Desc::View };
        let number = numbered(found.len());
        let (namespace, tag) = (Some(schema.clone()), name.clone());
        let bare = Entry::bare(number, desc, Section::PreData);
        found.push((oid.clone(), Entry { namespace, tag, ..bare }));
    }
    if found.iter().any(|(_, entry)| entry.desc == Desc::Function) {
        let numbers: Vec<&str> = found.iter().map(|(oid, _)| oid.as_str()).collect();
        let rows = session.query_catalogue(&texts(&numbers.join(","))).await?;
        let mut texts: HashMap<String, String> = rows
            .into_iter()
            .filter_map(|row| <[_; 2]>::try_from(row).ok())
            .filter_map(|[oid, text]| Some((oid?, text?)))
            .collect();
        for (oid, entry) in &mut found {
            entry.defn = texts.remove(oid).unwrap_or_default();
        }
    }
    Ok(Functions { found, of_archive })
}

/// The dump ID for the next added entry: negative, since the archive's are positive.
fn numbered(count: usize) -> i32 {
    -1 - i32::try_from(count).unwrap_or(i32::MAX - 1)
}

fn name(entry: &Entry) -> (&str, &str) {
    (entry.namespace.as_deref().unwrap_or_default(), &entry.tag)
}

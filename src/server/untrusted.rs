//! Where code of roles that are not [trusted](super::TRUSTED) would run with this session's privileges.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use super::{MEMBERS, MEMBERSHIPS, Result, Session, TRUSTED};
use crate::sql::ident::{literal, oid_array, quoted};

/// An object, by the OID of its catalog and its own.
pub(crate) type ObjectId = (u32, u32);

/// The OID of `pg_class`, which is the same in all versions (`pg_class.h`).
pub(crate) const PG_CLASS: u32 = 1259;

/// The OID of `pg_type` (`pg_type.h`).
pub(super) const PG_TYPE: u32 = 1247;

/// What an object of `needs` in `untrusted.sql` uses.
const STEPS: &str = "
    SELECT classid, objid, column_number AS objsubid FROM (
        SELECT refclassid, refobjid, objsubid FROM pg_catalog.pg_depend
        WHERE classid = needs.classid AND objid = needs.objid AND deptype <> 'e'
        UNION ALL
        SELECT classid, objid, refobjsubid FROM pg_catalog.pg_depend
        WHERE refclassid = needs.classid AND refobjid = needs.objid
            AND deptype IN ('a', 'i', 'P', 'S')
    ) next (classid, objid, column_number)
    WHERE CASE classid
        WHEN 'pg_catalog.pg_publication_rel'::pg_catalog.regclass THEN false
        WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN (
            SELECT contype <> 'f' FROM pg_catalog.pg_constraint c WHERE c.oid = next.objid)
        ELSE true END";

/// Code of a role that is not trusted, and what uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UntrustedCode {
    /// The kind and name of what uses it directly.
    user: (String, String),
    /// Whether the text of a function may mean it. Otherwise its use is certain.
    is_call: bool,
    /// The kind and name of the function or domain.
    code: (String, String),
    owner: String,
    /// The session's role.
    role: String,
    /// The kind of what may be dropped.
    cure: String,
}

/// Objects that use such code, each with one use.
#[derive(Clone, Debug, Default)]
pub(crate) struct UntrustedUses {
    certain: HashMap<ObjectId, UntrustedCode>,
    /// What uses a function whose text may mean such code.
    calls: HashMap<ObjectId, UntrustedCode>,
    /// The functions and domains themselves.
    code: HashSet<ObjectId>,
}

/// A row of `untrusted.sql`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) is_call: bool,
    pub(super) used: ObjectId,
    pub(super) user: ObjectId,
    pub(super) column: Option<i32>,
    pub(super) owner: Option<String>,
}

/// The first way to an object: what uses the code directly (itself, if nothing does), and the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    is_call: bool,
    pub(super) user: Option<(ObjectId, i32)>,
    pub(super) code: ObjectId,
}

impl UntrustedUses {
    /// Reads them from the server: of these objects, and of all that they use.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(crate) async fn of(session: &Session, objects: &[ObjectId]) -> Result<Self> {
        let objects: Vec<_> = objects.iter().map(|object| (*object, 0)).collect();
        let sql = include_str!("untrusted.sql")
            .replace("{steps}", STEPS)
            .replace("{members}", MEMBERS)
            .replace("{trusted}", TRUSTED)
            .replace("{memberships}", MEMBERSHIPS)
            .replace("{objects}", &rows(&objects));
        let steps: Vec<_> =
            session.query_text(&sql).await?.into_iter().filter_map(Step::of).collect();
        if steps.is_empty() {
            return Ok(Self::default());
        }
        let owners: HashMap<_, _> =
            steps.iter().filter_map(|step| Some((step.used, step.owner.clone()?))).collect();
        let ways = ways(&steps);
        let names = Names::read(session, &ways).await?;
        let mut found = Self { code: owners.keys().copied().collect(), ..Self::default() };
        for ((is_call, object), way) in ways {
            let user = way.user.unwrap_or((object, 0));
            let (Some(user), Some(mut code), Some(owner)) =
                (names.of(user), names.of((way.code, 0)), owners.get(&way.code))
            else {
                continue;
            };
            // The only types with code.
            if code.0 == "type" {
                "domain".clone_into(&mut code.0);
            }
            let (owner, role, cure) = (owner.clone(), names.role.clone(), user.0.clone());
            let code = UntrustedCode { user, is_call, code, owner, role, cure };
            let found = if is_call { &mut found.calls } else { &mut found.certain };
            found.insert(object, code);
        }
        Ok(found)
    }

    /// The code that an object is sure to use, itself excluded.
    pub(crate) fn by(&self, object: ObjectId) -> Option<&UntrustedCode> {
        self.certain.get(&object).filter(|_| !self.code.contains(&object))
    }

    /// The code that an object uses or may call.
    pub(crate) fn perhaps_by(&self, object: ObjectId) -> Option<&UntrustedCode> {
        self.by(object).or_else(|| self.calls.get(&object))
    }

    /// The first code that a statement would use by name, if any; `what` is the kind and the name of
    /// what the statement creates. Names are found as SQL writes them in an expression: with their schema.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(crate) async fn named_in(
        session: &Session,
        statement: &str,
        what: (&str, &str),
    ) -> Result<Option<UntrustedCode>> {
        let sql = include_str!("untrusted_names.sql").replace("{statement}", &literal(statement));
        let sql = format!("SET LOCAL quote_all_identifiers = off; {sql}");
        let rows = session.query_text(&sql).await?;
        let objects: Vec<_> = rows.iter().filter_map(|row| object(row)).collect();
        if objects.is_empty() {
            return Ok(None);
        }
        let uses = Self::of(session, &objects).await?;
        Ok(objects.iter().find_map(|named| uses.certain.get(named)).map(|code| UntrustedCode {
            user: (what.0.to_owned(), what.1.to_owned()),
            cure: code.code.0.clone(),
            ..code.clone()
        }))
    }
}

/// The shortest way from the code to each object.
pub(super) fn ways(steps: &[Step]) -> HashMap<(bool, ObjectId), Way> {
    let mut next: HashMap<_, Vec<_>> = HashMap::new();
    let mut waiting = VecDeque::new();
    for step in steps {
        match step.column {
            Some(column) => next.entry(step.used).or_default().push((step.user, column)),
            None => {
                let way = Way { is_call: step.is_call, user: None, code: step.used };
                waiting.push_back((step.user, way));
            }
        }
    }
    let mut ways = HashMap::new();
    while let Some((object, way)) = waiting.pop_front() {
        let Entry::Vacant(unseen) = ways.entry((way.is_call, object)) else { continue };
        unseen.insert(way);
        for (user, column) in next.get(&object).into_iter().flatten() {
            // A type made of a domain is not named: what uses it is.
            let is_named = (object.0, user.0) != (PG_TYPE, PG_TYPE);
            let direct = way.user.or_else(|| is_named.then_some((*user, *column)));
            waiting.push_back((*user, Way { user: direct, ..way }));
        }
    }
    ways
}

impl Step {
    fn of(row: Vec<Option<String>>) -> Option<Self> {
        let [used_catalog, used, catalog, user, column, is_call, owner] = row.try_into().ok()?;
        let oid = |value: Option<String>| value?.parse().ok();
        Some(Self {
            is_call: is_call.as_deref() == Some("t"),
            used: (oid(used_catalog)?, oid(used)?),
            user: (oid(catalog)?, oid(user)?),
            column: column.and_then(|column| column.parse().ok()),
            owner,
        })
    }
}

/// The kinds and names of objects and their columns.
struct Names {
    names: HashMap<(ObjectId, i32), (String, String)>,
    role: String,
}

impl Names {
    async fn read(session: &Session, ways: &HashMap<(bool, ObjectId), Way>) -> Result<Self> {
        let of_way =
            |(at, way): (&(bool, ObjectId), &Way)| [way.user.unwrap_or((at.1, 0)), (way.code, 0)];
        let mut objects: Vec<_> = ways.iter().flat_map(of_way).collect();
        objects.sort_unstable();
        objects.dedup();
        let sql = format!(
            "SELECT o.catalog, o.oid, o.part, named.type, named.identity, current_user \
             FROM ({}) o (catalog, oid, part) \
             CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.catalog, o.oid, o.part) named",
            rows(&objects)
        );
        let mut found = Self { names: HashMap::new(), role: String::new() };
        for row in session.query_text(&sql).await? {
            let Some(at) = object(&row) else { continue };
            let Ok([.., part, kind, name, role]) = <[_; 6]>::try_from(row) else { continue };
            let part = part.and_then(|part| part.parse().ok());
            if let (Some(part), Some(kind), Some(name), Some(role)) = (part, kind, name, role) {
                found.names.insert((at, part), (kind, name));
                found.role = role;
            }
        }
        Ok(found)
    }

    fn of(&self, object: (ObjectId, i32)) -> Option<(String, String)> {
        self.names.get(&object).cloned()
    }
}

/// A query for these objects and columns.
fn rows(objects: &[(ObjectId, i32)]) -> String {
    let columns: Vec<String> = objects.iter().map(|(_, column)| column.to_string()).collect();
    format!(
        "SELECT * FROM ROWS FROM (pg_catalog.unnest({}), pg_catalog.unnest({}), \
         pg_catalog.unnest('{{{}}}'::int[]))",
        oid_array(objects.iter().map(|(object, _)| object.0)),
        oid_array(objects.iter().map(|(object, _)| object.1)),
        columns.join(",")
    )
}

/// The object that the first two columns of a row name.
fn object(row: &[Option<String>]) -> Option<ObjectId> {
    let [Some(catalog), Some(oid), ..] = row else { return None };
    Some((catalog.parse().ok()?, oid.parse().ok()?))
}

impl fmt::Display for UntrustedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user: (user_kind, user), is_call, code: (kind, name), owner, role, cure } = self;
        let verb = if *is_call { "may call" } else { "uses" };
        write!(
            f,
            "{user_kind} {user} {verb} {kind} {name} of role {owner}, whose code would run with the \
             privileges of role {role} (hint: drop the {cure}, or ALTER {} {name} OWNER TO {})",
            kind.to_uppercase(),
            quoted(role)
        )
    }
}

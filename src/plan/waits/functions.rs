//! Finds work that calls functions that may read tables, as far as the archive shows it.
//!
//! pg_dump records that a table depends on the functions of its CHECK constraints, generated
//! columns and domains, an index on those of its expressions, and a materialized view on those of
//! its query. It does not record which tables a function reads: its body is text. A function counts
//! as reading every table whose name occurs in its body, or in the body of a function or view that
//! it names, and so on. A body that contains an operator from the archive calls the operator's
//! function. It may also call the function of any cast or operator class, which need no name. A
//! body with dynamic SQL may read any table.
//!
//! A sequence that a definition uses by a built-in function counts as such a function, and so does
//! a definition that runs SQL given as text.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::bodies::{Names, bare_name, is_dynamic, is_function, is_readable, words};
use super::definitions::{alternatives, is_default_only, used_by_text};
use crate::archive::{Desc, DumpId, Entry, Section};
use crate::sql::ident::qualified;

/// Functions, by the places of their entries.
pub(super) type Functions = BTreeSet<usize>;

/// The functions that entries call.
pub(super) struct Calls<'a> {
    entries: &'a [Entry],
    called: HashMap<DumpId, Functions>,
    /// The functions of the operator classes of a type, or of the types of a table's columns.
    compared: HashMap<DumpId, Functions>,
    /// All functions that could read a table, and what leads to them without naming them.
    callable: Names,
    /// Functions that the archive lacks.
    unnoted: Names,
    /// What a body can name: tables and the like, and entries with SQL text.
    nameable: Names,
    reads: HashMap<Functions, Reads>,
    /// What a text names, by the place of its entry. `None` if that is unknown.
    named: HashMap<usize, Option<Vec<usize>>>,
}

/// What a set of functions reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// These tables, sequences and materialized views.
    Of(BTreeSet<DumpId>),
    /// Unknown: possibly anything.
    Anything,
}

impl Reads {
    /// Whether this may be read.
    pub(super) fn has(&self, id: DumpId) -> bool {
        match self {
            Self::Of(tables) => tables.contains(&id),
            Self::Anything => true,
        }
    }
}

impl<'a> Calls<'a> {
    /// Reads the entries of an archive. Those from place `noted` on are not in the archive but were
    /// found in the target. Entries come after their dependencies, or are functions.
    pub(super) fn new(entries: &'a [Entry], noted: usize) -> Self {
        let mut called = called(entries);
        let compared = compared(entries, &called);
        // The comparisons of a CHECK (`GREATEST`, arrays, rows) are not recorded.
        for (id, functions) in &compared {
            called.entry(*id).or_default().extend(functions);
        }
        let (mut callable, mut unnoted) = (Names::default(), Names::default());
        let mut nameable = Names::default();
        for (place, entry) in entries.iter().enumerate() {
            let calls =
                is_function(entry) || (is_unspoken(entry) && called.contains_key(&entry.dump_id));
            if calls {
                callable.add(entry, place);
                if place >= noted {
                    unnoted.add(entry, place);
                }
            }
            let is_early = entry.section == Section::PreData;
            if calls || (is_early && (has_rows(entry) || has_text(entry))) {
                nameable.add(entry, place);
            }
        }
        let (reads, named) = (HashMap::new(), HashMap::new());
        Self { entries, called, compared, callable, unnoted, nameable, reads, named }
    }

    /// Whether there is any function that could be called.
    pub(super) fn any(&self) -> bool {
        !self.called.is_empty()
    }

    /// The functions that an entry calls.
    pub(super) fn of(&self, id: DumpId) -> Functions {
        self.called.get(&id).cloned().unwrap_or_default()
    }

    /// The functions that a definition calls. pg_dump does not record those of an exclusion
    /// constraint, those that compare key values, or those of an extension.
    pub(super) fn of_definition(&self, entry: &Entry) -> Functions {
        let mut own = self.of(entry.dump_id);
        let names = match entry.desc {
            Desc::Constraint if entry.defn.contains(" EXCLUDE ") => &self.callable,
            _ => &self.unnoted,
        };
        if !names.is_empty() {
            let named = names.among(&words(&entry.defn)).collect::<Vec<_>>().into_iter();
            own.extend(named.flat_map(|place| self.of(self.entries[place].dump_id)));
        }
        if entry.desc == Desc::Constraint {
            let compared = entry.dependencies.iter().filter_map(|table| self.compared.get(table));
            own.extend(compared.flatten());
        }
        own
    }

    /// What these functions read, if anything.
    pub(super) fn reads(&mut self, functions: &Functions) -> Option<Reads> {
        if functions.is_empty() {
            return None;
        }
        if !self.reads.contains_key(functions) {
            let reads = self.look(functions);
            self.reads.insert(functions.clone(), reads);
        }
        let reads = self.reads.get(functions).cloned()?;
        (reads != Reads::Of(BTreeSet::new())).then_some(reads)
    }

    /// What the first function that reads anything does, for messages.
    pub(super) fn action(&mut self, functions: &Functions) -> String {
        let reading = functions.iter().find(|place| self.reads(&[**place].into()).is_some());
        let action = |place: &usize| {
            let entry = &self.entries[*place];
            let name = qualified(entry.namespace.as_deref(), bare_name(entry));
            match self.runs_text(*place) {
                true => "runs SQL given as text".to_owned(),
                false if is_function(entry) => format!("calls {name}()"),
                false => format!("uses {name}"),
            }
        };
        reading.map(action).unwrap_or_default()
    }

    /// Whether this is a definition that runs SQL given as text.
    fn runs_text(&self, place: usize) -> bool {
        let entry = &self.entries[place];
        let own = self.called.get(&entry.dump_id);
        !is_function(entry) && own.is_some_and(|own| own.contains(&place))
    }

    /// The functions that pg_dump writes after the rows among those that these call, as far as the
    /// bodies tell.
    pub(super) fn late(&mut self, functions: &Functions) -> BTreeSet<DumpId> {
        let (reached, _) = self.reach(functions);
        let reached = reached.into_iter().map(|place| &self.entries[place]);
        let late = reached.filter(|entry| is_function(entry) && entry.section == Section::PostData);
        late.map(|entry| entry.dump_id).collect()
    }

    fn look(&mut self, functions: &Functions) -> Reads {
        let (reached, is_complete) = self.reach(functions);
        let tables = reached.iter().map(|place| &self.entries[*place]).filter(|e| has_rows(e));
        match is_complete {
            true => Reads::Of(tables.map(|entry| entry.dump_id).collect()),
            false => Reads::Anything,
        }
    }

    /// All that these functions name, directly or not, themselves included; and whether that is all
    /// they may read.
    fn reach(&mut self, functions: &Functions) -> (HashSet<usize>, bool) {
        let mut left: Vec<usize> = functions.iter().copied().collect();
        let mut reached: HashSet<usize> = functions.iter().copied().collect();
        let mut is_complete = !functions.iter().any(|place| self.runs_text(*place));
        while let Some(place) = left.pop() {
            match self.named_in(place) {
                Some(named) => {
                    left.extend(named.iter().copied().filter(|other| reached.insert(*other)));
                }
                None => is_complete = false,
            }
        }
        (reached, is_complete)
    }

    /// What an entry's text names, and the functions that pg_dump records: those of implicit casts,
    /// and of the checks of a constructed row. `None` if it may read objects it does not name.
    fn named_in(&mut self, place: usize) -> Option<&[usize]> {
        let (entry, nameable) = (&self.entries[place], &self.nameable);
        let runs_text = self.runs_text(place);
        let called = &self.called;
        let named = self.named.entry(place).or_insert_with(|| {
            // The functions of its query were called when it was filled.
            let is_filled = entry.desc == Desc::MaterializedView;
            if runs_text && !is_filled {
                return None;
            }
            let noted = called.get(&entry.dump_id).filter(|_| !is_filled).into_iter().flatten();
            let mut named: Vec<usize> = noted.copied().collect();
            if has_text(entry) {
                let words = words(&entry.defn);
                if is_function(entry) && (!is_readable(entry) || is_dynamic(&entry.defn, &words)) {
                    return None;
                }
                named.extend(nameable.among(&words));
            }
            Some(named)
        });
        named.as_deref()
    }
}

/// The functions that each entry calls according to pg_dump's dependencies, and to the text of some
/// definitions.
fn called(entries: &[Entry]) -> HashMap<DumpId, Functions> {
    let mut called: HashMap<DumpId, Functions> = used_by_text(entries);
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| is_function(entry)) {
        called.insert(entry.dump_id, Functions::from([place]));
    }
    if called.is_empty() {
        return called;
    }
    for (operator, others) in alternatives(entries) {
        let on = others.iter().flat_map(|place| &entries[*place].dependencies);
        let own: Functions = on.filter_map(|id| called.get(id)).flatten().copied().collect();
        if !own.is_empty() {
            called.insert(operator, own);
        }
    }
    let known: HashMap<DumpId, &Entry> = entries.iter().map(|e| (e.dump_id, e)).collect();
    let casts = entries.iter().filter(|entry| entry.desc == Desc::Cast);
    let casting: HashSet<DumpId> = casts.flat_map(|cast| cast.dependencies.clone()).collect();
    for entry in entries {
        let mut own = Functions::new();
        for id in &entry.dependencies {
            let passes = known.get(id).is_some_and(|on| {
                // A cast does not name its function.
                passes_on(&entry.desc, &on.desc)
                    && (casting.contains(id) || !is_default_only(entry, on))
            });
            own.extend(called.get(id).filter(|_| passes).into_iter().flatten());
        }
        if !own.is_empty() {
            called.entry(entry.dump_id).or_default().extend(own);
        }
    }
    // Not all constraints of a partition are recorded with it.
    for attach in entries.iter().filter(|entry| entry.desc == Desc::TableAttach) {
        let tables = &attach.dependencies;
        let all: Functions =
            tables.iter().filter_map(|id| called.get(id)).flatten().copied().collect();
        for id in tables.iter().filter(|_| !all.is_empty()) {
            called.entry(*id).or_default().extend(&all);
        }
    }
    called
}

/// The functions that compare values of types, and of the columns of tables.
fn compared(entries: &[Entry], called: &HashMap<DumpId, Functions>) -> HashMap<DumpId, Functions> {
    let mut compared: HashMap<DumpId, Functions> = HashMap::new();
    for class in entries.iter().filter(|entry| entry.desc == Desc::OperatorClass) {
        if let Some(functions) = called.get(&class.dump_id) {
            class
                .dependencies
                .iter()
                .for_each(|id| compared.entry(*id).or_default().extend(functions));
        }
    }
    let is_of_types =
        |entry: &&Entry| matches!(entry.desc, Desc::Type | Desc::Domain | Desc::Table);
    for entry in entries.iter().filter(is_of_types) {
        let on = entry.dependencies.iter().filter_map(|id| compared.get(id));
        let own: Functions = on.flatten().copied().collect();
        if !own.is_empty() {
            compared.entry(entry.dump_id).or_default().extend(own);
        }
    }
    compared
}

/// Whether a function can read this as a table.
fn has_rows(entry: &Entry) -> bool {
    matches!(entry.desc, Desc::Table | Desc::ForeignTable | Desc::Sequence | Desc::MaterializedView)
}

/// Whether this leads to functions that are not named.
fn is_unspoken(entry: &Entry) -> bool {
    matches!(entry.desc, Desc::Operator | Desc::OperatorClass | Desc::OperatorFamily | Desc::Cast)
}

/// Whether naming this may lead to what its text names.
fn has_text(entry: &Entry) -> bool {
    is_function(entry)
        || matches!(entry.desc, Desc::View | Desc::Domain | Desc::Type | Desc::Aggregate)
}

/// Whether work on `entry` calls the functions of `of`, which it depends on.
fn passes_on(entry: &Desc, of: &Desc) -> bool {
    match of {
        Desc::Function
        | Desc::Procedure
        | Desc::Aggregate
        | Desc::Domain
        | Desc::Type
        | Desc::Operator
        | Desc::OperatorClass
        | Desc::OperatorFamily
        | Desc::Cast => true,
        Desc::View => matches!(entry, Desc::View | Desc::MaterializedView | Desc::Function),
        // Because of inherited constraints, and columns of the other table's row type.
        Desc::Table => matches!(entry, Desc::Table | Desc::Type | Desc::Domain),
        _ => false,
    }
}

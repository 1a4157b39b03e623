//! Finds work that calls functions that may read tables, as far as the archive shows it.
//!
//! pg_dump records that a table depends on the functions of its CHECK constraints, generated
//! columns and domains, an index on those of its expressions, and a materialized view on those of
//! its query. It does not record which tables a function reads: its body is text. A function counts
//! as reading every table whose name occurs in its body, or in the body of a function or view that
//! it names, and so on. A body that contains an operator from the archive calls the operator's
//! function. It may also call the function of any cast or operator class, which need no name. A
//! body with dynamic SQL may read any table, and so may one that reads a foreign table.
//!
//! A definition whose text names more than its dependencies show counts as such a function.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::bodies::{Names, bare_name, is_function, words};
use super::definitions::{Named, has_expressions, is_default_only, reading_by_text};
use super::operators::alternatives;
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
    /// The places of all sequences.
    sequences: Vec<usize>,
    /// By table, the places of definitions that are not in the archive.
    found: HashMap<DumpId, Vec<usize>>,
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
        let mut nameable = Names::default();
        let mut found: HashMap<DumpId, Vec<usize>> = HashMap::new();
        for (place, entry) in entries.iter().enumerate() {
            let is_early = entry.section == Section::PreData;
            if is_function(entry) || (is_early && (has_rows(entry) || has_text(entry))) {
                nameable.add(entry, place);
            }
            if place >= noted && entry.desc != Desc::Table && has_expressions(entry) {
                entry.dependencies.iter().for_each(|on| found.entry(*on).or_default().push(place));
            }
        }
        let mut called = called(entries, &nameable);
        let compared = compared(entries, &called);
        // The comparisons of a CHECK (`GREATEST`, arrays, rows) are not recorded.
        for (id, functions) in &compared {
            called.entry(*id).or_default().extend(functions);
        }
        let (mut callable, mut unnoted) = (Names::default(), Names::default());
        for (place, entry) in entries.iter().enumerate() {
            let calls_unnamed = is_unspoken(entry) && called.contains_key(&entry.dump_id);
            if calls_unnamed {
                nameable.add(entry, place);
            }
            if calls_unnamed || is_function(entry) {
                callable.add(entry, place);
                if place >= noted {
                    unnoted.add(entry, place);
                }
            }
        }
        let is_sequence = |(_, entry): &(usize, &Entry)| entry.desc == Desc::Sequence;
        let sequences = entries.iter().enumerate().filter(is_sequence);
        Self {
            entries,
            called,
            compared,
            callable,
            unnoted,
            nameable,
            sequences: sequences.map(|(place, _)| place).collect(),
            found,
            reads: HashMap::new(),
            named: HashMap::new(),
        }
    }

    /// Whether the target has definitions of this table that are not in the archive.
    pub(super) fn has_found(&self, table: DumpId) -> bool {
        self.found.contains_key(&table)
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
            // The target's catalog shows all that its own definitions call.
            _ if entry.dump_id.0 < 0 => return own,
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
        let first = |own: &mut Self, places: Vec<usize>| {
            places.into_iter().find(|place| own.reads(&[*place].into()).is_some())
        };
        let Some(mut place) = first(self, functions.iter().copied().collect()) else {
            return String::new();
        };
        if !is_function(&self.entries[place]) {
            let Some(named) = self.named_in(place) else { return "may read anything".to_owned() };
            let others = named.iter().copied().filter(|other| *other != place).collect();
            place = first(self, others).unwrap_or(place);
        }
        let entry = &self.entries[place];
        let name = qualified(entry.namespace.as_deref(), bare_name(entry));
        match is_function(entry) {
            true => format!("calls {name}()"),
            false => format!("uses {name}"),
        }
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
        let reached = reached.iter().map(|place| &self.entries[*place]);
        // A foreign table may show any table of this database, too.
        let is_foreign = reached.clone().any(|entry| entry.desc == Desc::ForeignTable);
        let tables = reached.filter(|entry| has_rows(entry));
        match is_complete && !is_foreign {
            true => Reads::Of(tables.map(|entry| entry.dump_id).collect()),
            false => Reads::Anything,
        }
    }

    /// All that these functions name, directly or not, themselves included; and whether that is all
    /// they may read.
    fn reach(&mut self, functions: &Functions) -> (HashSet<usize>, bool) {
        let mut left: Vec<usize> = functions.iter().copied().collect();
        let mut reached: HashSet<usize> = functions.iter().copied().collect();
        let mut is_complete = true;
        while let Some(place) = left.pop() {
            // The functions of its query were called when it was filled.
            if self.entries[place].desc == Desc::MaterializedView && !functions.contains(&place) {
                continue;
            }
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
        let entry = &self.entries[place];
        if !self.named.contains_key(&place) {
            let named = match has_text(entry) || has_expressions(entry) {
                true => Named::by(entry),
                false => Some(Named::default()),
            };
            let places = named.map(|named| {
                let noted = self.called.get(&entry.dump_id).into_iter().flatten();
                let found = self.found.get(&entry.dump_id).into_iter().flatten();
                let mut places: Vec<usize> = noted.chain(found).copied().collect();
                places.extend(self.nameable.named(&named.words));
                places.extend(self.callable.named(&named.calls));
                if named.is_body {
                    places.extend(self.nameable.unnamed());
                }
                if named.uses_sequences() {
                    places.extend(&self.sequences);
                }
                places
            });
            self.named.insert(place, places);
        }
        self.named[&place].as_deref()
    }
}

/// The functions that each entry calls according to pg_dump's dependencies, and to the text of some
/// definitions.
fn called(entries: &[Entry], nameable: &Names) -> HashMap<DumpId, Functions> {
    let mut called: HashMap<DumpId, Functions> = reading_by_text(entries, nameable);
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

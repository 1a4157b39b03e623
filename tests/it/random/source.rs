//! The statements that create a database, and the objects created so far.

use super::extension::Extension;
use super::names::{Alphabet, literal, quoted};
use super::values;
use crate::common::random::Random;

/// Grantees and owners that exist on every test server.
pub const ROLES: &[&str] = &[
    "nocturne_owner",
    "nocturne_writer",
    "\"nocturne-reader\"",
    "\"Nocturne Auditor\"",
    "\"nocturne \"\"quoted\"\" role\"",
];

/// A table with rows, numbered from 1 in its key.
#[derive(Clone)]
pub struct Table {
    /// Qualified and quoted.
    pub name: String,
    /// An integer column, quoted.
    pub key: String,
    /// A text column, quoted.
    pub text: String,
    pub rows: u64,
    /// Whether foreign keys can refer to its key: it is unique, and the table is not unlogged.
    pub is_unique: bool,
}

/// A table that is not created yet.
pub struct Draft {
    pub key: String,
    pub text: String,
    pub rows: u64,
    pub is_unique: bool,
    /// The words between CREATE and TABLE.
    pub persistence: &'static str,
    columns: Vec<Column>,
    constraints: Vec<String>,
    /// What follows the columns: INHERITS, PARTITION BY, WITH.
    pub options: String,
}

struct Column {
    name: String,
    definition: String,
    /// SQL of the value in row `i`; if missing, the column's default.
    value: Option<String>,
}

impl Draft {
    /// One more column with the value of row `i`.
    pub fn column(&mut self, name: &str, definition: &str, value: Option<String>) {
        let (name, definition) = (name.to_owned(), definition.to_owned());
        self.columns.push(Column { name, definition, value });
    }

    pub fn constraint(&mut self, constraint: impl Into<String>) {
        self.constraints.push(constraint.into());
    }
}

/// A function of an integer that reads a table.
#[derive(Clone)]
pub struct Reader {
    /// Qualified and quoted.
    pub name: String,
    /// SQL that calls it, directly or as an operator or a cast, with `{}` for the argument.
    pub call: String,
    pub returns: &'static str,
    /// Arguments from 1 to this find a row.
    pub finds: u64,
}

/// The statements of a database.
pub struct Source {
    pub random: Random,
    pub major: u32,
    pub alphabet: &'static Alphabet,
    /// Created, dumped and restored by a role that is a superuser.
    pub is_superuser: bool,
    statements: Vec<String>,
    /// Statements that run once all rows exist.
    last: Vec<String>,
    /// The schema of new objects; quoted.
    pub schema: String,
    pub tables: Vec<Table>,
    pub readers: Vec<Reader>,
    pub extension: Option<Extension>,
    number: u32,
}

impl Source {
    pub fn new(
        random: Random,
        major: u32,
        alphabet: &'static Alphabet,
        is_superuser: bool,
    ) -> Self {
        Self {
            random,
            major,
            alphabet,
            is_superuser,
            statements: Vec::new(),
            last: Vec::new(),
            schema: "public".to_owned(),
            tables: Vec::new(),
            readers: Vec::new(),
            extension: None,
            number: 0,
        }
    }

    pub fn run(&mut self, statement: impl Into<String>) {
        self.statements.push(statement.into());
    }

    /// The same once all rows exist.
    pub fn at_end(&mut self, statement: impl Into<String>) {
        self.last.push(statement.into());
    }

    /// Starts a new schema, for the objects that follow.
    pub fn start_schema(&mut self) {
        self.schema = quoted(&self.plain_name());
        let create = format!("CREATE SCHEMA {}", self.schema);
        self.run(create);
    }

    /// A new number.
    pub fn number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    /// A new name without quotes. Most of them sort in creation order, as
    /// pg_dump sorts entries by their names: a reader usually comes after its table.
    pub fn plain_name(&mut self) -> String {
        let number = self.number();
        let first = if self.random.chance(12) { self.random.one(&["a", "z"]) } else { "n" };
        let odd = if self.random.chance(40) { self.odd() } else { String::new() };
        format!("{first}{number:03}{odd}")
    }

    /// A new name, quoted.
    pub fn name(&mut self) -> String {
        quoted(&self.plain_name())
    }

    /// A new name in the current schema, quoted.
    pub fn qualified(&mut self) -> String {
        let name = self.name();
        format!("{}.{name}", self.schema)
    }

    /// A new operator name in the current schema. Operators allow only a few characters.
    pub fn operator(&mut self) -> String {
        let digits = format!("{:b}", self.number()).replace('0', "+").replace('1', "*");
        format!("{}.<{digits}>", self.schema)
    }

    /// Text that is hard to quote.
    pub fn odd(&mut self) -> String {
        self.alphabet.odd(&mut self.random)
    }

    /// The same as a literal.
    pub fn odd_literal(&mut self) -> String {
        literal(&self.odd())
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.random.chance(percent)
    }

    /// A number of rows.
    pub fn some_rows(&mut self) -> u64 {
        self.random.one(&[0, 1, 7, 60, 60, 300, 300, 1500])
    }

    /// A table with a key, a text and up to four more columns.
    pub fn draft(&mut self) -> Draft {
        let (key, text) = (self.name(), self.name());
        let mut draft = Draft {
            key: key.clone(),
            text: text.clone(),
            rows: self.some_rows(),
            is_unique: true,
            persistence: "",
            columns: Vec::new(),
            constraints: Vec::new(),
            options: String::new(),
        };
        let mut columns = vec![(key, "integer".to_owned(), "i".to_owned())];
        let words = values::words(self);
        columns.push((text, "text".to_owned(), format!("{words} || i")));
        for _ in 0..self.random.below(5) {
            let name = self.name();
            let (definition, value) = values::column(self);
            columns.push((name, definition, value));
        }
        // The key is not always the first.
        let at = self.random.below(columns.len() as u64) as usize;
        columns.swap(0, at);
        for (name, definition, value) in columns {
            draft.column(&name, &definition, Some(value));
        }
        draft
    }

    /// Creates the table and its rows.
    pub fn make(&mut self, draft: Draft) -> Table {
        let name = self.qualified();
        self.make_as(name, draft)
    }

    /// The same with a given name.
    pub fn make_as(&mut self, name: String, mut draft: Draft) -> Table {
        if draft.is_unique {
            let kind = self.random.one(&["PRIMARY KEY", "PRIMARY KEY", "UNIQUE"]);
            draft.constraint(format!("{kind} ({})", draft.key));
        }
        let columns = draft.columns.iter().map(|c| format!("{} {}", c.name, c.definition));
        let parts: Vec<String> = columns.chain(draft.constraints.iter().cloned()).collect();
        let (persistence, options) = (draft.persistence, &draft.options);
        self.run(format!("CREATE {persistence} TABLE {name} ({}) {options}", parts.join(", ")));
        let table = Table {
            name,
            key: draft.key.clone(),
            text: draft.text.clone(),
            rows: draft.rows,
            is_unique: draft.is_unique && draft.persistence.is_empty(),
        };
        self.fill(&table, &draft, 1);
        self.tables.push(table.clone());
        table
    }

    /// Inserts the draft's rows, numbered from `first`.
    pub fn fill(&mut self, table: &Table, draft: &Draft, first: u64) {
        if draft.rows == 0 {
            return;
        }
        let columns = draft.columns.iter().filter_map(|c| Some((&c.name, c.value.as_ref()?)));
        let (names, values): (Vec<_>, Vec<_>) =
            columns.map(|(n, v)| (n.as_str(), v.as_str())).unzip();
        let last = first + draft.rows - 1;
        self.run(format!(
            "INSERT INTO {} ({}) SELECT {} FROM generate_series({first}, {last}) i",
            table.name,
            names.join(", "),
            values.join(", ")
        ));
    }

    /// A table of random columns.
    pub fn any_table(&mut self) -> Table {
        let draft = self.draft();
        self.make(draft)
    }

    /// A table that has rows and a unique key: an existing or a new one.
    pub fn filled(&mut self) -> Table {
        let fit: Vec<Table> =
            self.tables.iter().filter(|t| t.rows > 0 && t.is_unique).cloned().collect();
        if !fit.is_empty() && self.chance(80) {
            return fit[self.random.below(fit.len() as u64) as usize].clone();
        }
        let mut draft = self.draft();
        draft.rows = draft.rows.max(5);
        draft.is_unique = true;
        self.make(draft)
    }

    /// A comment on an object, sometimes.
    pub fn comment(&mut self, object: &str) {
        if self.chance(30) {
            let text = self.odd_literal();
            self.run(format!("COMMENT ON {object} IS {text}"));
        }
    }

    /// All statements, in order.
    pub fn statements(&self) -> Vec<String> {
        self.statements.iter().chain(&self.last).cloned().collect()
    }
}

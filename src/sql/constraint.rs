//! Splits pg_dump's constraints so that they can be created in two steps.
//!
//! A primary key or unique constraint can start as an index, built in parallel with the table's
//! other indexes, and become a constraint instantly. A foreign key can be added without a check and
//! validated in parallel with others. Both produce the same catalogue as the archive's statement.
//!
//! Only pg_dump's exact form is parsed (`dumpConstraint` in `pg_dump.c`). Anything else gives
//! `None`, and the statement is run unchanged.

use super::scan::{identifier, names_in_parentheses, qualified, unquoted};

/// A primary key or unique constraint in two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueConstraint {
    /// `CREATE UNIQUE INDEX …`.
    pub create_index: String,
    /// `ALTER TABLE … ADD CONSTRAINT … USING INDEX …`, with any further statements of the archive
    /// about the constraint's index.
    pub add_constraint: String,
}

/// A foreign key in two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The referencing table, as written in the statement.
    pub table: String,
    /// The constraint's name, unquoted.
    pub name: String,
    /// Whether that table is partitioned: then pg_dump omits `ONLY`. Such a key can be `NOT VALID`
    /// from PostgreSQL 18.
    pub partitioned: bool,
    /// `ALTER TABLE … ADD CONSTRAINT … NOT VALID`.
    pub add_not_valid: String,
    /// `ALTER TABLE … VALIDATE CONSTRAINT …`.
    pub validate: String,
}

/// Splits a primary key or unique constraint.
#[must_use]
pub fn unique(definition: &str) -> Option<UniqueConstraint> {
    let Head { table, name, rest } = Head::of(definition)?;
    let (kind, rest) = match rest.strip_prefix("PRIMARY KEY") {
        Some(rest) => ("PRIMARY KEY", rest),
        None => ("UNIQUE", rest.strip_prefix("UNIQUE")?),
    };
    let (nulls, rest) = optional(rest, " NULLS NOT DISTINCT");
    let (columns, rest) = names_in_parentheses(rest.strip_prefix(' ')?)?;
    let (include, rest) = match rest.strip_prefix(" INCLUDE ") {
        Some(rest) => {
            let (columns, rest) = names_in_parentheses(rest)?;
            (format!(" INCLUDE {columns}"), rest)
        }
        None => (String::new(), rest),
    };
    let (parameters, rest) = match rest.strip_prefix(" WITH (") {
        Some(inside) => {
            // Storage parameters are numbers and words, optionally quoted.
            let end = inside.find(')')?;
            (format!(" WITH ({})", &inside[..end]), &inside[end + 1..])
        }
        None => (String::new(), rest),
    };
    let (deferrable, rest) = optional(rest, " DEFERRABLE");
    let (deferred, rest) = optional(rest, " INITIALLY DEFERRED");
    let more = rest.strip_prefix(";\n")?;
    Some(UniqueConstraint {
        create_index: format!(
            "CREATE UNIQUE INDEX {name} ON ONLY {table} USING btree {columns}{include}{nulls}{parameters};"
        ),
        add_constraint: format!(
            "ALTER TABLE ONLY {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}\
             {deferrable}{deferred};\n{more}"
        ),
    })
}

/// Splits a foreign key.
#[must_use]
pub fn foreign_key(definition: &str) -> Option<ForeignKey> {
    let (partitioned, head) = match Head::of(definition) {
        Some(head) => (false, head),
        None => (true, Head::behind("ALTER TABLE ", definition)?),
    };
    let Head { table, name, rest } = head;
    let only = if partitioned { "" } else { "ONLY " };
    let key = rest.strip_suffix(";\n")?;
    let plain = key.starts_with("FOREIGN KEY (")
        && !["NOT VALID", "NOT ENFORCED", "PERIOD", ";"].iter().any(|word| key.contains(word));
    plain.then(|| ForeignKey {
        table: table.to_owned(),
        name: unquoted(name),
        partitioned,
        add_not_valid: format!("ALTER TABLE {only}{table} ADD CONSTRAINT {name} {key} NOT VALID;"),
        validate: format!("ALTER TABLE {only}{table} VALIDATE CONSTRAINT {name};"),
    })
}

/// Whether the archive itself leaves a foreign key unchecked: `NOT VALID`, or `NOT ENFORCED`.
#[must_use]
pub fn is_unchecked(definition: &str) -> bool {
    let key = definition.trim_end().trim_end_matches(';');
    key.ends_with(" NOT VALID") || key.ends_with(" NOT ENFORCED")
}

/// The unquoted name of a constraint, and what defines it.
#[must_use]
pub fn named(definition: &str) -> Option<(String, &str)> {
    let head = Head::of(definition).or_else(|| Head::behind("ALTER TABLE ", definition))?;
    Some((unquoted(head.name), head.rest))
}

/// `ALTER TABLE ONLY table\n    ADD CONSTRAINT name ` and the rest.
struct Head<'a> {
    table: &'a str,
    name: &'a str,
    rest: &'a str,
}

impl<'a> Head<'a> {
    fn of(definition: &'a str) -> Option<Self> {
        Self::behind("ALTER TABLE ONLY ", definition)
    }

    fn behind(start: &str, definition: &'a str) -> Option<Self> {
        let after = definition.strip_prefix(start)?;
        let (table, rest) = after.split_at(qualified(after)?);
        let rest = rest.strip_prefix("\n    ADD CONSTRAINT ")?;
        let (name, rest) = rest.split_at(identifier(rest)?);
        Some(Self { table, name, rest: rest.strip_prefix(' ')? })
    }
}

fn optional<'a>(text: &'a str, word: &'a str) -> (&'a str, &'a str) {
    match text.strip_prefix(word) {
        Some(rest) => (word, rest),
        None => ("", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primary_key_starts_as_an_index() {
        let definition = "ALTER TABLE ONLY public.\"knowledge-elements\"\n    \
                          ADD CONSTRAINT \"ke; \"\"pk\" PRIMARY KEY (id, \"userId\");\n";
        let UniqueConstraint { create_index, add_constraint } = unique(definition).unwrap();
        assert_eq!(
            create_index,
            "CREATE UNIQUE INDEX \"ke; \"\"pk\" ON ONLY public.\"knowledge-elements\" \
             USING btree (id, \"userId\");"
        );
        assert_eq!(
            add_constraint,
            "ALTER TABLE ONLY public.\"knowledge-elements\" ADD CONSTRAINT \"ke; \"\"pk\" \
             PRIMARY KEY USING INDEX \"ke; \"\"pk\";\n"
        );
    }

    #[test]
    fn unique_constraint_keeps_every_property() {
        let definition = "ALTER TABLE ONLY t\n    ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a) \
                          INCLUDE (b, c) WITH (fillfactor='70') DEFERRABLE INITIALLY DEFERRED;\n\n\
                          ALTER TABLE t CLUSTER ON u;\n";
        let UniqueConstraint { create_index, add_constraint } = unique(definition).unwrap();
        assert_eq!(
            create_index,
            "CREATE UNIQUE INDEX u ON ONLY t USING btree (a) INCLUDE (b, c) NULLS NOT DISTINCT \
             WITH (fillfactor='70');"
        );
        assert_eq!(
            add_constraint,
            "ALTER TABLE ONLY t ADD CONSTRAINT u UNIQUE USING INDEX u DEFERRABLE INITIALLY \
             DEFERRED;\n\nALTER TABLE t CLUSTER ON u;\n"
        );
    }

    #[test]
    fn other_constraints_are_unchanged() {
        for definition in [
            "ALTER TABLE ONLY t\n    ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&);\n",
            "ALTER TABLE ONLY t\n    ADD CONSTRAINT x PRIMARY KEY (id, valid WITHOUT OVERLAPS);\n",
            "ALTER TABLE t\n    ADD CONSTRAINT x CHECK ((a > 0));\n",
            "ALTER TABLE ONLY t\n    ADD CONSTRAINT x UNIQUE (a) SOMETHING NEW;\n",
            "ALTER TABLE ONLY t\n    ADD CONSTRAINT \"x",
            "",
        ] {
            assert_eq!(unique(definition), None, "{definition}");
            assert_eq!(foreign_key(definition), None, "{definition}");
        }
    }

    #[test]
    fn foreign_key_is_added_then_validated() {
        let definition = "ALTER TABLE ONLY public.answers\n    ADD CONSTRAINT fk FOREIGN KEY (a) \
                          REFERENCES public.assessments(id) ON DELETE CASCADE DEFERRABLE;\n";
        let key = foreign_key(definition).unwrap();
        let ForeignKey { add_not_valid, validate, .. } = &key;
        assert_eq!(
            add_not_valid,
            "ALTER TABLE ONLY public.answers ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES \
             public.assessments(id) ON DELETE CASCADE DEFERRABLE NOT VALID;"
        );
        assert_eq!(validate, "ALTER TABLE ONLY public.answers VALIDATE CONSTRAINT fk;");
        let ForeignKey { table, name, partitioned, .. } = &key;
        assert_eq!((table.as_str(), name.as_str(), *partitioned), ("public.answers", "fk", false));
    }

    #[test]
    fn foreign_key_of_partitioned_table_omits_only() {
        let definition = "ALTER TABLE public.\"P\"\n    ADD CONSTRAINT \"a \"\"key\"\"\" FOREIGN KEY \
                          (a) REFERENCES p(id);\n";
        let key = foreign_key(definition).unwrap();
        assert!(key.partitioned);
        assert_eq!((key.table.as_str(), key.name.as_str()), ("public.\"P\"", "a \"key\""));
        assert_eq!(
            key.add_not_valid,
            "ALTER TABLE public.\"P\" ADD CONSTRAINT \"a \"\"key\"\"\" FOREIGN KEY (a) REFERENCES \
             p(id) NOT VALID;"
        );
    }

    #[test]
    fn unchecked_or_unusual_foreign_keys_are_unchanged() {
        for rest in [
            "FOREIGN KEY (a) REFERENCES p(id) NOT VALID;\n",
            "FOREIGN KEY (a) REFERENCES p(id) NOT ENFORCED;\n",
            "FOREIGN KEY (a, PERIOD v) REFERENCES p(id, PERIOD v);\n",
            "FOREIGN KEY (a) REFERENCES p(id);\n\nALTER TABLE t CLUSTER ON x;\n",
        ] {
            let definition = format!("ALTER TABLE ONLY t\n    ADD CONSTRAINT fk {rest}");
            assert_eq!(foreign_key(&definition), None, "{rest}");
            assert_eq!(is_unchecked(&definition), rest.contains(" NOT "), "{rest}");
        }
    }
}

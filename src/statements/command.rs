//! [`Command`]: SQL text, or one text for each of many large objects.

use std::borrow::Cow;

use super::error::StatementError;
use crate::archive::objects::oids;

/// Something to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// One or more statements, unchanged. Must not be split: the text may contain function bodies.
    Sql(Cow<'a, str>),
    /// One statement for each large object.
    PerLargeObject(PerLargeObject<'a>),
}

/// A statement that is run for each of many large objects. An archive may hold millions, so the
/// statements are built one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerLargeObject<'a> {
    /// The text before the OID.
    pub before: Cow<'a, str>,
    /// The text after it, without a semicolon.
    pub after: Cow<'a, str>,
    /// The objects, a line each, as a BLOB METADATA entry lists them. It has been checked.
    list: &'a str,
}

impl<'a> PerLargeObject<'a> {
    /// # Errors
    /// [`StatementError::NotAnOid`] when `list` is not a list of OIDs.
    pub(super) fn new(
        before: impl Into<Cow<'a, str>>,
        after: impl Into<Cow<'a, str>>,
        list: &'a str,
    ) -> Result<Self, StatementError> {
        if let Some(other) = oids(list).find_map(Result::err) {
            return Err(StatementError::NotAnOid(other.to_owned()));
        }
        Ok(Self { before: before.into(), after: after.into(), list })
    }

    /// Each statement, with its semicolon.
    pub fn statements(&self) -> impl Iterator<Item = String> {
        let Self { before, after, list } = self;
        // The list was checked in `new`.
        oids(list).flatten().map(move |oid| format!("{before}{oid}{after};"))
    }
}

impl Command<'_> {
    /// The statements that may be sent together: all in one text, or one for each large object, in
    /// batches, so that many objects do not need many round trips.
    pub fn batches(&self, together: usize) -> impl Iterator<Item = Vec<Cow<'_, str>>> {
        let (one, many) = match self {
            Self::Sql(sql) => (Some(vec![Cow::Borrowed(sql.as_ref())]), None),
            Self::PerLargeObject(per_object) => (None, Some(per_object.statements())),
        };
        let mut many = many.into_iter().flatten();
        let batches = std::iter::from_fn(move || {
            let batch: Vec<_> = many.by_ref().take(together.max(1)).map(Cow::Owned).collect();
            (!batch.is_empty()).then_some(batch)
        });
        one.into_iter().chain(batches)
    }

    /// The texts of [`Command::batches`].
    pub fn texts(&self, together: usize) -> impl Iterator<Item = Cow<'_, str>> {
        self.batches(together).map(|mut batch| match batch.len() {
            1 => batch.remove(0),
            _ => Cow::Owned(batch.join("\n")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_object_statements_come_in_batches() {
        let command =
            Command::PerLargeObject(PerLargeObject::new("SELECT f('", "')", "1\n2\n3\n").unwrap());
        assert_eq!(
            command.texts(2).collect::<Vec<_>>(),
            ["SELECT f('1');\nSELECT f('2');", "SELECT f('3');"]
        );
        assert_eq!(command.texts(0).count(), 3);
    }

    #[test]
    fn list_with_other_statements_is_refused() {
        for bad in ["1\nx\n", "1\n\n2\n", "1'); DROP TABLE t; --\n", "4294967296\n"] {
            assert!(matches!(PerLargeObject::new("", "", bad), Err(StatementError::NotAnOid(_))));
        }
    }
}

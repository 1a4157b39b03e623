//! Names of entries that stay the same from dump to dump.

use std::fmt;

/// Separates the parts of an [`Ident`] in stored text. Names rarely contain it, and one that does
/// still differs from all others.
const SEPARATOR: char = '\u{1F}';

/// Names an entry across archives of the same database: kind, schema and tag, and a number from 0
/// among entries that share all of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::sync) struct Ident {
    kind: String,
    schema: String,
    tag: String,
    number: u32,
}

impl Ident {
    /// The schema is empty if there is none.
    pub(in crate::sync) fn new(kind: &str, schema: &str, tag: &str, number: u32) -> Self {
        let [kind, schema, tag] = [kind, schema, tag].map(str::to_owned);
        Self { kind, schema, tag, number }
    }

    /// The same name with another number.
    pub(in crate::sync) fn numbered(&self, number: u32) -> Self {
        Self { number, ..self.clone() }
    }

    /// The kind, as in the archive (`TABLE DATA`).
    pub(in crate::sync) fn kind(&self) -> &str {
        &self.kind
    }

    /// The tag.
    pub(in crate::sync) fn tag(&self) -> &str {
        &self.tag
    }

    /// The number among entries that share kind, schema and tag, from 0.
    pub(in crate::sync) fn number(&self) -> u32 {
        self.number
    }

    /// As stored text.
    pub(in crate::sync) fn to_text(&self) -> String {
        let Self { kind, schema, tag, number } = self;
        format!("{kind}{SEPARATOR}{schema}{SEPARATOR}{tag}{SEPARATOR}{number}")
    }

    /// From stored text; `None` if it is not of this form.
    pub(in crate::sync) fn from_text(text: &str) -> Option<Self> {
        let (rest, number) = text.rsplit_once(SEPARATOR)?;
        let mut parts = rest.splitn(3, SEPARATOR);
        let (kind, schema, tag) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self::new(kind, schema, tag, number.parse().ok()?))
    }
}

/// The entry's label: `INDEX public.users_email`.
impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.schema.is_empty() {
            write!(f, "{}.", self.schema)?;
        }
        f.write_str(&self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_ident_is_read_back() {
        for (schema, tag) in [("public", "users"), ("", "plpgsql"), ("a b", "\"x\"\n(y, z)")] {
            let ident = Ident::new("TABLE DATA", schema, tag, 3);
            assert_eq!(Ident::from_text(&ident.to_text()), Some(ident));
        }
        for text in ["", "TABLE", "TABLE\u{1F}public\u{1F}users", "TABLE\u{1F}a\u{1F}b\u{1F}x"] {
            assert_eq!(Ident::from_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn label_names_the_schema_if_there_is_one() {
        assert_eq!(Ident::new("INDEX", "public", "i", 0).to_string(), "INDEX public.i");
        assert_eq!(Ident::new("EXTENSION", "", "citext", 0).to_string(), "EXTENSION citext");
    }
}

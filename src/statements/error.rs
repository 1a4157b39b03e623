//! Why an entry cannot become SQL.

/// Why an entry cannot become SQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// A list of large objects contains something that is not an OID.
    #[error("\"{0}\" in a list of large objects is not an OID")]
    NotAnOid(String),
    /// A `LARGE OBJECTS` entry without the BLOB METADATA entry that lists the objects.
    #[error("the archive lacks the list of large objects that the privileges are for")]
    NoBlobMetadata,
    /// The privileges of large objects cannot be split.
    #[error("cannot expand the privileges")]
    MalformedAcl(#[from] crate::sql::acl::MalformedAcl),
    /// pg_restore would die with "don't know how to set owner for object type". The object itself
    /// is created; it stays owned by the restoring role.
    #[error("do not know how to set the owner of a {0}")]
    UnknownOwnerKind(String),
}

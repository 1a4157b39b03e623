//! Selects the codec of a column.
//!
//! A codec exists where PostgreSQL's receive function treats the binary form exactly as its input
//! function treats the text that pg_dump writes. Typmods (`varchar(10)`, `numeric(8,2)`,
//! `timestamp(3)`, `interval year to month`) need no handling here: each receive function applies
//! them with the code of the input function.
//!
//! Sent to the server as text: composite and range types, xml (its receive function obeys an
//! encoding declaration), `reg…` types (names versus OIDs), money (locale), geometric types, bit
//! strings, text search types and extension types that are not text inside.

/// The query for a table's columns; `{table}` stands for the table's OID, or for a string literal
/// with its quoted and qualified name. It returns a row per column in the order of the table: the
/// name, the OIDs of its chain of types and their kinds, separated by spaces. See
/// [`CatalogType::chain`].
pub const COLUMNS_QUERY: &str = include_str!("columns.sql");

/// A type in the catalogue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CatalogType {
    /// `pg_type.oid`.
    pub oid: u32,
    /// Its structure.
    pub kind: TypeKind,
}

/// The structure of a type, as far as codecs need it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TypeKind {
    /// A true array; its element type follows in the chain.
    Array,
    /// A domain; its base type follows in the chain. Its receive function applies the base
    /// type's and checks the constraints (`domain_recv`, `src/backend/utils/adt/domains.c`).
    Domain,
    /// An enum.
    Enum,
    /// A base type with the input and receive functions of `text`, whatever its OID: citext.
    TextLike,
    /// Anything else; identified by its OID if it is built in.
    Other,
}

impl CatalogType {
    /// Parses the chain in a row of [`COLUMNS_QUERY`]; `None` if it is malformed.
    #[must_use]
    pub fn chain(oids: &str, kinds: &str) -> Option<Vec<Self>> {
        let oids: Vec<u32> = oids.split(' ').map(|oid| oid.parse().ok()).collect::<Option<_>>()?;
        let kinds: Vec<&str> = kinds.split(' ').collect();
        if oids.len() != kinds.len() {
            return None;
        }
        oids.into_iter()
            .zip(kinds)
            .map(|(oid, kind)| {
                let kind = match kind {
                    "a" => TypeKind::Array,
                    "d" => TypeKind::Domain,
                    "e" => TypeKind::Enum,
                    "t" => TypeKind::TextLike,
                    "o" => TypeKind::Other,
                    _ => return None,
                };
                Some(Self { oid, kind })
            })
            .collect()
    }
}

/// A codec. Each variant names its receive function and source file in `src/backend/utils/adt`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ColumnType {
    /// `boolean`: one byte (`boolrecv`, bool.c).
    Bool,
    /// `"char"`: one byte (`charrecv`, char.c).
    Char,
    /// `smallint` (`int2recv`, int.c).
    Int2,
    /// `integer` (`int4recv`, int.c).
    Int4,
    /// `bigint` (`int8recv`, int8.c).
    Int8,
    /// `oid` (`oidrecv`, oid.c).
    Oid,
    /// `real`: IEEE 754 (`float4recv`, float.c).
    Float4,
    /// `double precision`: IEEE 754 (`float8recv`, float.c).
    Float8,
    /// `numeric`: digits of base 10,000 (`numeric_recv`, numeric.c).
    Numeric,
    /// Types with the same bytes in both formats, checked by the same code: text
    /// (`textrecv`, varlena.c), varchar and bpchar (varchar.c), json (`json_recv`, json.c), enums
    /// (their labels: `enum_recv`, enum.c), and types like text.
    Text,
    /// `name`: text of at most 63 bytes. The input function truncates longer text, but the receive
    /// function refuses it (name.c), and so does the codec.
    Name,
    /// `jsonb`: version 1, then the text (`jsonb_recv`, jsonb.c).
    Jsonb,
    /// `uuid`: 16 bytes (`uuid_recv`, uuid.c).
    Uuid,
    /// `bytea`: its bytes, from the hex or the escape form (`bytearecv`, varlena.c or bytea.c).
    Bytea,
    /// `date`: days since 2000-01-01 (`date_recv`, date.c).
    Date,
    /// `time`: microseconds since midnight (`time_recv`, date.c).
    Time,
    /// `timetz`: as time, and seconds west of Greenwich (`timetz_recv`, date.c).
    TimeTz,
    /// `timestamp`: microseconds since 2000-01-01 (`timestamp_recv`, timestamp.c).
    Timestamp,
    /// `timestamptz`: microseconds since 2000-01-01 UTC (`timestamptz_recv`, timestamp.c).
    TimestampTz,
    /// `interval`: microseconds, days, months (`interval_recv`, timestamp.c).
    Interval,
    /// `inet`: family, bits, address (`inet_recv`, network.c).
    Inet,
    /// `cidr`: the same (`cidr_recv`, network.c).
    Cidr,
    /// `macaddr`: 6 bytes (`macaddr_recv`, mac.c).
    MacAddr,
    /// `macaddr8`: 8 bytes (`macaddr8_recv`, mac8.c).
    MacAddr8,
    /// An array of one dimension with lower bound 1 (`array_recv`, arrayfuncs.c).
    Array {
        /// The element type's OID, which array_recv checks.
        oid: u32,
        /// The elements' codec; never an array.
        element: Box<ColumnType>,
    },
}

impl ColumnType {
    /// The codec of a column, from its chain of types: the declared type first, then the base type
    /// of a domain or the element type of an array, and so on. `None` if there is no exact codec or
    /// the chain is incomplete: then the whole table stays text.
    #[must_use]
    pub fn for_catalog(chain: &[CatalogType]) -> Option<Self> {
        let (&first, rest) = chain.split_first()?;
        match first.kind {
            TypeKind::Domain => Self::for_catalog(rest),
            TypeKind::Array => {
                // The declared element type counts, even if it is a domain.
                let oid = rest.first()?.oid;
                match Self::for_catalog(rest)? {
                    Self::Array { .. } => None,
                    element => Some(Self::Array { oid, element: Box::new(element) }),
                }
            }
            TypeKind::Enum | TypeKind::TextLike => Some(Self::Text),
            TypeKind::Other => Self::built_in(first.oid),
        }
    }

    /// The codec of a built-in base type (`src/include/catalog/pg_type.dat`).
    fn built_in(oid: u32) -> Option<Self> {
        Some(match oid {
            16 => Self::Bool,
            17 => Self::Bytea,
            18 => Self::Char,
            19 => Self::Name,
            20 => Self::Int8,
            21 => Self::Int2,
            23 => Self::Int4,
            // text, json, bpchar, varchar.
            25 | 114 | 1042 | 1043 => Self::Text,
            26 => Self::Oid,
            650 => Self::Cidr,
            700 => Self::Float4,
            701 => Self::Float8,
            774 => Self::MacAddr8,
            829 => Self::MacAddr,
            869 => Self::Inet,
            1082 => Self::Date,
            1083 => Self::Time,
            1114 => Self::Timestamp,
            1184 => Self::TimestampTz,
            1186 => Self::Interval,
            1266 => Self::TimeTz,
            1700 => Self::Numeric,
            2950 => Self::Uuid,
            3802 => Self::Jsonb,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(oids: &str, kinds: &str) -> Option<ColumnType> {
        ColumnType::for_catalog(&CatalogType::chain(oids, kinds).unwrap())
    }

    #[test]
    fn query_has_one_table_placeholder() {
        // Inside a comment, a name with a line break would become SQL.
        assert_eq!(COLUMNS_QUERY.matches("{table}").count(), 1);
    }

    #[test]
    fn domain_uses_the_codec_of_its_base_type() {
        assert_eq!(codec("23", "o"), Some(ColumnType::Int4));
        assert_eq!(codec("20001 20000 23", "d d o"), Some(ColumnType::Int4));
    }

    #[test]
    fn array_has_its_declared_element_type() {
        let element = Box::new(ColumnType::Int4);
        assert_eq!(
            codec("20002 20000 23", "a d o"),
            Some(ColumnType::Array { oid: 20000, element })
        );
    }

    #[test]
    fn arrays_of_array_domains_have_no_codec() {
        assert_eq!(codec("20002 20001 1007 23", "a d a o"), None);
    }

    #[test]
    fn unknown_types_have_no_codec() {
        assert_eq!(codec("142", "o"), None); // xml
        assert_eq!(codec("20000", "o"), None);
        assert_eq!(ColumnType::for_catalog(&[]), None);
        let array = CatalogType { oid: 1007, kind: TypeKind::Array };
        assert_eq!(ColumnType::for_catalog(&[array]), None);
    }

    #[test]
    fn malformed_chain_is_none() {
        for (oids, kinds) in [("", ""), ("23", "x"), ("23 25", "o"), ("-1", "o"), ("23 ", "o o")] {
            assert_eq!(CatalogType::chain(oids, kinds), None, "{oids:?} {kinds:?}");
        }
    }
}

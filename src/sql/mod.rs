//! SQL as text: identifiers, statement boundaries, small rewrites. Knows no other module.

pub mod ident;

//! SQL as text: identifiers, statement boundaries, small rewrites. Depends on no other module.

pub mod acl;
pub mod constraint;
pub mod drop;
pub mod ident;
pub(crate) mod scan;
pub mod split;

//! SQL as text: identifiers, statement boundaries, small rewrites. Depends on no other module.

pub mod acl;
pub mod constraint;
pub mod ident;
pub mod if_exists;
pub(crate) mod scan;
pub mod split;

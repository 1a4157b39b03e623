//! Parses access-privilege definitions: the roles they name ([`roles`]) and, if one text applies to
//! many large objects, the commands for each of them ([`per_large_object`]).

mod large_objects;
mod roles;
mod token;

pub use large_objects::{AclCommand, MalformedAcl, per_large_object};
pub use roles::roles;

//! SQL text: acl.

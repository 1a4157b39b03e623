//! One table through several sessions, on real servers: the same rows as through one, and all of
//! them or none whatever fails.

mod broken;
mod parts;
mod source;
mod toc;
mod whole;

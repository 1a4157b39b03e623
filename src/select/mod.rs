//! Which entries are wanted.

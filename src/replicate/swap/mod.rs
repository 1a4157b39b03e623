//! A new database beside the old one, renamed at the end: readers never see an empty one.

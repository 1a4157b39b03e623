//! Drops the objects of the last night, but for the tables that are kept.

//! Sizes: many entries, wide fields, large tables, in bounded memory; and damage to the data of
//! one table, which must not affect the others.

mod damage;
mod memory;
mod replaced_system;
mod writer;

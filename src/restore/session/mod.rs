//! A session that works in parallel with others: its settings, its transactions, and what replaces
//! it when it is lost.

pub(crate) mod commands;
pub(crate) mod commit;
pub(crate) mod lane;
pub(crate) mod machine;
pub(crate) mod once;
pub(crate) mod retry;
pub(crate) mod settings;

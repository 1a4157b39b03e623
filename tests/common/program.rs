//! The built program.

use super::tool::Tool;

/// `nocturne` with the machine's environment, without PostgreSQL's variables and its own.
pub fn nocturne() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_nocturne"))
}

/// `nocturne` with an empty environment except `PATH`: as a scheduler starts it.
pub fn bare_nocturne() -> Tool {
    nocturne().bare()
}

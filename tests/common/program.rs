//! The built program.

use super::tool::Tool;

/// `nocturne` with the machine's environment, less what speaks of PostgreSQL or of itself.
pub fn nocturne() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_nocturne"))
}

/// `nocturne` with an empty environment but for `PATH`: as a scheduler starts it.
pub fn bare_nocturne() -> Tool {
    nocturne().bare()
}

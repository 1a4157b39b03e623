//! `nocturne verify`: whether an archive is sound.

use super::args::Verify;
use super::exit::{ERRORS, Failure, Outcome};

/// Runs the command.
pub(super) fn run(_typed: &Verify) -> Outcome {
    Err(Failure::new(ERRORS, "TODO merge"))
}

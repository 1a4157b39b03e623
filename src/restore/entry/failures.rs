//! Collects the problems of one entry.

use crate::restore::event::{Failure, Outcome};

/// The problems of an entry: the first failure that counts, with the others as details.
#[derive(Default)]
pub(crate) struct Failures {
    counted: Option<Failure>,
    tolerated: Option<Failure>,
}

impl Failures {
    pub(crate) fn any(&self) -> bool {
        self.counted.is_some() || self.tolerated.is_some()
    }

    /// Whether anything counts as an error.
    pub(crate) fn count(&self) -> bool {
        self.counted.is_some()
    }

    pub(crate) fn add(&mut self, failure: Failure, tolerated: bool) {
        let first = if tolerated { &mut self.tolerated } else { &mut self.counted };
        match first {
            None => *first = Some(failure),
            Some(first) => first.add_detail(&format!("ALSO: {}", failure.message)),
        }
    }

    pub(crate) fn outcome(self) -> Outcome {
        match (self.counted, self.tolerated) {
            (Some(failure), _) => Outcome::Failed { failure },
            (None, Some(failure)) => Outcome::Tolerated { failure },
            (None, None) => Outcome::Done,
        }
    }
}

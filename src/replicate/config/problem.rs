//! Problems with the settings, all reported at once.

use std::fmt;

use super::variable::Variable;

/// One problem. `Display` names the variable and what is expected; it shows no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable to change.
    pub variable: &'static Variable,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable.title(), self.message)
    }
}

/// All problems, at least one, in the order of the table of variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblems(pub(super) Vec<Problem>);

impl ConfigProblems {
    /// Each problem.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid settings")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigProblems {}

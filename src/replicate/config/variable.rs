//! One variable of the environment: what it means, what it may hold, who needs it.

use super::Command;

/// A variable of the environment, and the option of the command line that stands above it.
#[derive(Debug)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// The option of the same meaning, without the dashes. None for what must not appear on a
    /// command line, where other users of the machine may see it.
    pub option: Option<&'static str>,
    /// What its text may be.
    pub kind: Kind,
    /// The text that counts when it is not set.
    pub default: Option<&'static str>,
    /// What it does, in sentences: for `docs/variables.md` and for the help.
    pub meaning: &'static str,
    /// The commands that read it.
    pub commands: &'static [Command],
    /// When it must be set, in words; the rule itself is `require` in `mod.rs`.
    pub required: Option<&'static str>,
}

/// What a variable's text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds, both included.
    Number {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text, with a description of what is expected.
    Text(&'static str),
    /// The same, and it is never shown.
    Secret(&'static str),
}

impl Kind {
    /// What is expected, to follow that word.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Number { min, max } => format!("a whole number from {min} to {max}"),
            Self::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                words.join(" or ")
            }
            Self::Text(expected) | Self::Secret(expected) => expected.to_owned(),
        }
    }

    /// Whether the text itself may be shown.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

impl Variable {
    /// A variable that has an option, no default, and is never required.
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        commands: &'static [Command],
        meaning: &'static str,
    ) -> Self {
        Self { name, option: None, kind, default: None, meaning, commands, required: None }
    }

    pub(super) const fn option(mut self, option: &'static str) -> Self {
        self.option = Some(option);
        self
    }

    pub(super) const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    pub(super) const fn required(mut self, when: &'static str) -> Self {
        self.required = Some(when);
        self
    }

    /// The name, with the option if it has one: `PG_RESTORE_JOBS (--jobs)`.
    #[must_use]
    pub fn title(&self) -> String {
        match self.option {
            Some(option) => format!("{} (--{option})", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// Variables are compared by name: there is one of each.
impl PartialEq for Variable {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Variable {}

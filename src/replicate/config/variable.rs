//! One environment variable: its meaning, accepted values, and the commands that read it.

use super::NightCommand;

/// An environment variable, and the command line option that overrides it.
#[derive(Debug)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// The option with the same meaning, without the dashes. `None` for values that must not appear
    /// on a command line, where other users of the machine can see them.
    pub option: Option<&'static str>,
    /// Which values it accepts.
    pub kind: ValueKind,
    /// The value if it is not set.
    pub default: Option<&'static str>,
    /// What it does, in sentences: for `docs/variables.md` and for the help, whose short form shows
    /// the first sentence.
    pub meaning: &'static str,
    /// The commands that read it.
    pub commands: &'static [NightCommand],
    /// When it must be set, in words; the check itself is `require` in `mod.rs`.
    pub required: Option<&'static str>,
}

/// Which values a variable accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `true` or `false`.
    Flag,
    /// A whole number within inclusive bounds.
    Number {
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text, with a description of what is expected.
    Text(&'static str),
    /// The same, but never shown.
    Secret(&'static str),
}

impl ValueKind {
    /// What is expected, as a noun phrase that can follow "expected".
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

    /// Whether the value must never be shown.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

impl Variable {
    /// A variable without an option or a default, never required.
    pub(super) const fn new(
        name: &'static str,
        kind: ValueKind,
        commands: &'static [NightCommand],
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

/// Variables are compared by name, which is unique.
impl PartialEq for Variable {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Variable {}

//! Reads variables one by one, and collects problems and the values that may be shown.

use crate::server::concealed;

use super::problem::Problem;
use super::variable::{ValueKind, Variable};

/// Why a value was rejected.
pub(super) enum Wrong {
    /// It is not one of the values that the variable accepts.
    Unexpected,
    /// A specific reason, which shows no secret.
    Because(String),
}

/// An effective setting, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable.
    pub variable: &'static Variable,
    /// Its value, without secrets. `None` if it is not set and has no default.
    pub shown: Option<String>,
    /// Whether the value is the default.
    pub is_default: bool,
}

/// Looks variables up, and collects problems.
pub(super) struct VariableReader<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<Problem>,
    pub(super) settings: Vec<Setting>,
}

impl<'a> VariableReader<'a> {
    pub(super) fn new(get: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { get, problems: Vec::new(), settings: Vec::new() }
    }

    /// The lookup function of variables.
    pub(super) fn environment(&self) -> &'a dyn Fn(&str) -> Option<String> {
        self.get
    }

    /// Whether the variable is set to a non-empty value: hosts cannot always unset one.
    pub(super) fn is_set(&self, variable: &Variable) -> bool {
        self.text(variable).is_some()
    }

    fn text(&self, variable: &Variable) -> Option<String> {
        (self.get)(variable.name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Records a problem.
    pub(super) fn problem(&mut self, variable: &'static Variable, message: impl Into<String>) {
        self.problems.push(Problem { variable, message: message.into() });
    }

    /// The variable's value. `None` if it is not set and has no default, or if it is wrong, which
    /// is recorded as a problem.
    pub(super) fn read<T>(
        &mut self,
        variable: &'static Variable,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.read_shown(variable, parse, |_, text| match variable.kind.is_secret() {
            true => "(set)".to_owned(),
            false => text.to_owned(),
        })
    }

    /// The same, with a function that shows the value.
    pub(super) fn read_shown<T>(
        &mut self,
        variable: &'static Variable,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
        show: impl FnOnce(&T, &str) -> String,
    ) -> Option<T> {
        let written = self.text(variable);
        let is_default = written.is_none();
        let text = written.or_else(|| variable.default.map(str::to_owned));
        let (value, shown) = match text {
            None => (None, None),
            Some(text) => match parse(&text) {
                Ok(value) => {
                    let shown = show(&value, &text);
                    (Some(value), Some(shown))
                }
                Err(wrong) => {
                    let expected = || format!("expected {}", variable.kind.expected());
                    let message = match wrong {
                        Wrong::Because(reason) => reason,
                        Wrong::Unexpected if variable.kind.is_secret() => expected(),
                        Wrong::Unexpected => {
                            let found = concealed(&text).unwrap_or(text);
                            format!("{}, found \"{found}\"", expected())
                        }
                    };
                    self.problem(variable, message);
                    (None, None)
                }
            },
        };
        self.settings.push(Setting { variable, shown, is_default });
        value
    }

    /// Any text.
    pub(super) fn string(&mut self, variable: &'static Variable) -> Option<String> {
        self.read(variable, |text| Ok(text.to_owned()))
    }

    /// A number within the variable's bounds.
    pub(super) fn number(&mut self, variable: &'static Variable) -> Option<u64> {
        self.read(variable, |text| {
            let ValueKind::Number { min, max } = variable.kind else {
                return Err(Wrong::Unexpected);
            };
            match text.parse() {
                Ok(number) if (min..=max).contains(&number) => Ok(number),
                _ => Err(Wrong::Unexpected),
            }
        })
    }

    /// `true` or `false`, in any case; false if it is wrong.
    pub(super) fn flag(&mut self, variable: &'static Variable) -> bool {
        let flag = self.read(variable, |text| match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Wrong::Unexpected),
        });
        flag.unwrap_or(false)
    }

    /// One of a few words, each with the value it stands for.
    pub(super) fn word<T: Copy>(
        &mut self,
        variable: &'static Variable,
        words: &[(&str, T)],
    ) -> Option<T> {
        self.read(variable, |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or(Wrong::Unexpected)
        })
    }
}

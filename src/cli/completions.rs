//! Completion scripts: clap's, extended with the words that options accept, the options whose
//! values are not file names, and, in bash, the names of archives.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command as Clap, ValueHint};
use clap_complete::Shell;

use super::command_line;
#[cfg(feature = "replicate")]
use crate::replicate::config::{ValueKind, table};

/// The program to complete.
const PROGRAM: &str = "nocturne";

/// Extends clap's bash script: completes files where a word is not an option, and words after "=".
const BASH: &str = r#"
_nocturne_or_file() {
    local word="$2" before="$3"
    if [[ "${word}" == "=" ]] ; then
        word=""
    elif [[ "${before}" == "=" ]] ; then
        before="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    _nocturne "$1" "${word}" "${before}"
    case "${COMP_CWORD},${COMP_WORDS[1]}" in
        1,*)
            ;;
        *,list|*,plan|*,report|*,restore|*,sync|*,verify)
            if [[ "${word}" != -* && ( ${#COMPREPLY[@]} -eq 0 || "${COMPREPLY[0]}" == -* ) ]] ; then
                local IFS=$'\n'
                COMPREPLY=($(compgen -f -- "${word}"))
                compopt -o filenames 2>/dev/null
            fi
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _nocturne_or_file -o nosort -o bashdefault -o default nocturne
else
    complete -F _nocturne_or_file -o bashdefault -o default nocturne
fi
"#;

/// The script for a shell.
pub(super) fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut completed(), PROGRAM, &mut script);
    if shell == Shell::Bash {
        script.extend_from_slice(BASH.as_bytes());
    }
    script
}

/// The command line to complete.
fn completed() -> Clap {
    // clap does not quote "?", a pattern in fish 3.
    let command = command_line::command().mut_arg("help", |help| help.short(None));
    command
        .mut_subcommand("sync", visible)
        .mut_subcommands(|subcommand| subcommand.mut_args(with_values))
}

/// The command without its hidden options, which clap would complete.
fn visible(command: Clap) -> Clap {
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned();
    let shown = Clap::new(command.get_name().to_owned()).args(args);
    command.get_about().cloned().map_or(shown.clone(), |about| shown.about(about))
}

/// Adds to an option the words or the kind of name that it accepts.
fn with_values(arg: Arg) -> Arg {
    if arg.is_positional()
        || !arg.get_action().takes_values()
        || !arg.get_possible_values().is_empty()
    {
        return arg;
    }
    let words = words(&arg);
    if !words.is_empty() {
        return arg.value_parser(PossibleValuesParser::new(words));
    }
    let hint = match (arg.get_value_hint(), value_name(&arg).as_str()) {
        (ValueHint::Unknown, "DIR") => ValueHint::DirPath,
        (ValueHint::Unknown, "HOSTNAME") => ValueHint::Hostname,
        (ValueHint::Unknown, "PATH|URL") => ValueHint::AnyPath,
        (ValueHint::Unknown, _) => ValueHint::Other,
        (known, _) => known,
    };
    arg.value_hint(hint)
}

/// The words that an option accepts, if its type does not list them.
fn words(arg: &Arg) -> Vec<String> {
    if arg.get_long() == Some("tolerate") {
        let words = ["already-exists", "missing-role", "comment-on-extension", "comment-on-others"];
        return words.map(str::to_owned).into();
    }
    #[cfg(feature = "replicate")]
    if let Some(variable) = table::all().find(|variable| arg.get_id() == variable.name)
        && let ValueKind::Word(words) = variable.kind
    {
        return words.iter().map(|word| (*word).to_owned()).collect();
    }
    let name = value_name(arg);
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    name.split('|').filter(is_word).map(str::to_owned).collect()
}

/// The value's name in the help.
fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.first().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_sync_lacks_are_not_completed() {
        let command_line = completed();
        let sync = command_line.find_subcommand("sync").unwrap();
        let named = |option| sync.get_arguments().any(|arg| arg.get_long() == Some(option));
        assert!(named("dry-run") && named("no-owner") && !named("data-only") && !named("clean"));
    }

    #[test]
    fn completed_words_match_accepted_values() {
        for (command, option, expected) in [
            ("restore", "format", &["c", "d", "t"][..]),
            ("restore", "jobs", &["auto"]),
            (
                "restore",
                "tolerate",
                &["already-exists", "missing-role", "comment-on-extension", "comment-on-others"],
            ),
            ("run", "region", &["osc-fr1", "osc-secnum-fr1"]),
            ("run", "swap", &["true", "false"]),
            ("sync", "foreign-keys", &["validated", "not-valid", "none"]),
            ("restore", "host", &[]),
            ("restore", "set", &[]),
        ] {
            let command_line = completed();
            let command = command_line.find_subcommand(command).unwrap();
            let named = |arg: &&Arg| arg.get_long() == Some(option);
            let values = command.get_arguments().find(named).unwrap().get_possible_values();
            let words: Vec<&str> =
                values.iter().map(clap::builder::PossibleValue::get_name).collect();
            assert_eq!(words, expected, "{option}");
        }
    }
}

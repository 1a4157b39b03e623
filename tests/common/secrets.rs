//! The secrets a program was given: all its output is always searched for them.

use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// Variables whose whole value is a secret.
const VARIABLES: [&str; 4] =
    ["PGPASSWORD", "SCALINGO_API_TOKEN", "STATUS_TOKEN", "NOTIFICATION_URLS"];

/// Shorter texts may be part of any message.
const SHORTEST: usize = 6;

/// Secrets that test servers hand out: the output of every program is searched for them.
static HANDED_OUT: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Has the output of every program of this test binary searched for `secret`: a token or a signed
/// address that a server hands to it.
pub fn hand_out(secret: impl Into<String>) {
    let secret = secret.into();
    let mut all = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    if secret.len() >= SHORTEST && !all.contains(&secret) {
        all.push(secret);
    }
}

/// The secrets given to one program.
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The secrets among the arguments and the variables of a command. Only this project's own
    /// program is checked; PostgreSQL's programs are not.
    pub fn of(command: &Command) -> Self {
        let program = command.get_program().to_string_lossy();
        if program.rsplit('/').next() != Some("nocturne") {
            return Self(Vec::new());
        }
        let mut found = Vec::new();
        for argument in command.get_args() {
            found.extend(in_text(&argument.to_string_lossy()));
        }
        for (name, value) in command.get_envs() {
            let value = value.unwrap_or_default().to_string_lossy();
            if VARIABLES.contains(&&*name.to_string_lossy()) {
                found.extend(value.split_whitespace().map(str::to_owned));
            }
            found.extend(in_text(&value));
        }
        found.retain(|secret| secret.len() >= SHORTEST);
        Self(found)
    }

    /// Fails the test if the output contains one of them.
    pub fn check(&self, line: &str, output: &Output) {
        let handed_out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for secret in self.0.iter().chain(&handed_out) {
            for (name, bytes) in [("output", &output.stdout), ("standard error", &output.stderr)] {
                let shown = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!shown, "{secret} is on the {name} of {line}");
            }
        }
    }
}

/// Passwords of connection strings of both kinds, and signatures of addresses.
fn in_text(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((scheme, rest)) = text.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        if let Some((_, password)) = user.and_then(|user| user.split_once(':')) {
            found.push(password.to_owned());
        }
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        if scheme.starts_with("http") && !query.is_empty() {
            found.push(query.to_owned());
        }
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if ["password", "signature", "sig", "token"].contains(&name) {
                found.push(value.to_owned());
            }
        }
    } else if let Some((_, rest)) = text.split_once("password=") {
        let value = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split('\'').next(),
            None => rest.split_whitespace().next(),
        };
        found.extend(value.map(str::to_owned));
    }
    found
}

#[test]
fn secrets_are_found_in_program_input() {
    let mut command = Command::new("target/debug/nocturne");
    command.args(["-d", "postgres://me:open%20sesame@h/d?x=1", "host=h password='two words' a=b"]);
    command.env("STATUS_TOKEN", "sixteen-letters").env("OTHER", "https://h/b?signature=abcdef");
    let found = Secrets::of(&command).0;
    for secret in ["open%20sesame", "two words", "sixteen-letters", "signature=abcdef", "abcdef"] {
        assert!(found.iter().any(|other| other == secret), "{secret}: {found:?}");
    }
    assert!(Secrets::of(Command::new("psql").env("PGPASSWORD", "long enough")).0.is_empty());
}

#[test]
#[should_panic(expected = "open-sesame is on the standard error of it")]
fn secret_in_the_output_fails_the_test() {
    let mut command = Command::new("nocturne");
    command.env("PGPASSWORD", "open-sesame");
    let output = Output {
        status: std::process::ExitStatus::default(),
        stdout: Vec::new(),
        stderr: b"the password open-sesame is wrong".to_vec(),
    };
    Secrets::of(&command).check("it", &output);
}

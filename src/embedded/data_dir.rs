//! The server's data directory: from initdb, copied from a template, or kept from an earlier run.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::account::Account;
use super::error::{EmbeddedError, Result, tail};
use super::installation::{Installation, find_binaries};
use super::options::EmbeddedOptions;
use crate::sql::ident;

/// Initialises a data directory without starting a server, for example as a template for
/// [`EmbeddedOptions::template`]. An existing cluster is left unchanged.
///
/// # Errors
/// When there are no binaries, the folder contains something else, or initdb fails.
pub fn initialize(options: &EmbeddedOptions, data_dir: &Path) -> Result<()> {
    let installation = installation(options)?;
    prepare(&installation, account_for(data_dir)?, options, data_dir)
}

/// The binaries selected by the options.
pub(super) fn installation(options: &EmbeddedOptions) -> Result<Installation> {
    if let Some(chosen) = &options.installation {
        return Ok(chosen.clone());
    }
    let none = || EmbeddedError::NoInstallation { looked_in: Vec::new() };
    find_binaries()?.into_iter().next().ok_or_else(none)
}

/// The account for a data directory: the owner of an existing cluster, if there is a choice.
pub(super) fn account_for(data_dir: &Path) -> Result<Account> {
    let chosen = Account::choose()?;
    Ok(match chosen {
        Account::Other { .. } => Account::owner(&data_dir.join("PG_VERSION")).unwrap_or(chosen),
        Account::Own => chosen,
    })
}

/// Prepares the folder as a data directory for this installation.
pub(super) fn prepare(
    installation: &Installation,
    account: Account,
    options: &EmbeddedOptions,
    data_dir: &Path,
) -> Result<()> {
    if let Some(found) = version_of(data_dir)? {
        return check_version(installation, data_dir, found);
    }
    create_empty(data_dir)?;
    account.own(data_dir)?;
    match &options.template {
        Some(template) => copy(installation, account, template, data_dir),
        None => run_initdb(installation, account, options, data_dir),
    }
}

/// The major version of a data directory; `None` if there is no cluster.
fn version_of(data_dir: &Path) -> Result<Option<String>> {
    let file = data_dir.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbeddedError::path("read", file)(error)),
    }
}

fn check_version(installation: &Installation, data_dir: &Path, found: String) -> Result<()> {
    let installed = installation.version;
    // Before 10, the first two numbers form the major version.
    let major =
        if installed.major < 10 { installed.to_string() } else { installed.major.to_string() };
    if found == major {
        return Ok(());
    }
    Err(EmbeddedError::WrongVersion { data_dir: data_dir.to_owned(), found, installed })
}

/// Creates the folder, or uses an empty one. The server requires mode 0700 or 0750.
fn create_empty(data_dir: &Path) -> Result<()> {
    match fs::read_dir(data_dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(EmbeddedError::NotADataDirectory { data_dir: data_dir.to_owned() });
            }
            fs::set_permissions(data_dir, Permissions::from_mode(0o700))
                .map_err(EmbeddedError::path("protect", data_dir))
        }
        Err(_) => {
            if let Some(parent) = data_dir.parent() {
                fs::create_dir_all(parent).map_err(EmbeddedError::path("create", parent))?;
            }
            DirBuilder::new()
                .mode(0o700)
                .create(data_dir)
                .map_err(EmbeddedError::path("create", data_dir))
        }
    }
}

fn run_initdb(
    installation: &Installation,
    account: Account,
    options: &EmbeddedOptions,
    data_dir: &Path,
) -> Result<()> {
    let locales = match &options.locale {
        Some(locale) => vec![locale.as_str()],
        None => vec!["C.UTF-8", "C"],
    };
    let mut output = String::new();
    for locale in locales {
        let program = installation.program("initdb");
        let mut command = Command::new(&program);
        command
            .arg("--pgdata")
            .arg(data_dir)
            .arg(format!("--username={}", options.superuser))
            .arg(format!("--locale={locale}"))
            // A run has its rules in its temporary folder. These apply if a kept cluster is
            // started by other means later.
            .args(["--encoding=UTF8", "--auth-local=peer", "--auth-host=scram-sha-256"]);
        if !options.durable {
            command.arg("--no-sync");
        }
        let done = finish(command, account, &program, None)?;
        if done.status.success() {
            return Ok(());
        }
        output = text(&done);
        // Only this failure has a workaround; initdb checks the locale before it writes anything.
        if !output.contains("invalid locale") {
            break;
        }
    }
    Err(EmbeddedError::Initialize { program: "initdb", output: tail(&output) })
}

/// Copies with cp(1), run under the server's account so that the owner is right.
fn copy(
    installation: &Installation,
    account: Account,
    template: &Path,
    data_dir: &Path,
) -> Result<()> {
    match version_of(template)? {
        Some(found) => check_version(installation, template, found)?,
        None => return Err(EmbeddedError::NotADataDirectory { data_dir: template.to_owned() }),
    }
    let mut command = Command::new("cp");
    command.arg("-Rp").arg(template.join(".")).arg(data_dir);
    let done = finish(command, account, Path::new("cp"), None)?;
    if done.status.success() {
        return Ok(());
    }
    Err(EmbeddedError::Initialize { program: "cp", output: tail(&text(&done)) })
}

/// Sets the superuser's password in a stopped cluster. The single-user server reads it from
/// standard input, so that no command line shows it.
pub(super) fn set_password(
    installation: &Installation,
    account: Account,
    options: &EmbeddedOptions,
    data_dir: &Path,
    password: &str,
) -> Result<()> {
    let program = installation.program("postgres");
    let mut command = Command::new(&program);
    command.arg("--single").arg("-D").arg(data_dir).args(["-c", "exit_on_error=on"]);
    for (name, value) in options.all_settings() {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command.arg("template1");
    let superuser = ident::quoted(&options.superuser);
    let statement = format!("ALTER ROLE {superuser} PASSWORD {};\n", ident::literal(password));
    let done = finish(command, account, &program, Some(&statement))?;
    if done.status.success() {
        return Ok(());
    }
    // The prompt goes to standard output, and an error may quote the statement: hide the password.
    let log = String::from_utf8_lossy(&done.stderr).replace(password, "…");
    Err(EmbeddedError::Initialize { program: "postgres --single", output: tail(&log) })
}

/// Runs a command to completion.
fn finish(
    mut command: Command,
    account: Account,
    program: &Path,
    input: Option<&str>,
) -> Result<Output> {
    account.apply(&mut command);
    // The messages are parsed, so they must be in English.
    command.env("LC_ALL", "C").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(EmbeddedError::run(program))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // If the program has exited early, its standard error has the reason.
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait_with_output().map_err(EmbeddedError::run(program))
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[cfg(test)]
mod tests {
    use super::super::installation::Version;
    use super::*;

    fn pretended(major: u32, minor: u32) -> Installation {
        Installation { bin: "/nowhere".into(), version: Version { major, minor } }
    }

    #[test]
    fn cluster_of_another_major_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("PG_VERSION"), "15\n").unwrap();
        let options = EmbeddedOptions::default();
        let prepare = |major| prepare(&pretended(major, 4), Account::Own, &options, folder.path());
        assert!(prepare(15).is_ok());
        assert!(
            matches!(prepare(16), Err(EmbeddedError::WrongVersion { found, .. }) if found == "15")
        );
    }

    #[test]
    fn foreign_folder_is_left_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("photo.jpg"), "").unwrap();
        let options = EmbeddedOptions::default();
        let result = prepare(&pretended(15, 4), Account::Own, &options, folder.path());
        assert!(matches!(result, Err(EmbeddedError::NotADataDirectory { .. })), "{result:?}");
        assert!(folder.path().join("photo.jpg").exists());
    }
}

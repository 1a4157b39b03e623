//! From the options of `restore` and `sync` to a restore's target and settings.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::choose::ChosenEntries;
use super::environment;
use super::input::read_digests;
use super::threads::automatic_jobs;
use crate::archive::Format;
use crate::cli::exit::{ARCHIVE, CommandFailure};
use crate::cli::options::connection::{self, Connection, given};
use crate::cli::options::size::Size;
use crate::cli::options::values::{ArchiveFormat, Jobs};
use crate::cli::options::{Behaviour, Properties};
use crate::restore::journal::JournalOptions;
use crate::restore::{RestoreOptions, SplitSize, Stages, Transactions};
use crate::server::Target;
use crate::source::Archive;
use crate::statements::{Ownership, SourceSettings, Style};

/// The options of a restore, as typed.
#[derive(Clone, Copy)]
pub(crate) struct Typed<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) properties: &'a Properties,
    pub(crate) behaviour: &'a Behaviour,
    /// Whether the archive's database is created.
    pub(crate) create: bool,
}

/// The target, or `None` if no database is named.
pub(crate) fn target(connection: &Connection) -> Result<Option<Target>, CommandFailure> {
    // With -d, the URL would send data meant for another server to its own.
    let url = environment("DATABASE_URL").filter(|_| connection.dbname.is_none());
    let options = connection.options(url);
    // The error is in the URL, not in other variables such as PGSERVICE.
    let is_of_url =
        || options.default_url.is_some() && Target::resolve(&options, &|_| None).is_err();
    let target = connection::resolve(&options).map_err(|failure| match is_of_url() {
        true => failure.with_hint(
            "DATABASE_URL is used because -d is not given; its form is \
             postgresql://user:password@host:5432/name",
        ),
        false => failure,
    })?;
    // As in pg_restore, a server alone selects no database: libpq's default is the role's name.
    let is_named = connection.dbname.is_some() || target.names_its_database();
    Ok(is_named.then_some(target))
}

/// Fails if the archive is not in the required format.
pub(crate) fn check_format(behaviour: &Behaviour, archive: &Archive) -> Result<(), CommandFailure> {
    let wanted = match behaviour.format {
        None | Some(ArchiveFormat::Any) => return Ok(()),
        Some(ArchiveFormat::Custom) => Format::Custom,
        Some(ArchiveFormat::Directory) => Format::Directory,
        Some(ArchiveFormat::Tar) => Format::Tar,
    };
    if wanted == archive.format {
        return Ok(());
    }
    let message = format!(
        "{} is an archive in {} format, not in {} format",
        archive.name,
        archive.format.name().to_lowercase(),
        wanted.name().to_lowercase()
    );
    Err(CommandFailure::new(ARCHIVE, message))
}

/// The options of a restore.
pub(crate) fn options(
    typed: &Typed<'_>,
    archive: &Archive,
    chosen: &ChosenEntries,
) -> Result<RestoreOptions, CommandFailure> {
    let Typed { connection, properties, behaviour, create } = *typed;
    let transactions = match behaviour.transaction_size.and_then(NonZeroU32::new) {
        Some(size) => Transactions::Batches(size),
        None if behaviour.single_transaction => Transactions::Single,
        None => Transactions::None,
    };
    let jobs = match behaviour.jobs {
        Some(Jobs::Count(count)) => count.get(),
        // A fixed order or a single transaction needs one session.
        _ if transactions != Transactions::None || chosen.reordered => 1,
        // Existing tables may have foreign keys, which stay enabled: load them in the archive's
        // order, which pg_dump chose.
        _ if !chosen.selection.dump_schema() && !behaviour.disable_triggers => 1,
        _ => automatic_jobs(),
    };
    Ok(RestoreOptions {
        shuffle: None,
        jobs,
        style: Style {
            ownership: match (properties.no_owner, behaviour.use_set_session_authorization) {
                (true, _) => Ownership::Ignore,
                (false, true) => Ownership::SetSessionAuthorization,
                (false, false) => Ownership::AlterOwner,
            },
            no_tablespaces: properties.no_tablespaces,
            no_table_access_method: properties.no_table_access_method,
            superuser: given(&connection.superuser),
            role: given(&connection.role),
            enable_row_security: behaviour.enable_row_security,
            source: SourceSettings::of(&archive.toc),
        },
        clean: behaviour.clean,
        if_exists: behaviour.if_exists,
        create,
        // As in pg_restore, a transaction of several entries cannot continue after an error.
        exit_on_error: behaviour.exit_on_error || transactions != Transactions::None,
        transactions,
        copy_format: behaviour.copy_format,
        split_size: match behaviour.split_size {
            None => SplitSize::Auto,
            Some(Size(0)) => SplitSize::Never,
            Some(Size(bytes)) => SplitSize::Bytes(bytes),
        },
        read_ahead: behaviour.read_ahead.0,
        disable_triggers: behaviour.disable_triggers,
        no_data_for_failed_tables: behaviour.no_data_for_failed_tables,
        tolerate: behaviour.tolerate.clone(),
        digests: match &behaviour.digests {
            Some(path) => Some(Arc::new(read_digests(path)?)),
            None => None,
        },
        history: Arc::default(),
        foreign_keys: behaviour.foreign_keys,
        analyze: behaviour.analyze,
        settings: behaviour.set.clone(),
        strictly_in_order: jobs == 1,
        stages: Stages::default(),
        journal: behaviour.resume.then(JournalOptions::default),
        loaded: None,
    })
}

//! Plans a night without changing anything: which backup, what is dropped and restored, how long it
//! took last time, and everything that would fail.
//!
//! It queries what a night queries first (the host, both databases, the backup's table of contents)
//! and writes nothing. It checks privileges where a refusal is foreseeable; other errors, such as
//! rows that violate a constraint, only show during a night.

mod incremental;
mod last;

use std::collections::HashSet;
use std::fmt::{Display, Write};
use std::sync::Arc;

use chrono::Utc;

use super::choose::{self, ChosenObjects, Notice};
use super::delta::Delta;
use super::error::NightError;
use super::modes::Modes;
use super::night_target::Drops;
use super::planned::PlannedObjects;
use super::present::Present;
use super::restored::Wanted;
use super::rights::Rights;
use super::{enrich, night_target, others, planted, resume};
use crate::archive::{DumpId, Entry, Toc, placed};
use crate::error::chain;
use crate::replicate::backup::scalingo::ApiPatience;
use crate::replicate::backup::{BackupSource, FoundBackup, Made};
use crate::replicate::config::{Config, Restore, TableMode};
use crate::replicate::enrich::Enrichment;
use crate::replicate::hooks::Hooks;
use crate::replicate::{lock, swap};
use crate::report::units;
use crate::server::{Session, SessionSettings, Target};
use crate::shown::{self, one_line};
use crate::sql::ident::qualified;

/// The plan of a night.
#[derive(Debug, Default)]
pub struct Preview {
    /// The plan as text.
    pub text: String,
    /// What would make the night fail.
    pub problems: Vec<String>,
}

/// Plans a night with these settings. Changes nothing; errors are part of the plan.
pub async fn preview(config: &Config) -> Preview {
    let mut plan = Preview::default();
    let enrichment = plan.noted(enrich::read(config));
    let hooks = config.restore.hooks.as_deref().map_or_else(|| Ok(Hooks::default()), Hooks::read);
    let hooks = plan.noted(hooks);
    let found = plan.backup(config).await;
    let session = plan.target(config).await;
    if let (Some((found, _)), Some(session), Some(hooks), Some(files)) =
        (&found, &session, &hooks, &enrichment)
    {
        let wanted = Wanted::new(&resume::key(found), config, hooks, files);
        if found.created_at.is_some() && !config.restore.from_scratch {
            plan.restored(config, session, &wanted).await;
        }
    }
    if let Some((found, toc)) = &found {
        let delta = match (&hooks, &enrichment) {
            (Some(hooks), Some(enrichment)) if config.restore.delta => Some((hooks, enrichment)),
            _ => None,
        };
        plan.tables(config, session.as_ref(), (found, toc), delta).await;
    }
    let toc = found.as_ref().map(|(_, toc)| &**toc);
    plan.incremental(config, session.as_ref(), toc).await;
    plan.conclude();
    plan
}

impl Preview {
    fn heading(&mut self, text: &str) {
        let separator = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{separator}{text}");
    }

    /// Writes one line, whatever characters the names in it contain.
    fn line(&mut self, text: impl Display) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "  {}", one_line(&text.to_string()));
    }

    fn problem(&mut self, problem: impl Display) {
        let problem = problem.to_string();
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Returns the value; records an error as a problem.
    fn noted<T, E: std::error::Error + 'static>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.problem(chain(&error))).ok()
    }

    /// Reports if a run has already restored the backup.
    async fn restored(&mut self, config: &Config, session: &Session, wanted: &Wanted) {
        let Some(Some(restored)) = self.noted(wanted.find(session).await) else { return };
        let then = match restored.completed {
            Some(_) => "a scheduled run only copies incremental tables",
            None => "the next attempt continues after the restore",
        };
        self.line(format_args!("run {} already restored this backup: {then}", restored.run));
        if restored.completed.is_none() {
            self.planted(planted::on_tables(session, &config.restore.tables, &[]).await);
        }
    }

    fn planted(&mut self, found: Result<Vec<String>, NightError>) {
        self.noted(found).into_iter().flatten().for_each(|text| self.problem(text));
    }

    /// Finds the backup and reads its table of contents.
    async fn backup(&mut self, config: &Config) -> Option<(FoundBackup, Arc<Toc>)> {
        self.heading("Backup");
        let found = find(config).await;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.line("none");
                self.problem(chain(&error));
                return None;
            }
        };
        self.line(&found);
        if let Some(skipped) = &found.skipped {
            self.line(skipped);
        }
        let opened = match found.open().await {
            Ok(opened) => opened,
            Err(error) => {
                self.problem(chain(&error));
                return None;
            }
        };
        let toc = opened.archive.toc;
        let header = &toc.header;
        let made = Made { backup: &found, header: header.created, zone: config.zone };
        let now = Utc::now();
        let age = made.time().and_then(|time| (now - time).to_std().ok());
        let age = age.map(|age| format!(", {} old", units::duration(age))).unwrap_or_default();
        self.line(format_args!(
            "database {} of PostgreSQL {}, dumped at {}{age}",
            header.dbname, header.remote_version, header.created
        ));
        match made.check(&config.backup, now) {
            Ok(warning) => warning.iter().for_each(|warning| self.line(warning)),
            Err(error) => self.problem(chain(&error)),
        }
        Some((found, toc))
    }

    /// Connects to the target and reports its runs.
    async fn target(&mut self, config: &Config) -> Option<Session> {
        let target = config.databases.target.as_ref()?;
        self.heading("Target");
        for warning in target.warnings() {
            self.line(warning);
        }
        let session = match Session::connect(target, &SessionSettings::default()).await {
            Ok(session) => session,
            Err(error) => {
                self.line(target);
                self.problem(format_args!("cannot use the target: {}", chain(&error)));
                return None;
            }
        };
        self.line(format_args!("{target}, PostgreSQL {}", session.server_version()));
        match lock::holder(&session).await {
            Ok(Some(holder)) => {
                self.line(format_args!(
                    "another run is using this target{}",
                    lock::said(Some(&holder))
                ));
            }
            Ok(None) => {}
            Err(error) => self.problem(chain(&error)),
        }
        self.last_run(target).await;
        if config.restore.swap {
            let template = config.restore.swap_template.as_deref();
            if let Err(error) = swap::permitted(target, template).await {
                self.problem(chain(&error));
            }
            self.others(target, &config.restore, None).await;
        }
        Some(session)
    }

    /// Reports what a swap would lose.
    async fn others(&mut self, target: &Target, settings: &Restore, toc: Option<&Toc>) {
        match others::check(target, settings, toc).await {
            Ok(warnings) => warnings.iter().for_each(|warning| self.line(warning)),
            Err(error) => self.problem(chain(&error)),
        }
    }

    /// Reports what is dropped, restored and copied.
    async fn tables(
        &mut self,
        config: &Config,
        session: Option<&Session>,
        (found, toc): (&FoundBackup, &Arc<Toc>),
        delta: Option<(&Hooks, &Enrichment)>,
    ) {
        let planned = match session {
            Some(session) if config.restore.from_scratch => {
                PlannedObjects::afresh(session, &config.restore, toc).await
            }
            Some(session) => {
                PlannedObjects::resuming(session, &config.restore, &resume::key(found), toc).await
            }
            None => Ok(PlannedObjects::default()),
        };
        let planned = match planned {
            Ok(planned) => planned,
            Err(error) => return self.problem(chain(&error)),
        };
        let is_fed_here = config.databases.is_fed_here();
        let settings = &config.restore;
        if let Err(error) = choose::check(&toc.entries, settings) {
            self.problem(chain(&error));
        }
        let chosen = match choose::choose(&toc.entries, settings, &planned.present, is_fed_here) {
            Ok(chosen) => chosen,
            Err(error) => return self.problem(chain(&error)),
        };
        for it in &chosen.in_the_way {
            self.problem(&it.text);
        }
        self.modes(config, toc, &planned.present, &chosen);
        self.not_restored(config, toc, &chosen);
        if planned.is_resumed {
            self.heading("Dropped");
            self.line("nothing: an unfinished restore of this backup will be resumed");
            if let Some(session) = session {
                let found = planted::find(session, &toc.entries, settings, &chosen).await;
                self.planted(found);
            }
        } else if let Some(drops) = &planned.drops {
            let is_applied = match (delta, session) {
                (Some((hooks, enrichment)), Some(session)) => {
                    let wanted = Wanted::new(&resume::key(found), config, hooks, enrichment);
                    let delta = Delta { config, hooks, enrichment, wanted: &wanted };
                    self.delta(&delta, session, toc).await
                }
                _ => false,
            };
            if !is_applied {
                self.drops(drops);
            }
        }
        let Some(session) = session else { return };
        if settings.swap {
            self.others(session.target(), settings, Some(toc)).await;
        }
        let template = match night_target::template(session.target(), settings).await {
            Ok(template) => template,
            Err(error) => {
                // That it does not exist is reported above.
                if !error.is_missing_database() {
                    let error = chain(&error);
                    self.problem(format_args!("cannot inspect SWAP_TEMPLATE: {error}"));
                }
                return;
            }
        };
        let missing = async {
            let rights = Rights::of(config, session, toc, &chosen, planned.drops.as_ref()).await?;
            rights.missing(template.as_ref()).await
        };
        match missing.await {
            Ok(missing) => missing.into_iter().for_each(|missing| self.problem(missing.text)),
            Err(error) => self.problem(format_args!("cannot check privileges: {}", chain(&error))),
        }
        // Its errors are those of the incremental tables, below.
        let Ok(Some(mut copied)) = super::incremental::settings(config).await else { return };
        let present = &planned.present;
        super::incremental::leave_new(config, &mut copied, present, Some(toc));
        match super::incremental::unusable(config, &copied, session, toc, &chosen, present).await {
            Ok(problems) => problems.into_iter().for_each(|problem| self.problem(problem)),
            Err(error) => self.problem(format_args!("cannot ask for rights: {}", chain(&error))),
        }
    }

    /// Lists each table of the archive with its mode.
    fn modes(&mut self, config: &Config, toc: &Toc, present: &Present, chosen: &ChosenObjects) {
        self.heading("Tables of the backup");
        let modes = Modes::new(&toc.entries, &config.restore.tables);
        let mut rows: Vec<_> = choose::tables(&toc.entries).collect();
        let places = placed(&toc.entries);
        let unwanted: HashSet<DumpId> = places
            .filter(|(place, _)| !chosen.selection.want(*place).schema)
            .map(|(_, entry)| entry.dump_id)
            .collect();
        rows.sort_unstable_by_key(|entry| choose::name(entry));
        let named = |entry: &Entry| {
            let (schema, table) = choose::name(entry);
            qualified(Some(schema), table)
        };
        let width = rows.iter().map(|row| named(row).chars().count()).max().unwrap_or_default();
        for row in rows.iter().copied() {
            let (rule, decides) = modes.rule(row).unzip();
            let mode = rule.map_or(TableMode::Full, |rule| rule.mode);
            let (schema, table) = choose::name(decides.unwrap_or(row));
            let note = match (mode, rule) {
                (TableMode::None, Some(rule)) if !rule.is_written => {
                    "  (RESTORE_ANSWERS_AND_KES is not set)"
                }
                _ if chosen.in_the_way.iter().any(|it| it.entry == row.dump_id) => {
                    "  not restored: see Problems"
                }
                (TableMode::Incremental, _) if present.has_table(schema, table) => {
                    "  kept, new rows are copied"
                }
                (TableMode::Incremental, _) if config.databases.is_fed_here() => {
                    "  restored once, then new rows are copied"
                }
                (TableMode::Incremental, _) => "  new rows are copied to TARGET_DATABASE_URL",
                (TableMode::Full | TableMode::SchemaOnly, _)
                    if chosen.detached.iter().any(|(part, _)| *part == row.dump_id) =>
                {
                    "  kept: a partition in the target"
                }
                (TableMode::Full | TableMode::SchemaOnly, _) if unwanted.contains(&row.dump_id) => {
                    "  not restored: excluded, or depends on an excluded entry"
                }
                _ => "",
            };
            self.line(format_args!("{:width$}  {}{note}", named(row), mode.word()));
        }
        if rows.is_empty() {
            self.line("none");
        }
    }

    fn not_restored(&mut self, config: &Config, toc: &Toc, chosen: &ChosenObjects) {
        let by_default = choose::by_default(&toc.entries, config, chosen);
        let notices = choose::notices(&toc.entries, &config.restore, chosen);
        let notices = notices.into_iter().filter(|notice| notice.is_warning);
        let lines: Vec<String> =
            by_default.into_iter().chain(notices.map(|Notice { text, .. }| text)).collect();
        if lines.is_empty() {
            return;
        }
        self.heading("Warnings");
        for line in lines {
            self.line(line);
        }
    }

    /// Reports whether only what differs is changed. Reads no rows, so it may still turn out that
    /// everything has to be restored.
    async fn delta(&mut self, delta: &Delta<'_>, session: &Session, toc: &Arc<Toc>) -> bool {
        let obstacles = delta.obstacles(session, toc).await;
        let Some(obstacles) = self.noted(obstacles) else { return false };
        self.heading("Delta");
        if obstacles.is_empty() {
            self.line("nothing is dropped: only what differs from the backup is changed");
            return true;
        }
        self.line("everything is dropped and restored:");
        obstacles.iter().for_each(|reason| self.line(reason));
        false
    }

    fn drops(&mut self, drops: &Drops) {
        self.heading("Dropped");
        for drop in &drops.plan.drops {
            self.line(drop);
        }
        match drops.plan.drops.len() as u64 {
            0 => self.line("nothing"),
            all => {
                self.line(format_args!("total: {}", units::plural(all, "object", "objects")));
            }
        }
        for other in &drops.plan.others {
            self.line(format_args!(
                "also {} {}, which belongs to {} and depends on these",
                other.kind, other.identity, other.owner
            ));
        }
        for table in &drops.plan.kept {
            self.line(format_args!("kept: table {table}"));
        }
    }

    fn conclude(&mut self) {
        if self.problems.is_empty() {
            return;
        }
        self.heading("Problems");
        for problem in &self.problems {
            // Some problems are lists of statements.
            let problem = shown::lines(problem).replace('\n', "\n    ");
            let _ = writeln!(self.text, "  - {problem}");
        }
    }
}

/// Finds the backup. A user is waiting, so there is only one retry.
async fn find(config: &Config) -> Result<FoundBackup, NightError> {
    let patience = ApiPatience { retries: 1, ..ApiPatience::default() };
    let source = BackupSource::patient(&config.backup, config.zone, patience)?;
    Ok(source.find(Utc::now()).await?)
}

//! The incremental tables of a plan.

use super::super::incremental::{leave_new, loaded, settings};
use super::super::present::Present;
use super::Preview;
use crate::archive::Toc;
use crate::error::chain;
use crate::replicate::config::Config;
use crate::replicate::incremental::precheck;
use crate::server::{Session, SessionSettings};

impl Preview {
    /// Compares the incremental tables on both sides. Without a target session, only checks the
    /// connection to the source.
    pub(super) async fn incremental(
        &mut self,
        config: &Config,
        target: Option<&Session>,
        toc: Option<&Toc>,
    ) {
        if !config.restore.tables.has_incremental() {
            return;
        }
        self.heading("Incremental tables");
        let mut settings = match settings(config).await {
            Ok(Some(settings)) => settings,
            Ok(None) => return self.line("none"),
            Err(error) => {
                self.line("unknown");
                return self.problem(chain(&error));
            }
        };
        self.line(format_args!("from {} to {}", settings.source, settings.target));
        for warning in settings.source.warnings().iter().chain(settings.target.warnings()) {
            self.line(warning);
        }
        for table in &settings.tables {
            self.line(format_args!("{table}, by {}", table.key));
        }
        let Some(target) = target else {
            let source = Session::connect(&settings.source, &SessionSettings::default()).await;
            if let Err(error) = source {
                self.problem(format_args!(
                    "cannot connect to the source database: {}",
                    chain(&error)
                ));
            }
            return;
        };
        let present = match Present::read(target).await {
            Ok(present) => present,
            Err(error) => return self.problem(chain(&error)),
        };
        for warning in leave_new(config, &mut settings, &present, toc) {
            self.line(format_args!("warning: {warning}"));
        }
        let loaded = match loaded(config, target, &settings, &present).await {
            Ok(loaded) => loaded,
            Err(error) => return self.problem(chain(&error)),
        };
        match precheck(&settings, &loaded).await {
            Ok(found) => {
                for doubt in &found.doubts {
                    self.line(format_args!("warning: {doubt}"));
                }
                found.errors.iter().for_each(|error| self.problem(chain(error)));
            }
            Err(error) => self.problem(chain(&error)),
        }
    }
}

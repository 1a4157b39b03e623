//! Keeps the lock on the target all night.
//!
//! Its session is idle for hours, and a proxy in between may close it, so it is used once a minute.
//! If it is lost anyway, the lock is taken again; if another run was faster, this one must stop.

use std::pin::pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use crate::error::chain;
use crate::replicate::lock::{LockError, TargetLock};
use crate::server::{Session, Target};

/// The time between two checks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(60);

/// A lock that is checked regularly.
pub struct LockWatch<'a> {
    lock: TargetLock,
    target: &'a Target,
    between: Duration,
}

impl<'a> LockWatch<'a> {
    /// Takes the lock.
    ///
    /// # Errors
    /// Who holds it, or why the target cannot be asked.
    pub async fn take(target: &'a Target) -> Result<Self, LockError> {
        Ok(Self::of(TargetLock::take(target).await?, target))
    }

    /// The same, in shared mode.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub async fn share(target: &'a Target) -> Result<Self, LockError> {
        Ok(Self::of(TargetLock::share(target).await?, target))
    }

    fn of(lock: TargetLock, target: &'a Target) -> Self {
        Self { lock, target, between: BETWEEN_LOOKS }
    }

    /// Checks it this often, instead of once a minute.
    #[must_use]
    pub fn every(self, between: Duration) -> Self {
        Self { between, ..self }
    }

    /// Does the work. If another run takes the lock meanwhile, `halt` is cancelled, and the work
    /// gets the time that it needs to stop.
    ///
    /// # Errors
    /// The work's error, or who has taken the lock.
    pub async fn during<T>(
        &mut self,
        halt: &CancellationToken,
        work: impl Future<Output = Result<T, NightError>>,
    ) -> Result<T, NightError> {
        let mut work = pin!(work);
        let lost = tokio::select! {
            biased;
            result = &mut work => return result,
            lost = self.watch() => lost,
        };
        tracing::error!("{}", chain(&lost));
        halt.cancel();
        // Whatever its result, the lost lock is the reason.
        let _ = work.await;
        Err(lost.into())
    }

    /// Checks that the lock is still held, or takes it again.
    ///
    /// # Errors
    /// Who holds it now, or why the target cannot be asked.
    pub async fn check(&mut self) -> Result<(), LockError> {
        if self.lock.check().await.is_ok() {
            return Ok(());
        }
        self.lock = self.lock.take_again(self.target).await?;
        tracing::warn!("lost the session that held the lock on the target; took the lock again");
        Ok(())
    }

    /// The session that holds the lock, in the target. Unlike a new one, it also works when the
    /// target no longer accepts connections.
    pub(super) fn session(&self) -> &Session {
        self.lock.session()
    }

    /// Ends when another run holds the lock.
    async fn watch(&mut self) -> LockError {
        loop {
            tokio::time::sleep(self.between).await;
            match self.check().await {
                Ok(()) => {}
                Err(taken @ LockError::Taken { .. }) => return taken,
                // The server cannot be reached: the work itself will notice.
                Err(error) => tracing::warn!("{}", chain(&error)),
            }
        }
    }
}

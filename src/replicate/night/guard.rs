//! The lock on the target, kept all night.
//!
//! Its session is idle for hours, which a proxy between may take for dead: it is used once a
//! minute. When it is lost all the same, the lock is taken again; when another run was quicker,
//! this one must not go on.

use std::pin::pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::NightError;
use crate::replicate::lock::{LockError, TargetLock};
use crate::restore::chain;
use crate::target::Target;

/// The time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(60);

/// A lock that is looked after.
pub(super) struct Guard<'a> {
    lock: TargetLock,
    target: &'a Target,
    between: Duration,
}

impl<'a> Guard<'a> {
    /// Takes the lock, or says who has it.
    pub(super) async fn take(target: &'a Target) -> Result<Self, LockError> {
        Ok(Self::of(TargetLock::take(target).await?, target))
    }

    /// The same, beside others who share it.
    pub(super) async fn share(target: &'a Target) -> Result<Self, LockError> {
        Ok(Self::of(TargetLock::share(target).await?, target))
    }

    fn of(lock: TargetLock, target: &'a Target) -> Self {
        Self { lock, target, between: BETWEEN_LOOKS }
    }

    /// Does the work. When another run takes the lock meanwhile, `halt` is cancelled, and the work
    /// is given the time that it needs to leave.
    pub(super) async fn during<T>(
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
        // Whatever it says, the loss is the reason.
        let _ = work.await;
        Err(lost.into())
    }

    /// Whether the lock is still held, or could be taken again.
    pub(super) async fn check(&mut self) -> Result<(), LockError> {
        if self.lock.check().await.is_ok() {
            return Ok(());
        }
        self.lock = self.lock.take_again(self.target).await?;
        tracing::warn!("the session that held the lock on the target was lost: taken again");
        Ok(())
    }

    /// Ends when another run has the lock.
    async fn watch(&mut self) -> LockError {
        loop {
            tokio::time::sleep(self.between).await;
            match self.check().await {
                Ok(()) => {}
                Err(taken @ LockError::Taken { .. }) => return taken,
                // The server is not there: the work itself will notice.
                Err(error) => tracing::warn!("{}", chain(&error)),
            }
        }
    }
}

#[cfg(test)]
mod tests;

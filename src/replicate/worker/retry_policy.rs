//! How long to wait before a failed run is retried.

use std::time::Duration;

/// Retries after a failure, as in p-retry, which the replaced system used (its options `retries`,
/// `minTimeout`, `maxTimeout`, with `factor` 2 and `randomize`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a failed run is retried.
    pub retries: u32,
    /// The wait before the first retry.
    pub min: Duration,
    /// The longest wait. If it equals `min`, all waits are the same.
    pub max: Duration,
    /// A run that still fails later than this after its start is logged as a warning.
    pub warn_after: Duration,
}

impl RetryPolicy {
    /// The wait before a retry, numbered from 0: `min`, doubled for each earlier retry, times a
    /// random factor from 1 to 2, but at most `max`. `chance` is the random number, from 0 to 1.
    #[must_use]
    pub fn wait(&self, retry: u32, chance: f64) -> Duration {
        let doubled = self.min.saturating_mul(2_u32.saturating_pow(retry));
        let longest = self.max.as_secs_f64();
        let wait = doubled.as_secs_f64() * (1.0 + chance.clamp(0.0, 1.0));
        if wait >= longest { self.max } else { Duration::from_secs_f64(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(min: u64, max: u64) -> RetryPolicy {
        RetryPolicy {
            retries: 10,
            min: Duration::from_millis(min),
            max: Duration::from_millis(max),
            warn_after: Duration::ZERO,
        }
    }

    #[test]
    fn equal_bounds_make_all_waits_the_same() {
        for retry in [0, 1, 9, u32::MAX] {
            for chance in [0.0, 0.7, 1.0] {
                assert_eq!(policy(900_000, 900_000).wait(retry, chance).as_millis(), 900_000);
            }
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_with_jitter() {
        let waits: Vec<u128> =
            (0..5).map(|retry| policy(1000, 9000).wait(retry, 0.0).as_millis()).collect();
        assert_eq!(waits, [1000, 2000, 4000, 8000, 9000]);
        assert_eq!(policy(1000, 9000).wait(1, 0.5).as_millis(), 3000);
        assert_eq!(policy(1000, 9000).wait(3, 0.9).as_millis(), 9000);
    }

    #[test]
    fn zero_bounds_mean_no_wait() {
        assert_eq!(policy(0, 0).wait(3, 1.0), Duration::ZERO);
    }
}

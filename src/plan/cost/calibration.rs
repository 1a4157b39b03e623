//! Learns how fast this server is from finished jobs.
//!
//! For each kind of work, the measured time is divided by the predicted time. A kind with few
//! measurements is weighted towards all kinds together, and those towards 1: a few short jobs say
//! less than one that took a minute.

use super::work::CostKind;

/// The weight of the prior, in predicted seconds: of 1 against all work, and of all work against
/// one kind.
const LEAN: f64 = 0.25;

/// No server is faster or slower than the model by more than this factor. It keeps a broken clock
/// from ruining a plan.
const MAX_FACTOR: f64 = 1000.0;

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    predicted: f64,
    measured: f64,
}

impl Sums {
    fn add(&mut self, predicted: f64, measured: f64) {
        self.predicted += predicted;
        self.measured += measured;
    }
}

/// The ratios of measured to predicted time.
#[derive(Clone, Debug, Default)]
pub(super) struct Calibration {
    kinds: [Sums; CostKind::COUNT],
    all: Sums,
}

impl Calibration {
    /// Records a job. `predicted` is the model's own figure, without calibration.
    pub(super) fn observe(&mut self, kind: CostKind, predicted: f64, measured: f64) {
        self.kinds[kind as usize].add(predicted, measured);
        // Statements measure the connection to the server, and there are very many of them.
        if kind != CostKind::Statement {
            self.all.add(predicted, measured);
        }
    }

    /// The factor for the model's figure.
    pub(super) fn factor(&self, kind: CostKind) -> f64 {
        let lean = |sums: Sums, on: f64| (sums.measured + LEAN * on) / (sums.predicted + LEAN);
        let all = lean(self.all, 1.0);
        lean(self.kinds[kind as usize], all).clamp(1.0 / MAX_FACTOR, MAX_FACTOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_measurements_the_model_is_unchanged() {
        assert!((Calibration::default().factor(CostKind::Rows) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn kind_follows_its_own_measurements() {
        let mut calibration = Calibration::default();
        calibration.observe(CostKind::Rows, 10.0, 30.0);
        calibration.observe(CostKind::Index, 10.0, 5.0);
        assert!((2.9..3.0).contains(&calibration.factor(CostKind::Rows)));
        assert!((0.5..0.6).contains(&calibration.factor(CostKind::Index)));
        // About foreign keys only the machine is known: 35 s instead of 20 s.
        assert!((1.7..1.8).contains(&calibration.factor(CostKind::ForeignKey)));
    }

    #[test]
    fn short_jobs_carry_little_weight() {
        let mut calibration = Calibration::default();
        calibration.observe(CostKind::Rows, 0.002, 0.2);
        assert!(calibration.factor(CostKind::Rows) < 3.0);
    }

    #[test]
    fn slow_network_does_not_imply_slow_server() {
        let mut calibration = Calibration::default();
        calibration.observe(CostKind::Statement, 2.0, 40.0);
        assert!((calibration.factor(CostKind::Rows) - 1.0).abs() < 1e-12);
        assert!(calibration.factor(CostKind::Statement) > 10.0);
    }

    #[test]
    fn absurd_measurements_stay_within_bounds() {
        let mut calibration = Calibration::default();
        calibration.observe(CostKind::Rows, 1.0, 1e12);
        assert!((calibration.factor(CostKind::Rows) - MAX_FACTOR).abs() < 1e-9);
        let mut calibration = Calibration::default();
        calibration.observe(CostKind::Rows, 1e12, 0.0);
        assert!((calibration.factor(CostKind::Rows) - 1.0 / MAX_FACTOR).abs() < 1e-9);
    }
}

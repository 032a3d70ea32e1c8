//! Counts per round → a rate with its interval.

/// So many goroutines per request, with the interval in which the true rate lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Goroutines per request.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// From so many rounds.
    pub rounds: usize,
}

/// The 97.5 % quantiles of Student's t for 1, 2, … degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

impl Rate {
    /// From how many goroutines became more in rounds of so many requests. `None` for fewer than two rounds.
    #[must_use]
    pub fn of(rounds: &[(i64, u64)]) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "counts of goroutines are far below 2^52")]
        let rates: Vec<f64> =
            rounds.iter().filter(|(_, sent)| *sent > 0).map(|(more, sent)| *more as f64 / *sent as f64).collect();
        if rates.len() < 2 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "rounds are few")]
        let n = rates.len() as f64;
        let mean = rates.iter().sum::<f64>() / n;
        let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let student = STUDENT.get(rates.len() - 2).copied().unwrap_or(1.96);
        let half = student * (variance / n).sqrt();
        Some(Self { mean, low: mean - half, high: mean + half, rounds: rates.len() })
    }

    /// Is it certain that there is one?
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.low > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_certain_and_noise_is_not() {
        let rate = Rate::of(&[(50, 50), (50, 50), (49, 49), (50, 50)]).unwrap();
        assert_eq!((rate.mean, rate.low, rate.high), (1.0, 1.0, 1.0));
        let rate = Rate::of(&[(1, 50), (-1, 50), (2, 50), (-2, 50)]).unwrap();
        assert!(!rate.is_positive() && rate.mean.abs() < 1e-9);
        let rate = Rate::of(&[(12, 50), (14, 50), (11, 50), (13, 50)]).unwrap();
        assert!(rate.is_positive() && rate.low < 0.25 && rate.high > 0.25);
        assert_eq!(Rate::of(&[(5, 5)]), None);
        assert_eq!(Rate::of(&[(5, 5), (1, 0)]), None);
    }
}

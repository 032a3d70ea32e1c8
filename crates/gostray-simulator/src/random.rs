//! Random draws. Large means use the normal approximation: millions of draws a second are needed.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// A seeded source of draws.
pub(crate) struct Dice {
    source: StdRng,
    spare: Option<f64>,
}

/// Mixes words to one seed, so that neighbours have unrelated streams.
pub(crate) fn seed_of(words: &[u64]) -> u64 {
    words.iter().fold(0x9E37_79B9_7F4A_7C15, |hash, word| {
        let mut mixed = (hash ^ word).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    })
}

impl Dice {
    pub(crate) fn new(words: &[u64]) -> Self {
        Self { source: StdRng::seed_from_u64(seed_of(words)), spare: None }
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.source.random()
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in the logarithm.
    pub(crate) fn log_between(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// A whole number in `0..end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.source.random_range(0..end) }
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.unit()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// Waiting time of a Poisson process.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        if mean <= 0.0 {
            return 0;
        }
        if mean > 12.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u32;
        }
        let (mut term, mut left, mut count) = ((-mean).exp(), self.unit(), 0u32);
        while left > term && count < 100 {
            left -= term;
            count += 1;
            term *= mean / f64::from(count);
        }
        count
    }

    pub(crate) fn binomial(&mut self, trials: u32, probability: f64) -> u32 {
        if trials == 0 || probability <= 0.0 {
            return 0;
        }
        if probability >= 1.0 {
            return trials;
        }
        if probability > 0.5 {
            return trials - self.binomial(trials, 1.0 - probability);
        }
        let mean = f64::from(trials) * probability;
        if mean > 12.0 {
            let spread = (mean * (1.0 - probability)).sqrt();
            return (mean + spread * self.normal()).round().clamp(0.0, f64::from(trials)) as u32;
        }
        let odds = probability / (1.0 - probability);
        let (mut term, mut left, mut count) = ((f64::from(trials) * (-probability).ln_1p()).exp(), self.unit(), 0u32);
        while left > term && count < trials {
            left -= term;
            term *= odds * f64::from(trials - count) / f64::from(count + 1);
            count += 1;
        }
        count
    }

    /// How many of `marked` are among `draws` taken from `population` without putting back.
    pub(crate) fn hypergeometric(&mut self, population: u32, marked: u32, draws: u32) -> u32 {
        let (marked, draws) = (marked.min(population), draws.min(population));
        if draws > population / 2 {
            return marked - self.hypergeometric_few(population, marked, population - draws);
        }
        self.hypergeometric_few(population, marked, draws)
    }

    fn hypergeometric_few(&mut self, population: u32, marked: u32, draws: u32) -> u32 {
        let (mut rest, mut left) = (population, marked);
        for _ in 0..draws {
            if self.unit() * f64::from(rest) < f64::from(left) {
                left -= 1;
            }
            rest -= 1;
        }
        marked - left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of many draws.
    fn moments(mut draw: impl FnMut(&mut Dice) -> u32) -> (f64, f64) {
        let mut dice = Dice::new(&[1]);
        let drawn: Vec<f64> = (0..40_000).map(|_| f64::from(draw(&mut dice))).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        (mean, drawn.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / drawn.len() as f64)
    }

    fn near((mean, variance): (f64, f64), (wanted, spread): (f64, f64)) {
        let slack = 5.0 * (spread / 40_000.0).sqrt() + 1e-9;
        assert!((mean - wanted).abs() <= slack, "mean {mean}, not {wanted}");
        assert!((variance - spread).abs() <= 0.06 * spread + 1e-9, "variance {variance}, not {spread}");
    }

    #[test]
    fn poisson_has_its_mean_as_variance() {
        for mean in [0.0, 0.03, 1.5, 11.0, 40.0, 900.0] {
            near(moments(|dice| dice.poisson(mean)), (mean, mean));
        }
    }

    #[test]
    fn binomial_counts_hits() {
        for (trials, chance) in [(0, 0.5), (9, 0.0), (9, 1.0), (9, 0.4), (20, 0.95), (2000, 0.001), (500, 0.3)] {
            let mean = f64::from(trials) * chance;
            near(moments(|dice| dice.binomial(trials, chance)), (mean, mean * (1.0 - chance)));
        }
    }

    #[test]
    fn hypergeometric_draws_without_putting_back() {
        for (population, marked, draws) in [(10, 4, 3), (10, 4, 9), (50, 50, 7), (50, 0, 7), (300, 30, 200)] {
            let (n, k, d) = (f64::from(population), f64::from(marked), f64::from(draws));
            let variance = d * k / n * (1.0 - k / n) * (n - d) / (n - 1.0);
            near(moments(|dice| dice.hypergeometric(population, marked, draws)), (d * k / n, variance));
        }
        assert_eq!(Dice::new(&[1]).hypergeometric(0, 3, 3), 0);
    }
}

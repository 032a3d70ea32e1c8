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

//! How much work a service is given.

use crate::random::Dice;

pub(crate) const DAY: f64 = 86_400.0;

/// Relative load over time, about 1 on average before growth and campaigns.
pub(crate) struct Load {
    amplitude: f64,
    peak: f64,
    evening: f64,
    weekend: f64,
    growth_a_day: f64,
    first_weekday: usize,
    campaigns: Vec<(f64, f64, f64)>,
}

impl Load {
    pub(crate) fn new(dice: &mut Dice, days: f64, first_weekday: usize) -> Self {
        let mut campaigns = Vec::new();
        if dice.chance(0.25) {
            let start = dice.between(0.0, days) * DAY;
            campaigns.push((start, start + dice.between(1.0, 3.5) * DAY, dice.between(1.3, 2.6)));
        }
        Self {
            amplitude: dice.between(0.1, 0.75),
            peak: dice.between(10.0, 22.0),
            evening: dice.between(0.0, 0.25),
            weekend: if dice.chance(0.7) { dice.between(0.4, 0.9) } else { dice.between(1.0, 1.4) },
            growth_a_day: if dice.chance(0.15) { dice.between(0.01, 0.06) } else { 0.0 },
            first_weekday,
            campaigns,
        }
    }

    pub(crate) fn at(&self, time: f64) -> f64 {
        let hour = (time / 3600.0).rem_euclid(24.0);
        let day_wave = (std::f64::consts::TAU * (hour - self.peak) / 24.0).cos();
        let half_day_wave = (std::f64::consts::TAU * (hour - self.peak) / 12.0).cos();
        let mut load = (1.0 + self.amplitude * day_wave + self.evening * half_day_wave).max(0.05);
        let weekday = ((time / DAY).floor() + self.first_weekday as f64).rem_euclid(7.0);
        if weekday >= 5.0 {
            load *= self.weekend;
        }
        for (start, end, factor) in &self.campaigns {
            // Campaigns swell and fade in about two hours.
            let inside = ((time - start) / 7200.0).clamp(0.0, 1.0) * ((end - time) / 7200.0).clamp(0.0, 1.0);
            load *= 1.0 + (factor - 1.0) * inside;
        }
        load * (1.0 + self.growth_a_day * time / DAY).max(0.5)
    }
}

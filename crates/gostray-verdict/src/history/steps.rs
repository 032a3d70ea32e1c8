//! Growth in steps, again and again.
//!
//! A leak on an error path grows in incidents, all processes at once, and hardly in between. What fills up does so
//! smoothly; somebody who configures more workers makes one step. So each step from which nothing came back is a witness.

use super::growth::Growth;

/// Buckets with so much of the growth are its steps.
const MOST: f64 = 0.9;
/// They must be at most this share of all buckets.
const SHORT: f64 = 0.25;
/// Buckets that are at most so far apart are of one step.
const APART: i64 = 3;
/// So many buckets after a step, nothing may have come back.
const QUIET: i64 = 6;

/// How many steps there were, the larger of which count for more; 0 where growth is not in steps, or the last one is not over.
pub(super) fn steps(growths: &[Growth]) -> f64 {
    let mut all: Vec<(i64, f64)> =
        growths.iter().flat_map(|growth| growth.increments.iter().map(|one| (one.step, one.rise))).collect();
    all.sort_unstable_by_key(|(step, _)| *step);
    let mut buckets: Vec<(i64, f64)> = Vec::new();
    for (step, rise) in all {
        match buckets.last_mut() {
            Some(last) if last.0 == step => last.1 += rise,
            _ => buckets.push((step, rise)),
        }
    }
    let whole: f64 = buckets.iter().map(|(_, rise)| rise).sum();
    let (last, many) = (buckets.last().map_or(0, |(step, _)| *step), buckets.len());
    buckets.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut held = 0.0;
    let enough = buckets.iter().position(|(_, rise)| {
        held += rise;
        held >= MOST * whole
    });
    buckets.truncate(enough.map_or(many, |at| at + 1));
    #[expect(clippy::cast_precision_loss, reason = "a number of buckets")]
    let is_short = buckets.len() as f64 <= SHORT * many as f64;
    buckets.sort_unstable_by_key(|(step, _)| *step);
    if whole <= 0.0 || !is_short || buckets.last().is_none_or(|(step, _)| last - step < QUIET) {
        return 0.0;
    }
    let (mut before, mut step, mut sum, mut squares) = (i64::MIN / 2, 0.0, 0.0_f64, 0.0);
    for (at, rise) in buckets {
        if at - before > APART {
            squares += step * step;
            step = 0.0;
        }
        (step, sum, before) = (step + rise, sum + rise, at);
    }
    squares += step * step;
    sum * sum / squares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::envelope::{BUCKET, Envelope, Load};

    /// Three days of half hours, in some of which there are ten more.
    fn counted(rises: impl Fn(i64) -> bool) -> f64 {
        let (mut envelope, mut level) = (Envelope::default(), 10);
        for step in 0..144 {
            level += if rises(step) { 10 } else { 0 };
            envelope.push(step * BUCKET, level);
        }
        let growth = Growth::of(0, &envelope, &Load::default(), 144);
        steps(&growth.into_iter().collect::<Vec<_>>())
    }

    #[test]
    fn counts_what_stands_apart() {
        assert!((counted(|step| step % 36 == 20) - 4.0).abs() < 1e-9);
        assert!((counted(|step| step % 36 == 20 || step % 36 == 21) - 4.0).abs() < 1e-9, "an hour is one step");
        assert!((counted(|step| step == 50) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_rises_all_the_time_or_just_now_has_none() {
        assert!(counted(|_| true).abs() < 1e-9);
        assert!(counted(|step| step % 36 == 20 || step == 142).abs() < 1e-9);
        assert!(counted(|_| false).abs() < 1e-9);
    }
}

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
    if !is_short || buckets.last().is_none_or(|(step, _)| last - step < QUIET) {
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

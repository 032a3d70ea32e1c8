//! How the goroutines of one kind became more in one run of a process: what of it has stayed.

use super::envelope::{BUCKET, Envelope, Load};
use super::{MINUTE, Millis};

/// The beginning of a process says nothing: caches and pools fill.
pub(super) const WARM_UP: Millis = 30 * MINUTE;
/// The load is below what it was before if it is at most this share of it.
const BELOW: f64 = 0.9;
/// Up to so many times of what it was, it is hardly above.
const HARDLY: f64 = 1.03;
/// Load is looked at over so many buckets together: what serves requests at one moment varies by chance.
const SMOOTH: usize = 4;
/// How much higher than its mean a pool may stand for a reason that the load does not show: a spike, a dependency that
/// does not answer, or both.
const SPIKE: f64 = 2.5;

/// Buckets of one run: level and load, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Levels {
    /// Number of the bucket, and the least in it.
    pub(super) points: Vec<(i64, f64)>,
    /// Requests served, in each.
    pub(super) load: Vec<f64>,
}

impl Levels {
    /// Joins level and load from `from` on, without the buckets from `until` on, which are not over.
    pub(super) fn of(
        envelope: impl Iterator<Item = (i64, u32)>,
        load: impl Iterator<Item = (i64, u32)>,
        bucket: Millis,
        from: Millis,
        until: i64,
    ) -> Self {
        let mut load = load.peekable();
        let mut levels = Self::default();
        for (step, level) in envelope.filter(|(step, _)| step.saturating_mul(bucket) >= from && *step < until) {
            while load.peek().is_some_and(|(own, _)| *own < step) {
                load.next();
            }
            let own = load.peek().filter(|(own, _)| *own == step).map_or(0.0, |(_, load)| f64::from(*load));
            levels.points.push((step, f64::from(level)));
            levels.load.push(own);
        }
        levels
    }
}

/// What became more from one bucket to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Increment {
    /// The bucket, by its number.
    pub(super) step: i64,
    /// How many more stayed.
    pub(super) rise: f64,
    /// How many buckets passed: more than one after a gap.
    pub(super) time: f64,
    /// Requests served, and one: with hardly any, time is what passes.
    pub(super) load: f64,
    /// How high the load stood.
    pub(super) mark: Mark,
}

/// How high the load stands, against the highest before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Well below.
    Low,
    /// Hardly above.
    Level,
    /// Above: what follows it grows.
    Higher,
}

/// What one look at a run costs little to tell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Glance {
    /// By how many there are more at the end than at the beginning.
    pub(super) rise: f64,
    /// The least and the most are so far apart.
    pub(super) spread: f64,
    /// The most by which it ever fell back.
    pub(super) drain: f64,
    /// How long it was looked at.
    pub(super) watched: Millis,
}

impl Glance {
    /// `None` where there is no bucket.
    pub(super) fn of(started_at: Millis, envelope: &Envelope, until: i64) -> Option<Self> {
        let from = started_at.saturating_add(WARM_UP);
        let mut levels =
            envelope.coarse().filter(|(step, _)| step.saturating_mul(BUCKET) >= from && *step < until).peekable();
        let (begin, first) = *levels.peek()?;
        let (mut end, mut last, mut least, mut most, mut drain) = (begin, first, first, first, 0);
        for (step, level) in levels {
            (end, last) = (step, level);
            least = least.min(level);
            most = most.max(level);
            drain = drain.max(most - level);
        }
        Some(Self {
            rise: f64::from(last) - f64::from(first),
            spread: f64::from(most - least),
            drain: f64::from(drain),
            watched: (end - begin + 1) * BUCKET,
        })
    }
}

/// The growth of one run.
#[derive(Debug, Clone)]
pub(super) struct Growth {
    pub(super) increments: Vec<Increment>,
    /// What there was at the first.
    pub(super) base: f64,
    /// By how many it rose.
    pub(super) rise: f64,
    /// There were requests.
    pub(super) has_load: bool,
    /// What a pool could have come to by now, from the same beginning and with the same load.
    pub(super) ceiling: f64,
    /// Time in it: buckets, gaps included.
    pub(super) time: f64,
    /// Requests in it, times buckets.
    pub(super) requests: f64,
}

impl Growth {
    /// `None` where there are not at least two buckets.
    pub(super) fn of(started_at: Millis, envelope: &Envelope, load: &Load, until: i64) -> Option<Self> {
        let from = started_at.saturating_add(WARM_UP);
        let Levels { points, load } = Levels::of(envelope.coarse(), load.coarse(), BUCKET, from, until);
        if points.len() < 2 {
            return None;
        }
        let values: Vec<f64> = points.iter().map(|(_, level)| *level).collect();
        let fit = never_falling(&values);
        let smooth = smooth(&load);
        let mut highest = smooth[0];
        let mut increments = Vec::with_capacity(points.len() - 1);
        for at in 1..points.len() {
            #[expect(clippy::cast_precision_loss, reason = "buckets of some days")]
            let time = (points[at].0 - points[at - 1].0) as f64;
            // Where there is hardly any load, there is none that anything could follow.
            let mark = if highest < 1.0 || smooth[at] <= BELOW * highest - highest.sqrt() {
                Mark::Low
            } else if smooth[at] <= HARDLY * highest {
                Mark::Level
            } else {
                Mark::Higher
            };
            let rise = fit[at] - fit[at - 1];
            increments.push(Increment { step: points[at].0, rise, time, load: load[at] + 1.0, mark });
            highest = highest.max(smooth[at]);
        }
        let base = fit[0];
        let grown = (highest / smooth[..smooth.len().min(SMOOTH)].iter().copied().fold(1.0, f64::max)).max(1.0);
        Some(Self {
            has_load: highest >= 1.0,
            base,
            rise: fit[fit.len() - 1] - base,
            ceiling: (base + 3.0 * base.sqrt() + 3.0) * grown * SPIKE,
            time: increments.iter().map(|one| one.time).sum(),
            requests: increments.iter().map(|one| one.time * one.load).sum(),
            increments,
        })
    }
}

/// The curve that never falls and is nearest to the values (isotonic regression by pooling neighbours). What comes and
/// goes leaves little in it.
fn never_falling(values: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = Vec::with_capacity(values.len());
    #[expect(clippy::cast_precision_loss, reason = "a number of buckets")]
    let mean = |(sum, count): (f64, usize)| sum / count as f64;
    for value in values {
        blocks.push((*value, 1));
        while let [.., before, last] = blocks[..]
            && mean(before) >= mean(last)
        {
            blocks.pop();
            if let Some(own) = blocks.last_mut() {
                *own = (before.0 + last.0, before.1 + last.1);
            }
        }
    }
    blocks.into_iter().flat_map(|block| std::iter::repeat_n(mean(block), block.1)).collect()
}

/// Each value with those before it, in the mean.
fn smooth(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut smoothed = Vec::with_capacity(values.len());
    for (at, value) in values.iter().enumerate() {
        sum += value;
        if at >= SMOOTH {
            sum -= values[at - SMOOTH];
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        smoothed.push(sum / (at + 1).min(SMOOTH) as f64);
    }
    smoothed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_that_never_falls() {
        assert_eq!(never_falling(&[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
        assert_eq!(never_falling(&[1.0, 4.0, 2.0, 5.0]), [1.0, 3.0, 3.0, 5.0]);
        assert_eq!(never_falling(&[3.0, 2.0, 1.0]), [2.0, 2.0, 2.0]);
        assert!(never_falling(&[]).is_empty());
    }

    #[test]
    fn what_fell_back() {
        let mut envelope = Envelope::default();
        for (step, level) in (0..).zip([9, 1, 5, 2, 9]) {
            envelope.push(step * BUCKET, level);
        }
        let glance = Glance::of(0, &envelope, 5).map(|glance| (glance.rise, glance.drain, glance.watched));
        assert_eq!(glance, Some((8.0, 3.0, 4 * BUCKET)), "without its warm-up");
    }
}

//! Does growth come to an end by itself?
//!
//! What fills up (caches, warm-ups) is quick first and ever slower then; what keeps as many as were ever needed at a time
//! (pools) grows while the load is higher than before. A leak does neither. So each goroutine that stayed is evidence by
//! *when* it came: its likelihood if goroutines come evenly (with time, or with requests), over that if they come as to
//! something that has an end. The logarithms add up, over all processes, those that speak against it included.
//!
//! Goroutines that come in bursts are not so many witnesses as they are goroutines: how far the counts of half hours, and
//! of three hours, scatter more than chance would have it, says how many go for one.

use super::growth::{Growth, Increment, Mark};

/// The slowest filling up that is granted: buckets until 63 % are there.
const SLOWEST_FILLING: f64 = 20.0;
/// A pool's share of growth below an earlier load, over that of what grows evenly.
const POOL_BELOW: f64 = 0.25;
/// A pool stands still in such a share of buckets in which the load is not above what it was.
const POOL_STILL: f64 = 0.5;
/// By less it stands still.
const STANDS_STILL: f64 = 0.25;
/// The load that is known is not all there is, so that counts for half.
const STILL_COUNTS: f64 = 0.5;
/// One goroutine is worth at most so much: a single step may come at any time.
const MOST_OF_ONE: f64 = 2.0;
/// So many buckets together are a long time.
const LONG_BLOCK: i64 = 6;
/// Buckets between the first and the last of all processes, at most.
const MOST_BUCKETS: usize = 400;

/// What speaks against an end, in natural logarithms of likelihood ratios; negative where it speaks for one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Against {
    /// Against filling up.
    pub(super) filling: f64,
    /// Against a pool.
    pub(super) pool: f64,
}

/// What passes while goroutines come.
#[derive(Clone, Copy, PartialEq)]
enum Clock {
    Time,
    Requests,
}

impl Clock {
    fn tick(self, one: &Increment) -> f64 {
        match self {
            Self::Time => one.time,
            Self::Requests => one.time * one.load,
        }
    }

    fn whole(self, growth: &Growth) -> f64 {
        match self {
            Self::Time => growth.time,
            Self::Requests => growth.requests,
        }
    }
}

/// Weighs the growth of all processes together.
pub(super) fn against(growths: &[Growth]) -> Against {
    let (by_time, by_requests) = (dispersion(growths, Clock::Time), dispersion(growths, Clock::Requests));
    let (clock, dispersion) =
        if by_time <= by_requests { (Clock::Time, by_time) } else { (Clock::Requests, by_requests) };
    let sum = |of: &dyn Fn(&Growth) -> f64| growths.iter().map(of).sum::<f64>() / dispersion;
    let filling = [Clock::Time, Clock::Requests].map(|fills| sum(&|growth| filling(growth, clock, fills)));
    let still = growths.iter().map(|growth| never_still(growth, clock)).sum::<f64>();
    Against {
        filling: filling[0].min(filling[1]),
        pool: sum(&|growth| pool(growth, clock)) + STILL_COUNTS * still.max(0.0),
    }
}

/// How many goroutines go for one witness: the scatter around what comes evenly, over that of chance.
fn dispersion(growths: &[Growth], clock: Clock) -> f64 {
    let steps = || growths.iter().flat_map(|growth| growth.increments.iter().map(|one| one.step));
    let first = steps().min().unwrap_or(0).div_euclid(LONG_BLOCK) * LONG_BLOCK;
    let many = usize::try_from(steps().max().unwrap_or(0) - first).unwrap_or(0).min(MOST_BUCKETS);
    let mut short = vec![(0.0, 0.0); many + 1];
    for growth in growths {
        let rate = growth.rise / clock.whole(growth);
        for one in &growth.increments {
            let at = usize::try_from(one.step - first).unwrap_or(0).min(many);
            let (seen, expected) = short[at];
            short[at] = (seen + one.rise, expected + rate * clock.tick(one));
        }
    }
    let sum = |blocks: &[(f64, f64)]| blocks.iter().fold((0.0, 0.0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
    let (_, all) = sum(&short);
    if all <= 0.0 {
        return 1.0;
    }
    let square = |(seen, expected): (f64, f64)| (seen - expected) * (seen - expected);
    let fine: f64 = short.iter().map(|block| square(*block)).sum();
    let long: f64 = short.chunks(LONG_BLOCK as usize).map(|blocks| square(sum(blocks))).sum();
    (fine.max(long) / all).max(1.0)
}

/// Evenly by `clock`, rather than ever more slowly by `fills`.
fn filling(growth: &Growth, clock: Clock, fills: Clock) -> f64 {
    let (whole, whole_filling) = (clock.whole(growth), fills.whole(growth));
    // In buckets at the mean load.
    let scale = growth.time / whole_filling / SLOWEST_FILLING;
    let all = 1.0 - (-whole_filling * scale).exp();
    let (mut passed, mut left, mut sum) = (0.0, 1.0, 0.0);
    for one in &growth.increments {
        passed += fills.tick(one) * scale;
        if one.rise <= 0.0 {
            left = f64::NAN;
            continue;
        }
        if left.is_nan() {
            left = (-(passed - fills.tick(one) * scale)).exp();
        }
        let still = (-passed).exp();
        let filled = (left - still).max(1e-12) / all;
        left = still;
        sum += one.rise * (clock.tick(one) / whole / filled).ln().min(MOST_OF_ONE);
    }
    sum
}

/// Evenly by `clock`, rather than hardly at all below an earlier load.
fn pool(growth: &Growth, clock: Clock) -> f64 {
    let is_low = |one: &Increment| one.mark == Mark::Low;
    let whole = clock.whole(growth);
    let share = |one: &Increment| if is_low(one) { POOL_BELOW } else { 1.0 };
    let all: f64 = growth.increments.iter().map(|one| share(one) * clock.tick(one)).sum();
    let (low, high) = ((all / whole / POOL_BELOW).ln(), (all / whole).ln());
    growth.increments.iter().map(|one| one.rise * if is_low(one) { low } else { high }).sum()
}

/// While the load is not above what it was, a pool grows by what is a record, and mostly stands still. What leaks never
/// does, unless it is slow.
fn never_still(growth: &Growth, clock: Clock) -> f64 {
    let rate = growth.rise / clock.whole(growth);
    let of = |one: &Increment| {
        let none = (-rate * clock.tick(one)).exp();
        // What comes so seldom stands still as often as a pool.
        let still = POOL_STILL.max(none).min(0.999);
        if one.rise >= STANDS_STILL {
            ((1.0 - none) / (1.0 - still)).ln().min(MOST_OF_ONE)
        } else {
            (none / still).ln().max(-MOST_OF_ONE)
        }
    };
    growth.increments.iter().filter(|one| one.mark != Mark::Higher).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::envelope::{BUCKET, Envelope, Load};

    /// One day: counts and requests of each half hour.
    fn weighed(of: impl Fn(f64) -> (f64, f64)) -> Against {
        let (mut envelope, mut load) = (Envelope::default(), Load::default());
        for step in 0..48_i32 {
            let (count, requests) = of(f64::from(step) / 2.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
            let whole = |value: f64| value as u32;
            envelope.push(i64::from(step) * BUCKET, whole(count));
            load.push(i64::from(step) * BUCKET, whole(requests));
        }
        against(&Growth::of(0, &envelope, &load, 48).into_iter().collect::<Vec<_>>())
    }

    fn daily(hour: f64) -> f64 {
        100.0 - 80.0 * (hour / 24.0 * std::f64::consts::TAU).cos()
    }

    #[test]
    fn what_comes_evenly_has_no_end() {
        let against = weighed(|hour| (10.0 * hour, daily(hour)));
        assert!(against.filling > 10.0 && against.pool > 10.0, "{against:?}");
    }

    #[test]
    fn what_fills_up_has() {
        for hours in [1.0, 4.0, 10.0] {
            let against = weighed(|hour| (500.0 * (1.0 - (-hour / hours).exp()), 50.0));
            assert!(against.filling < 0.0, "{hours} hours: {against:?}");
        }
    }

    #[test]
    fn a_pool_has() {
        let against = weighed(|hour| (daily(hour.min(12.0)), daily(hour)));
        assert!(against.pool < 0.0, "{against:?}");
    }

    #[test]
    fn bursts_are_few_witnesses() {
        let evenly = weighed(|hour| (10.0 * hour, 50.0));
        let in_two = weighed(|hour| {
            (
                if hour > 19.0 {
                    240.0
                } else if hour > 7.0 {
                    120.0
                } else {
                    0.0
                },
                50.0,
            )
        });
        assert!(in_two.filling < 3.0 && evenly.filling > 4.0 * in_two.filling, "{evenly:?} {in_two:?}");
    }

    #[test]
    fn nothing_is_no_evidence() {
        assert_eq!(against(&[]), Against::default());
    }
}

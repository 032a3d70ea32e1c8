//! Counts over time, in buckets: the least of each half hour for three days, and of each five minutes
//! for two hours.

use std::collections::VecDeque;

use super::{HOUR, MINUTE, Millis};

/// The time of one bucket.
pub const BUCKET: Millis = 30 * MINUTE;
/// The time of one fine bucket.
pub const FAST_BUCKET: Millis = 5 * MINUTE;
/// How far back buckets are kept.
const KEPT: Millis = 72 * HOUR;
/// How far back fine buckets are kept.
const FAST_KEPT: Millis = 2 * HOUR;

/// One value for each step of time, the oldest forgotten. Most kinds of goroutines never change in
/// number, so equal neighbours are kept once.
#[derive(Debug, Clone, Default)]
struct Buckets {
    /// The step of the last bucket.
    last: i64,
    /// Values with how many buckets have them, in order of time; `None` where nothing was seen.
    runs: VecDeque<(Option<u32>, u32)>,
}

impl Buckets {
    /// Merges a value into the bucket of a step. The step before the last one is of a clock that was put
    /// right a little: it counts for the last one. One well before it shows that the clock had been ahead: what
    /// was seen in that time to come is forgotten.
    fn push(&mut self, step: i64, value: u32, kept: u32, merge: impl Fn(u32, u32) -> u32) {
        while step < self.last - 1 {
            let Some(back) = self.runs.back_mut() else { break };
            let over = u32::try_from((self.last - step).min(i64::from(back.1))).unwrap_or(u32::MAX);
            back.1 -= over;
            self.last -= i64::from(over);
            if back.1 == 0 {
                self.runs.pop_back();
            }
        }
        if self.runs.is_empty() {
            self.last = step;
            self.runs.push_back((Some(value), 1));
            return;
        }
        if step > self.last {
            let gap = u32::try_from(step - self.last - 1).unwrap_or(u32::MAX).min(kept);
            if gap > 0 {
                self.append(None, gap);
            }
            self.append(Some(value), 1);
            self.last = step;
            self.forget(kept);
            return;
        }
        let Some((held, length)) = self.runs.back().copied() else { return };
        let merged = held.map_or(value, |held| merge(held, value));
        if Some(merged) == held {
            return;
        }
        if length > 1 {
            if let Some(back) = self.runs.back_mut() {
                back.1 -= 1;
            }
        } else {
            self.runs.pop_back();
        }
        self.append(Some(merged), 1);
    }

    fn append(&mut self, value: Option<u32>, length: u32) {
        match self.runs.back_mut() {
            Some(back) if back.0 == value => back.1 = back.1.saturating_add(length),
            _ => self.runs.push_back((value, length)),
        }
    }

    fn forget(&mut self, kept: u32) {
        let mut over = self.len().saturating_sub(u64::from(kept));
        while over > 0 {
            let Some(front) = self.runs.front_mut() else { return };
            if u64::from(front.1) > over {
                front.1 -= u32::try_from(over).unwrap_or(0);
                return;
            }
            over -= u64::from(front.1);
            self.runs.pop_front();
        }
    }

    fn len(&self) -> u64 {
        self.runs.iter().map(|(_, length)| u64::from(*length)).sum()
    }

    /// How far the values are apart.
    fn spread(&self) -> u32 {
        let values = || self.runs.iter().filter_map(|(value, _)| *value);
        values().max().unwrap_or(0) - values().min().unwrap_or(0)
    }

    /// Steps and values, the oldest first; buckets in which nothing was seen are left out.
    fn values(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        let first = self.last - i64::try_from(self.len()).unwrap_or(0) + 1;
        self.runs
            .iter()
            .scan(first, |step, (value, length)| {
                let start = *step;
                *step += i64::from(*length);
                Some((start, *value, *length))
            })
            .filter_map(|(start, value, length)| Some((start, value?, length)))
            .flat_map(|(start, value, length)| (0..i64::from(length)).map(move |at| (start + at, value)))
    }
}

/// How many goroutines of one kind there were at least, over time, in one run of a process.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    coarse: Buckets,
    fine: Buckets,
    last: u32,
    /// The largest count in each half hour: a leak's is its envelope, a queue's is not.
    most: u32,
}

impl Envelope {
    /// A scrape had so many of them; one that had none has 0.
    pub fn push(&mut self, at: Millis, count: u32) {
        let kept = |kept: Millis, bucket: Millis| u32::try_from(kept / bucket).unwrap_or(u32::MAX);
        self.coarse.push(at.div_euclid(BUCKET), count, kept(KEPT, BUCKET), u32::min);
        self.fine.push(at.div_euclid(FAST_BUCKET), count, kept(FAST_KEPT, FAST_BUCKET), u32::min);
        self.last = count;
        self.most = self.most.max(count);
    }

    /// How many there were last.
    #[must_use]
    pub fn last(&self) -> u32 {
        self.last
    }

    /// How far the least of half hours are apart.
    pub(super) fn coarse_spread(&self) -> u32 {
        self.coarse.spread()
    }

    /// How far the least of five minutes are apart.
    pub(super) fn fine_spread(&self) -> u32 {
        self.fine.spread()
    }

    /// The most that there ever were.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.most
    }

    /// The least of each half hour, by its number (time / [`BUCKET`]). Half hours without a scrape are
    /// left out.
    pub fn coarse(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        self.coarse.values()
    }

    /// The least of each five minutes of the last two hours, by its number (time / [`FAST_BUCKET`]).
    pub fn fine(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        self.fine.values()
    }
}

/// How many requests a process was serving at most, over time.
#[derive(Debug, Clone, Default)]
pub struct Load {
    coarse: Buckets,
    fine: Buckets,
}

impl Load {
    /// A scrape had so many goroutines that serve requests.
    pub fn push(&mut self, at: Millis, count: u32) {
        let kept = |kept: Millis, bucket: Millis| u32::try_from(kept / bucket).unwrap_or(u32::MAX);
        self.coarse.push(at.div_euclid(BUCKET), count, kept(KEPT, BUCKET), u32::max);
        self.fine.push(at.div_euclid(FAST_BUCKET), count, kept(FAST_KEPT, FAST_BUCKET), u32::max);
    }

    /// The most of each half hour.
    pub fn coarse(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        self.coarse.values()
    }

    /// The most of each five minutes.
    pub fn fine(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        self.fine.values()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelope(points: &[(Millis, u32)]) -> Vec<(i64, u32)> {
        let mut envelope = Envelope::default();
        for (at, count) in points {
            envelope.push(*at, *count);
        }
        envelope.coarse().collect()
    }

    #[test]
    fn keeps_the_least_of_each_half_hour() {
        let points = [(0, 5), (MINUTE, 3), (2 * MINUTE, 9), (BUCKET, 7), (3 * BUCKET, 7), (3 * BUCKET + 1, 8)];
        assert_eq!(envelope(&points), [(0, 3), (1, 7), (3, 7)], "a half hour without a scrape is not known");
    }

    #[test]
    fn a_clock_that_is_put_right_loses_what_it_saw_too_early() {
        assert_eq!(envelope(&[(5 * BUCKET, 9), (4 * BUCKET, 4), (6 * BUCKET, 9)]), [(5, 4), (6, 9)]);
        assert_eq!(envelope(&[(0, 1), (BUCKET, 2), (90 * BUCKET, 9), (2 * BUCKET, 3)]), [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(envelope(&[(5 * BUCKET, 9), (0, 4), (6 * BUCKET, 9)]), [(0, 4), (6, 9)]);
    }

    #[test]
    fn a_kind_that_never_changes_costs_nothing() {
        let mut envelope = Envelope::default();
        for minute in 0..100_000 {
            envelope.push(minute * MINUTE, 7);
        }
        assert_eq!((envelope.coarse.runs.len(), envelope.fine.runs.len()), (1, 1));
        assert_eq!(envelope.coarse().count(), 144);
        assert_eq!(envelope.coarse().last(), Some(((100_000 - 1) / 30, 7)));
    }

    proptest! {
        #[test]
        fn is_what_a_plain_map_would_be(points in prop::collection::vec((0_i64..200, 0_u32..5), 1..200)) {
            let mut sorted = points.clone();
            sorted.sort_unstable();
            let mut plain = std::collections::BTreeMap::new();
            for (step, count) in &sorted {
                let held = plain.entry(*step).or_insert(*count);
                *held = (*held).min(*count);
            }
            let first = sorted.last().map_or(0, |(step, _)| step - 143);
            let plain: Vec<_> = plain.into_iter().filter(|(step, _)| *step >= first).collect();
            let points: Vec<_> = sorted.iter().map(|(step, count)| (step * BUCKET, *count)).collect();
            prop_assert_eq!(envelope(&points), plain);
        }

        #[test]
        fn takes_any_time(points in prop::collection::vec((any::<i64>(), any::<u32>()), 0..100)) {
            let times: Vec<_> = points.iter().map(|(at, count)| (at / 4, *count)).collect();
            prop_assert!(envelope(&times).len() <= 144);
        }
    }
}

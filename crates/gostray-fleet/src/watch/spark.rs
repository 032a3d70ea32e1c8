//! The last day in 48 values, for a line the size of a word.

use std::collections::VecDeque;

use crate::Millis;

/// How much time one value covers.
const STEP: Millis = 30 * 60_000;
/// How many there are.
const LENGTH: usize = 48;

/// The largest count in each half hour of the last day.
#[derive(Debug, Clone, Default)]
pub struct Spark {
    /// The half hour of the last value.
    last: Millis,
    values: VecDeque<Option<u64>>,
}

impl Spark {
    /// Adds a count; one that is older than what is there raises the half hour it belongs to.
    pub fn push(&mut self, at: Millis, count: u64) {
        let step = at.div_euclid(STEP);
        if self.values.is_empty() {
            self.last = step;
            self.values.push_back(None);
        }
        if step > self.last {
            let gap = usize::try_from(step - self.last).unwrap_or(LENGTH).min(LENGTH);
            self.values.extend(std::iter::repeat_n(None, gap));
            self.last = step;
            while self.values.len() > LENGTH {
                self.values.pop_front();
            }
        }
        let back = usize::try_from(self.last - step).unwrap_or(usize::MAX);
        let Some(at) = self.values.len().checked_sub(1).and_then(|last| last.checked_sub(back)) else { return };
        self.values[at] = self.values[at].max(Some(count));
    }

    /// The values of the day that ends now, the oldest first; `None` where nothing was seen.
    #[must_use]
    pub fn values(&self, now: Millis) -> Vec<Option<u64>> {
        let first = now.div_euclid(STEP) - (LENGTH as Millis - 1);
        let own_first = self.last - (self.values.len() as Millis - 1);
        (first..first + LENGTH as Millis)
            .map(|step| {
                let at = usize::try_from(step - own_first).ok()?;
                self.values.get(at).copied().flatten()
            })
            .collect()
    }

    /// Adds another line to this one, value by value.
    pub fn add(sum: &mut [Option<u64>], more: &[Option<u64>]) {
        for (sum, more) in sum.iter_mut().zip(more) {
            *sum = match (*sum, *more) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_largest_of_each_half_hour() {
        let mut spark = Spark::default();
        for (at, count) in [(0, 5), (STEP - 1, 9), (STEP, 2), (4 * STEP, 7), (STEP + 5, 3), (-STEP * 60, 100)] {
            spark.push(at, count);
        }
        let values = spark.values(4 * STEP);
        assert_eq!(values.len(), LENGTH);
        assert_eq!(values[LENGTH - 5..], [Some(9), Some(3), None, None, Some(7)]);
        assert_eq!(spark.values(5 * STEP).last(), Some(&None));
    }

    #[test]
    fn forgets_what_is_older_than_a_day() {
        let mut spark = Spark::default();
        for step in 0..1_000 {
            spark.push(step * STEP, u64::try_from(step).unwrap_or(0));
        }
        spark.push(1_000_000 * STEP, 1);
        assert_eq!(spark.values.len(), LENGTH);
        assert!(spark.values(999 * STEP).iter().all(Option::is_none));
    }
}

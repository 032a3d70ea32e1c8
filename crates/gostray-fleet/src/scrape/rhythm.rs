//! When a target is asked next.

use std::time::Duration;

use crate::{Millis, TargetId};

/// From so many goroutines on a scrape costs the target so much memory and time that it is asked
/// less often.
const LARGE: u64 = 50_000;
/// How much less often.
const LARGE_FACTOR: u32 = 5;

/// When one target is asked: once in an interval, always at the same moment of it.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    interval: Millis,
    phase: Millis,
}

impl Rhythm {
    /// The rhythm of a target: its moment within the interval follows from its id, so that a
    /// restart of gostray does not move it.
    #[must_use]
    pub fn new(id: TargetId, interval: Duration) -> Self {
        let interval = Millis::try_from(interval.as_millis()).unwrap_or(Millis::MAX).max(1);
        let phase = Millis::try_from(id.0 % u64::try_from(interval).unwrap_or(1)).unwrap_or(0);
        Self { interval, phase }
    }

    /// The first moment after `now`; `goroutines` is how many the target had last.
    #[must_use]
    pub fn next(&self, now: Millis, goroutines: u64) -> Millis {
        let factor = if goroutines > LARGE { Millis::from(LARGE_FACTOR) } else { 1 };
        let interval = self.interval.saturating_mul(factor);
        let since = (now - self.phase).rem_euclid(interval);
        now.saturating_add(interval - since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;

    #[test]
    fn asks_once_an_interval_at_a_moment_of_its_own() {
        let rhythm = Rhythm::new(TargetId(61_234), Duration::from_secs(60));
        assert_eq!(rhythm.next(0, 10), 1_234);
        assert_eq!(rhythm.next(1_234, 10), 1_234 + MINUTE);
        assert_eq!(rhythm.next(1_235, 10), 1_234 + MINUTE);
        assert_eq!(rhythm.next(-1, 10), 1_234);
    }

    #[test]
    fn asks_large_targets_less_often() {
        let rhythm = Rhythm::new(TargetId(0), Duration::from_secs(60));
        assert_eq!(rhythm.next(0, LARGE), MINUTE);
        assert_eq!(rhythm.next(0, LARGE + 1), 5 * MINUTE);
    }

    #[test]
    fn spreads_a_fleet_over_the_interval() {
        let moments = (0..1_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let early = moments.filter(|id| Rhythm::new(TargetId(*id), Duration::from_secs(60)).next(0, 0) <= MINUTE / 2);
        assert!((400..600).contains(&early.count()));
    }
}

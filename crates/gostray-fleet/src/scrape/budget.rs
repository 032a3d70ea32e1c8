//! How often the dear questions are asked over the whole fleet.

use std::sync::Mutex;

use crate::Millis;

/// A bucket of tokens: each dear question takes one, and they come back over time.
#[derive(Debug)]
pub struct Budget {
    per_minute: f64,
    burst: f64,
    state: Mutex<(f64, Millis)>,
}

impl Budget {
    /// So many a minute over time, and at most `burst` at once.
    #[must_use]
    pub fn new(per_minute: f64, burst: f64) -> Self {
        Self { per_minute, burst, state: Mutex::new((burst, Millis::MIN)) }
    }

    /// Takes a token, if there is one.
    pub fn take(&self, now: Millis) -> bool {
        // What a panic may have left behind is two numbers that are always valid.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (tokens, last) = &mut *state;
        if *last != Millis::MIN && now > *last {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds between two questions")]
            let passed = (now - *last) as f64;
            *tokens = self.burst.min(*tokens + passed / 60_000.0 * self.per_minute);
        }
        *last = now;
        let has = *tokens >= 1.0;
        if has {
            *tokens -= 1.0;
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_a_burst_and_then_so_many_a_minute() {
        let budget = Budget::new(2.0, 3.0);
        let taken = |now| (0..10).filter(|_| budget.take(now)).count();
        assert_eq!(taken(0), 3);
        assert_eq!(taken(30_000), 1);
        assert_eq!(taken(90_000), 2);
        assert_eq!(taken(10_000_000), 3);
        // A clock that goes back gives nothing, and takes nothing.
        assert_eq!(taken(0), 0);
    }
}

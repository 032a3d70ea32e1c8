//! How much may be looked at for what one call gives: literals in literals, and calls in calls, may be any number.

use std::cell::Cell;
use std::rc::Rc;

/// So many expressions.
const EXPRESSIONS: u32 = 20_000;

/// What is left of them, for all that is asked because of one call.
#[derive(Debug, Clone)]
pub(super) struct Budget(Rc<Cell<u32>>);

impl Budget {
    /// May one more be looked at?
    pub(super) fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(Rc::new(Cell::new(EXPRESSIONS)))
    }
}

/// What is left says nothing of what is given.
impl PartialEq for Budget {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Budget {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_asked_because_of_one_call_shares_it() {
        let (first, other) = (Budget::default(), Budget::default());
        let shared = first.clone();
        assert!((0..EXPRESSIONS).all(|_| shared.spend()));
        assert!(!first.spend() && !shared.spend());
        assert!(other.spend());
    }
}

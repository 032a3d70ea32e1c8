//! A rule that fails costs the findings of a file, and not those of all others.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Is a panic of this thread caught, and reported with the findings? One that is not should end the process.
#[must_use]
pub fn is_contained() -> bool {
    IS_CONTAINED.get()
}

/// Does some work; if it panics, gives what the panic says.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What the work shares with other work are locks, which are given back, and answers that are there whole or not at all.
    let before = IS_CONTAINED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    IS_CONTAINED.set(before);
    outcome.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{contained, is_contained};

    #[test]
    fn what_fails_says_why_and_the_rest_goes_on() {
        let all: Vec<Result<u32, String>> = (0..3)
            .map(|at| {
                contained(|| {
                    assert!(is_contained());
                    assert!(at != 1, "number {at} is bad");
                    at
                })
            })
            .collect();
        assert_eq!(all, [Ok(0), Err("number 1 is bad".to_owned()), Ok(2)]);
        assert!(!is_contained());
    }
}

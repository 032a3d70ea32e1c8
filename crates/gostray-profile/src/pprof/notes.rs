//! Sentences about what a count profile lacks.

/// `1 line`, `2 lines`.
pub(crate) fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Goroutines whose stacks were cut by the profile's depth limit.
pub(crate) fn cut_stacks(goroutines: u64) -> String {
    let (whose, they) = if goroutines == 1 { ("has a stack", "it") } else { ("have stacks", "they") };
    let goroutines = count(goroutines, "goroutine");
    format!("{goroutines} {whose} deeper than the profile records: the function {they} started with is unknown")
}

/// Goroutines without a stack in a leak profile.
pub(crate) fn phantoms(goroutines: u64) -> String {
    let goroutines = count(goroutines, "leaked goroutine");
    format!(
        "{goroutines} without a stack left out: the runtime counts its main goroutine there when that waits in an empty select"
    )
}

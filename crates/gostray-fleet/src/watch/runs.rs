//! When a target is another process than before, and which build brought a leak.

use crate::Millis;

/// What is known of a process that was scraped before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    pub(crate) build: &'a str,
    /// When it started, where the target told it.
    pub(crate) started_at: Option<Millis>,
    /// Goroutines that wait for channels, locks and the like.
    pub(crate) synchronising: u64,
    /// Was the target absent since (nothing listened there)?
    pub(crate) was_absent: bool,
}

/// Starts closer than this are the same start: two ways to measure it differ by some seconds.
const SAME_START: Millis = 10_000;

/// Is this another process than before?
///
/// A profile says which build it is, not when the process started. So a restart of the same build is
/// told by what it does: nobody listened for a while, or at once most of what waited for channels and
/// locks was gone. (A queue that drains looks so, too; then a history is cut in two, which loses time
/// and nothing else.)
pub(crate) fn is_another(before: Before<'_>, build: &str, started_at: Option<Millis>, synchronising: u64) -> bool {
    if let (Some(was), Some(is)) = (before.started_at, started_at) {
        return (was - is).abs() > SAME_START;
    }
    let dropped = before.synchronising >= 10 && synchronising * 2 <= before.synchronising;
    before.build != build || before.was_absent || dropped
}

/// One run of a process, with regard to a leak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) build: String,
    pub(crate) started_at: Millis,
    pub(crate) last_seen: Millis,
    /// Does it have the leak?
    pub(crate) has_it: bool,
}

/// A run without the leak says something about its build only if it was watched for so long.
const LONG_ENOUGH: Millis = 3_600_000;

/// The build that brought a leak, and whether that is sure: an earlier build was watched for long
/// enough, and did not have it.
pub(crate) fn brought_by(runs: &[Run]) -> (String, bool) {
    let Some(first) = runs.iter().filter(|run| run.has_it).min_by_key(|run| run.started_at) else {
        return (String::new(), false);
    };
    // The build may have run for a while before a process of it was seen to leak.
    let began = runs.iter().filter(|run| run.build == first.build).map(|run| run.started_at).min();
    let began = began.unwrap_or(first.started_at);
    let earlier = |run: &&Run| run.build != first.build && run.started_at < began;
    let is_sure = runs.iter().filter(earlier).any(|run| !run.has_it && run.last_seen - run.started_at >= LONG_ENOUGH)
        && !runs.iter().filter(earlier).any(|run| run.has_it);
    (first.build.clone(), is_sure)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Millis = 3_600_000;

    fn before(build: &str) -> Before<'_> {
        Before { build, started_at: None, synchronising: 100, was_absent: false }
    }

    #[test]
    fn tells_a_restart_from_going_on() {
        assert!(!is_another(before("a"), "a", None, 100));
        assert!(!is_another(before("a"), "a", None, 51));
        assert!(is_another(before("a"), "b", None, 100), "another build");
        assert!(is_another(before("a"), "a", None, 50), "most of what waited is gone");
        assert!(is_another(Before { was_absent: true, ..before("a") }, "a", None, 100), "nobody listened");
        assert!(!is_another(Before { synchronising: 9, ..before("a") }, "a", None, 0), "too few to tell");
    }

    #[test]
    fn believes_a_start_that_was_told() {
        let before = Before { started_at: Some(5_000), was_absent: true, ..before("a") };
        assert!(!is_another(before, "a", Some(6_000), 0));
        assert!(is_another(before, "a", Some(60_000), 100));
    }

    fn run(build: &str, hours: (Millis, Millis), has_it: bool) -> Run {
        Run { build: build.to_owned(), started_at: hours.0 * HOUR, last_seen: hours.1 * HOUR, has_it }
    }

    #[test]
    fn names_the_build_that_brought_it() {
        let (old, new, newest) = (run("1", (0, 9), false), run("2", (9, 20), true), run("3", (20, 30), true));
        assert_eq!(brought_by(&[newest.clone(), new.clone(), old]), ("2".to_owned(), true));
        assert_eq!(brought_by(&[new.clone(), newest]), ("2".to_owned(), false), "nothing before it was seen");
        let brief = Run { last_seen: HOUR / 2, ..run("1", (0, 0), false) };
        assert_eq!(brought_by(&[brief, new]), ("2".to_owned(), false), "what was before was not watched for long");
        assert_eq!(brought_by(&[]), (String::new(), false));
    }
}

//! What rises by hundreds an hour shows within one.

use super::assess::{Run, RunAssessment};
use super::envelope::FAST_BUCKET;
use super::growth::Levels;
use super::statistics::{deviation, median};
use super::{HOUR, MINUTE, Millis};

/// The beginning of a process says nothing.
const WARM_UP: Millis = 10 * MINUTE;
/// What grows so fast in one process (goroutines an hour) is looked at here.
const FAST: f64 = 250.0;
/// So many five-minute buckets are needed.
const ENOUGH: usize = 6;
/// With so many, it is worth asking.
const LEAST: usize = 4;
/// And so many at most: a burst of two hours ago is over.
const MOST: usize = 12;
/// How far apart single rises may be, over the middle one: nothing that load brings comes at one rate for most of an hour.
const EVEN: f64 = 0.35;
/// So many times where others came to rest is beyond it.
const REST: f64 = 1.3;
/// What fills up slows down: the later half must have at least this share of the earlier, but for chance.
const STEADY: f64 = 0.9;

/// What is a leak since its process started has as many as it makes in that time, but for so much.
const SINCE_START: (f64, f64) = (0.7, 1.35);
/// Of a process that is younger, that says nothing.
const YOUNGEST: f64 = 3.0;

/// Runs that rise fast.
pub(super) struct Fast {
    pub(super) runs: Vec<RunAssessment>,
    /// That was seen for long enough.
    pub(super) is_enough: bool,
    /// They must have risen like this ever since their processes started, hours ago: what waits for something that does
    /// not answer has not.
    pub(super) is_since_start: bool,
}

/// The runs that rise fast and evenly, all together, while the load does not rise with them.
pub(super) fn fast(runs: &[Run<'_>]) -> Option<Fast> {
    // Within half an hour it rises by more than a quarter of what it does in an hour.
    let may = |run: &&Run<'_>| !run.is_over && f64::from(run.envelope.fine_spread()) >= FAST / 4.0;
    let (mut fast, mut rises, mut load) = (Vec::new(), [0.0; MOST], (0.0, 0.0));
    let (mut longest, mut youngest, mut made) = (0, f64::MAX, 0.0);
    for run in runs.iter().filter(may) {
        let last = run.envelope.fine().last()?.0;
        let from = run.started_at.saturating_add(WARM_UP);
        let Levels { points, load: requests } =
            Levels::of(run.envelope.fine(), run.load.fine(), FAST_BUCKET, from, last);
        let skip = points.len().saturating_sub(MOST);
        let (points, requests) = (&points[skip..], &requests[skip..]);
        if points.len() < LEAST {
            continue;
        }
        let own: Vec<f64> = points.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
        let rise: f64 = own.iter().sum();
        let watched = (points[points.len() - 1].0 - points[0].0) * FAST_BUCKET;
        #[expect(clippy::cast_precision_loss, reason = "an hour in milliseconds")]
        let per_hour = rise * HOUR as f64 / watched as f64;
        if per_hour < FAST / 2.0 || own.iter().any(|rise| *rise < 0.0) {
            continue;
        }
        // Those of all processes together, counted from the end; a process that is younger has none before.
        for (sum, own) in rises.iter_mut().zip(own.iter().rev()) {
            *sum += own;
        }
        longest = longest.max(own.len());
        let half = requests.len() / 2;
        load.0 += requests[..half].iter().sum::<f64>();
        load.1 += requests[requests.len() - half..].iter().sum::<f64>();
        let level = points[points.len() - 1].1;
        #[expect(clippy::cast_precision_loss, reason = "hours in milliseconds")]
        let age = (last * FAST_BUCKET).saturating_sub(run.started_at) as f64 / HOUR as f64;
        youngest = youngest.min(age);
        made += per_hour * age;
        fast.push((own.len(), RunAssessment { id: run.id, level, rise, per_hour, watched, refused: None }));
    }
    // Rises of different numbers of processes can't be compared.
    let shortest = fast.iter().map(|(many, _)| *many).min()?;
    let many = if shortest + 1 >= ENOUGH { longest.min(shortest) } else { shortest };
    let rises = &rises[..many];
    let half = many / 2;
    let (late, early): (f64, f64) = (rises[..half].iter().sum(), rises[many - half..].iter().sum());
    let is_even = deviation(rises) <= EVEN * median(&mut rises.to_vec());
    let is_steady = late >= STEADY * early - 1.5 * early.sqrt();
    let is_fast = fast.iter().any(|(_, run)| run.per_hour >= FAST);
    // What fills up again after a start is no news until it is beyond where others came to rest.
    let is_at_rest = |run: &&Run<'_>| f64::from(run.envelope.fine_spread()) < FAST / 8.0;
    let rest = runs.iter().filter(is_at_rest).map(|run| f64::from(run.envelope.last())).fold(0.0, f64::max);
    let is_beyond = fast.iter().any(|(_, run)| run.level > REST * rest);
    let load_grew = load.1 > load.0 * 1.25 + 3.0 * load.0.sqrt();
    let level: f64 = fast.iter().map(|(_, run)| run.level).sum();
    let is_since_start = youngest >= YOUNGEST && (SINCE_START.0..SINCE_START.1).contains(&(level / made));
    let runs = fast.into_iter().map(|(_, run)| run).collect();
    let is_fast = is_fast && is_beyond && is_even && is_steady && !load_grew;
    is_fast.then_some(Fast { runs, is_enough: many + 1 >= ENOUGH, is_since_start })
}

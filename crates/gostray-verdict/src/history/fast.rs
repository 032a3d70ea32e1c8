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
const WORTH_ASKING: usize = 4;
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

/// One run that rises, over the last hour at most.
struct Rising {
    run: RunAssessment,
    /// What became more from one bucket to the next.
    rises: Vec<f64>,
    /// Requests in the earlier and the later half.
    load: (f64, f64),
    /// Hours since its process started.
    age: f64,
}

impl Rising {
    /// `None` where it does not rise fast, or now and then falls.
    fn of(run: &Run<'_>) -> Option<Self> {
        // Within half an hour it rises by more than a quarter of what it does in an hour.
        if run.is_over || f64::from(run.envelope.fine_spread()) < FAST / 4.0 {
            return None;
        }
        let last = run.envelope.fine().last()?.0;
        let from = run.started_at.saturating_add(WARM_UP);
        let Levels { points, load } = Levels::of(run.envelope.fine(), run.load.fine(), FAST_BUCKET, from, last);
        let skip = points.len().saturating_sub(MOST);
        let (points, load) = (&points[skip..], &load[skip..]);
        if points.len() < WORTH_ASKING {
            return None;
        }
        let rises: Vec<f64> = points.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
        let rise: f64 = rises.iter().sum();
        let watched = (points[points.len() - 1].0 - points[0].0) * FAST_BUCKET;
        #[expect(clippy::cast_precision_loss, reason = "hours in milliseconds")]
        let hours = |time: Millis| time as f64 / HOUR as f64;
        let per_hour = rise / hours(watched);
        if per_hour < FAST / 2.0 || rises.iter().any(|rise| *rise < 0.0) {
            return None;
        }
        let half = load.len() / 2;
        let load = (load[..half].iter().sum(), load[load.len() - half..].iter().sum());
        let age = hours((last * FAST_BUCKET).saturating_sub(run.started_at));
        let level = points[points.len() - 1].1;
        let run = RunAssessment { id: run.id, level, rise, per_hour, watched, refused: None };
        Some(Self { run, rises, load, age })
    }
}

/// The runs that rise fast and evenly, all together, while the load does not rise with them.
pub(super) fn fast(runs: &[Run<'_>]) -> Option<Fast> {
    let rising: Vec<Rising> = runs.iter().filter_map(Rising::of).collect();
    // Rises of different numbers of processes can't be compared: a process that is younger has none before.
    let many = rising.iter().map(|own| own.rises.len()).min()?;
    let sum = |of: &dyn Fn(&Rising) -> f64| rising.iter().map(of).sum::<f64>();
    // Those of all processes together, counted from the end.
    let rises: Vec<f64> = (1..=many).map(|back| sum(&|own| own.rises[own.rises.len() - back])).collect();
    let half = many / 2;
    let (late, early): (f64, f64) = (rises[..half].iter().sum(), rises[many - half..].iter().sum());
    let is_even = deviation(&rises) <= EVEN * median(&mut rises.clone());
    let is_steady = late >= STEADY * early - 1.5 * early.sqrt();
    let is_fast = rising.iter().any(|own| own.run.per_hour >= FAST);
    // What fills up again after a start is no news until it is beyond where others came to rest.
    let is_at_rest = |run: &&Run<'_>| f64::from(run.envelope.fine_spread()) < FAST / 8.0;
    let rest = runs.iter().filter(is_at_rest).map(|run| f64::from(run.envelope.last())).fold(0.0, f64::max);
    let is_beyond = rising.iter().any(|own| own.run.level > REST * rest);
    let (before, now) = (sum(&|own| own.load.0), sum(&|own| own.load.1));
    let load_grew = now > before * 1.25 + 3.0 * before.sqrt();
    let made = sum(&|own| own.run.per_hour * own.age);
    let youngest = rising.iter().map(|own| own.age).fold(f64::MAX, f64::min);
    let is_since_start =
        youngest >= YOUNGEST && (SINCE_START.0..SINCE_START.1).contains(&(sum(&|own| own.run.level) / made));
    let runs = rising.into_iter().map(|own| own.run).collect();
    let is_fast = is_fast && is_beyond && is_even && is_steady && !load_grew;
    is_fast.then_some(Fast { runs, is_enough: many + 1 >= ENOUGH, is_since_start })
}

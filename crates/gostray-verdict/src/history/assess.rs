//! Do the goroutines of one kind grow as only leaks do?

use super::envelope::{BUCKET, Envelope, FAST_BUCKET, Load};
use super::statistics::{deviation, median, slope, trend};
use super::{HOUR, MINUTE, Millis};

/// The beginning of a process says nothing: caches and pools fill.
const WARM_UP: Millis = 30 * MINUTE;
/// A process must have been watched for so long.
const YOUNGEST: Millis = 4 * HOUR;
/// A rise by fewer is no leak that anybody would want to hear of.
const LEAST_RISE: f64 = 5.0;
/// Nor one that makes fewer in a day.
const LEAST_A_DAY: f64 = 10.0;
/// The load is below what it was before if it is at most this share of it.
const BELOW: f64 = 0.9;
/// So many buckets below an earlier load are needed to say something.
const LEAST_BELOW: usize = 4;
/// Why what fills up is refused.
const LESS_AND_LESS: &str = "it rises less and less";
/// Below an earlier load it grows by at least this share of what it does otherwise.
const LEAST_SHARE: f64 = 0.4;
/// With fewer requests at a time there is no load to speak of.
const LEAST_LOAD: f64 = 5.0;
/// A trend is sure from here on (standard deviations).
const SURE: f64 = 3.0;
/// What grows so fast (goroutines an hour) is looked at in the fast lane.
const FAST: f64 = 300.0;
/// A fast rise is looked at once there are so many five-minute buckets.
const FAST_BUCKETS: usize = 8;

/// One run of a process, with regard to one kind of goroutine.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Which one; the caller's own number.
    pub id: u64,
    /// When the process started, as far as is known.
    pub started_at: Millis,
    /// The goroutines of this kind.
    pub envelope: &'a Envelope,
    /// The requests that the process was serving.
    pub load: &'a Load,
}

/// What is thought of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunAssessment {
    /// Which one.
    pub id: u64,
    /// How surely it rises (Mann–Kendall, standard deviations).
    pub trend: f64,
    /// How surely it also rises while the load is below what it was before (standard deviations).
    pub high_water: f64,
    /// How many there are at least, now.
    pub level: f64,
    /// By how many it rose.
    pub rise: f64,
    /// How many more there are each hour.
    pub per_hour: f64,
    /// How long it was looked at, in milliseconds.
    pub watched: Millis,
    /// Why it is not taken for a leak, if there is a reason.
    pub refused: Option<&'static str>,
}

/// What is thought of a kind of goroutine in a service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assessment {
    /// 3 and more is suspicious.
    pub score: f64,
    /// Its runs, those that leak most first.
    pub runs: Vec<RunAssessment>,
    /// It grows so fast that less time is enough.
    pub is_fast: bool,
    /// Growth in a sentence, where there is any.
    pub detail: String,
}

impl RunAssessment {
    /// Where it came to rest, if it did: what fills up again after a restart does not get further.
    #[must_use]
    pub fn plateau(&self) -> Option<f64> {
        (self.refused == Some(LESS_AND_LESS) && self.watched >= 8 * HOUR).then_some(self.level)
    }
}

impl Assessment {
    /// The runs that rise as leaks do.
    pub fn leaking(&self) -> impl Iterator<Item = &RunAssessment> {
        self.runs.iter().filter(|run| run.refused.is_none())
    }
}

/// Weighs what was seen of one kind of goroutine in the runs of a service's processes. `weight` says
/// how much its wait speaks for a leak, from 0 to 1 (a channel send 1, input and output 0.3).
#[must_use]
pub fn assess(runs: &[Run<'_>], weight: f64, now: Millis) -> Assessment {
    let mut assessed: Vec<RunAssessment> = runs.iter().filter_map(|run| coarse(run, now)).collect();
    let fast: Vec<RunAssessment> = runs.iter().filter_map(fast).filter(|run| run.refused.is_none()).collect();
    let is_fast = !fast.is_empty() && assessed.iter().all(|run| run.refused.is_some());
    if is_fast {
        for run in fast {
            assessed.retain(|own| own.id != run.id);
            assessed.push(run);
        }
    }
    assessed.sort_by(|a, b| a.refused.is_some().cmp(&b.refused.is_some()).then(b.rise.total_cmp(&a.rise)));
    let good: Vec<&RunAssessment> = assessed.iter().filter(|run| run.refused.is_none()).collect();
    let trend = combined(&good, assessed.len(), |run| run.trend);
    let high_water = combined(&good, assessed.len(), |run| run.high_water);
    let score = weight * trend.min(1.5 * high_water);
    let detail = detail(&good, runs.len(), high_water);
    Assessment { score, detail, runs: assessed, is_fast }
}

/// The surest of all, or what all say together where at least half of them are sure.
fn combined(runs: &[&RunAssessment], all: usize, of: impl Fn(&RunAssessment) -> f64) -> f64 {
    let most = runs.iter().map(|run| of(run)).fold(0.0, f64::max);
    let sure = runs.iter().filter(|run| of(run) > 2.0).count();
    if sure * 2 < all || sure == 0 {
        return most;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of processes")]
    let together = runs.iter().map(|run| of(run)).sum::<f64>() / (runs.len() as f64).sqrt();
    most.max(together)
}

fn detail(good: &[&RunAssessment], all: usize, high_water: f64) -> String {
    let Some(first) = good.first() else { return String::new() };
    let rise: f64 = good.iter().map(|run| run.rise).sum();
    let hours = (first.watched / HOUR).max(0);
    let time = if hours < 2 { format!("{} minutes", first.watched / MINUTE) } else { format!("{hours} hours") };
    let load = if high_water >= SURE { ", also while the load was below what it had been" } else { "" };
    format!("{rise:.0} more in {time} on {} of {all} processes{load}", good.len())
}

/// The half hours of a run: level and load, after its warm-up, without the one that is not over.
struct Levels {
    /// Hours since the first, and level.
    points: Vec<(f64, f64)>,
    load: Vec<f64>,
    first: i64,
    last: i64,
}

fn levels(
    envelope: impl Iterator<Item = (i64, u32)>,
    load: impl Iterator<Item = (i64, u32)>,
    bucket: Millis,
    from: Millis,
    until: i64,
) -> Option<Levels> {
    let mut steps = envelope.filter(|(step, _)| step.saturating_mul(bucket) >= from && *step < until).peekable();
    let first = steps.peek()?.0;
    #[expect(clippy::cast_precision_loss, reason = "hours of some days")]
    let hours = |step: i64| ((step - first) * bucket) as f64 / HOUR as f64;
    let mut load = load.peekable();
    let mut levels = Levels { points: Vec::new(), load: Vec::new(), first, last: first };
    for (step, level) in steps {
        while load.peek().is_some_and(|(own, _)| *own < step) {
            load.next();
        }
        let own = load.peek().filter(|(own, _)| *own == step).map_or(0.0, |(_, load)| f64::from(*load));
        levels.points.push((hours(step), f64::from(level)));
        levels.load.push(own);
        levels.last = step;
    }
    Some(levels)
}

fn coarse(run: &Run<'_>, now: Millis) -> Option<RunAssessment> {
    let seen = run.envelope.coarse().next()?.0 * BUCKET;
    if f64::from(run.envelope.spread().0) < LEAST_RISE {
        // Most kinds hardly change: they cost nothing more.
        let (watched, refused) = (now - seen, Some("it hardly rises"));
        return Some(RunAssessment {
            id: run.id,
            trend: 0.0,
            high_water: 0.0,
            level: f64::from(run.envelope.last()),
            rise: 0.0,
            per_hour: 0.0,
            watched,
            refused,
        });
    }
    let from = run.started_at.max(seen) + WARM_UP;
    let levels = levels(run.envelope.coarse(), run.load.coarse(), BUCKET, from, now.div_euclid(BUCKET))?;
    let watched = (levels.last - levels.first + 1) * BUCKET;
    let mut own = weigh(run.id, &levels, watched);
    if watched < YOUNGEST - WARM_UP {
        own.refused = Some("not watched for long enough");
    } else {
        judge(&levels, &mut own);
    }
    Some(own)
}

/// What rises by hundreds an hour shows within one.
fn fast(run: &Run<'_>) -> Option<RunAssessment> {
    // Within forty minutes it rises by more than half of what it does in an hour.
    if f64::from(run.envelope.spread().1) < FAST / 2.0 {
        return None;
    }
    let seen = run.envelope.fine().next()?.0 * FAST_BUCKET;
    let last = run.envelope.fine().last()?.0;
    let from = run.started_at.max(seen) + 2 * FAST_BUCKET;
    let levels = levels(run.envelope.fine(), run.load.fine(), FAST_BUCKET, from, last)?;
    // Of the last hour only: a burst of two hours ago is over.
    let skip = levels.points.len().saturating_sub(12);
    let levels = Levels {
        points: levels.points[skip..].to_vec(),
        load: levels.load[skip..].to_vec(),
        first: levels.last - 11,
        last: levels.last,
    };
    if levels.points.len() < FAST_BUCKETS {
        return None;
    }
    let watched = i64::try_from(levels.points.len()).unwrap_or(0) * FAST_BUCKET;
    let mut own = weigh(run.id, &levels, watched);
    #[expect(clippy::cast_precision_loss, reason = "an hour in milliseconds")]
    let per_hour = own.rise * HOUR as f64 / watched as f64;
    if own.refused.is_some() || per_hour < 0.8 * FAST {
        return None;
    }
    own.per_hour = slope(&levels.points);
    if own.per_hour < FAST {
        return None;
    }
    // Nothing that load brings grows at one rate for most of an hour whatever the load is.
    let rises = rises(&levels.points);
    let even = rises.iter().filter(|rise| **rise > 0.0).count() == rises.len();
    let middle = median(&mut rises.clone());
    let is_straight = deviation(&rises) <= 0.35 * middle.abs();
    let load_grew = levels.load.last().unwrap_or(&0.0) > &(levels.load.first().unwrap_or(&0.0) * 1.3 + 3.0);
    if !even || !is_straight {
        own.refused = Some("it does not grow evenly");
    } else if load_grew {
        own.refused = Some("the load grows, too");
    } else {
        judge(&levels, &mut own);
        own.high_water = own.high_water.max(SURE);
    }
    Some(own)
}

/// Asks what costs little first: most of what rises at all is refused by that.
fn judge(levels: &Levels, own: &mut RunAssessment) {
    own.refused = own.refused.or_else(|| guards(levels, own));
    if own.refused.is_some() {
        return;
    }
    let values: Vec<f64> = levels.points.iter().map(|(_, level)| *level).collect();
    own.per_hour = slope(&levels.points);
    if own.per_hour * 24.0 < LEAST_A_DAY {
        own.refused = Some("it rises too slowly to matter");
        return;
    }
    own.trend = trend(&values);
    own.high_water = high_water(&values, &levels.load);
}

fn rises(points: &[(f64, f64)]) -> Vec<f64> {
    points.windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
}

fn weigh(id: u64, levels: &Levels, watched: Millis) -> RunAssessment {
    let values: Vec<f64> = levels.points.iter().map(|(_, level)| *level).collect();
    let rise = values.last().unwrap_or(&0.0) - values.first().unwrap_or(&0.0);
    let refused = (rise < LEAST_RISE).then_some("it hardly rises");
    let level = values.last().copied().unwrap_or(0.0);
    RunAssessment { id, trend: 0.0, high_water: 0.0, level, rise, per_hour: 0.0, watched, refused }
}

/// Rises while the load is below what it was before: pools and caches grow only with a new maximum of the
/// load.
fn high_water(values: &[f64], load: &[f64]) -> f64 {
    let mut highest = load.first().copied().unwrap_or(0.0);
    let (mut rises, mut below) = (Vec::new(), Vec::new());
    for at in 1..values.len() {
        // Where there is hardly any load, there is none that anything could follow.
        // Counts of requests vary by their root: only what is well below is below.
        if load[at] <= BELOW * highest - 2.0 * highest.sqrt() || highest < 1.0 {
            rises.push(values[at] - values[at - 1]);
            below.push(load[at]);
        }
        highest = highest.max(load[at]);
    }
    if rises.len() < LEAST_BELOW.max(values.len() / 5) {
        return 0.0;
    }
    // A pool may still grow a little then: what counts is whether it grows nearly as it does otherwise, an hour or a request.
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    let rise = values[values.len() - 1] - values[0];
    #[expect(clippy::cast_precision_loss, reason = "a number of buckets")]
    let by_time = (sum(&rises) / rises.len() as f64) / (rise / (values.len() - 1) as f64);
    let by_load = if sum(&below) > 0.0 { (sum(&rises) / sum(&below)) / (rise / sum(&load[1..])) } else { 0.0 };
    if by_time.max(by_load) < LEAST_SHARE {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of buckets")]
    let scale = (1.48 * deviation(&rises) * (rises.len() as f64).sqrt()).max(1.0);
    rises.iter().sum::<f64>() / scale
}

/// Why it is not taken for a leak, if there is a reason.
fn guards(levels: &Levels, own: &RunAssessment) -> Option<&'static str> {
    let values: Vec<f64> = levels.points.iter().map(|(_, level)| *level).collect();
    let n = values.len();
    let mut highest = f64::MIN;
    let mut drained = 0.0_f64;
    for value in &values {
        highest = highest.max(*value);
        drained = drained.max(highest - value);
    }
    if drained / own.rise > 0.10 {
        return Some("it drains in between");
    }
    let rises = rises(&levels.points);
    let largest = rises.iter().copied().fold(0.0, f64::max);
    // Over many half hours no single one, nor a few of them, should be most of it: a pool grows in spikes.
    let mut sorted = rises.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let few: f64 = sorted.iter().take(3).sum();
    if largest / own.rise > 0.5 || n >= 24 && (largest / own.rise > 0.3 || few / own.rise > 0.6) {
        return Some("it rose in a few steps");
    }
    // A leak a request rises with the load, and less when there is less of it: then what counts is the rise a request.
    #[expect(clippy::cast_precision_loss, reason = "a number of buckets")]
    let mean = levels.load.iter().sum::<f64>() / n as f64;
    let per_load: Vec<f64> = rises.iter().zip(&levels.load[1..]).map(|(rise, load)| rise / load.max(1.0)).collect();
    let is_by_load = mean >= LEAST_LOAD && !saturates(&per_load);
    (saturates(&rises) && !is_by_load).then_some(LESS_AND_LESS)
}

/// Do rises become less: of the halves, in the middle of each, of the last quarters?
fn saturates(rises: &[f64]) -> bool {
    let (first, second) = rises.split_at(rises.len() / 2);
    let sum = |rises: &[f64]| rises.iter().sum::<f64>();
    let middle = |rises: &[f64]| median(&mut rises.to_vec());
    if sum(second) < 0.6 * sum(first) || middle(second) < 0.5 * middle(first) {
        return true;
    }
    let quarter = rises.len() / 4;
    let (before, last) = (&rises[rises.len() - 2 * quarter..rises.len() - quarter], &rises[rises.len() - quarter..]);
    if quarter >= 2 && sum(last) < 0.4 * sum(before) {
        return true;
    }
    // What fills up does so ever more slowly, and the more slowly the longer one looks.
    let third = rises.len() / 3;
    third >= 2 && sum(&rises[rises.len() - third..]) < 0.7 * sum(&rises[..third])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a process shows: hours, and count and load in each minute.
    fn seen(hours: i64, of: impl Fn(f64) -> (f64, f64)) -> (Envelope, Load) {
        let (mut envelope, mut load) = (Envelope::default(), Load::default());
        for minute in 0..hours * 60 {
            #[expect(clippy::cast_precision_loss, reason = "minutes")]
            let (count, requests) = of(minute as f64 / 60.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let whole = |value: f64| value.max(0.0) as u32;
            envelope.push(minute * MINUTE, whole(count));
            load.push(minute * MINUTE, whole(requests));
        }
        (envelope, load)
    }

    fn score(hours: i64, of: impl Fn(f64) -> (f64, f64)) -> (f64, Option<&'static str>) {
        let (envelope, load) = seen(hours, of);
        let run = Run { id: 1, started_at: 0, envelope: &envelope, load: &load };
        let assessment = assess(&[run], 1.0, hours * HOUR);
        (assessment.score, assessment.runs.first().and_then(|run| run.refused))
    }

    /// A day of load.
    fn daily(hour: f64) -> f64 {
        100.0 - 80.0 * (hour / 24.0 * std::f64::consts::TAU).cos()
    }

    #[test]
    fn a_steady_leak_is_seen_whatever_the_load() {
        assert!(score(24, |hour| (10.0 + 6.0 * hour, daily(hour))).0 >= 3.0);
        assert!(score(8, |hour| (10.0 + 6.0 * hour, 0.0)).0 >= 3.0, "without any load");
    }

    #[test]
    fn a_leak_a_request_is_seen_once_the_load_has_been_higher() {
        let leaked = |hour: f64| (0..(hour * 10.0) as i32).map(|t| daily(f64::from(t) / 10.0) / 50.0).sum::<f64>();
        assert!(score(24, |hour| (leaked(hour), daily(hour))).0 >= 3.0);
    }

    #[test]
    fn what_follows_the_load_is_not() {
        assert!(score(48, |hour| (daily(hour), daily(hour))).0 < 3.0);
    }

    #[test]
    fn a_pool_that_grows_to_its_high_water_mark_is_not() {
        let high = |hour: f64| (0..=(hour * 60.0) as i32).map(|t| daily(f64::from(t) / 60.0)).fold(0.0, f64::max);
        let (score, _) = score(24, |hour| (high(hour), daily(hour)));
        assert!(score < 3.0, "{score}");
    }

    #[test]
    fn a_warm_up_is_not() {
        for hours in [6, 12, 24, 48] {
            let (score, refused) = score(hours, |hour| (2_000.0 * (1.0 - (-hour / 6.0).exp()), 50.0));
            assert!(score < 3.0 || refused.is_some(), "{hours} hours: {score}");
        }
    }

    #[test]
    fn a_step_is_not() {
        let (_, refused) = score(24, |hour| (if hour > 9.0 { 200.0 } else { 20.0 }, 50.0));
        assert!(refused.is_some());
        // Of a process that has just begun, it is most of the rise.
        let (_, refused) = score(8, |hour| (hour * 2.0 + if hour > 5.0 { 200.0 } else { 20.0 }, 50.0));
        assert_eq!(refused, Some("it rose in a few steps"));
    }

    #[test]
    fn a_queue_that_drains_is_not() {
        let (_, refused) = score(10, |hour| (if (4.0..6.0).contains(&hour) { 30.0 } else { 50.0 + 10.0 * hour }, 9.0));
        assert_eq!(refused, Some("it drains in between"));
    }

    #[test]
    fn a_fast_leak_is_seen_within_an_hour() {
        let (envelope, load) = seen(1, |hour| (10.0 + 400.0 * hour, 20.0));
        let run = Run { id: 1, started_at: 0, envelope: &envelope, load: &load };
        let assessment = assess(&[run], 1.0, HOUR);
        assert!(assessment.is_fast && assessment.score >= 3.0, "{assessment:?}");
    }

    #[test]
    fn a_fast_warm_up_is_not() {
        let (envelope, load) = seen(2, |hour| (1_000.0 * (1.0 - (-hour * 2.0).exp()), 20.0));
        let run = Run { id: 1, started_at: 0, envelope: &envelope, load: &load };
        assert_eq!(assess(&[run], 1.0, 2 * HOUR).leaking().count(), 0);
    }

    #[test]
    fn many_that_are_each_unsure_are_sure_together() {
        let made: Vec<(Envelope, Load)> = (0..6)
            .map(|n| seen(9, move |hour| (10.0 + 0.7 * hour + (f64::from(n) + hour).sin(), 20.0 - hour)))
            .collect();
        let run = |(id, (envelope, load)): (usize, &'_ (Envelope, Load))| (id, envelope.clone(), load.clone());
        let owned: Vec<_> = made.iter().enumerate().map(run).collect();
        let runs: Vec<Run<'_>> =
            owned.iter().map(|(id, envelope, load)| Run { id: *id as u64, started_at: 0, envelope, load }).collect();
        let alone = assess(&runs[..1], 1.0, 9 * HOUR).score;
        assert!(assess(&runs, 1.0, 9 * HOUR).score >= alone);
    }
}

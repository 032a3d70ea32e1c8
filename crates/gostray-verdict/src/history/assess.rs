//! Do the goroutines of one kind grow as only leaks do?

use super::bounded::against;
use super::envelope::{BUCKET, Envelope, Load};
use super::fast::{Fast, fast};
use super::growth::{Glance, Growth};
use super::steps::steps;
use super::{HOUR, MINUTE, Millis};

/// A rise by fewer is no leak that anybody would want to hear of.
const LEAST_RISE: f64 = 5.0;
/// Nor one that makes fewer in a day.
const LEAST_A_DAY: f64 = 10.0;
/// Nor one that adds less than this share to what there is: more tenants or more workers than last week are no leak.
const LEAST_SHARE: f64 = 0.125;
/// What falls back by more than this share of what it rose comes and goes.
const DRAINED: f64 = 0.25;
/// What falls back by less hardly ever does.
pub(super) const STRAIGHT: f64 = 0.05;
/// From here on it is sure that growth has no end (natural logarithm of the likelihood ratio).
const SURE: f64 = 4.0;
/// What a step is worth from which nothing came back.
const STEP: f64 = 1.0;
/// What is to be made up for by goroutines whose wait does not speak for a leak at all.
const PRIOR: f64 = 3.0;
/// Why what comes and goes is refused.
const DRAINS: &str = "it drains in between";
/// A score that is suspicious.
pub(super) const SUSPICIOUS: f64 = 3.0;

/// One run of a process, with regard to one kind of goroutine.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Which one; the caller's own number.
    pub id: u64,
    /// When the process started, as far as is known.
    pub started_at: Millis,
    /// The process has ended. What it showed still counts; but it can't grow any more.
    pub is_over: bool,
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
    /// Its living runs, those that leak most first.
    pub runs: Vec<RunAssessment>,
    /// It grows so fast that less time is enough.
    pub is_fast: bool,
    /// It grows fast, and must have ever since its processes started.
    pub is_since_start: bool,
    /// How far it fell back, over how far it rose: the less, the less it comes and goes.
    pub drained: f64,
    /// Growth in a sentence, where there is any.
    pub detail: String,
}

impl Assessment {
    /// The runs that rise as leaks do.
    pub fn leaking(&self) -> impl Iterator<Item = &RunAssessment> {
        self.runs.iter().filter(|run| run.refused.is_none())
    }
}

/// What was weighed last. Half hours change what is thought only when they end, so most looks cost little.
#[derive(Debug, Clone, Default)]
pub struct Weighed {
    /// Of which half hours and runs.
    of: Option<(i64, u64)>,
    assessment: Assessment,
}

impl Weighed {
    /// As [`assess`], without weighing the same half hours of the same runs again.
    pub fn assess(&mut self, runs: &[Run<'_>], weight: f64, now: Millis) -> Assessment {
        let mix = |sum: u64, run: &Run<'_>| sum.rotate_left(7) ^ run.id ^ u64::from(run.is_over).rotate_right(1);
        let of = Some((now.div_euclid(BUCKET), runs.iter().fold(runs.len() as u64, mix)));
        let mut assessment = if self.of == of { self.assessment.clone() } else { by_half_hours(runs, weight, now) };
        if self.of != of {
            // Most kinds hardly change: to weigh them again costs less than to remember.
            let is_worth = assessment.runs.iter().any(|run| run.rise > 0.0);
            *self = if is_worth { Self { of, assessment: assessment.clone() } } else { Self::default() };
        }
        for own in &mut assessment.runs {
            if let Some(run) = runs.iter().find(|run| run.id == own.id) {
                own.level = f64::from(run.envelope.last());
            }
        }
        if assessment.score < SUSPICIOUS
            && let Some(fast) = fast(runs)
        {
            by_minutes(&mut assessment, fast);
        }
        assessment
    }
}

/// Weighs what was seen of one kind of goroutine in the runs of a service's processes. `weight` says
/// how much its wait speaks for a leak, from 0 to 1 (a channel send 1, input and output 0.3).
#[must_use]
pub fn assess(runs: &[Run<'_>], weight: f64, now: Millis) -> Assessment {
    Weighed::default().assess(runs, weight, now)
}

fn by_half_hours(runs: &[Run<'_>], weight: f64, now: Millis) -> Assessment {
    let until = now.div_euclid(BUCKET);
    let glance = |run: &Run<'_>| {
        // Most kinds hardly change: they cost nothing more.
        let changes = f64::from(run.envelope.coarse_spread()) >= LEAST_RISE;
        changes.then(|| Glance::of(run.started_at, run.envelope, until)).flatten()
    };
    let living: Vec<(&Run<'_>, Option<Glance>)> =
        runs.iter().filter(|run| !run.is_over).map(|run| (run, glance(run))).collect();
    let mut assessed: Vec<RunAssessment> =
        living.iter().filter_map(|(run, glance)| assess_run(run, *glance, now)).collect();
    let mut assessment = Assessment::default();
    if assessed.iter().any(|run| run.refused.is_none()) {
        let mut refused = Some(DRAINS);
        if !comes_and_goes(living.iter().map(|(_, glance)| glance)) {
            let ended = runs.iter().filter(|run| run.is_over).map(|run| (run, glance(run)));
            let all: Vec<(&Run<'_>, Option<Glance>)> = living.into_iter().chain(ended).collect();
            if !comes_and_goes(all.iter().map(|(_, glance)| glance)) {
                (assessment, refused) = weigh(&all, weight, until);
            }
        }
        for own in &mut assessed {
            own.refused = own.refused.or(refused);
        }
    }
    with_runs(&mut assessment, assessed);
    assessment
}

/// What grows fast is told by the last hour alone.
fn by_minutes(assessment: &mut Assessment, fast: Fast) {
    let score = if fast.is_enough { 2.0 * SUSPICIOUS } else { 0.6 * SUSPICIOUS };
    let mut runs = std::mem::take(&mut assessment.runs);
    for own in &mut runs {
        own.refused = own.refused.or(Some("it does not grow evenly"));
    }
    runs.retain(|own| fast.runs.iter().all(|run| run.id != own.id));
    runs.extend(fast.runs);
    *assessment = Assessment { score, is_fast: true, is_since_start: fast.is_since_start, ..Assessment::default() };
    with_runs(assessment, runs);
}

fn with_runs(assessment: &mut Assessment, mut runs: Vec<RunAssessment>) {
    runs.sort_by(|a, b| a.refused.is_some().cmp(&b.refused.is_some()).then(b.rise.total_cmp(&a.rise)));
    assessment.runs = runs;
    assessment.detail = detail(assessment);
}

/// What falls back, and that is much of how far it changes at all, is told by a glance.
fn comes_and_goes<'a>(glances: impl Iterator<Item = &'a Option<Glance>>) -> bool {
    let (drain, spread) = glances.flatten().fold((0.0, 0.0), |sum, own| (sum.0 + own.drain, sum.1 + own.spread));
    drain > DRAINED * spread
}

/// Weighs all that grew together, also what has ended, and what speaks against a leak: otherwise, of many processes there
/// is always one in which chance looks like a leak.
fn weigh(runs: &[(&Run<'_>, Option<Glance>)], weight: f64, until: i64) -> (Assessment, Option<&'static str>) {
    let grown: Vec<Growth> = runs
        .iter()
        .filter(|(_, glance)| glance.is_some())
        .filter_map(|(run, _)| Growth::of(run.started_at, run.envelope, run.load, until))
        .filter(|growth| growth.rise > 0.0)
        .collect();
    let sum = |of: fn(&Growth) -> f64| grown.iter().map(of).sum::<f64>();
    let (rise, base) = (sum(|growth| growth.rise), sum(|growth| growth.base));
    let drain: f64 = runs.iter().filter_map(|(_, glance)| *glance).map(|glance| glance.drain).sum();
    let mut assessment = Assessment { drained: drain / rise.max(1.0), ..Assessment::default() };
    if assessment.drained > DRAINED {
        return (assessment, Some(DRAINS));
    }
    if rise < LEAST_SHARE * base {
        return (assessment, Some("it adds little to what there is"));
    }
    let mut against = against(&grown);
    if assessment.drained <= STRAIGHT {
        against.filling += STEP * (steps(&grown) - 1.0).max(0.0);
    }
    if base + rise > sum(|growth| growth.ceiling) || grown.iter().all(|growth| !growth.has_load) {
        // It is beyond whatever a pool would have come to, or there is no load that one could follow.
        against.pool = against.pool.max(against.filling);
    }
    let surely = against.filling.min(against.pool) - PRIOR * (1.0 - weight);
    assessment.score = surely.max(0.0) * SUSPICIOUS / SURE;
    let refused = if against.filling <= 0.0 {
        Some("it rises less and less")
    } else {
        (against.pool <= 0.0).then_some("it rises with the load, as far as is seen")
    };
    (assessment, refused)
}

fn assess_run(run: &Run<'_>, glance: Option<Glance>, now: Millis) -> Option<RunAssessment> {
    let seen = run.envelope.coarse().next()?.0.saturating_mul(BUCKET);
    let Glance { rise, drain, watched, .. } =
        glance.unwrap_or(Glance { watched: now.saturating_sub(seen), ..Glance::default() });
    #[expect(clippy::cast_precision_loss, reason = "some days in milliseconds")]
    let per_hour = rise * HOUR as f64 / (watched - BUCKET).max(BUCKET) as f64;
    let refused = if rise < LEAST_RISE {
        Some("it hardly rises")
    } else if drain > rise {
        Some(DRAINS)
    } else if per_hour * 24.0 < LEAST_A_DAY {
        Some("it rises too slowly to matter")
    } else {
        None
    };
    Some(RunAssessment { id: run.id, level: f64::from(run.envelope.last()), rise, per_hour, watched, refused })
}

fn detail(assessment: &Assessment) -> String {
    let good: Vec<&RunAssessment> = assessment.leaking().collect();
    let Some(first) = good.first() else { return String::new() };
    let rise: f64 = good.iter().map(|run| run.rise).sum();
    let hours = (first.watched / HOUR).max(0);
    let time = if hours < 2 { format!("{} minutes", first.watched / MINUTE) } else { format!("{hours} hours") };
    format!("{rise:.0} more in {time} on {} of {} processes", good.len(), assessment.runs.len())
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
        let run = Run { id: 1, started_at: 0, is_over: false, envelope: &envelope, load: &load };
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
        assert!(score(16, |hour| (10.0 + 6.0 * hour, 0.0)).0 >= 3.0, "without any load");
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
        assert!(score(24, |hour| (if hour > 9.0 { 200.0 } else { 20.0 }, 50.0)).0 < 3.0);
        assert!(score(72, |hour| (if hour > 70.0 { 200.0 } else { 20.0 }, 50.0)).0 < 3.0, "nor if it is late");
        // Of a process that has just begun, it is most of the rise.
        assert!(score(8, |hour| (hour * 2.0 + if hour > 5.0 { 200.0 } else { 20.0 }, 50.0)).0 < 3.0);
    }

    #[test]
    fn a_queue_that_drains_is_not() {
        let (_, refused) = score(10, |hour| (if (4.0..6.0).contains(&hour) { 30.0 } else { 50.0 + 10.0 * hour }, 9.0));
        assert_eq!(refused, Some("it drains in between"));
    }

    #[test]
    fn a_fast_leak_is_seen_within_an_hour() {
        let (envelope, load) = seen(1, |hour| (10.0 + 400.0 * hour, 20.0));
        let run = Run { id: 1, started_at: 0, is_over: false, envelope: &envelope, load: &load };
        let assessment = assess(&[run], 1.0, HOUR);
        assert!(assessment.is_fast && assessment.score >= 3.0, "{assessment:?}");
    }

    #[test]
    fn a_fast_warm_up_is_not() {
        let (envelope, load) = seen(2, |hour| (1_000.0 * (1.0 - (-hour * 2.0).exp()), 20.0));
        let run = Run { id: 1, started_at: 0, is_over: false, envelope: &envelope, load: &load };
        assert_eq!(assess(&[run], 1.0, 2 * HOUR).leaking().count(), 0);
    }

    #[test]
    fn many_that_are_each_unsure_are_sure_together() {
        let made: Vec<(Envelope, Load)> = (0..6)
            .map(|n| seen(9, move |hour| (10.0 + 0.7 * hour + (f64::from(n) + hour).sin(), 20.0 - hour)))
            .collect();
        let run = |(id, (envelope, load)): (usize, &'_ (Envelope, Load))| (id, envelope.clone(), load.clone());
        let owned: Vec<_> = made.iter().enumerate().map(run).collect();
        let runs: Vec<Run<'_>> = owned
            .iter()
            .map(|(id, envelope, load)| Run { id: *id as u64, started_at: 0, is_over: false, envelope, load })
            .collect();
        let alone = assess(&runs[..1], 1.0, 9 * HOUR).score;
        assert!(assess(&runs, 1.0, 9 * HOUR).score >= alone);
    }
}

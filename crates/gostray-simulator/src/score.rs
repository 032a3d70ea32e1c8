//! How good a detector is, with confidence intervals.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::detector::{Alert, Raised};
use crate::random::Dice;
use crate::service::Service;

/// A false alert again within this many seconds of the last is the same alert.
const REPEAT: i64 = 24 * 3600;
/// An alert this many seconds after a fix is still about the leak that was.
const AFTERWARDS: i64 = 2 * 3600;
/// A leak that never held this many goroutines in one process has not happened yet.
const LEAST: u32 = 5;
/// Leaks of this many goroutines a minute are fast.
const FAST: f64 = 5.0;

/// What one detector did in one world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Distinct alerts that named a leak that was there.
    pub true_alerts: u64,
    /// Distinct alerts that did not.
    pub false_alerts: u64,
    /// Leaks that happened.
    pub leaks: u64,
    /// Of those, found.
    pub found: u64,
    /// Leaks too small to count in either.
    pub negligible: u64,
    /// Seconds from the first leaked goroutine to the alert, by leak found.
    pub delays: Vec<f64>,
    /// The same, of leaks of at least five a minute.
    pub fast_delays: Vec<f64>,
    /// Services times days.
    pub service_days: f64,
    /// Questions for goroutine survival.
    pub dumps: u64,
    /// Questions for the leak profile.
    pub profiles: u64,
    /// False alerts by what the accused kind was.
    pub accused: HashMap<&'static str, u64>,
    /// Leaks not found: trigger, goroutines a minute.
    pub missed: Vec<(crate::Trigger, f64)>,
}

impl Tally {
    /// An empty tally of a world.
    pub fn new(services: usize, days: u32) -> Self {
        Self { service_days: services as f64 * f64::from(days), ..Self::default() }
    }

    /// Judges the alerts raised over one service, in the order of time. Alerts for other services are false.
    ///
    /// Kind to coarse rules: an alert on a whole service finds every leak that is there at the time, and one that
    /// fired falsely before a leak began finds it if it still fires.
    pub fn add(&mut self, service: &Service, raised: &[Raised], asked: (u64, u64)) {
        self.dumps += asked.0;
        self.profiles += asked.1;
        let mut found: Vec<Option<i64>> = vec![None; service.truths.len()];
        let mut credited: Vec<Alert> = Vec::new();
        let mut last_false: HashMap<Alert, i64> = HashMap::new();
        for Raised { alert, at } in raised {
            let named: Vec<_> = (0..service.truths.len())
                .filter(|index| {
                    let truth = &service.truths[*index];
                    let meant = alert.service == truth.service && alert.kind.is_none_or(|kind| kind == truth.kind);
                    meant
                        && truth.from.is_some_and(|from| from <= *at)
                        && truth.to.is_none_or(|to| *at <= to + AFTERWARDS || found[*index].is_some())
                })
                .collect();
            if named.is_empty() {
                let before = last_false.insert(*alert, *at);
                if before.is_none_or(|before| at - before > REPEAT) {
                    self.false_alerts += 1;
                    let about =
                        alert.kind.and_then(|kind| service.kinds.get(kind)).map_or("service", |kind| kind.about);
                    *self.accused.entry(about).or_default() += 1;
                }
                continue;
            }
            if !credited.contains(alert) {
                credited.push(*alert);
                self.true_alerts += 1;
            }
            for index in named {
                found[index].get_or_insert(*at);
            }
        }
        for (truth, found) in service.truths.iter().zip(found) {
            let Some(from) = truth.from.filter(|_| truth.peak >= LEAST) else {
                self.negligible += 1;
                continue;
            };
            self.leaks += 1;
            let Some(at) = found else {
                self.missed.push((truth.trigger, truth.rate_a_minute));
                continue;
            };
            self.found += 1;
            self.delays.push((at - from) as f64);
            if truth.rate_a_minute >= FAST {
                self.fast_delays.push((at - from) as f64);
            }
        }
    }
}

/// An estimate with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The estimate; NaN where there is nothing to estimate from.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// A proportion, by Wilson's score.
    pub fn wilson(hits: u64, of: u64) -> Self {
        if of == 0 {
            return Self { value: f64::NAN, low: 0.0, high: 1.0 };
        }
        let (n, p, z) = (of as f64, hits as f64 / of as f64, 1.959_964);
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        Self { value: p, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }

    /// A figure over worlds, by resampling worlds. With one world the interval has no width: it says nothing.
    fn bootstrap(tallies: &[Tally], figure: impl Fn(&[&Tally]) -> f64) -> Self {
        let mut dice = Dice::new(&[tallies.len() as u64]);
        let value = figure(&tallies.iter().collect::<Vec<_>>());
        let draw =
            |dice: &mut Dice| (0..tallies.len()).map(|_| &tallies[dice.below(tallies.len())]).collect::<Vec<_>>();
        let mut drawn: Vec<f64> =
            (0..1000).map(|_| figure(&draw(&mut dice))).filter(|figure| !figure.is_nan()).collect();
        drawn.sort_by(f64::total_cmp);
        let at = |share: f64| drawn.get((share * drawn.len() as f64) as usize).copied().unwrap_or(f64::NAN);
        Self { value, low: at(0.025), high: at(0.975) }
    }
}

/// A detector over many worlds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// True alerts among distinct alerts.
    pub precision: Interval,
    /// Leaks found among leaks.
    pub recall: Interval,
    /// Median hours from the first leaked goroutine to the alert, of leaks found.
    pub hours: Interval,
    /// The same, of leaks of at least five a minute.
    pub fast_hours: Interval,
    /// False alerts in 100 service-days.
    pub false_alerts: Interval,
}

impl Score {
    /// The score over the tallies of several worlds.
    pub fn of(tallies: &[Tally]) -> Self {
        let sum = |field: fn(&Tally) -> u64| tallies.iter().map(field).sum::<u64>();
        let right = sum(|tally| tally.true_alerts);
        let median = |pick: fn(&Tally) -> &[f64]| {
            Interval::bootstrap(tallies, move |drawn| {
                let mut all: Vec<f64> = drawn.iter().flat_map(|tally| pick(tally)).copied().collect();
                all.sort_by(f64::total_cmp);
                match all.len() {
                    0 => f64::NAN,
                    many => (all[(many - 1) / 2] + all[many / 2]) / 2.0 / 3600.0,
                }
            })
        };
        Self {
            precision: Interval::wilson(right, right + sum(|tally| tally.false_alerts)),
            recall: Interval::wilson(sum(|tally| tally.found), sum(|tally| tally.leaks)),
            hours: median(|tally| &tally.delays),
            fast_hours: median(|tally| &tally.fast_delays),
            false_alerts: Interval::bootstrap(tallies, |drawn| {
                let alerts: u64 = drawn.iter().map(|tally| tally.false_alerts).sum();
                alerts as f64 * 100.0 / drawn.iter().map(|tally| tally.service_days).sum::<f64>()
            }),
        }
    }
}

/// A table of scores, in Markdown.
pub fn table(scores: &[(&str, Score)]) -> String {
    let mut text = String::from(
        "| detector | precision | recall | median h | median h, ≥ 5/min | false/100 service-days |\n|---|---|---|---|---|---|\n",
    );
    for (name, score) in scores {
        let cell = |interval: Interval, digits: usize| {
            let Interval { value, low, high } = interval;
            if value.is_nan() {
                "–".to_owned()
            } else {
                format!("{value:.digits$} ({low:.digits$}–{high:.digits$})")
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} |",
            cell(score.precision, 2),
            cell(score.recall, 2),
            cell(score.hours, 1),
            cell(score.fast_hours, 1),
            cell(score.false_alerts, 1)
        );
    }
    text
}

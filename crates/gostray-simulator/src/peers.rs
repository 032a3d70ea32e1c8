//! The rules people use today, computed as Prometheus computes them.

use std::collections::{HashMap, VecDeque};

use crate::behaviour::State;
use crate::detector::{Alert, Detector, Maker};
use crate::oracle::Oracle;
use crate::service::{Scrape, Service};

/// A condition holds this many seconds before it alerts, as with `for: 15m`.
const HOLD: i64 = 15 * 60;
/// The range of `deriv` and `predict_linear`, seconds.
const RANGE: i64 = 6 * 3600;

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// `go_goroutines > n`.
    Total(u32),
    /// LeakProf's: `n` or more goroutines blocked on a channel at one place.
    Blocked(u32),
    /// `deriv(go_goroutines[6h]) * 60 > n`.
    Deriv(f64),
    /// `predict_linear(go_goroutines[6h], 86400) > n`.
    PredictLinear(f64),
    /// So many rises in a row, from hour to hour.
    Rises(u32),
}

/// All peers with their names.
pub const ALL: [(&str, Rule); 8] = [
    ("go_goroutines > 1k", Rule::Total(1_000)),
    ("go_goroutines > 10k", Rule::Total(10_000)),
    ("LeakProf ≥ 1k", Rule::Blocked(1_000)),
    ("LeakProf ≥ 10k", Rule::Blocked(10_000)),
    ("deriv[6h] > 0.2/min", Rule::Deriv(0.2)),
    ("predict_linear[6h], 24h > 10k", Rule::PredictLinear(10_000.0)),
    ("5 rises in a row, hourly", Rule::Rises(5)),
    ("5 rises in a row, each scrape", Rule::Rises(0)),
];

impl Rule {
    /// A maker of detectors with this rule.
    pub fn maker(self) -> Box<Maker<'static>> {
        Box::new(move |service: &Service| {
            Box::new(Peer::new(self, service.kinds.iter().map(|kind| kind.state).collect()))
        })
    }
}

/// The slope a second and the value at `now` of the least-squares line through `(time, value)`, as in Prometheus's
/// `linearRegression`. `None` with fewer than two samples, or all at one time.
pub fn least_squares(samples: impl Iterator<Item = (i64, f64)>, now: i64) -> Option<(f64, f64)> {
    let (mut n, mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (time, value) in samples {
        let x = (time - now) as f64;
        n += 1.0;
        sx += x;
        sy += value;
        sxx += x * x;
        sxy += x * value;
    }
    let spread = sxx - sx * sx / n;
    if n < 2.0 || spread <= 0.0 {
        return None;
    }
    let slope = (sxy - sx * sy / n) / spread;
    Some((slope, (sy - slope * sx) / n))
}

#[derive(Default)]
struct Series {
    /// Time and total, within the range.
    samples: VecDeque<(i64, f64)>,
    /// Time of the newest sample taken in.
    last: Option<i64>,
    rises: u32,
    marked: Option<(i64, f64)>,
}

/// A peer watching one service.
pub struct Peer {
    rule: Rule,
    states: Vec<State>,
    series: HashMap<usize, Series>,
    /// Since when a condition holds, by instance and kind.
    pending: HashMap<(usize, Option<usize>), i64>,
    holding: Vec<((usize, Option<usize>), i64)>,
    service: usize,
}

impl Peer {
    /// A peer for a service whose kinds wait in `states`.
    pub fn new(rule: Rule, states: Vec<State>) -> Self {
        Self { rule, states, series: HashMap::new(), pending: HashMap::new(), holding: Vec::new(), service: 0 }
    }

    fn holds(&mut self, scrape: &Scrape<'_>, total: f64) -> bool {
        let series = self.series.entry(scrape.instance).or_default();
        match self.rule {
            Rule::Total(most) => total > f64::from(most),
            Rule::Blocked(_) => false,
            Rule::Rises(count) => {
                let (count, every) = if count == 0 { (5, 1) } else { (count, 3600) };
                match series.marked {
                    Some((at, _)) if scrape.time - at < every => {}
                    Some((_, before)) => {
                        series.rises = if total > before { series.rises + 1 } else { 0 };
                        series.marked = Some((scrape.time, total));
                    }
                    None => series.marked = Some((scrape.time, total)),
                }
                series.rises >= count
            }
            Rule::Deriv(_) | Rule::PredictLinear(_) => {
                series.samples.push_back((scrape.time, total));
                while series.samples.front().is_some_and(|(time, _)| *time <= scrape.time - RANGE) {
                    series.samples.pop_front();
                }
                let Some((slope, value)) = least_squares(series.samples.iter().copied(), scrape.time) else {
                    return false;
                };
                match self.rule {
                    Rule::Deriv(most) => slope * 60.0 > most,
                    Rule::PredictLinear(most) => value + slope * 86_400.0 > most,
                    _ => false,
                }
            }
        }
    }
}

impl Detector for Peer {
    fn observe(&mut self, scrape: &Scrape<'_>) {
        self.service = scrape.service;
        // Prometheus refuses samples that are not newer than the last.
        let series = self.series.entry(scrape.instance).or_default();
        if series.last.is_some_and(|last| scrape.time <= last) {
            return;
        }
        series.last = Some(scrape.time);
        if let Rule::Blocked(least) = self.rule {
            for (kind, count) in scrape.counts.iter().enumerate() {
                let blocked = matches!(self.states[kind], State::ChanSend | State::ChanReceive | State::Select);
                if blocked && *count >= least {
                    self.holding.push(((scrape.instance, Some(kind)), scrape.time));
                }
            }
            return;
        }
        let total = scrape.counts.iter().map(|count| f64::from(*count)).sum();
        if self.holds(scrape, total) {
            self.holding.push(((scrape.instance, None), scrape.time));
        }
    }

    fn alerts(&mut self, _now: i64, _oracle: &dyn Oracle) -> Vec<Alert> {
        let before = std::mem::take(&mut self.pending);
        let mut alerts = Vec::new();
        for (key, time) in self.holding.drain(..) {
            let since = before.get(&key).copied().unwrap_or(time);
            self.pending.insert(key, since);
            let alert = Alert { service: self.service, kind: key.1 };
            let hold = if matches!(self.rule, Rule::Rises(_)) { 0 } else { HOLD };
            if time - since >= hold && !alerts.contains(&alert) {
                alerts.push(alert);
            }
        }
        alerts
    }
}

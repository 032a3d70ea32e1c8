//! The peers on hand-made series, and the score on hand-made alerts.

use gostray_simulator::peers::{Peer, Rule, least_squares};
use gostray_simulator::{
    Alert, Detector, Interval, Oracle, Raised, Score, Scrape, Shape, State, Survival, Tally, World, table,
};

struct Silent;

impl Oracle for Silent {
    fn survival(&self, _: usize, _: usize, _: usize, _: i64, _: i64) -> Option<Survival> {
        None
    }

    fn leak_profile(&self, _: usize, _: usize, _: i64) -> Option<Vec<(usize, u32)>> {
        None
    }
}

/// Minutes at which the rule alerts on a series of counts, one each five minutes.
fn alerts(rule: Rule, states: &[State], series: impl IntoIterator<Item = Vec<u32>>) -> Vec<(i64, Option<usize>)> {
    let mut peer = Peer::new(rule, states.to_vec());
    let mut raised = Vec::new();
    for (step, counts) in series.into_iter().enumerate() {
        let time = step as i64 * 300;
        let scrape = Scrape {
            service: 0,
            instance: 0,
            generation: 0,
            build: 0,
            process_start: 0,
            time,
            load: 1,
            counts: &counts,
        };
        peer.observe(&scrape);
        raised.extend(peer.alerts(time, &Silent).into_iter().map(|alert| (time / 60, alert.kind)));
    }
    raised
}

fn line(steps: u32, start: u32, by: u32) -> Vec<Vec<u32>> {
    (0..steps).map(|step| vec![start + by * step]).collect()
}

#[test]
fn least_squares_finds_the_line() {
    let (slope, value) = least_squares((0..10).map(|x| (x * 60, 5.0 + 2.0 * x as f64)), 600).expect("a line");
    assert!((slope * 60.0 - 2.0).abs() < 1e-9 && (value - 25.0).abs() < 1e-9);
    assert_eq!(least_squares([(0, 1.0)].into_iter(), 0), None);
    assert_eq!(least_squares([(5, 1.0), (5, 2.0)].into_iter(), 9), None);
}

#[test]
fn thresholds_hold_for_fifteen_minutes_over_the_sum_of_kinds() {
    let states = [State::Other, State::Select];
    assert_eq!(alerts(Rule::Total(1000), &states, vec![vec![600, 401]; 5]), [(15, None), (20, None)]);
    assert_eq!(alerts(Rule::Total(1000), &states, vec![vec![600, 400]; 5]), []);
    let dips = [1001, 1001, 1001, 1000, 1001, 1001, 1001];
    assert_eq!(alerts(Rule::Total(1000), &states[..1], dips.map(|count| vec![count])), []);
}

#[test]
fn leakprof_looks_at_channel_states_only() {
    let states = [State::IoWait, State::ChanSend, State::Semacquire];
    assert_eq!(alerts(Rule::Blocked(1000), &states, vec![vec![5000, 1000, 5000]; 4]), [(15, Some(1))]);
}

#[test]
fn deriv_is_a_slope_and_forgets_after_its_range() {
    let one = [State::Other];
    assert!(alerts(Rule::Deriv(0.2), &one, line(20, 50, 1)).is_empty(), "0.2 a minute is not above 0.2");
    assert!(!alerts(Rule::Deriv(0.2), &one, line(20, 50, 2)).is_empty());
    let step = (0..200).map(|step| vec![if step < 20 { 50 } else { 500 }]);
    let last = alerts(Rule::Deriv(0.2), &one, step).last().map(|(minute, _)| *minute).expect("alerts on the step");
    assert!((430..=455).contains(&last), "still alerts at {last}");
}

#[test]
fn predict_linear_looks_a_day_ahead() {
    let one = [State::Other];
    // 34 each 5 minutes are 9,792 a day.
    assert!(alerts(Rule::PredictLinear(10_000.0), &one, line(5, 0, 34)).is_empty());
    assert!(!alerts(Rule::PredictLinear(10_000.0), &one, line(20, 0, 34)).is_empty());
}

#[test]
fn five_rises_are_counted_from_hour_to_hour() {
    let one = [State::Other];
    assert_eq!(alerts(Rule::Rises(5), &one, line(64, 10, 1)).first(), Some(&(300, None)));
    let saw = (0..300u32).map(|step| vec![10 + (step / 12) % 5]);
    assert!(alerts(Rule::Rises(5), &one, saw).is_empty());
}

#[test]
fn old_samples_are_refused() {
    let mut peer = Peer::new(Rule::Total(10), vec![State::Other]);
    let mut fired = 0;
    for time in [1000, 700, 800, 900, 1000] {
        let scrape =
            Scrape { service: 0, instance: 0, generation: 0, build: 0, process_start: 0, time, load: 0, counts: &[50] };
        peer.observe(&scrape);
        fired += peer.alerts(time, &Silent).len();
    }
    assert_eq!(fired, 0);
}

#[test]
fn an_alert_counts_once_and_is_false_before_the_leak_began() {
    let world = World::new(3, Shape { services: 20, instances: 2, days: 4, scrape_interval: 300 });
    let service = (0..20)
        .map(|index| world.service(index))
        .find(|service| service.truths.len() == 1 && service.truths[0].to.is_none() && service.truths[0].peak > 20)
        .expect("a service with one leak");
    let truth = &service.truths[0];
    let from = truth.from.expect("it leaked");
    let raise = |kind, at| Raised { alert: Alert { service: service.index, kind }, at };
    let judge = |raised: &[Raised]| {
        let mut tally = Tally::new(1, 4);
        tally.add(&service, raised, (0, 0));
        (tally.true_alerts, tally.false_alerts, tally.found, tally.delays)
    };
    let right = Some(truth.kind);
    assert_eq!(judge(&[]), (0, 0, 0, vec![]));
    assert_eq!(judge(&[raise(right, from + 60), raise(right, from + 90)]), (1, 0, 1, vec![60.0]));
    assert_eq!(judge(&[raise(None, from + 60)]), (1, 0, 1, vec![60.0]));
    assert_eq!(judge(&[raise(right, from - 1)]), (0, 1, 0, vec![]));
    let day = 24 * 3600;
    assert_eq!(judge(&[raise(Some(0), from), raise(Some(0), from + day), raise(Some(0), from + 2 * day)]).1, 1);
    assert_eq!(judge(&[raise(Some(0), from), raise(Some(0), from + day + 1)]).1, 2);
}

#[test]
fn scores_have_intervals() {
    let wilson = Interval::wilson(8, 10);
    assert!((wilson.low - 0.490).abs() < 0.001 && (wilson.high - 0.943).abs() < 0.001, "{wilson:?}");
    let tally = |right, wrong| Tally {
        true_alerts: right,
        false_alerts: wrong,
        leaks: 10,
        found: right,
        delays: vec![3600.0; right as usize],
        service_days: 100.0,
        ..Tally::default()
    };
    let score = Score::of(&[tally(8, 1), tally(9, 3)]);
    assert!((score.precision.value - 17.0 / 21.0).abs() < 1e-9);
    assert!((score.recall.value - 0.85).abs() < 1e-9);
    assert!((score.hours.value - 1.0).abs() < 1e-9 && score.fast_hours.value.is_nan());
    assert!((score.false_alerts.value - 2.0).abs() < 1e-9);
    assert!(score.false_alerts.low >= 1.0 && score.false_alerts.high <= 3.0);
    assert!(table(&[("one", score)]).contains("| one | 0.81 ("));
}

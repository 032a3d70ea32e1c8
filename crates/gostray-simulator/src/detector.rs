//! What is measured: a detector sees scrapes, may ask, and raises alerts.

use crate::oracle::{Oracle, ServiceOracle};
use crate::score::Tally;
use crate::service::{Scrape, Service};
use crate::world::World;

/// A claim that something leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert {
    /// Index of the service.
    pub service: usize,
    /// Index of the kind; `None` accuses the whole service.
    pub kind: Option<usize>,
}

/// An alert and when it was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The claim.
    pub alert: Alert,
    /// True time, Unix seconds.
    pub at: i64,
}

/// A detector under test. It sees one service from start to end.
pub trait Detector {
    /// Takes in a scrape. Scrapes of a step come by instance; lost ones do not come.
    fn observe(&mut self, scrape: &Scrape<'_>);

    /// Called after each step's scrapes; `now` is the scraper's clock, Unix seconds. Returns what it would tell a
    /// person now; repeats are allowed and count once.
    fn alerts(&mut self, now: i64, oracle: &dyn Oracle) -> Vec<Alert>;
}

/// Makes a fresh detector for a service. It may look at the kinds' signatures and states, never at the truth.
pub type Maker<'a> = dyn Fn(&Service) -> Box<dyn Detector> + 'a;

/// Shows every service of the world to each detector. Returns one tally a detector.
pub fn evaluate(world: &World, makers: &[(&str, &Maker<'_>)]) -> Vec<Tally> {
    let shape = world.shape();
    let mut tallies: Vec<_> = makers.iter().map(|_| Tally::new(shape.services, shape.days)).collect();
    for index in 0..shape.services {
        let service = world.service(index);
        for ((_, make), tally) in makers.iter().zip(&mut tallies) {
            let mut detector = make(&service);
            let mut oracle = ServiceOracle::new(&service, 0);
            let mut raised = Vec::new();
            for step in 0..service.steps() {
                oracle.set_now(step);
                for scrape in service.scrapes(step) {
                    detector.observe(&scrape);
                }
                let at = service.true_time(step);
                let alerts = detector.alerts(service.clock(step), &oracle);
                raised.extend(alerts.into_iter().map(|alert| Raised { alert, at }));
            }
            tally.add(&service, &raised, oracle.asked());
        }
    }
    tallies
}

//! The fleet: which services there are and which of them leak.

use crate::load::DAY;
use crate::random::Dice;
use crate::service::Service;

/// 2026-01-05 00:00 UTC: the simulation's start, in Unix seconds.
pub(crate) const EPOCH: i64 = 1_767_571_200;

/// How large the fleet is and how it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Services in the fleet.
    pub services: usize,
    /// Instances of each service.
    pub instances: usize,
    /// Simulated days.
    pub days: u32,
    /// Seconds between two scrapes of an instance; at least 1.
    pub scrape_interval: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { services: 100, instances: 6, days: 7, scrape_interval: 300 }
    }
}

/// What makes a leak leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// As time goes on.
    Time,
    /// With each so-many-th request.
    Load,
    /// In bursts.
    Burst,
    /// In one instance only.
    OneInstance,
    /// From the build that brought it to the build that fixed it, if any did.
    Build,
    /// On an error path that is taken in incidents only.
    Incident,
}

/// A leak that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Index of the service.
    pub service: usize,
    /// Index of the kind in its service.
    pub kind: usize,
    /// When the first goroutine leaked, Unix seconds of true time; never before the simulation's start.
    /// `None` where nothing leaked.
    pub from: Option<i64>,
    /// When a fixed build was everywhere, Unix seconds.
    pub to: Option<i64>,
    /// Goroutines leaked a minute in each leaking process, over the time the leak is there.
    pub rate_a_minute: f64,
    /// What makes it leak.
    pub trigger: Trigger,
    /// The runtime's leak profile would prove it, where the service has one.
    pub provable: bool,
    /// Most leaked goroutines there were in one process at one scrape.
    pub peak: u32,
}

pub(crate) struct Plan {
    pub(crate) trigger: Trigger,
    pub(crate) rate_a_minute: f64,
}

/// A fleet, wholly determined by its seed and shape.
pub struct World {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) plans: Vec<Vec<Plan>>,
    pub(crate) clock_steps: Vec<(f64, f64)>,
    pub(crate) first_weekday: usize,
}

impl World {
    /// Draws a fleet. Three services in ten leak on average; some leak twice.
    pub fn new(seed: u64, shape: Shape) -> Self {
        let mut dice = Dice::new(&[seed, 0]);
        let shape = Shape { scrape_interval: shape.scrape_interval.max(1), ..shape };
        let mut plans: Vec<Vec<Plan>> = (0..shape.services).map(|_| Vec::new()).collect();
        let leaks = (shape.services as f64 * 0.3).round() as usize;
        for leak in 0..leaks {
            let trigger = match leak % 6 {
                0 => Trigger::Time,
                1 => Trigger::Load,
                2 => Trigger::Burst,
                3 => Trigger::OneInstance,
                4 => Trigger::Build,
                _ => Trigger::Incident,
            };
            // Incidents are rare: an error path that leaks seldom is slow on average, fast when it is taken.
            let most = if trigger == Trigger::Incident { 0.4 } else { 8.0 };
            let rate_a_minute = dice.log_between(0.02, most);
            plans[dice.below(shape.services)].push(Plan { trigger, rate_a_minute });
        }
        let clock_steps = crate::schedule::clock_steps(&mut dice, f64::from(shape.days));
        let first_weekday = dice.below(7);
        Self { seed, shape, plans, clock_steps, first_weekday }
    }

    /// The fleet's shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The seed it was drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Simulates one service from start to end. `index` is below `shape().services`.
    pub fn service(&self, index: usize) -> Service {
        Service::simulate(self, index)
    }

    /// Scrapes of one instance.
    pub(crate) fn steps(&self) -> usize {
        (f64::from(self.shape.days) * DAY / f64::from(self.shape.scrape_interval)) as usize
    }

    /// What the scraper's clock says at a true time, both in seconds from the start.
    pub(crate) fn clock(&self, time: f64) -> f64 {
        let off = self.clock_steps.iter().take_while(|(at, _)| *at <= time).last().map_or(0.0, |(_, off)| *off);
        time + off
    }
}

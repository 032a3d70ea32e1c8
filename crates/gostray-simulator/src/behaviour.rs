//! Kinds of goroutines and how their populations live.

use crate::load::DAY;
use crate::random::Dice;

/// What a goroutine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Sends to a channel.
    ChanSend,
    /// Receives from a channel.
    ChanReceive,
    /// Waits for a mutex, wait group or semaphore.
    Semacquire,
    /// Waits in a select.
    Select,
    /// Waits for the network.
    IoWait,
    /// Sleeps, runs, or anything else.
    Other,
}

impl State {
    /// True for states in which the runtime's leak profile can prove a goroutine leaked.
    pub fn provable(self) -> bool {
        !matches!(self, Self::IoWait | Self::Other)
    }
}

/// A kind of goroutine in a service: one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stands for the signature; the same after a deploy. Unique in the service.
    pub signature: u64,
    /// What it waits for.
    pub state: State,
    /// What it is, for people who read results; a detector must not look.
    pub about: &'static str,
}

/// What a process is going through in one step.
pub(crate) struct Moment {
    /// Seconds since the simulation's start.
    pub(crate) time: f64,
    /// Seconds since the step before, or since the process started.
    pub(crate) step: f64,
    /// Seconds since the process started.
    pub(crate) age: f64,
    /// Load of this instance, 1 on average.
    pub(crate) load: f64,
    /// A downstream does not answer.
    pub(crate) incident: bool,
}

/// The goroutines of one kind in one process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Population {
    /// Come and go.
    pub(crate) turning: u32,
    /// Those of `turning` that were there a step before.
    pub(crate) kept: u32,
    /// Stay, and do work: workers, pools, entries of caches.
    pub(crate) staying: u32,
    /// Will never end.
    pub(crate) leaked: u32,
}

impl Population {
    pub(crate) fn count(&self) -> u32 {
        self.turning + self.staying + self.leaked
    }
}

/// How the healthy goroutines of a kind live.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// Nothing healthy shares the stack.
    None,
    /// A fixed number, changed by configuration at given times.
    Workers { count: u32, changes: Vec<(f64, i32)> },
    /// Arrive with the load, `mean` of them at load 1; live `life` seconds, longer in incidents.
    Transient { mean: f64, life: f64, slowed: f64 },
    /// Bursts of sub-requests: a compound of arrivals.
    FanOut { mean: f64, width: f64 },
    /// Grows to the greatest need there ever was.
    Pool { need: f64, spike: f64 },
    /// Starts one goroutine for each of `size` things, with time constant `tau` seconds.
    WarmUp { size: u32, tau: f64 },
    /// One goroutine a key: `(keys, tau at load 1)` for popular, common and rare keys.
    Cache { classes: [(u32, f64); 3] },
    /// Long-lived connections of `users` that wander about their daily mean.
    Sockets { users: f64, life: f64 },
    /// The same goroutines as the kind before: the other half of a pair.
    Twin,
    /// Every night at `hour` for `length` seconds.
    Batch { hour: f64, length: f64, width: f64 },
    /// Waiters served in order; `rate` arrive a second at load 1; `spare` is capacity over load.
    Queue { rate: f64, spare: f64, limit: u32 },
    /// One goroutine a tenant; tenants join over the days and are all there after a restart.
    Tenants { count: f64, growth_a_day: f64 },
}

/// State of a behaviour in one process beside its population.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inner {
    /// Keys of each class that have a goroutine.
    keys: [u32; 3],
    /// How far sockets wandered from their mean, in logarithms.
    wander: f64,
}

impl Behaviour {
    /// Oldest leave first, rather than any.
    pub(crate) fn in_order(&self) -> bool {
        matches!(self, Self::Queue { .. } | Self::Batch { .. })
    }

    pub(crate) fn advance(&self, now: &Moment, live: &mut Population, inner: &mut Inner, dice: &mut Dice) {
        match *self {
            Self::None | Self::Twin => {}
            Self::Workers { count, ref changes } => {
                let change: i32 = changes.iter().filter(|(at, _)| *at <= now.time).map(|(_, by)| *by).sum();
                live.staying = count.saturating_add_signed(change);
            }
            Self::Transient { mean, life, slowed } => {
                let slow = if now.incident { slowed } else { 1.0 };
                turn_over(live, mean * now.load * slow, life * slow, now.step, dice);
            }
            Self::FanOut { mean, width } => {
                let groups = f64::from(dice.poisson(mean * now.load / width));
                live.kept = 0;
                live.turning = dice.poisson(groups * width);
            }
            Self::Pool { need, spike } => {
                // A spike comes every eight hours or so.
                let burst = if dice.chance(1.0 - (-now.step / 30_000.0).exp()) { spike } else { 1.0 };
                let slow = if now.incident { 1.5 } else { 1.0 };
                live.staying = live.staying.max(dice.poisson(need * now.load * burst * slow));
            }
            Self::WarmUp { size, tau } => {
                live.staying += dice.binomial(size.saturating_sub(live.staying), 1.0 - (-now.step / tau).exp());
            }
            Self::Cache { classes } => {
                for ((size, tau), have) in classes.iter().zip(&mut inner.keys) {
                    *have += dice.binomial(size - *have, 1.0 - (-now.step * now.load / tau).exp());
                }
                live.staying = inner.keys.iter().sum();
            }
            Self::Sockets { users, life } => {
                let pull = (-now.step / (6.0 * 3600.0)).exp();
                inner.wander = inner.wander * pull + 0.25 * (1.0 - pull * pull).sqrt() * dice.normal();
                turn_over(live, users * now.load * inner.wander.exp(), life, now.step, dice);
            }
            Self::Batch { hour, length, width } => {
                let into = (now.time - hour * 3600.0).rem_euclid(DAY);
                let running = into < length && into < now.age;
                // The batch works through its items; its goroutines end as they are done.
                let width = if running { width * (1.0 - 0.7 * into / length) } else { 0.0 };
                let next = dice.poisson(width);
                live.kept = live.turning.min(next) / 2;
                live.turning = next;
            }
            Self::Queue { rate, spare, limit } => {
                let arrived = f64::from(dice.poisson(rate * now.load * now.step));
                let capacity = if now.incident { 0.7 } else { spare };
                let served = f64::from(dice.poisson(rate * capacity * now.load.max(1.0) * now.step));
                let idle = f64::from(dice.poisson(1.0));
                let next = (f64::from(live.turning) + arrived - served).clamp(idle, f64::from(limit)) as u32;
                live.kept = (f64::from(live.turning) - served).max(0.0).min(f64::from(next)) as u32;
                live.turning = next;
            }
            Self::Tenants { count, growth_a_day } => {
                let tenants = count * (1.0 + growth_a_day * now.time / DAY);
                live.staying = live.staying.max(tenants.max(0.0) as u32);
            }
        }
    }

    /// A healthy kind: behaviour, state, what it is. `size` is how large the service is.
    pub(crate) fn draw(size: f64, days: f64, dice: &mut Dice) -> (Self, State, &'static str) {
        use State::{ChanReceive, ChanSend, IoWait, Other, Select, Semacquire};
        let channel = [ChanSend, ChanReceive, Select, Semacquire][dice.below(4)];
        let waiting = [ChanReceive, Select][dice.below(2)];
        let scaled = |dice: &mut Dice, low: f64, high: f64| dice.log_between(low, high) * size;
        let minute = 60.0;
        match (dice.unit() * 100.0) as u32 {
            0..28 => {
                let count = dice.log_between(1.0, 60.0) as u32;
                (Self::Workers { count, changes: Vec::new() }, [waiting, Other][dice.below(2)], "workers")
            }
            28..48 => {
                let life = dice.log_between(0.02, 20.0);
                let slowed = dice.between(1.0, 8.0);
                (Self::Transient { mean: scaled(dice, 0.2, 15.0), life, slowed }, channel, "request helpers")
            }
            48..53 => {
                (Self::FanOut { mean: scaled(dice, 1.0, 20.0), width: dice.between(5.0, 60.0) }, channel, "fan-out")
            }
            53..59 => (
                Self::Pool { need: scaled(dice, 2.0, 30.0), spike: dice.between(1.2, 2.5) },
                waiting,
                "high-water pool",
            ),
            59..64 => {
                let tau = dice.log_between(5.0, 600.0) * minute;
                (Self::WarmUp { size: dice.log_between(10.0, 500.0) as u32, tau }, waiting, "slow warm-up")
            }
            64..69 => {
                let keys = dice.log_between(20.0, 400.0);
                let tau = dice.log_between(2.0, 60.0) * minute;
                let classes =
                    [((keys * 0.4) as u32, tau), ((keys * 0.35) as u32, tau * 3.0), ((keys * 0.25) as u32, tau * 10.0)];
                (Self::Cache { classes }, waiting, "cache with a goroutine a key")
            }
            69..74 => {
                let life = dice.log_between(10.0, 480.0) * minute;
                (
                    Self::Sockets { users: scaled(dice, 5.0, 120.0), life },
                    [IoWait, Select][dice.below(2)],
                    "web sockets",
                )
            }
            74..81 => {
                let life = dice.between(1.5, 15.0) * minute;
                (Self::Transient { mean: scaled(dice, 3.0, 40.0), life, slowed: 1.5 }, IoWait, "keep-alive pair")
            }
            81..85 => {
                let (hour, length) = (dice.between(0.0, 6.0), dice.between(10.0, 150.0) * minute);
                (Self::Batch { hour, length, width: dice.log_between(10.0, 600.0) }, channel, "nightly batch")
            }
            85..91 => {
                let limit = dice.log_between(300.0, 8000.0) as u32;
                let rate = dice.log_between(0.05, 3.0);
                (Self::Queue { rate, spare: dice.between(1.05, 1.5), limit }, channel, "queue behind a downstream")
            }
            91..95 => {
                let life = dice.log_between(8.0, 90.0) * minute;
                (Self::Transient { mean: scaled(dice, 1.0, 25.0), life, slowed: 2.0 }, IoWait, "slow clients")
            }
            95..99 => {
                let change = (dice.log_between(5.0, 150.0)) as i32;
                let mut changes = vec![(dice.between(0.0, days) * DAY, change)];
                if dice.chance(0.4) {
                    changes.push((changes[0].0 + dice.between(0.2, 2.0) * DAY, -change));
                }
                (Self::Workers { count: dice.log_between(4.0, 60.0) as u32, changes }, waiting, "workers, reconfigured")
            }
            _ => {
                let count = dice.log_between(50.0, 400.0);
                (Self::Tenants { count, growth_a_day: dice.between(0.005, 0.03) }, waiting, "a goroutine a tenant")
            }
        }
    }
}

/// One step of arrivals and exponential lifetimes, exact for any step.
fn turn_over(live: &mut Population, mean: f64, life: f64, step: f64, dice: &mut Dice) {
    let survive = (-step / life).exp();
    live.kept = if survive < 1e-9 { 0 } else { dice.binomial(live.turning, survive) };
    live.turning = live.kept + dice.poisson(mean * (1.0 - survive));
}

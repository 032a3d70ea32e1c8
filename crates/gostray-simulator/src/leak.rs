//! Leaks and what drives them.

use crate::behaviour::{Behaviour, Kind, Moment, State};
use crate::load::DAY;
use crate::random::Dice;
use crate::schedule::Schedule;
use crate::world::{EPOCH, Plan, Trigger, Truth};

/// A leak and what drives it.
pub(crate) struct Leak {
    plan: Plan,
    pub(crate) kind: usize,
    provable: bool,
    instance: Option<usize>,
    /// Builds that leak: from the first up to, not with, the second.
    builds: (u32, u32),
    fixed_at: Option<f64>,
    /// Bursts by instance: start and goroutines a second in the ten minutes that follow.
    bursts: Vec<Vec<(f64, f64)>>,
    /// Share of time in incidents.
    duty: f64,
}

impl Leak {
    #[expect(clippy::too_many_arguments, reason = "one call, in the order in which a service is drawn")]
    pub(crate) fn new(
        plan: &Plan,
        forced: &[f64],
        schedule: &Schedule,
        instances: usize,
        days: f64,
        kinds: &mut Vec<Kind>,
        behaviours: &mut Vec<Behaviour>,
        dice: &mut Dice,
    ) -> Self {
        use State::{ChanReceive, ChanSend, IoWait, Select, Semacquire};
        let states = [ChanSend, ChanSend, ChanSend, ChanReceive, ChanReceive, Select, Select, Semacquire, IoWait];
        let state = states[dice.below(states.len())];
        // Half the leaks are the odd one of goroutines that mostly end.
        let healthy = if dice.chance(0.5) {
            Behaviour::Transient { mean: dice.log_between(0.2, 20.0), life: dice.log_between(0.05, 60.0), slowed: 2.0 }
        } else {
            Behaviour::None
        };
        kinds.push(Kind { signature: dice.below(usize::MAX) as u64, state, about: "leak" });
        behaviours.push(healthy);
        let number = |at: f64| schedule.deploys.iter().filter(|deploy| **deploy <= at).count() as u32;
        let (mut builds, mut fixed_at) = ((0, u32::MAX), None);
        if plan.trigger == Trigger::Build {
            builds.0 = forced.first().map_or(0, |at| number(*at));
            if let Some(at) = forced.get(1) {
                builds.1 = number(*at);
                fixed_at = Some(at + schedule.roll * instances as f64);
            }
        }
        let bursts = (0..instances).map(|_| burst_times(plan, days, dice)).collect();
        let inside: f64 = schedule.incidents.iter().map(|(start, end)| end - start).sum();
        Self {
            plan: Plan { trigger: plan.trigger, rate_a_minute: plan.rate_a_minute },
            kind: kinds.len() - 1,
            provable: state.provable() && dice.chance(0.75),
            instance: (plan.trigger == Trigger::OneInstance).then(|| dice.below(instances)),
            builds,
            fixed_at,
            bursts,
            duty: (inside / (days * DAY)).max(0.005),
        }
    }

    /// Goroutines that leak a second.
    pub(crate) fn rate(&self, instance: usize, build: u32, now: &Moment) -> f64 {
        let here = self.instance.is_none_or(|only| only == instance);
        if !here || !(self.builds.0..self.builds.1).contains(&build) {
            return 0.0;
        }
        let mean = self.plan.rate_a_minute / 60.0;
        match self.plan.trigger {
            Trigger::Time | Trigger::OneInstance => mean,
            Trigger::Load | Trigger::Build => mean * now.load,
            Trigger::Incident => f64::from(u8::from(now.incident)) * mean * now.load / self.duty,
            Trigger::Burst => {
                let (from, to) = (now.time - now.step, now.time);
                let overlap = |start: f64| ((start + 600.0).min(to) - start.max(from)).max(0.0) / now.step.max(1e-9);
                self.bursts[instance].iter().map(|(start, rate)| overlap(*start) * rate).sum()
            }
        }
    }

    pub(crate) fn truth(&self, service: usize) -> Truth {
        Truth {
            service,
            kind: self.kind,
            from: None,
            to: self.fixed_at.map(|at| EPOCH + at as i64),
            rate_a_minute: self.plan.rate_a_minute,
            trigger: self.plan.trigger,
            provable: self.provable,
            peak: 0,
        }
    }
}

/// Bursts of ten minutes, some a day, that together leak at the plan's rate.
fn burst_times(plan: &Plan, days: f64, dice: &mut Dice) -> Vec<(f64, f64)> {
    if plan.trigger != Trigger::Burst {
        return Vec::new();
    }
    let every = DAY / dice.between(4.0, 24.0);
    let mut bursts = Vec::new();
    let mut time = -DAY + dice.exponential(every);
    while time < days * DAY {
        bursts.push((time, plan.rate_a_minute / 60.0 * every / 600.0 * dice.exponential(1.0)));
        time += dice.exponential(every);
    }
    bursts
}

//! What happens to a service: deploys, crashes, outages, incidents, lost scrapes.

use crate::load::DAY;
use crate::random::Dice;

/// A process ends and another takes its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restart {
    pub(crate) at: f64,
    /// The new process runs the next build.
    pub(crate) deploy: bool,
}

/// Events of one service, in seconds from the start.
pub(crate) struct Schedule {
    /// When a deploy starts; the build's number is how many have.
    pub(crate) deploys: Vec<f64>,
    pub(crate) incidents: Vec<(f64, f64)>,
    /// By instance, in order.
    pub(crate) restarts: Vec<Vec<Restart>>,
    /// By instance: nothing is scraped; the process restarts where true.
    pub(crate) outages: Vec<Vec<(f64, f64, bool)>>,
    /// Seconds a rolling deploy takes from one instance to the next.
    pub(crate) roll: f64,
}

impl Schedule {
    pub(crate) fn new(dice: &mut Dice, days: f64, instances: usize, incidents_a_week: f64, forced: &[f64]) -> Self {
        let end = days * DAY;
        let mut deploys = forced.to_vec();
        let every = DAY / dice.log_between(0.15, 1.3);
        let mut time = dice.exponential(every);
        while time < end {
            // People deploy in working hours.
            let hour = (time / 3600.0).rem_euclid(24.0);
            if (8.0..19.0).contains(&hour) || dice.chance(0.2) {
                deploys.push(time);
            }
            time += dice.exponential(every * 0.6);
        }
        deploys.sort_by(f64::total_cmp);

        let mut incidents = Vec::new();
        let mut time = dice.exponential(7.0 * DAY / incidents_a_week);
        while time < end {
            let length = dice.log_between(15.0, 180.0) * 60.0;
            incidents.push((time, time + length));
            time += length + dice.exponential(7.0 * DAY / incidents_a_week);
        }

        let roll = dice.between(30.0, 400.0);
        let mut restarts = Vec::new();
        let mut outages = Vec::new();
        for instance in 0..instances {
            let mut own: Vec<_> =
                deploys.iter().map(|at| Restart { at: at + roll * instance as f64, deploy: true }).collect();
            let mut time = dice.exponential(20.0 * DAY);
            while time < end {
                own.push(Restart { at: time, deploy: false });
                time += dice.exponential(20.0 * DAY);
            }
            let mut down = Vec::new();
            let mut time = dice.exponential(30.0 * DAY);
            while time < end {
                let length = dice.log_between(5.0, 240.0) * 60.0;
                let dies = dice.chance(0.6);
                down.push((time, time + length, dies));
                if dies {
                    own.push(Restart { at: time + length, deploy: false });
                }
                time += length + dice.exponential(30.0 * DAY);
            }
            own.sort_by(|one, other| one.at.total_cmp(&other.at));
            restarts.push(own);
            outages.push(down);
        }
        Self { deploys, incidents, restarts, outages, roll }
    }

    pub(crate) fn incident(&self, time: f64) -> bool {
        self.incidents.iter().any(|(start, end)| (*start..*end).contains(&time))
    }

    pub(crate) fn outage(&self, instance: usize, time: f64) -> bool {
        self.outages[instance].iter().any(|(start, end, _)| (*start..*end).contains(&time))
    }
}

/// Steps of the scraper's clock: from when, and by how many seconds it is then off.
pub(crate) fn clock_steps(dice: &mut Dice, days: f64) -> Vec<(f64, f64)> {
    let mut steps = Vec::new();
    let mut time = dice.exponential(4.0 * DAY);
    while time < days * DAY {
        let off = dice.log_between(60.0, 1500.0).round() * if dice.chance(0.5) { 1.0 } else { -1.0 };
        let mended = time + dice.log_between(600.0, DAY);
        steps.push((time, off));
        steps.push((mended, 0.0));
        time = mended + dice.exponential(4.0 * DAY);
    }
    steps
}

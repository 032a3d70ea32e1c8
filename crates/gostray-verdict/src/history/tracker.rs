//! What is thought of one kind of goroutine in a service, over time.

use super::assess::{Assessment, RunAssessment, STRAIGHT, SUSPICIOUS};
use super::lists::{Compared, Fate, IDS_APART, Lists, Survival};
use super::{HOUR, MINUTE, Millis};

/// It must be so in two looks so far apart.
const APART: Millis = 2 * HOUR;
/// From here on a process is asked for confirmation.
const WORTH_ASKING: f64 = 1.5;
/// What stays does not speak for a leak alone, also a cache that fills stays: unless it grows fast, it must have been worth
/// asking for so long without a break.
const WORTH_FOR: Millis = 2 * HOUR;
/// Connections stay for hours: unless it grows fast, that is not long enough.
const LONG_APART: Millis = HOUR;
/// After goroutines were seen to end, nobody asks again for so long.
const BACK_OFF: Millis = 6 * HOUR;
/// An unanswered question is asked again after so long.
const ASK_AGAIN: Millis = 30 * MINUTE;
/// Counts alone must have risen for so long.
const ALONE: Millis = 12 * HOUR;
/// So many times what is suspicious leaves no doubt.
const VERY: f64 = 3.0;
/// Where they leave no doubt, so long is enough.
const SURE_ALONE: Millis = 4 * HOUR;
/// Those that stayed must be at least this share of those by which it rose.
const ENOUGH: f64 = 0.5;
/// Without growth for so long, a leak is over.
const OVER: Millis = 12 * HOUR;
/// What was proven counts for so long after the last proof.
const PROOF_HOLDS: Millis = 3 * HOUR;

/// What would make it surer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The runtime's leak profile, or a look into memory, of this run.
    Proof(u64),
    /// The ids of its goroutines, of this run.
    Ids(u64),
}

/// What is thought of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// `proven`, `likely` or `suspect`; `None` where nothing speaks for a leak.
    pub verdict: Option<crate::Verdict>,
    /// What the verdict rests on: its kind and a sentence.
    pub evidence: Vec<crate::Evidence>,
    /// What to ask for.
    pub wanted: Vec<Wanted>,
    /// Why it is over, if it was a leak and is none any more.
    pub over: Option<String>,
}

/// Remembers what was thought of one kind of goroutine in a service.
#[derive(Debug, Clone, Default)]
pub struct Tracker {
    /// Since when it has been suspicious without a break.
    since: Option<Millis>,
    /// Since when it has been worth asking about without a break.
    worth_since: Option<Millis>,
    /// Since when it has grown fast without a break.
    fast_since: Option<Millis>,
    /// When it was last.
    last: Option<Millis>,
    lists: Lists,
    /// They were seen to end: nobody asks before.
    rejected_until: Millis,
    asked_at: Option<Millis>,
    /// Of which run the ids were asked for.
    asked_run: Option<u64>,
    /// How often it was asked since it was last told that they end.
    asked: u8,
    /// Goroutines that were proven leaked, in which run, and when.
    proven: Vec<(u64, u64, Millis)>,
    /// Its verdict was told, and it is not over.
    is_leak: bool,
}

impl Tracker {
    /// Of so many goroutines of a run it was proven that they leak; 0 if none is proven any more. A
    /// profile that does not show a kind says nothing about it, but of goroutines that were proven it
    /// says that they have ended with their process.
    pub fn proven(&mut self, run: u64, count: u64, at: Millis) {
        self.proven.retain(|(own, _, _)| *own != run);
        if count > 0 {
            self.proven.push((run, count, at));
        }
    }

    /// The ids of a run's goroutines of this kind were listed.
    pub fn listed(&mut self, run: u64, ids: Vec<u64>, at: Millis) {
        let fate = self.lists.add(run, ids, at);
        self.reject_what_ends(fate, at);
    }

    /// Two lists of ids of a run were compared, the first of `first`, the second of `at`. Gives whether those that were
    /// in both are now to be looked for in a third.
    pub fn survived(&mut self, run: u64, survival: Survival, first: Millis, at: Millis) -> bool {
        let fate = self.lists.compare(run, survival, first, at);
        self.reject_what_ends(fate, at);
        fate == Fate::SomeStay
    }

    fn reject_what_ends(&mut self, fate: Fate, at: Millis) {
        if fate == Fate::End {
            self.rejected_until = at + BACK_OFF;
            self.since = None;
            self.asked = 0;
            self.asked_run = None;
        }
    }

    /// Does it wait for a list of ids?
    #[must_use]
    pub fn wants_ids(&self) -> bool {
        self.asked_at.is_some()
            && self.lists.stay().is_none_or(|Compared { survival, first, second, .. }| {
                survival.born == 0 || second - first < LONG_APART
            })
    }

    /// Is it a leak that is not over?
    #[must_use]
    pub fn is_leak(&self) -> bool {
        self.is_leak
    }

    /// Were goroutines of a run proven leaked?
    #[must_use]
    pub fn is_proven_in(&self, run: u64) -> bool {
        self.proven.iter().any(|(own, _, _)| *own == run)
    }

    /// There are no ids to be had of a run.
    pub fn no_ids(&mut self, at: Millis) {
        self.asked_at = Some(at + 2 * HOUR);
        self.asked_run = None;
    }

    /// What is thought now, with a new assessment.
    pub fn look(&mut self, assessment: &Assessment, now: Millis) -> Outlook {
        let mut outlook = Outlook { verdict: None, evidence: Vec::new(), wanted: Vec::new(), over: None };
        let runs: Vec<u64> = assessment.runs.iter().map(|run| run.id).collect();
        // A run that is not assessed any more has ended, and its goroutines with it.
        self.proven.retain(|(run, _, at)| runs.contains(run) && now - at <= PROOF_HOLDS);
        let is_suspicious = assessment.score >= SUSPICIOUS;
        let first = assessment.leaking().next();
        if is_suspicious {
            self.since = self.since.or(Some(now));
            self.last = Some(now);
        } else if self.last.is_none_or(|last| now - last > APART) {
            self.since = None;
        }
        let goes_on = |since: Option<Millis>, is_so: bool| since.filter(|_| is_so).or(is_so.then_some(now));
        self.fast_since = goes_on(self.fast_since, assessment.is_fast);
        self.worth_since = goes_on(self.worth_since, assessment.score >= WORTH_ASKING);
        let is_long_worth = assessment.is_fast || self.worth_since.is_some_and(|since| now - since >= WORTH_FOR);
        self.ask(assessment, first, now, &mut outlook);
        if let Some(proof) = self.proof() {
            outlook.verdict = Some(crate::Verdict::Proven);
            outlook.evidence.push(proof);
        }
        let is_lasting = self.since.is_some_and(|since| now - since >= APART);
        // Counts alone must have shown it for half a day: many caches fill for that long.
        let is_sure = assessment.score >= VERY * SUSPICIOUS && assessment.drained <= STRAIGHT;
        let long = if is_sure { SURE_ALONE } else { ALONE };
        let is_long = if assessment.is_fast {
            let long = if assessment.is_since_start { IDS_APART } else { SURE_ALONE };
            self.fast_since.is_some_and(|since| now - since >= long)
        } else {
            assessment.leaking().any(|run| run.watched >= long)
        };
        if is_suspicious
            && (is_long_worth || self.is_leak)
            && let Some(Compared { survival, first, second, .. }) = self.stays(assessment, now)
        {
            outlook.verdict = outlook.verdict.or(Some(crate::Verdict::Likely));
            outlook.evidence.push(evidence(
                crate::EvidenceKind::Age,
                format!(
                    "{} of {} were still there {} minutes later, and {} more had come",
                    survival.stayed,
                    survival.before,
                    (second - first) / MINUTE,
                    survival.born
                ),
            ));
        } else if is_suspicious && (is_lasting || assessment.is_fast) && is_long && now >= self.rejected_until {
            outlook.verdict = outlook.verdict.or(Some(crate::Verdict::Suspect));
        }
        if outlook.verdict.is_some() && !assessment.detail.is_empty() {
            outlook.evidence.push(evidence(crate::EvidenceKind::Growth, assessment.detail.clone()));
        }
        match outlook.verdict {
            Some(_) => {
                self.is_leak = true;
                self.last = Some(now);
            }
            None if self.is_leak => self.end(assessment, now, &mut outlook),
            None => {}
        }
        outlook
    }

    /// Is what was a leak over?
    fn end(&mut self, assessment: &Assessment, now: Millis, outlook: &mut Outlook) {
        let quiet = self.last.is_none_or(|last| now - last > OVER);
        let long_enough = assessment.runs.iter().any(|run| run.watched >= 4 * HOUR);
        let left: f64 = assessment.runs.iter().map(|run| run.rise.max(0.0)).sum();
        if assessment.runs.is_empty() {
            // Nothing of it has been seen since its processes ended; but they have only just begun.
            if self.last.is_none_or(|last| now - last > HOUR) {
                outlook.over = Some("no process has such goroutines any more".to_owned());
            }
        } else if quiet && long_enough && left < 5.0 {
            outlook.over = Some("they have not become more for 12 hours".to_owned());
        }
        if outlook.over.is_some() {
            *self = Self::default();
        }
    }

    /// Were those by which it rose seen to stay, while others came?
    fn stays(&self, assessment: &Assessment, now: Millis) -> Option<Compared> {
        let apart = if assessment.is_fast { IDS_APART } else { LONG_APART };
        self.lists.stay().filter(|Compared { run, survival, first, second }| {
            let rise = assessment.leaking().find(|own| own.id == *run).map_or(0.0, |own| own.rise);
            #[expect(clippy::cast_precision_loss, reason = "a number of goroutines")]
            let is_enough = survival.stayed as f64 >= ENOUGH * rise;
            survival.born > 0 && second - first >= apart && now - second <= 2 * OVER && is_enough
        })
    }

    fn ask(&mut self, assessment: &Assessment, first: Option<&RunAssessment>, now: Millis, outlook: &mut Outlook) {
        let Some(first) = first.filter(|_| assessment.score >= WORTH_ASKING) else { return };
        if now < self.rejected_until || self.asked_at.is_some_and(|at| now - at < self.pause(assessment.is_fast)) {
            return;
        }
        if self.proven.is_empty() {
            outlook.wanted.push(Wanted::Proof(first.id));
        }
        // A list of ids is compared with one of the same run. It costs least where there are fewest.
        let least = assessment.leaking().min_by(|a, b| a.level.total_cmp(&b.level)).map_or(first.id, |run| run.id);
        let run = self.asked_run.filter(|run| assessment.runs.iter().any(|own| own.id == *run)).unwrap_or(least);
        if self.stays(assessment, now).is_none() {
            self.asked_run = Some(run);
            outlook.wanted.push(Wanted::Ids(run));
        }
        if !outlook.wanted.is_empty() {
            self.asked_at = Some(now);
            self.asked = self.asked.saturating_add(1);
        }
    }

    /// What grows fast is asked again soon, anything else when a second list can say something; and who was asked often
    /// gave no answer that helps.
    fn pause(&self, is_fast: bool) -> Millis {
        match self.asked {
            0..=1 if is_fast => IDS_APART,
            0..=3 if is_fast => ASK_AGAIN,
            0..=3 => LONG_APART,
            _ => 4 * HOUR,
        }
    }

    fn proof(&self) -> Option<crate::Evidence> {
        let count: u64 = self.proven.iter().map(|(_, count, _)| count).sum();
        (count > 0).then(|| {
            let processes = self.proven.len();
            evidence(
                crate::EvidenceKind::Proof,
                format!(
                    "{count} of them on {processes} process{}: nothing alive can reach what they wait for",
                    if processes == 1 { "" } else { "es" }
                ),
            )
        })
    }
}

fn evidence(kind: crate::EvidenceKind, detail: String) -> crate::Evidence {
    crate::Evidence { kind, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    fn assessment(score: f64) -> Assessment {
        let run = RunAssessment {
            id: 7,
            level: 100.0,
            rise: score * 10.0,
            per_hour: 5.0,
            watched: 13 * HOUR,
            refused: (score < 1.0).then_some("it hardly rises"),
        };
        Assessment { score, runs: vec![run], detail: "50 more in 6 hours".to_owned(), ..Assessment::default() }
    }

    #[test]
    fn is_suspected_after_two_looks() {
        let mut tracker = Tracker::default();
        assert_eq!(tracker.look(&assessment(4.0), 0).verdict, None);
        assert_eq!(tracker.look(&assessment(4.0), HOUR).verdict, None);
        assert_eq!(tracker.look(&assessment(4.0), 2 * HOUR).verdict, Some(Verdict::Suspect));
        assert_eq!(tracker.look(&assessment(1.0), 3 * HOUR).verdict, None, "nothing speaks for it now");
    }

    #[test]
    fn asks_and_is_likely_once_goroutines_are_seen_to_stay() {
        let mut tracker = Tracker::default();
        let wanted = tracker.look(&assessment(4.0), 0).wanted;
        assert_eq!(wanted, [Wanted::Proof(7), Wanted::Ids(7)]);
        assert!(tracker.look(&assessment(4.0), MINUTE).wanted.is_empty(), "once is enough");
        tracker.listed(7, (0..100).collect(), 2 * MINUTE);
        assert!(tracker.look(&assessment(4.0), 15 * MINUTE).wanted.is_empty(), "connections stay for longer than that");
        assert_eq!(tracker.look(&assessment(4.0), 62 * MINUTE).wanted, [Wanted::Proof(7), Wanted::Ids(7)]);
        tracker.listed(7, (1..120).collect(), 63 * MINUTE);
        assert_eq!(tracker.look(&assessment(4.0), 64 * MINUTE).verdict, None, "a cache that fills stays, too");
        let outlook = tracker.look(&assessment(4.0), 2 * HOUR);
        assert_eq!(outlook.verdict, Some(Verdict::Likely));
        assert_eq!(outlook.evidence[0].detail, "99 of 100 were still there 61 minutes later, and 20 more had come");
    }

    #[test]
    fn what_only_looked_like_a_leak_for_a_moment_is_not_likely() {
        let mut tracker = Tracker::default();
        tracker.look(&assessment(4.0), 0);
        tracker.listed(7, (0..100).collect(), 0);
        tracker.listed(7, (0..120).collect(), HOUR);
        tracker.look(&assessment(1.0), 90 * MINUTE);
        assert_ne!(tracker.look(&assessment(4.0), 150 * MINUTE).verdict, Some(Verdict::Likely));
        assert_eq!(tracker.look(&assessment(4.0), 270 * MINUTE).verdict, Some(Verdict::Likely));
    }

    #[test]
    fn what_grows_fast_is_asked_about_again_soon() {
        let fast = Assessment { is_fast: true, ..assessment(6.0) };
        let mut tracker = Tracker::default();
        tracker.look(&fast, 0);
        tracker.listed(7, (0..100).collect(), 0);
        assert_eq!(tracker.look(&fast, 11 * MINUTE).wanted, [Wanted::Proof(7), Wanted::Ids(7)]);
        tracker.listed(7, (0..140).collect(), 11 * MINUTE);
        assert_eq!(tracker.look(&fast, 12 * MINUTE).verdict, Some(Verdict::Likely));
    }

    #[test]
    fn fast_growth_alone_needs_hours_unless_it_is_as_old_as_its_process() {
        let fast = Assessment { is_fast: true, ..assessment(6.0) };
        let since_start = Assessment { is_since_start: true, ..fast.clone() };
        let (mut tracker, mut other) = (Tracker::default(), Tracker::default());
        for minute in [0, 20, 230] {
            assert_eq!(tracker.look(&fast, minute * MINUTE).verdict, None, "after {minute} minutes");
        }
        assert_eq!(tracker.look(&fast, 4 * HOUR).verdict, Some(Verdict::Suspect));
        assert_eq!(other.look(&since_start, 0).verdict, None);
        assert_eq!(other.look(&since_start, 20 * MINUTE).verdict, Some(Verdict::Suspect));
    }

    #[test]
    fn leaked_ones_among_many_that_end_are_those_that_still_stay_later() {
        let mut tracker = Tracker::default();
        tracker.look(&assessment(4.0), 0);
        tracker.listed(7, (0..100).collect(), 0);
        // 40 of them have ended after an hour; the other 60 are there for good.
        tracker.listed(7, (40..160).collect(), HOUR);
        assert_eq!(tracker.look(&assessment(4.0), HOUR).verdict, None);
        tracker.listed(7, (40..100).chain(200..260).collect(), 2 * HOUR);
        let outlook = tracker.look(&assessment(4.0), 2 * HOUR);
        assert_eq!(outlook.verdict, Some(Verdict::Likely));
        assert_eq!(outlook.evidence[0].detail, "60 of 60 were still there 60 minutes later, and 60 more had come");
    }

    #[test]
    fn a_few_that_stay_do_not_speak_for_many_that_came() {
        let mut tracker = Tracker::default();
        let many = |now| {
            let mut assessment = assessment(4.0);
            assessment.runs[0].rise = 400.0;
            (assessment, now)
        };
        for (ids, hour) in [(0..200, 0), (0..10, 1), (0..10, 2)] {
            let (assessment, now) = many(hour * HOUR);
            tracker.look(&assessment, now);
            // Ten workers, and connections that come and go.
            tracker.listed(7, ids.chain(1_000 * hour as u64..1_000 * hour as u64 + 300).collect(), now);
        }
        assert_ne!(tracker.look(&many(0).0, 2 * HOUR + MINUTE).verdict, Some(Verdict::Likely));
    }

    #[test]
    fn is_rejected_for_a_while_when_they_end() {
        let mut tracker = Tracker::default();
        tracker.look(&assessment(4.0), 0);
        tracker.listed(7, (0..100).collect(), 0);
        tracker.listed(7, (10..200).collect(), HOUR);
        tracker.listed(7, (20..300).collect(), 2 * HOUR);
        for hour in 2..8 {
            let outlook = tracker.look(&assessment(9.0), hour * HOUR);
            assert_eq!((outlook.verdict, outlook.wanted.len()), (None, 0));
        }
        assert!(!tracker.look(&assessment(9.0), 8 * HOUR).wanted.is_empty(), "then it is asked again");
    }

    #[test]
    fn is_proven_at_once_and_as_long_as_its_process_lives() {
        let mut tracker = Tracker::default();
        tracker.proven(7, 3, 0);
        let outlook = tracker.look(&assessment(0.0), 0);
        assert_eq!(outlook.verdict, Some(Verdict::Proven));
        assert!(outlook.evidence[0].detail.starts_with("3 of them on 1 process:"));
        let gone = Assessment::default();
        assert_eq!(tracker.look(&gone, MINUTE).verdict, None);
        assert_eq!(tracker.look(&gone, HOUR + MINUTE).over, Some("no process has such goroutines any more".to_owned()));
        assert_eq!(tracker.look(&gone, HOUR + 2 * MINUTE).over, None, "only once");
    }

    #[test]
    fn is_over_after_half_a_day_of_quiet() {
        let mut tracker = Tracker::default();
        tracker.look(&assessment(4.0), 0);
        tracker.look(&assessment(4.0), 2 * HOUR);
        assert_eq!(tracker.look(&assessment(0.1), 8 * HOUR).over, None);
        assert!(tracker.look(&assessment(0.1), 15 * HOUR).over.is_some());
    }
}

//! What is thought of one kind of goroutine in a service, over time.

use super::assess::{Assessment, RunAssessment};
use super::{HOUR, MINUTE, Millis};

/// A score from here on is suspicious.
const SUSPICIOUS: f64 = 3.0;
/// It must be so in two looks so far apart.
const APART: Millis = 2 * HOUR;
/// What grows fast is looked at again sooner.
const FAST_APART: Millis = 10 * MINUTE;
/// From here on a process is asked for confirmation.
const WORTH_ASKING: f64 = 2.0;
/// At least so much time must lie between two lists of ids.
const IDS_APART: Millis = 10 * MINUTE;
/// So many of those that were there must still be there.
const STAYED: f64 = 0.97;
/// After goroutines were seen to end, nobody asks again for so long.
const BACK_OFF: Millis = 6 * HOUR;
/// An unanswered question is asked again after so long.
const ASK_AGAIN: Millis = 30 * MINUTE;
/// Counts alone must have risen for so long.
const ALONE: Millis = 12 * HOUR;
/// Where goroutines were seen to stay, so long is enough.
const WITH_IDS: Millis = 7 * HOUR;
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

/// Which goroutines of one kind were there at two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survival {
    /// How many were there the first time.
    pub before: u64,
    /// How many of them were still there the second time.
    pub stayed: u64,
    /// How many had come since.
    pub born: u64,
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

/// Ids of one run's goroutines of this kind, as they were listed.
#[derive(Debug, Clone)]
struct Listed {
    run: u64,
    at: Millis,
    ids: Vec<u64>,
}

/// Remembers what was thought of one kind of goroutine in a service.
#[derive(Debug, Clone, Default)]
pub struct Tracker {
    /// Since when it has been suspicious without a break.
    since: Option<Millis>,
    /// When it was last.
    last: Option<Millis>,
    listed: Option<Listed>,
    /// What the last two lists said.
    survival: Option<(Survival, Millis, Millis)>,
    rejected_until: Millis,
    asked_at: Option<Millis>,
    /// Goroutines that were proven leaked, in which run, and when.
    proven: Vec<(u64, u64, Millis)>,
    /// The highest level at which it came to rest before.
    plateau: f64,
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
    pub fn listed(&mut self, run: u64, mut ids: Vec<u64>, at: Millis) {
        ids.sort_unstable();
        ids.dedup();
        let Some(before) = self.listed.as_ref().filter(|before| before.run == run && at > before.at) else {
            self.listed = Some(Listed { run, at, ids });
            return;
        };
        if at - before.at < IDS_APART || before.ids.is_empty() {
            if before.ids.is_empty() {
                self.listed = Some(Listed { run, at, ids });
            }
            return;
        }
        let stayed = before.ids.iter().filter(|id| ids.binary_search(id).is_ok()).count() as u64;
        let born = (ids.len() as u64).saturating_sub(stayed);
        let survival = Survival { before: before.ids.len() as u64, stayed, born };
        let first = before.at;
        self.survived(survival, first, at);
    }

    /// Two lists of ids were compared, the first of `first`, the second of `at`.
    pub fn survived(&mut self, survival: Survival, first: Millis, at: Millis) {
        if survival.before == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of goroutines")]
        let share = survival.stayed as f64 / (survival.before as f64).max(1.0);
        if share < STAYED {
            // They end: it is a queue, or clients that stay for a while.
            self.rejected_until = at + BACK_OFF;
            self.survival = None;
            self.since = None;
            self.listed = None;
        } else {
            // The first list stays: the longer apart, the more they say.
            self.survival = Some((survival, first, at));
        }
    }

    /// Does it wait for a list of ids?
    #[must_use]
    pub fn wants_ids(&self) -> bool {
        self.asked_at.is_some() && self.needs_ids()
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
    }

    /// What is thought now, with a new assessment.
    pub fn look(&mut self, assessment: &Assessment, now: Millis) -> Outlook {
        let mut outlook = Outlook { verdict: None, evidence: Vec::new(), wanted: Vec::new(), over: None };
        let runs: Vec<u64> = assessment.runs.iter().map(|run| run.id).collect();
        // A run that is not assessed any more has ended, and its goroutines with it.
        self.proven.retain(|(run, _, at)| runs.contains(run) && now - at <= PROOF_HOLDS);
        self.plateau = assessment.runs.iter().filter_map(RunAssessment::plateau).fold(self.plateau, f64::max);
        // What fills up again after a restart is no news until it gets well beyond where it came to rest before.
        let is_beyond = assessment.leaking().any(|run| run.level > 1.3 * self.plateau);
        let is_suspicious = assessment.score >= SUSPICIOUS && is_beyond;
        let first = assessment.leaking().next();
        if is_suspicious {
            self.since = self.since.or(Some(now));
            self.last = Some(now);
        } else if self.last.is_none_or(|last| now - last > APART) {
            self.since = None;
        }
        self.ask(assessment, first, now, &mut outlook);
        if let Some(proof) = self.proof() {
            outlook.verdict = Some(crate::Verdict::Proven);
            outlook.evidence.push(proof);
        }
        let is_lasting = self.since.is_some_and(|since| now - since >= self.apart(assessment));
        // Counts alone must have shown it for half a day: many caches fill for that long.
        let is_long = assessment.leaking().any(|run| run.watched >= ALONE);
        let long_enough = assessment.is_fast || assessment.leaking().any(|run| run.watched >= WITH_IDS);
        let stays = self.survival.filter(|(survival, _, until)| survival.born > 0 && now - until <= 2 * OVER);
        if is_suspicious
            && long_enough
            && let Some((survival, from, until)) = stays
        {
            outlook.verdict = outlook.verdict.or(Some(crate::Verdict::Likely));
            outlook.evidence.push(evidence(
                crate::EvidenceKind::Age,
                format!(
                    "{} of {} were still there {} minutes later, and {} more had come",
                    survival.stayed,
                    survival.before,
                    (until - from) / MINUTE,
                    survival.born
                ),
            ));
        } else if is_suspicious && is_lasting && is_long && now >= self.rejected_until && !assessment.is_fast {
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

    fn apart(&self, assessment: &Assessment) -> Millis {
        if assessment.is_fast { FAST_APART } else { APART }
    }

    fn ask(&mut self, assessment: &Assessment, first: Option<&RunAssessment>, now: Millis, outlook: &mut Outlook) {
        let Some(first) = first.filter(|_| assessment.score >= WORTH_ASKING) else { return };
        if now < self.rejected_until || self.asked_at.is_some_and(|at| now - at < self.pause(now)) {
            return;
        }
        if self.proven.is_empty() {
            outlook.wanted.push(Wanted::Proof(first.id));
        }
        // A list of ids is compared with one of the same run.
        let run = self.listed.as_ref().map_or(first.id, |listed| listed.run);
        let run = if assessment.runs.iter().any(|own| own.id == run) { run } else { first.id };
        if self.needs_ids() {
            outlook.wanted.push(Wanted::Ids(run));
        }
        if !outlook.wanted.is_empty() {
            self.asked_at = Some(now);
        }
    }

    /// Was nothing compared yet, or were none born in between?
    fn needs_ids(&self) -> bool {
        self.survival.is_none_or(|(survival, _, _)| survival.born == 0)
    }

    fn pause(&self, now: Millis) -> Millis {
        match &self.listed {
            Some(listed) if now - listed.at < ASK_AGAIN => IDS_APART,
            _ => ASK_AGAIN,
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
            trend: score,
            high_water: score,
            level: 100.0,
            rise: score * 10.0,
            per_hour: 5.0,
            watched: 13 * HOUR,
            refused: (score < 1.0).then_some("it hardly rises"),
        };
        Assessment { score, runs: vec![run], is_fast: false, detail: "50 more in 6 hours".to_owned() }
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
        assert_eq!(tracker.look(&assessment(4.0), 15 * MINUTE).wanted, [Wanted::Proof(7), Wanted::Ids(7)]);
        tracker.listed(7, (1..120).collect(), 16 * MINUTE);
        let outlook = tracker.look(&assessment(4.0), 17 * MINUTE);
        assert_eq!(outlook.verdict, Some(Verdict::Likely));
        assert_eq!(outlook.evidence[0].detail, "99 of 100 were still there 14 minutes later, and 20 more had come");
    }

    #[test]
    fn is_rejected_for_a_while_when_they_end() {
        let mut tracker = Tracker::default();
        tracker.look(&assessment(4.0), 0);
        tracker.listed(7, (0..100).collect(), 0);
        tracker.listed(7, (10..200).collect(), 20 * MINUTE);
        for hour in 1..6 {
            let outlook = tracker.look(&assessment(9.0), hour * HOUR);
            assert_eq!((outlook.verdict, outlook.wanted.len()), (None, 0));
        }
        assert!(!tracker.look(&assessment(9.0), 7 * HOUR).wanted.is_empty(), "then it is asked again");
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

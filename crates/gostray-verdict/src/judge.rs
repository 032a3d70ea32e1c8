//! The questions that lead to a verdict, in order.

use std::time::Duration;

use gostray_model::{Group, Operation, Snapshot, TargetKind};

use crate::catalogue::known;
use crate::verdict::{EvidenceKind, Judgement, Verdict};

/// From when on age and number count. The defaults are for a service: see the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Waiting so long on a channel or lock is long (default 10 minutes).
    pub long: Duration,
    /// Waiting so long for the network is long (default 1 hour).
    pub long_io: Duration,
    /// So many long waiters of one kind are no coincidence (default 10).
    pub several: u64,
    /// So many of one kind at one instant are worth a look (default 100).
    pub many: u64,
    /// So many of one kind are nearly always a leak (default 10,000: the threshold of `LeakProf`).
    pub masses: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            long: Duration::from_secs(600),
            long_io: Duration::from_secs(3600),
            several: 10,
            many: 100,
            masses: 10_000,
        }
    }
}

/// A group with its judgement.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The goroutines.
    pub group: Group,
    /// What is thought of them.
    pub judgement: Judgement,
}

/// Judges all groups of a snapshot; the most suspicious come first, the largest first among equals.
#[must_use]
pub fn judge_all(snapshot: &Snapshot, groups: Vec<Group>, policy: &Policy) -> Vec<Judged> {
    let mut judged: Vec<Judged> =
        groups.into_iter().map(|group| Judged { judgement: judge(snapshot, &group, policy), group }).collect();
    // Stable: within a verdict the groups keep their order, which is by count.
    judged.sort_by_key(|j| j.judgement.verdict);
    judged
}

/// Judges one group.
#[must_use]
pub fn judge(snapshot: &Snapshot, group: &Group, policy: &Policy) -> Judgement {
    proof(snapshot, group)
        .or_else(|| catalogued(snapshot, group))
        .or_else(|| doing(group))
        .unwrap_or_else(|| age_and_count(group, policy))
}

/// Can it never run again?
fn proof(snapshot: &Snapshot, group: &Group) -> Option<Judgement> {
    if group.leaked {
        let detail = match snapshot.target.kind {
            _ if group.is_proven_from_memory(snapshot) => {
                "the memory of the process: nothing that may run again can reach what it waits for"
            }
            // Who wrote it, the Go runtime or gostray, it does not say.
            TargetKind::File => "it is marked as leaked: nothing alive could reach what it waits for",
            _ => "the Go runtime's leak profile: nothing alive can reach what it waits for",
        };
        return Some(Judgement::new(Verdict::Proven, EvidenceKind::Proof, detail));
    }
    let is_main = group.started_with(&snapshot.tables).is_some_and(|f| &*f.function == "main.main");
    // All of it must be in that state: `select {}` and `select` share a signature.
    let all = |reason: &str| group.variants.iter().all(|v| snapshot.tables.status(v.status).reason == reason);
    if !is_main && (all("chan receive (nil chan)") || all("chan send (nil chan)")) {
        let detail = "it waits on a nil channel, and nothing can ever wake it";
        return Some(Judgement::new(Verdict::Proven, EvidenceKind::Proof, detail));
    }
    if !is_main && all("select (no cases)") {
        let detail = "it waits in a select without cases, and nothing can ever wake it";
        return Some(Judgement::new(Verdict::Proven, EvidenceKind::Proof, detail));
    }
    None
}

/// Is it meant to wait?
fn catalogued(snapshot: &Snapshot, group: &Group) -> Option<Judgement> {
    let entry = known(&snapshot.tables, group)?;
    Some(match entry.too_many(group.count) {
        Some(why) => Judgement::new(Verdict::Suspect, EvidenceKind::Count, format!("{} of them: {why}", group.count)),
        None => Judgement::new(Verdict::Normal, EvidenceKind::Known, entry.reason.clone()),
    })
}

/// Is it doing something rather than waiting?
fn doing(group: &Group) -> Option<Judgement> {
    let what = match group.operation {
        Operation::Run => "it is running or ready to run",
        Operation::Syscall => "it is in a system call or C function",
        _ => return None,
    };
    Some(Judgement::new(Verdict::Normal, EvidenceKind::Known, what))
}

/// How long has it waited, and how many are there?
fn age_and_count(group: &Group, policy: &Policy) -> Judgement {
    let by_program = group.operation.is_synchronisation();
    let long = if by_program { policy.long } else { policy.long_io };
    let count = group.count;
    let oldest = group.oldest.unwrap_or_default();
    let aged = || format!("the oldest has waited for at least {}", minutes(oldest));
    let counted = || format!("{count} of one kind at one instant");

    let verdict = if by_program && oldest >= long && count >= policy.several && !is_burst(group) {
        // A sender or locker that waits for minutes is not idle; a receiver may be a worker.
        if is_idle_wait(group.operation) && count < policy.many { Verdict::Suspect } else { Verdict::Likely }
    } else if by_program && count >= policy.masses {
        Verdict::Likely
    } else if oldest >= long && !(is_idle_wait(group.operation) && is_burst(group)) {
        if is_idle_wait(group.operation) && count < policy.several { Verdict::Unknown } else { Verdict::Suspect }
    } else if count >= policy.many && !is_burst(group) {
        Verdict::Suspect
    } else {
        Verdict::Unknown
    };
    let mut judgement = match (verdict, group.oldest) {
        (Verdict::Unknown, None) => {
            Judgement::new(verdict, EvidenceKind::Count, format!("{counted}, of unknown age", counted = counted()))
        }
        (_, Some(_)) => Judgement::new(verdict, EvidenceKind::Age, aged()).and(EvidenceKind::Count, counted()),
        _ => Judgement::new(verdict, EvidenceKind::Count, counted()),
    };
    if count >= policy.several && is_burst(group) {
        judgement = judgement.and(EvidenceKind::Known, "they were started together, as a pool of workers is");
    }
    judgement
}

/// Idle workers wait like this.
fn is_idle_wait(operation: Operation) -> bool {
    matches!(operation, Operation::ChanReceive | Operation::Chan | Operation::Select | Operation::Cond)
}

/// Were they started together? Ids count up over the life of a process: those of a pool are
/// neighbours, those of goroutines that a request leaves behind are far apart.
fn is_burst(group: &Group) -> bool {
    let (Some(first), Some(last)) = (group.ids.first(), group.ids.last()) else { return false };
    group.ids.len() as u64 == group.count && group.count > 1 && last - first <= 2 * group.count + 16
}

fn minutes(age: Duration) -> String {
    match age.as_secs() / 60 {
        1 => "1 minute".to_owned(),
        n => format!("{n} minutes"),
    }
}

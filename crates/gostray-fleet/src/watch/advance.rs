//! What the detector thinks of a signature → what happens to the leak.

use std::collections::HashMap;
use std::sync::Arc;

use crate::scrape::Ask;
use crate::store::{GenerationId, Stack, StackId};
use crate::watch::leak::{LeakEvidence, Spread};
use crate::watch::life::{Lives, Sighting, leak_id};
use crate::watch::runs::{Run, brought_by};
use crate::watch::state::State;
use crate::{Millis, TargetId};

/// What the detector thinks of a signature in a service.
#[derive(Debug, Clone)]
pub(crate) struct Evaluated {
    pub(crate) service: String,
    pub(crate) signature: String,
    /// `proven`, `likely` or `suspect`; `None` if nothing speaks for a leak now.
    pub(crate) verdict: Option<&'static str>,
    pub(crate) evidence: Vec<LeakEvidence>,
    /// The runs of the service's processes.
    pub(crate) runs: Vec<RunOf>,
    /// What would make it surer.
    pub(crate) wants: Vec<(TargetId, Ask)>,
    /// Why it is over, if it is.
    pub(crate) resolved: Option<String>,
    /// The memory that its goroutines keep, in bytes.
    pub(crate) bytes: u64,
}

/// One run of a process, with regard to a signature.
#[derive(Debug, Clone)]
pub(crate) struct RunOf {
    pub(crate) target: TargetId,
    pub(crate) generation: GenerationId,
    pub(crate) build: String,
    pub(crate) started_at: Millis,
    pub(crate) last_seen: Millis,
    /// How many more of its goroutines it gets each hour.
    pub(crate) per_hour: f64,
    /// Does it leak them?
    pub(crate) has_it: bool,
}

/// What became of a leak.
pub(crate) struct Advanced {
    pub(crate) id: String,
    /// Did something happen that is kept and told?
    pub(crate) has_news: bool,
    pub(crate) slopes: HashMap<(String, TargetId), f64>,
}

/// Lets a leak go on with its life. `None` where there is none.
pub(crate) fn advance(
    lives: &mut Lives,
    state: &State,
    one: Evaluated,
    tell_suspects: bool,
    now: Millis,
) -> Option<Advanced> {
    let id = leak_id(&one.service, &one.signature);
    let before = lives.leaks.get(&id).map(|leak| (leak.state, leak.verdict.clone(), leak.since_build.clone()));
    let slopes = one.runs.iter().filter(|run| run.has_it).map(|run| ((id.clone(), run.target), run.per_hour)).collect();
    match one.verdict {
        Some("suspect") if !tell_suspects => return None,
        Some(verdict) => drop(lives.see(sighting(state, one, verdict), now)),
        None => {
            let why = one.resolved?;
            lives.leaks.get(&id)?;
            // Several builds run during a deploy: which of them is free of it is not known then.
            let mut builds: Vec<&str> = state.of_service(&one.service).map(|(_, seen)| &*seen.build).collect();
            builds.sort_unstable();
            builds.dedup();
            let build = match builds.as_slice() {
                [only] if lives.leaks.get(&id).is_some_and(|leak| leak.since_build != **only) => {
                    Some((*only).to_owned())
                }
                _ => None,
            };
            lives.resolve(&id, build, why, now);
        }
    }
    let after = lives.leaks.get(&id).map(|leak| (leak.state, leak.verdict.clone(), leak.since_build.clone()));
    Some(Advanced { id, has_news: before != after, slopes })
}

fn sighting(state: &State, one: Evaluated, verdict: &'static str) -> Sighting {
    let mut stacks: HashMap<StackId, u64> = HashMap::new();
    let mut spread = Spread { bytes: one.bytes, ..Spread::default() };
    let mut worst = 0;
    for (_, seen) in state.of_service(&one.service) {
        spread.instances += 1;
        let mut own = 0;
        for (stack, count) in &seen.counts {
            if state.stacks.get(stack).is_some_and(|known| known.signature == one.signature) {
                *stacks.entry(*stack).or_default() += u64::from(*count);
                own += u64::from(*count);
            }
        }
        spread.goroutines += own;
        if own > worst {
            worst = own;
            seen.target.instance().clone_into(&mut spread.worst_instance);
        }
    }
    let leaking: Vec<&RunOf> = one.runs.iter().filter(|run| run.has_it).collect();
    let is_current =
        |run: &&&RunOf| state.targets.get(&run.target).is_some_and(|seen| seen.generation == Some(run.generation));
    spread.affected = u32::try_from(leaking.iter().filter(is_current).count()).unwrap_or(u32::MAX);
    spread.per_hour = leaking.iter().filter(is_current).map(|run| run.per_hour).sum();
    let commonest = stacks.into_iter().max_by_key(|(id, count)| (*count, std::cmp::Reverse(*id)));
    let stack: Option<&Arc<Stack>> = commonest.and_then(|(id, _)| state.stacks.get(&id));
    let frames = stack.map(|stack| stack.frames.clone()).unwrap_or_default();
    let runs: Vec<Run> = one
        .runs
        .iter()
        .map(|run| Run {
            build: run.build.clone(),
            started_at: run.started_at,
            last_seen: run.last_seen,
            has_it: run.has_it,
        })
        .collect();
    let (since_build, is_since_build_sure) = brought_by(&runs);
    let is_std = |function: &str| gostray_model::FunctionName::new(function).is_std();
    Sighting {
        blocked_at: frames.iter().position(|f| !is_std(&f.function)).unwrap_or(frames.len().saturating_sub(1)),
        operation: stack.map(|stack| stack.operation.clone()).unwrap_or_default(),
        stack: frames,
        service: one.service,
        signature: one.signature,
        verdict,
        evidence: one.evidence,
        spread,
        since_build,
        is_since_build_sure,
    }
}

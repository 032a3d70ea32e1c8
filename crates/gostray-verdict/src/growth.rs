//! What growth between two snapshots says.

use std::time::Duration;

use gostray_model::Change;

use crate::judge::{Judged, Policy};
use crate::verdict::{Evidence, EvidenceKind, Verdict};

/// Adds the evidence of a change to the judgements of its groups; `apart` is the time between the
/// snapshots where known.
///
/// Ids are never reused: where nearly every goroutine of before is still there and others came,
/// nothing of that kind ends. A queue or a pool of workers at the same counts does not look so.
pub fn weigh_growth(judged: &mut [Judged], change: &Change, apart: Option<Duration>, policy: &Policy) {
    if change.delta() <= 0 {
        return;
    }
    let mut detail = format!("{} → {}", change.before, change.after);
    if let Some(apart) = apart.filter(|apart| apart.as_secs() > 0) {
        detail += &format!(" in {} s", apart.as_secs());
    }
    let stays = change.movement.filter(|m| change.before > 0 && m.born > 0 && m.stayed * 100 >= 97 * change.before);
    if let Some(movement) = stays {
        detail += &format!(", and {} of the {} before are still there", movement.stayed, change.before);
    }
    let several = change.delta() >= policy.several.cast_signed();
    let long = apart.is_some_and(|apart| apart >= policy.long);
    for Judged { group, judgement } in judged {
        judgement.verdict = match judgement.verdict {
            Verdict::Unknown | Verdict::Suspect
                if stays.is_some() && several && long && group.operation.is_synchronisation() =>
            {
                Verdict::Likely
            }
            Verdict::Unknown if stays.is_some() && several => Verdict::Suspect,
            verdict => verdict,
        };
        if judgement.verdict != Verdict::Normal {
            judgement.evidence.push(Evidence { kind: EvidenceKind::Growth, detail: detail.clone() });
        }
    }
}

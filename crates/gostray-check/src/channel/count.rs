//! How often something is done on a way through a function.

use crate::program::{Body, Event};

/// As often as one likes; also where counting was given up.
pub(crate) const MANY: u8 = 9;

/// The most that is done on one way, each event weighing what `weight` says; at most [`MANY`].
pub(crate) fn most(body: &Body<'_>, weight: &dyn Fn(&Event) -> u8) -> u8 {
    let flow = body.flow();
    let mut best: Vec<Option<u8>> = vec![None; flow.events.len()];
    let own: Vec<u8> =
        flow.events.iter().map(|events| events.iter().map(weight).fold(0, u8::saturating_add).min(MANY)).collect();
    let mut pending = vec![(flow.graph.entry(), 0u8)];
    let mut most = 0;
    while let Some((block, before)) = pending.pop() {
        let after = (before + own[block.index()]).min(MANY);
        if best[block.index()].is_some_and(|known| known >= after) {
            continue;
        }
        best[block.index()] = Some(after);
        most = most.max(after);
        pending.extend(flow.graph.block(block).next.iter().map(|(_, to)| (*to, after)));
    }
    most
}

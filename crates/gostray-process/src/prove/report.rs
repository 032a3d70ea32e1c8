//! What was found → a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use gostray_model::{Fact, Snapshot};
use rustc_hash::FxHashMap;

use crate::attached::Attached;
use crate::listing::Listing;
use crate::prove::blocked::Wait;
use crate::prove::capture::Capture;
use crate::prove::holders::{Holders, Processor};
use crate::prove::proof::Findings;
use crate::prove::retained;
use crate::standing::Place;
use crate::symbols::Symbols;
use crate::types::Types;

/// The goroutines of a capture. `proven` are the ids of those that can never run again, as this or an
/// earlier capture proved; only of these the retained memory is measured.
pub(crate) fn snapshot(
    mut listing: Listing<'_>,
    attached: &Attached,
    capture: &Capture<'_>,
    mut findings: Findings<'_, '_>,
    proven: &BTreeSet<u64>,
) -> Snapshot {
    let mut facts = BTreeMap::new();
    let types = Types::new(
        attached.memory(),
        &attached.image.layout,
        attached.image.modules.iter().map(|module| module.types.clone()).collect(),
    );
    let processor = Processor {
        size: attached.image.layout.at("runtime.p.__size"),
        timers: attached.image.layout.at("runtime.p.timers"),
    };
    let symbols = Symbols::of(attached.process.as_ref());
    // Many may wait for one thing.
    let mut known: FxHashMap<&[u64], Option<Box<str>>> = FxHashMap::default();
    for (number, goroutine) in capture.goroutines.iter().enumerate() {
        let running = capture.standing.get(&number).map(|Place { resume, is_behind_call }| {
            let stack = capture
                .stacks
                .get(number)
                .and_then(|(start, bytes)| bytes.get(usize::try_from(resume.sp.checked_sub(start)?).ok()?..));
            (listing.unwinder.sites.walk(*resume, goroutine.top, stack.unwrap_or_default()), *is_behind_call)
        });
        let at_rest = findings.frames[number].as_ref().map(|frames| (frames, true));
        let frames = at_rest.or(running.as_ref().map(|(frames, is_behind_call)| (frames, *is_behind_call)));
        listing.add(goroutine, frames, proven.contains(&goroutine.id));
        if let Wait::On { objects, .. } = &findings.waits[number]
            && findings.may_run[number]
            && !attached.is_system(goroutine)
        {
            let held_by = known.entry(objects).or_insert_with(|| {
                let holders = Holders {
                    capture,
                    findings: &findings,
                    image: &attached.image,
                    processor,
                    types: &types,
                    symbols: &symbols,
                };
                holders.of(number, &listing.unwinder.sites).map(String::into_boxed_str)
            });
            facts.insert(goroutine.id, Fact { held_by: held_by.clone(), ..Fact::default() });
        }
    }
    let numbers: Vec<usize> = (0..capture.goroutines.len())
        .filter(|number| proven.contains(&capture.goroutines[*number].id) && !findings.may_run[*number])
        .collect();
    let retained = retained::bytes(capture, &mut findings, &numbers, attached, &mut listing.unwinder.sites);
    for (number, bytes) in numbers.into_iter().zip(retained) {
        facts.insert(capture.goroutines[number].id, Fact { proven: true, retained: bytes, held_by: None });
    }
    let mut snapshot = listing.finish();
    for id in proven {
        facts.entry(*id).or_default().proven = true;
    }
    snapshot.facts = facts;
    snapshot
}

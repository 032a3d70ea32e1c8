//! What only goroutines that can never run again keep in memory.

use crate::attached::Attached;
use crate::prove::blocked::Wait;
use crate::prove::capture::Capture;
use crate::prove::mark::{From, Root};
use crate::prove::proof::{Findings, defer_fields, wake};
use crate::prove::stack::mark_stack;
use crate::site::Sites;

/// The bytes that each of `proven` keeps, beyond what may still be used: its stack, and what it alone
/// reaches. What several reach counts for the first. Everything that may be used must be marked.
pub(crate) fn bytes(
    capture: &Capture<'_>,
    findings: &mut Findings<'_, '_>,
    proven: &[usize],
    attached: &Attached,
    sites: &mut Sites<'_>,
) -> Vec<u64> {
    let defers = defer_fields(&attached.image.layout);
    let each = |number: &usize| {
        let goroutine = &capture.goroutines[*number];
        let before = findings.marker.bytes;
        wake(&mut findings.marker, capture, *number, &findings.waits[*number]);
        if let Wait::On { objects, .. } = &findings.waits[*number] {
            let from = From::Root(Root::Goroutine(*number));
            objects.iter().for_each(|object| findings.marker.pointer(*object, from));
        }
        mark_stack(&mut findings.marker, capture, *number, findings.frames[*number].as_ref(), sites, defers);
        findings.marker.drain();
        findings.marker.bytes - before + (goroutine.top - goroutine.low)
    };
    proven.iter().map(each).collect()
}

//! Which goroutines can never run again: those that nothing reaches that can run.
//!
//! Everything starts from what may run: variables, goroutines that do not wait for the program's own
//! synchronisation, threads, what finalizers and cleanups will be given. What these reach can wake the
//! goroutines that wait for it; these may run, too, and reach more. Who is left when nothing more is
//! reached waits for what nobody has who could ever use it.
//!
//! Two things differ from the collector's marking, which keeps every goroutine alive. The records of
//! goroutines (`runtime.g`) and their waiters (`runtime.sudog`) are reached from lists of the runtime;
//! their contents count only once their goroutine may run. And weak pointers lead to their objects: as
//! long as a goroutine waits, it keeps what it has alive, so that who has a weak pointer can use it.

use crate::attached::Attached;
use crate::heap::Object;
use crate::layout::Layout;
use crate::memory::word;
use crate::prove::blocked::{Wait, Waits};
use crate::prove::capture::Capture;
use crate::prove::mark::{Asked, From, Marker, Root};
use crate::prove::stack::{DeferFields, mark_stack};
use crate::site::{Frames, Sites};

/// What is found of the goroutines of a capture, by their number.
pub(crate) struct Findings<'c, 'm> {
    pub(crate) waits: &'c [Wait],
    pub(crate) frames: &'c [Option<Frames>],
    /// May it run again?
    pub(crate) may_run: Vec<bool>,
    pub(crate) marker: Marker<'c, 'm>,
}

/// What goroutines wait for, their frames where they are at rest, and what marking must ask about.
pub(crate) struct Questions {
    pub(crate) waits: Vec<Wait>,
    pub(crate) frames: Vec<Option<Frames>>,
    pub(crate) asked: Asked,
}

/// Looks at every goroutine, and marks the spans of all objects that marking must ask about.
pub(crate) fn ask<'m>(capture: &mut Capture<'m>, attached: &Attached, sites: &mut Sites<'_>) -> Questions {
    let layout = &attached.image.layout;
    let frames: Vec<Option<Frames>> =
        (0..capture.goroutines.len()).map(|number| frames_at_rest(capture, number, sites)).collect();
    let waiting = Waits::new(capture, layout);
    let waits: Vec<Wait> = frames
        .iter()
        .enumerate()
        .map(|(number, frames)| match frames {
            Some(frames) => {
                let goroutine = &capture.goroutines[number];
                let reason = goroutine.state(&attached.globals);
                match waiting.of(number, &reason, frames, sites) {
                    // The main goroutine of a program that leaves all to others parks itself so.
                    Wait::Forever if goroutine.id == 1 && reason == "select (no cases)" => Wait::Unknown,
                    wait => wait,
                }
            }
            None => Wait::Unknown,
        })
        .collect();
    let object = |address: u64| Some(capture.heap.address(capture.heap.object(address)?));
    let known = || waits.iter().enumerate().filter(|(_, wait)| **wait != Wait::Unknown);
    let belong = known().flat_map(|(number, wait)| {
        let own = std::iter::once(&capture.goroutines[number].address).chain(wait.sudogs());
        own.filter_map(move |address| Some((object(*address)?, number)))
    });
    let wake = known()
        .flat_map(|(number, wait)| wait.objects().iter().filter_map(move |address| Some((object(*address)?, number))));
    let lead = capture.kept.weak.iter().filter_map(|(handle, target)| Some((object(*handle)?, *target)));
    let asked = Asked::new(belong, wake, lead);
    asked.objects().for_each(|object| capture.heap.ask_about(object));
    Questions { waits, frames, asked }
}

/// The frames of a goroutine whose stack is at rest.
fn frames_at_rest(capture: &Capture<'_>, number: usize, sites: &mut Sites<'_>) -> Option<Frames> {
    let goroutine = &capture.goroutines[number];
    let is_on_thread = capture.on_thread.contains_key(&number) && !goroutine.is_in_syscall();
    if !goroutine.is_at_rest() || is_on_thread {
        return None;
    }
    let (start, bytes) = capture.stacks.get(number)?;
    let resume = goroutine.resume.filter(|resume| resume.sp == start)?;
    Some(sites.walk(resume, goroutine.top, bytes))
}

/// Finds who may run again. A trail tells afterwards where everything was reached from.
pub(crate) fn find<'c, 'm>(
    capture: &'c Capture<'m>,
    questions: &'c Questions,
    attached: &Attached,
    sites: &mut Sites<'_>,
    has_trail: bool,
) -> Findings<'c, 'm> {
    let Questions { waits, frames, asked } = questions;
    let defers = defer_fields(&attached.image.layout);
    let mut marker = Marker::new(&capture.heap, asked, has_trail);
    let mut may_run = vec![false; capture.goroutines.len()];
    roots(&mut marker, capture);
    let is_reached = |objects: &[u64]| objects.iter().any(|object| capture.heap.object(*object).is_none());
    let mut next: Vec<usize> = waits
        .iter()
        .enumerate()
        .filter(|(_, wait)| match wait {
            Wait::Unknown => true,
            Wait::Forever => false,
            // What is not in the heap is a variable.
            Wait::On { objects, .. } => is_reached(objects),
        })
        .map(|(number, _)| number)
        .collect();
    loop {
        for number in next {
            if std::mem::replace(&mut may_run[number], true) {
                continue;
            }
            wake(&mut marker, capture, number, &waits[number]);
            mark_stack(&mut marker, capture, number, frames[number].as_ref(), sites, defers);
        }
        marker.drain();
        next = marker.take_woken();
        if next.is_empty() {
            break;
        }
    }
    Findings { waits, frames, may_run, marker }
}

pub(crate) fn defer_fields(layout: &Layout) -> DeferFields {
    DeferFields { function: layout.at("runtime._defer.fn"), link: layout.at("runtime._defer.link") }
}

/// Marks what the records of a goroutine that may run point to.
pub(crate) fn wake(marker: &mut Marker<'_, '_>, capture: &Capture<'_>, number: usize, wait: &Wait) {
    let from = From::Root(Root::Goroutine(number));
    for address in std::iter::once(&capture.goroutines[number].address).chain(wait.sudogs()) {
        if let Some(object) = capture.heap.object(*address) {
            marker.mark(object, from);
            // From the goroutine, not from the lists of the runtime that it is in.
            marker.contents(object, from);
        }
    }
}

/// Marks what is reached without any goroutine.
fn roots(marker: &mut Marker<'_, '_>, capture: &Capture<'_>) {
    for variables in &capture.variables {
        for (number, bytes) in variables.bytes.chunks_exact(8).enumerate() {
            if variables.mask.get(number / 8).is_some_and(|byte| byte >> (number % 8) & 1 != 0) {
                let from = From::Root(Root::Variable(variables.start + 8 * number as u64));
                marker.pointer(word(bytes, 0), from);
            }
        }
    }
    let kept = &capture.kept;
    for value in &kept.set {
        marker.pointer(*value, From::Root(Root::Finalizer));
    }
    for object in &kept.finalized {
        contents_of_finalized(marker, capture, *object);
    }
    for value in &kept.queued {
        marker.doubtful(*value, From::Root(Root::QueuedFinalizer));
    }
    for object in &kept.pinned {
        marker.mark(*object, From::Root(Root::Pinned));
    }
    for thread in &capture.threads {
        for value in &thread.words {
            marker.doubtful(*value, From::Root(Root::Thread(thread.tid)));
        }
    }
    for (address, value) in &capture.foreign {
        marker.doubtful(*value, From::Root(Root::Foreign(*address)));
    }
}

/// What an object with a finalizer points to will be in the finalizer's hands.
fn contents_of_finalized(marker: &mut Marker<'_, '_>, capture: &Capture<'_>, object: Object) {
    capture.heap.for_each_pointer(object, |_, value| marker.pointer(value, From::Root(Root::Finalizer)));
}

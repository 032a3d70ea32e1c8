//! The pointers on a goroutine's stack, as the collector finds them (`runtime/mgcmark.go`): by the maps
//! of its frames where it is at rest, every word where it is not.

use crate::goroutine::Goroutine;
use crate::memory::word;
use crate::prove::capture::Capture;
use crate::prove::mark::{From, Marker, Root};
use crate::site::{Frames, RawFrame, Role, Sites};
use crate::stackmap::Pointers;

/// No goroutine has more deferred calls.
const MAX_DEFERS: usize = 1 << 20;

/// Offsets within a `runtime._defer`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeferFields {
    pub(crate) function: u64,
    pub(crate) link: u64,
}

/// Reads a goroutine's stack for a marker.
struct Scan<'s, 'c, 'm> {
    marker: &'s mut Marker<'c, 'm>,
    goroutine: &'s Goroutine,
    from: From,
    start: u64,
    bytes: &'s [u8],
    /// Addresses on the stack that something on it points to.
    inner: Vec<u64>,
    /// Variables that count only when something points to them: where they begin, and their size.
    objects: Vec<(u64, u64)>,
}

/// Marks what a goroutine's stack points to.
pub(crate) fn mark_stack(
    marker: &mut Marker<'_, '_>,
    capture: &Capture<'_>,
    number: usize,
    frames: Option<&Frames>,
    sites: &mut Sites<'_>,
    defers: DeferFields,
) {
    let goroutine = &capture.goroutines[number];
    let from = From::Root(Root::Goroutine(number));
    let Some((start, bytes)) = capture.stacks.get(number) else { return };
    let mut scan = Scan { marker, goroutine, from, start, bytes, inner: Vec::new(), objects: Vec::new() };
    match frames.filter(|frames| frames.is_complete()) {
        Some(frames) => scan.precise(frames, sites, defers, capture),
        None => scan.all(),
    }
}

impl Scan<'_, '_, '_> {
    fn word(&self, address: u64) -> u64 {
        let at = address.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        at.map_or(0, |at| word(self.bytes, at))
    }

    fn is_on_stack(&self, address: u64) -> bool {
        (self.goroutine.low..self.goroutine.top).contains(&address)
    }

    fn pointer(&mut self, value: u64) {
        if self.is_on_stack(value) {
            self.inner.push(value);
        } else if value != 0 {
            self.marker.pointer(value, self.from);
        }
    }

    fn doubtful(&mut self, value: u64) {
        if self.is_on_stack(value) {
            self.inner.push(value);
        } else if value != 0 {
            self.marker.doubtful(value, self.from);
        }
    }

    fn all(&mut self) {
        let bytes = self.bytes;
        bytes.chunks_exact(8).for_each(|bytes| self.doubtful(word(bytes, 0)));
    }

    /// Every word of a part of the stack.
    fn every_word(&mut self, from: u64, to: u64) {
        let mut at = from & !7;
        while at < to.min(self.goroutine.top) {
            self.doubtful(self.word(at));
            at += 8;
        }
    }

    fn precise(&mut self, frames: &Frames, sites: &mut Sites<'_>, defers: DeferFields, capture: &Capture<'_>) {
        let (mut was_interrupted, mut had_fault) = (false, false);
        for frame in frames.iter() {
            let site = sites.get(frame.site);
            let (role, args, is_outermost) = (site.role, site.args_size, site.is_outermost);
            if is_outermost {
                break;
            }
            if was_interrupted || had_fault || role == Role::Interrupts {
                self.every_word(frame.sp, frame.end.saturating_add(args.unwrap_or(0)));
                if args.is_none() {
                    return self.every_word(frame.end, self.goroutine.top);
                }
                // Of a frame that a fault stopped the stack objects matter too; all words cover them.
            } else {
                self.frame(frame, role, args, sites);
            }
            was_interrupted = role == Role::Interrupts;
            had_fault = role == Role::Fault;
        }
        self.deferred(defers, capture);
        self.reached_objects();
    }

    fn frame(&mut self, frame: RawFrame, role: Role, args: Option<u64>, sites: &mut Sites<'_>) {
        // Where local variables end: below the return address and the saved frame pointer.
        let mut locals_end = frame.end - 8;
        if locals_end > frame.sp {
            locals_end -= 8;
        }
        let args_start = frame.end;
        if role == Role::Reflection {
            // Its frame holds the registers of the call.
            return self.every_word(frame.sp, args_start.saturating_add(args.unwrap_or(0)));
        }
        let Some(map) = sites.map(frame.site).cloned() else {
            return self.every_word(frame.sp, args_start.saturating_add(args.unwrap_or(0)));
        };
        match &map.locals {
            Pointers::At(offsets) => {
                for offset in offsets {
                    let value = self.word(locals_end.wrapping_sub(u64::from(*offset)));
                    self.pointer(value);
                }
            }
            Pointers::Unknown => self.every_word(frame.sp, locals_end),
        }
        match (&map.args, args) {
            (_, Some(0)) => {}
            (Pointers::At(offsets), Some(size)) => {
                for offset in offsets.iter().filter(|offset| u64::from(**offset) < size) {
                    let value = self.word(args_start + u64::from(*offset));
                    self.pointer(value);
                }
            }
            (_, size) => self.every_word(args_start, args_start.saturating_add(size.unwrap_or(0))),
        }
        for object in &map.objects {
            let base = if object.offset < 0 { locals_end } else { args_start };
            let address = base.wrapping_add_signed(object.offset.into());
            // One that lies lower has not been made yet.
            if address >= frame.sp {
                self.objects.push((address, object.size.into()));
            }
        }
    }

    /// Deferred calls, which may lie on the stack or in the heap, and the panic in progress.
    fn deferred(&mut self, fields: DeferFields, capture: &Capture<'_>) {
        let mut at = self.goroutine.defers;
        for _ in 0..MAX_DEFERS {
            if at == 0 {
                break;
            }
            self.pointer(at);
            let on_stack = self.is_on_stack(at);
            let read = |field: u64| match on_stack {
                true => self.word(at.wrapping_add(field)),
                false => capture.heap.word(at.wrapping_add(field)).unwrap_or(0),
            };
            let (function, link) = (read(fields.function), read(fields.link));
            self.pointer(function);
            at = link;
        }
        self.pointer(self.goroutine.panics);
        // A closure that was interrupted before its first instruction is held by this alone, and may lie
        // on the stack.
        self.pointer(self.goroutine.context);
    }

    /// Stack objects that something reached points to, and what they point to in turn.
    fn reached_objects(&mut self) {
        self.objects.sort_unstable();
        self.objects.dedup();
        let mut is_reached = vec![false; self.objects.len()];
        while let Some(address) = self.inner.pop() {
            let after = self.objects.partition_point(|(start, _)| *start <= address);
            let Some(number) = after.checked_sub(1) else { continue };
            let (start, size) = self.objects[number];
            if address < start + size.max(1) && !is_reached[number] {
                is_reached[number] = true;
                // Which of its words are pointers is not looked up: all may be.
                self.every_word(start, start + size);
            }
        }
    }
}

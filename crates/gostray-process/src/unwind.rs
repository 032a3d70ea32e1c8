//! The frames of a goroutine as tracebacks show them.

use gostray_model::{FrameId, Stack, Tables};
use rustc_hash::FxHashMap;

use crate::image::Image;
use crate::memory::Memory;
use crate::pclntab::Place;
use crate::site::{Frames, Role, Sites};

/// Unwinds the goroutines of one process; frames of a program counter are made once.
pub(crate) struct Unwinder<'a> {
    pub(crate) sites: Sites<'a>,
    memory: &'a dyn Memory,
    /// By the program counter to show, and whether it is that of a caller.
    frames: FxHashMap<(u64, bool), Vec<FrameId>>,
}

impl<'a> Unwinder<'a> {
    pub(crate) fn new(image: &'a Image, memory: &'a dyn Memory) -> Self {
        Self { sites: Sites::new(image, memory), memory, frames: FxHashMap::default() }
    }

    /// What a traceback shows of frames. A stack that does not end in a function that stacks end in is
    /// marked as truncated. One that waits stands behind a call; one that runs stands anywhere.
    pub(crate) fn show(&mut self, frames: &Frames, is_behind_call: bool, tables: &mut Tables) -> Stack {
        let mut stack = Stack { truncated: !frames.is_complete(), ..Stack::default() };
        let mut was_interrupted = !is_behind_call;
        for (depth, frame) in frames.iter().enumerate() {
            let site = self.sites.get(frame.site);
            // A caller's program counter is that of the instruction behind its call; one that was
            // interrupted stands at its own.
            let is_exact = site.pc == site.function.entry || was_interrupted;
            was_interrupted = matches!(site.role, Role::Interrupts | Role::Fault);
            let shown = if is_exact { site.pc } else { site.pc - 1 };
            self.push(shown, depth > 0, tables, &mut stack.frames);
        }
        stack
    }

    /// The frame of the `go` statement behind a program counter.
    pub(crate) fn created_by(&self, pc: u64, tables: &mut Tables) -> Option<FrameId> {
        let functions = &self.sites.image.module(pc)?.functions;
        let place = functions.outer_place(functions.find(pc)?, pc.saturating_sub(1));
        Some(add(tables, place))
    }

    /// Adds the frames of one program counter, inlined ones first.
    fn push(&mut self, pc: u64, is_caller: bool, tables: &mut Tables, frames: &mut Vec<FrameId>) {
        if let Some(known) = self.frames.get(&(pc, is_caller)) {
            frames.extend_from_slice(known);
            return;
        }
        let mut new = Vec::new();
        if let Some(functions) = self.sites.image.module(pc).map(|m| &m.functions)
            && let Some(function) = functions.find(pc)
        {
            let mut places = functions.places(self.memory, function, pc);
            if is_caller && functions.is_wrapper(function) {
                places.pop();
            }
            new.extend(places.into_iter().map(|place| add(tables, place)));
        }
        frames.extend_from_slice(&new);
        self.frames.insert((pc, is_caller), new);
    }
}

fn add(tables: &mut Tables, place: Place) -> FrameId {
    // As tracebacks print them.
    let function = match place.function.as_str() {
        "runtime.gopanic" => "panic".into(),
        name => gostray_model::FunctionName::collapse_type_arguments(name),
    };
    tables.add_frame(gostray_model::Frame { function: function.into(), file: place.file.into(), line: place.line })
}

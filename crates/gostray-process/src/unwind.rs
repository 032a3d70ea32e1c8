//! The frames of a goroutine, from its stack and the function table.

use gostray_model::{FrameId, Stack, Tables};
use rustc_hash::FxHashMap;

use crate::image::Image;
use crate::memory::{Memory, word};

/// Deeper stacks are cut: the runtime itself allows 1 GB, which no reader can use.
const MAX_FRAMES: usize = 10_000;

/// Where a goroutine will go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) pc: u64,
    pub(crate) sp: u64,
}

/// Unwinds the goroutines of one process; frames of a program counter are made once.
pub(crate) struct Unwinder<'a> {
    image: &'a Image,
    memory: &'a dyn Memory,
    /// By the program counter to show, and whether it is that of a caller.
    frames: FxHashMap<(u64, bool), Vec<FrameId>>,
}

impl<'a> Unwinder<'a> {
    pub(crate) fn new(image: &'a Image, memory: &'a dyn Memory) -> Self {
        Self { image, memory, frames: FxHashMap::default() }
    }

    /// The frames of a goroutine whose stack ends at `top`. A stack that does not end in a function
    /// that stacks end in is marked as truncated.
    pub(crate) fn unwind(&mut self, resume: Resume, top: u64, tables: &mut Tables) -> Stack {
        let mut stack = Stack { truncated: true, ..Stack::default() };
        let Some(size) = top.checked_sub(resume.sp) else { return stack };
        let Ok(bytes) = self.memory.bytes(resume.sp, size) else { return stack };
        let Resume { mut pc, mut sp } = resume;
        for depth in 0..MAX_FRAMES {
            let Some(functions) = self.image.module(pc).map(|m| &m.functions) else { break };
            let Some(function) = functions.find(pc) else { break };
            // A caller's program counter is that of the instruction behind its call.
            let shown = if pc == function.entry { pc } else { pc - 1 };
            self.push(shown, depth > 0, tables, &mut stack.frames);
            if functions.is_outermost(function) {
                stack.truncated = false;
                break;
            }
            if functions.writes_sp(function) && depth > 0 {
                break;
            }
            let Some(frame) = functions.frame_size(function, pc) else { break };
            let Some(next) = sp.checked_add(frame).and_then(|sp| sp.checked_add(8)).filter(|next| *next <= top) else {
                break;
            };
            pc = word(&bytes, usize::try_from(next - 8 - resume.sp).unwrap_or(usize::MAX - 8));
            sp = next;
        }
        stack
    }

    /// The frame of the `go` statement behind a program counter.
    pub(crate) fn created_by(&self, pc: u64, tables: &mut Tables) -> Option<FrameId> {
        let functions = &self.image.module(pc)?.functions;
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
        if let Some(functions) = self.image.module(pc).map(|m| &m.functions)
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

fn add(tables: &mut Tables, place: crate::pclntab::Place) -> FrameId {
    tables.add_frame(gostray_model::Frame {
        // As tracebacks print them.
        function: gostray_model::FunctionName::collapse_type_arguments(&place.function).into(),
        file: place.file.into(),
        line: place.line,
    })
}

//! What is known of a place in the code where a frame stands, and walking from frame to frame.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::image::Image;
use crate::memory::{Memory, word};
use crate::pclntab::Function;
use crate::stackmap::FrameMap;

/// Deeper stacks are cut: the runtime itself allows 1 GB, which no reader can use.
const MAX_FRAMES: usize = 10_000;

/// Where a goroutine will go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) pc: u64,
    pub(crate) sp: u64,
}

/// A place in the code.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) pc: u64,
    /// The number of its module.
    pub(crate) module: usize,
    pub(crate) function: Function,
    /// The size of the frame without the return address, where the table tells it.
    pub(crate) frame_size: Option<u64>,
    pub(crate) is_outermost: bool,
    writes_sp: bool,
    pub(crate) role: Role,
    /// The size of its arguments on the stack.
    pub(crate) args_size: Option<u64>,
    /// `None` until it is asked for, and where it can't be read.
    map: Option<Option<FrameMap>>,
}

/// What the function is to the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    /// It interrupted its caller at any instruction: nothing is known of either's words.
    Interrupts,
    /// Its caller was stopped by a fault.
    Fault,
    /// Its arguments are those of a call by reflection.
    Reflection,
}

/// A frame of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RawFrame {
    /// The number of its site.
    pub(crate) site: u32,
    pub(crate) sp: u64,
    /// Where its arguments begin: behind the return address.
    pub(crate) end: u64,
}

/// The frames of a stack. Goroutines that stand in the same calls share all but where their stacks lie: a hundred
/// thousand of them have a few hundred shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frames {
    /// Where the first one begins.
    sp: u64,
    shape: Rc<Shape>,
}

/// Frames whose addresses count from where the first one begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Shape {
    frames: Vec<RawFrame>,
    is_complete: bool,
}

impl Frames {
    /// The innermost first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = RawFrame> + ExactSizeIterator + '_ {
        let absolute = |frame: &RawFrame| RawFrame { sp: self.sp + frame.sp, end: self.sp + frame.end, ..*frame };
        self.shape.frames.iter().map(absolute)
    }

    /// Is the last one one that stacks end in?
    pub(crate) fn is_complete(&self) -> bool {
        self.shape.is_complete
    }
}

/// The sites of a process that have been met.
pub(crate) struct Sites<'a> {
    pub(crate) image: &'a Image,
    memory: &'a dyn Memory,
    sites: Vec<Site>,
    by_pc: FxHashMap<u64, Option<u32>>,
    shapes: FxHashSet<Rc<Shape>>,
    /// The shape of the stack that is walked.
    walked: Shape,
}

impl<'a> Sites<'a> {
    pub(crate) fn new(image: &'a Image, memory: &'a dyn Memory) -> Self {
        Self {
            image,
            memory,
            sites: Vec::new(),
            by_pc: FxHashMap::default(),
            shapes: FxHashSet::default(),
            walked: Shape::default(),
        }
    }

    pub(crate) fn get(&self, number: u32) -> &Site {
        &self.sites[number as usize]
    }

    /// The name of the function of a frame.
    pub(crate) fn name(&self, number: u32) -> &'a [u8] {
        let site = self.get(number);
        self.image.modules[site.module].functions.name(site.function)
    }

    /// The pointers of a frame that will go on here.
    pub(crate) fn map(&mut self, number: u32) -> Option<&FrameMap> {
        let site = &mut self.sites[number as usize];
        let functions = &self.image.modules[site.module].functions;
        let memory = self.memory;
        site.map.get_or_insert_with(|| FrameMap::read(memory, functions, site.function, site.pc)).as_ref()
    }

    /// The site of a program counter.
    pub(crate) fn find(&mut self, pc: u64) -> Option<u32> {
        if let Some(known) = self.by_pc.get(&pc) {
            return *known;
        }
        let site = self.read(pc);
        let number = site.and_then(|site| {
            let number = u32::try_from(self.sites.len()).ok()?;
            self.sites.push(site);
            Some(number)
        });
        self.by_pc.insert(pc, number);
        number
    }

    fn read(&self, pc: u64) -> Option<Site> {
        let module = self.image.modules.iter().position(|module| module.functions.contains(pc))?;
        let functions = &self.image.modules[module].functions;
        let function = functions.find(pc)?;
        let role = match functions.name(function) {
            b"runtime.asyncPreempt" | b"runtime.debugCallV2" | b"runtime.sigreturn__sigaction" => Role::Interrupts,
            b"runtime.sigpanic" => Role::Fault,
            b"reflect.makeFuncStub" | b"reflect.methodValueCall" => Role::Reflection,
            _ => Role::Plain,
        };
        Some(Site {
            pc,
            module,
            function,
            frame_size: functions.frame_size(function, pc),
            is_outermost: functions.is_outermost(function),
            writes_sp: functions.writes_sp(function),
            role,
            args_size: functions.args_size(function),
            map: None,
        })
    }

    /// Walks a stack from where it will go on up to `top`; `stack` is what lies from there on.
    pub(crate) fn walk(&mut self, resume: Resume, top: u64, stack: &[u8]) -> Frames {
        let mut walked = std::mem::take(&mut self.walked);
        walked.frames.clear();
        walked.is_complete = false;
        let Resume { mut pc, mut sp } = resume;
        for depth in 0..MAX_FRAMES {
            let Some(number) = self.find(pc) else { break };
            let site = self.get(number);
            let frame = |end: u64| RawFrame { site: number, sp: sp - resume.sp, end: end.saturating_sub(resume.sp) };
            if site.is_outermost {
                walked.frames.push(frame(top));
                walked.is_complete = true;
                break;
            }
            let end = site
                .frame_size
                .filter(|_| !site.writes_sp || depth == 0)
                .and_then(|size| sp.checked_add(size)?.checked_add(8))
                .filter(|end| *end <= top);
            walked.frames.push(frame(end.unwrap_or(top)));
            let Some(end) = end else { break };
            pc = word(stack, usize::try_from(end - 8 - resume.sp).unwrap_or(usize::MAX - 8));
            sp = end;
        }
        let shape = match self.shapes.get(&walked) {
            Some(known) => Rc::clone(known),
            None => {
                let shape = Rc::new(walked.clone());
                self.shapes.insert(Rc::clone(&shape));
                shape
            }
        };
        self.walked = walked;
        Frames { sp: resume.sp, shape }
    }
}

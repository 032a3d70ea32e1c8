//! What keeps the door open for a goroutine that is not proven: the way by which what it waits for was
//! reached, in words.

use gostray_model::FunctionName;

use crate::heap::Object;
use crate::image::Image;
use crate::memory::word;
use crate::prove::blocked::Wait;
use crate::prove::capture::Capture;
use crate::prove::mark::{From, Root, Trail};
use crate::prove::proof::Findings;
use crate::site::Sites;
use crate::symbols::Symbols;
use crate::types::{Types, Word};

/// Longer ways are cut in the middle.
const MAX_STEPS: usize = 10_000;
const SHOWN: usize = 6;

/// Puts ways into words.
pub(crate) struct Holders<'c, 'm> {
    pub(crate) capture: &'c Capture<'m>,
    pub(crate) findings: &'c Findings<'c, 'm>,
    pub(crate) image: &'c Image,
    pub(crate) processor: Processor,
    pub(crate) types: &'c Types<'c>,
    pub(crate) symbols: &'c Symbols,
}

/// What a `runtime.p` looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Processor {
    pub(crate) size: u64,
    /// Where its timers lie in it.
    pub(crate) timers: u64,
}

/// What is known of an object on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// Its type, if it is one of the program's.
    of: Option<u64>,
    /// What it is called; `None` for one of which nothing is known.
    name: Option<String>,
}

impl Holders<'_, '_> {
    /// Who keeps what a goroutine waits for: `global main.registry → map[string]*main.sub → chan`.
    /// `None` for a goroutine that waits for nothing that could be held.
    pub(crate) fn of(&self, number: usize, sites: &Sites<'_>) -> Option<String> {
        let Wait::On { objects, .. } = &self.findings.waits[number] else { return None };
        let trail = self.findings.marker.trail.as_ref()?;
        let heap = &self.capture.heap;
        let kind = self.kind(number);
        if let Some(variable) = objects.iter().find(|object| heap.object(**object).is_none()) {
            return Some(self.variable(*variable));
        }
        // Of several the one with the shortest way.
        let ways = objects.iter().filter_map(|object| self.way(trail, heap.object(*object)?));
        let (root, way) = ways.min_by_key(|(_, way)| way.len())?;
        Some(self.words(root, &way, kind, sites))
    }

    /// What it waits for, in a word.
    fn kind(&self, number: usize) -> &'static str {
        match &self.findings.frames[number] {
            Some(_) if self.capture.goroutines[number].waiting == 0 => "lock",
            _ => {
                let Wait::On { objects, .. } = &self.findings.waits[number] else { return "object" };
                let is_channel = objects.first().is_some_and(|object| self.capture.channels.contains_key(object));
                if is_channel { "chan" } else { "lock" }
            }
        }
    }

    /// The objects from a root to an object.
    fn way(&self, trail: &Trail, object: Object) -> Option<(Root, Vec<Object>)> {
        let heap = &self.capture.heap;
        let mut way = vec![object];
        let mut number = heap.number(object);
        for _ in 0..MAX_STEPS {
            match trail.get(number)? {
                From::Object(other) => {
                    number = other;
                    way.push(heap.by_number(other)?);
                }
                From::Root(root) => {
                    way.reverse();
                    return Some((root, way));
                }
            }
        }
        None
    }

    /// Is it the list of timers of a processor of the runtime (`runtime.p`), which a variable reaches
    /// through the list of all? Up to Go 1.21 no object tells its type.
    fn is_timers(&self, root: Root, way: &[Object], at: usize) -> bool {
        let ([_, processor, ..], 2, Root::Variable(_)) = (way, at, root) else { return false };
        let heap = &self.capture.heap;
        let size = heap.span(*processor).object_size;
        let is_processor = size >= self.processor.size && size < self.processor.size + self.processor.size / 4;
        // A slice, in some releases behind a lock.
        let timers = self.processor.timers..self.processor.timers + 32;
        is_processor && self.offset(*processor, way[at]).is_some_and(|offset| timers.contains(&offset))
    }

    /// Where in an object the pointer to another one lies.
    fn offset(&self, from: Object, to: Object) -> Option<u64> {
        let heap = &self.capture.heap;
        let (low, size) = (heap.address(to), heap.span(to).object_size);
        let mut found = None;
        heap.for_each_pointer(from, |at, value| {
            if found.is_none() && (low..low + size).contains(&value) {
                found = Some(at);
            }
        });
        found
    }

    fn words(&self, root: Root, way: &[Object], kind: &str, sites: &Sites<'_>) -> String {
        let mut parts = vec![self.root(root, sites)];
        let mut known: Option<u64> = None;
        let mut skipped = 0;
        for (at, object) in way.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| way[before]);
            let step = match self.is_timers(root, way, at) {
                true => Step { of: None, name: Some("timer".to_owned()) },
                false => self.step(before, known, *object),
            };
            known = step.of;
            let is_last = at + 1 == way.len();
            if step.name.as_deref() == Some("timer") {
                // How the runtime keeps timers is its own business.
                parts = vec!["timer".to_owned()];
                skipped = 0;
                continue;
            }
            let name = match step.name {
                _ if is_last && kind == "chan" => "chan".to_owned(),
                Some(name) => name,
                None if is_last => kind.to_owned(),
                None => {
                    skipped += 1;
                    continue;
                }
            };
            if skipped > 0 {
                parts.push("…".to_owned());
            }
            skipped = 0;
            // A map or slice is kept in several objects.
            if parts.last() != Some(&name) {
                parts.push(name);
            }
        }
        if parts.len() > SHOWN {
            let tail = parts.split_off(parts.len() - 3);
            parts.truncate(SHOWN - 3);
            parts.push("…".to_owned());
            parts.extend(tail);
            parts.dedup();
        }
        parts.join(" → ")
    }

    /// What an object is, from itself or from the one that leads to it.
    fn step(&self, before: Option<Object>, before_type: Option<u64>, object: Object) -> Step {
        let heap = &self.capture.heap;
        if let Some(of) = heap.type_of(object).filter(|of| self.types.contains(*of))
            && let Some(name) = self.types.name(of)
        {
            return Step { of: Some(of), name: shown(&name) };
        }
        if let Some(before) = before
            && let Some(step) = self.step_from(before, before_type, object)
        {
            return step;
        }
        // A closure begins with its code.
        let first = word(heap.contents(object), 0);
        let module = self.function_at(first);
        Step { of: None, name: module.map(|name| format!("func {}", FunctionName::new(&name).short())) }
    }

    fn function_at(&self, pc: u64) -> Option<String> {
        let functions = &self.image.module(pc)?.functions;
        let function = functions.find(pc).filter(|function| function.entry == pc)?;
        Some(String::from_utf8_lossy(functions.name(function)).into_owned())
    }

    fn step_from(&self, before: Object, before_type: Option<u64>, object: Object) -> Option<Step> {
        let heap = &self.capture.heap;
        let offset = self.offset(before, object)?;
        let contents = heap.contents(before);
        let first = offset.checked_sub(8).and_then(|at| usize::try_from(at).ok()).map(|at| word(contents, at));
        if let Some(of) = before_type {
            let header = u64::from(heap.has_header(before)) * 8;
            let mut fields = Vec::new();
            let word_at = self.types.word_at(of, offset.saturating_sub(header), &mut fields);
            if self.types.name(of).as_deref() == Some("runtime.p") && fields.first().is_some_and(|f| f == "timers") {
                return Some(Step { of: None, name: Some("timer".to_owned()) });
            }
            match word_at? {
                Word::Pointer(of) => {
                    let name = self.types.name(of)?;
                    return Some(Step { of: Some(of), name: shown(&format!("*{name}")) });
                }
                Word::Array(of) => {
                    let name = self.types.name(of)?;
                    return Some(Step { of: Some(of), name: shown(&format!("[]{name}")) });
                }
                Word::Chan => return Some(Step { of: None, name: Some("chan".to_owned()) }),
                Word::Map(of) => {
                    return Some(Step { of: None, name: self.types.name(of) });
                }
                Word::Func => return None,
                Word::Interface => {}
            }
        }
        let of = self.types.dynamic(first?)?;
        let name = self.types.name(of)?;
        // What an interface of a pointer type leads to is what that points to.
        let pointed = self.types.pointed(of).or(Some(of).filter(|_| !name.starts_with("func(")));
        Some(Step { of: pointed, name: shown(&name) })
    }

    fn variable(&self, address: u64) -> String {
        match self.symbols.variable(address) {
            // Symbols of variables are written as those of functions are.
            Some(name) => format!("global {}", FunctionName::new(name).short()),
            None => format!("global at {address:#x}"),
        }
    }

    fn root(&self, root: Root, sites: &Sites<'_>) -> String {
        match root {
            Root::Variable(address) => self.variable(address),
            Root::Goroutine(number) => {
                let id = self.capture.goroutines[number].id;
                match self.own_function(number, sites) {
                    Some(function) => format!("stack of goroutine {id} in {function}"),
                    None => format!("stack of goroutine {id}"),
                }
            }
            Root::Thread(tid) => format!("thread {tid}"),
            Root::Finalizer => "finalizer or cleanup".to_owned(),
            Root::QueuedFinalizer => "finalizer or cleanup that is about to run".to_owned(),
            Root::WeakPointer => "weak pointer".to_owned(),
            Root::Pinned => "pinned for C".to_owned(),
            Root::Foreign(address) => format!("memory of C at {address:#x}"),
        }
    }

    /// The first function of a goroutine that is not the runtime's or the standard library's.
    fn own_function(&self, number: usize, sites: &Sites<'_>) -> Option<String> {
        let frames = self.findings.frames[number].as_ref()?;
        let names = frames.iter().map(|frame| String::from_utf8_lossy(sites.name(frame.site)).into_owned());
        let names: Vec<String> = names.collect();
        let own = names.iter().find(|name| !FunctionName::new(name).is_std());
        own.or(names.iter().rev().nth(1))
            .map(|name| FunctionName::new(&FunctionName::collapse_type_arguments(name)).short())
    }
}

/// What is shown of a type: the insides of maps are `map`, those of the runtime nothing.
fn shown(name: &str) -> Option<String> {
    let plain = name.trim_start_matches(['*', '[', ']']);
    if ["noalg.map", "map.bucket", "map.group", "internal/runtime/maps.", "maps.", "runtime.hmap", "runtime.bmap"]
        .iter()
        .any(|inside| plain.starts_with(inside))
    {
        return Some("map".to_owned());
    }
    (!plain.starts_with("runtime.")).then(|| name.to_owned())
}

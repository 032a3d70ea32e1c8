//! The identity of a kind of goroutine.

use std::fmt;
use std::str::FromStr;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::function::FunctionName;
use crate::operation::Operation;
use crate::record::Status;
use crate::tables::{Frame, Stack, Tables};

/// The identity of a kind of goroutine: the function it was started with, the first function
/// outside the standard library it is blocked in, and the operation; names normalised, no lines,
/// no addresses. It survives a deploy and a Go upgrade. Written as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Signature(u64);

impl Signature {
    /// The signature of a goroutine with this stack and status.
    #[must_use]
    pub fn of(tables: &Tables, stack: &Stack, status: &Status) -> Self {
        Signer::new(tables).sign(stack, Operation::of(tables, stack, status))
    }
}

/// Makes the signatures of one snapshot: stacks share most of their frames, and what a frame
/// contributes is string work.
pub(crate) struct Signer<'a> {
    tables: &'a Tables,
    names: HashMap<*const Frame, Name, FxBuildHasher>,
}

/// What a frame contributes.
struct Name {
    is_std: bool,
    normalised: Box<str>,
}

impl<'a> Signer<'a> {
    pub(crate) fn new(tables: &'a Tables) -> Self {
        Self { tables, names: HashMap::default() }
    }

    pub(crate) fn sign(&mut self, stack: &Stack, operation: Operation) -> Signature {
        let mut hash = Fnv::default();
        let mut write = |part: &str| {
            hash.write(part.as_bytes());
            hash.write(&[0]);
        };
        let tables = self.tables;
        let start = tables.visible(stack).next_back();
        match start {
            _ if stack.truncated => write("..."),
            Some(start) => write(&self.name(start).normalised),
            None => write(""),
        }
        let blocked = tables.visible(stack).find(|frame| !self.name(frame).is_std).or(start);
        match blocked {
            Some(blocked) => write(&self.name(blocked).normalised),
            None => write(""),
        }
        write(operation.token());
        Signature(hash.0)
    }

    /// The frames of one table don't move while it is borrowed, so their addresses name them.
    fn name(&mut self, frame: &Frame) -> &Name {
        self.names.entry(std::ptr::from_ref(frame)).or_insert_with(|| {
            let name = FunctionName::new(&frame.function);
            Name { is_std: name.is_std(), normalised: name.normalised().into() }
        })
    }
}

/// The function a goroutine was started with: its outermost frame. `None` for an empty stack.
#[must_use]
pub fn start_function<'a>(tables: &'a Tables, stack: &'a Stack) -> Option<&'a Frame> {
    tables.visible(stack).next_back()
}

/// Where a goroutine is blocked, as its developer would say: the first frame outside the standard
/// library; in a goroutine that is all standard library, the function it was started with.
#[must_use]
pub fn blocked_frame<'a>(tables: &'a Tables, stack: &'a Stack) -> Option<&'a Frame> {
    tables
        .visible(stack)
        .find(|frame| !FunctionName::new(&frame.function).is_std())
        .or_else(|| start_function(tables, stack))
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// FNV-1a, 64 bits: written into files and databases, so it must never change.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

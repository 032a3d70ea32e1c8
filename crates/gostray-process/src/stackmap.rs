//! Which words of a frame are pointers, by program counter.

use crate::memory::{Memory, half};
use crate::pclntab::{Function, Functions};

/// Numbers of the tables of a function, from Go's `internal/abi`.
const PCDATA_STACK_MAP_INDEX: u32 = 1;
const FUNCDATA_ARGS: u8 = 0;
const FUNCDATA_LOCALS: u8 = 1;
const FUNCDATA_STACK_OBJECTS: u8 = 2;
/// No frame has more maps, words or objects.
const MAX_MAPS: u32 = 1 << 20;
const MAX_WORDS: u32 = 1 << 24;
const MAX_OBJECTS: u64 = 1 << 16;

/// The pointers of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pointers {
    /// Offsets in bytes: of local variables downwards from where they end, of arguments upwards from
    /// where they begin.
    At(Vec<u32>),
    /// There is no map: every word may be one.
    Unknown,
}

/// A variable in a frame that is only alive while something points to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackObject {
    /// Below the end of the local variables if negative, otherwise above the start of the arguments.
    pub(crate) offset: i32,
    pub(crate) size: u32,
}

/// The maps of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameMap {
    pub(crate) locals: Pointers,
    pub(crate) args: Pointers,
    pub(crate) objects: Vec<StackObject>,
}

impl FrameMap {
    /// The map of a function that will go on at `pc`, which is behind a call or its entry. `None` where
    /// the tables can't be read.
    pub(crate) fn read(memory: &dyn Memory, functions: &Functions, function: Function, pc: u64) -> Option<Self> {
        let index =
            if pc == function.entry { None } else { functions.pcdata(function, PCDATA_STACK_MAP_INDEX, pc - 1) };
        // As the runtime: no index means the prologue, whose map is the first.
        let index = index.and_then(|index| u32::try_from(index).ok()).unwrap_or(0);
        let words = |which| words(memory, functions.funcdata(function, which)?, index);
        let locals = words(FUNCDATA_LOCALS).map_or(Pointers::Unknown, |(count, words)| {
            Pointers::At(words.iter().map(|word| 8 * (count - word)).collect())
        });
        let args = words(FUNCDATA_ARGS)
            .map_or(Pointers::Unknown, |(_, words)| Pointers::At(words.iter().map(|word| 8 * word).collect()));
        Some(Self { locals, args, objects: objects(memory, functions, function)? })
    }
}

/// How many words a map has, and which of them are pointers.
fn words(memory: &dyn Memory, map: u64, index: u32) -> Option<(u32, Vec<u32>)> {
    let (maps, count) = (memory.u32(map).ok()?, memory.u32(map.checked_add(4)?).ok()?);
    if count == 0 {
        return Some((0, Vec::new()));
    }
    if index >= maps || maps > MAX_MAPS || count > MAX_WORDS {
        return None;
    }
    let len = count.div_ceil(8);
    let bits = memory.bytes(map.checked_add(8 + u64::from(index) * u64::from(len))?, len.into()).ok()?;
    Some((count, (0..count).filter(|word| bits[*word as usize / 8] >> (word % 8) & 1 != 0).collect()))
}

fn objects(memory: &dyn Memory, functions: &Functions, function: Function) -> Option<Vec<StackObject>> {
    let Some(table) = functions.funcdata(function, FUNCDATA_STACK_OBJECTS) else { return Some(Vec::new()) };
    let count = memory.u64(table).ok().filter(|count| *count <= MAX_OBJECTS)?;
    let fields = functions.stack_object_fields();
    let records = memory.bytes(table.checked_add(8)?, count * fields.record as u64).ok()?;
    let records = records.chunks_exact(fields.record);
    Some(
        records
            .map(|record| StackObject {
                offset: half(record, fields.offset).cast_signed(),
                size: half(record, fields.size),
            })
            .collect(),
    )
}

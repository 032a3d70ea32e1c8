//! The function table (pclntab): names, files, lines, inlined calls and stack sizes by program
//! counter.

use crate::error::ProcessError;
use crate::layout::Layout;
use crate::memory::{Memory, half};

/// Numbers of the tables of a function, from Go's `internal/abi`.
const PCDATA_INL_TREE_INDEX: u32 = 2;
const FUNCDATA_INL_TREE: u8 = 3;
/// The size of an entry of the tree of inlined calls.
const INLINED_CALL: u64 = 16;
/// Flags of a function.
const FLAG_TOP_FRAME: u8 = 1;
const FLAG_SP_WRITE: u8 = 2;
/// No function inlines deeper.
const MAX_INLINED: usize = 128;

/// The functions of a module.
pub(crate) struct Functions {
    text: std::ops::Range<u64>,
    /// Offset of the code and of the record of each function, rising.
    index: Vec<(u32, u32)>,
    records: Vec<u8>,
    names: Vec<u8>,
    files: Vec<u8>,
    units: Vec<u8>,
    values: Vec<u8>,
    funcdata: u64,
    fields: Fields,
}

/// Offsets within a function's record.
struct Fields {
    name: usize,
    sp: usize,
    file: usize,
    line: usize,
    npcdata: usize,
    unit: usize,
    id: usize,
    flag: usize,
    nfuncdata: usize,
    size: usize,
    args: usize,
    wrapper: u8,
    inlined_name: u64,
    inlined_parent: u64,
    stack_object: StackObjectFields,
}

/// Offsets within the record of a stack object, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackObjectFields {
    pub(crate) record: usize,
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) entry: u64,
    /// Where its code ends.
    pub(crate) end: u64,
    record: usize,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

impl Functions {
    /// Reads the tables of the module whose data lies at `data`.
    pub(crate) fn read(memory: &dyn Memory, layout: &Layout, data: u64) -> Result<Self, ProcessError> {
        let at = |name: &str| data + layout.at(&format!("runtime.moduledata.{name}"));
        let slice = |name: &str, size: u64| -> Result<Vec<u8>, ProcessError> {
            let (start, len) = (memory.u64(at(name))?, memory.u64(at(name) + 8)?);
            memory.bytes(start, len.saturating_mul(size))
        };
        let index = slice("ftab", 8)?;
        let index = index.chunks_exact(8).map(|entry| (half(entry, 0), half(entry, 4))).collect();
        let field = |name: &str| usize::try_from(layout.at(&format!("runtime._func.{name}"))).unwrap_or(usize::MAX / 2);
        Ok(Self {
            text: memory.u64(at("text"))?..memory.u64(at("etext"))?,
            index,
            records: slice("pclntable", 1)?,
            names: slice("funcnametab", 1)?,
            files: slice("filetab", 1)?,
            units: slice("cutab", 4)?,
            values: slice("pctab", 1)?,
            funcdata: memory.u64(at("gofunc"))?,
            fields: Fields {
                name: field("nameOff"),
                sp: field("pcsp"),
                file: field("pcfile"),
                line: field("pcln"),
                npcdata: field("npcdata"),
                unit: field("cuOffset"),
                id: field("funcID"),
                flag: field("flag"),
                nfuncdata: field("nfuncdata"),
                size: field("__size"),
                args: field("args"),
                wrapper: u8::try_from(layout.at("abi.FuncIDWrapper")).unwrap_or(u8::MAX),
                inlined_name: layout.at("runtime.inlinedCall.nameOff"),
                inlined_parent: layout.at("runtime.inlinedCall.parentPc"),
                stack_object: StackObjectFields {
                    record: layout.index("runtime.stackObjectRecord.__size"),
                    offset: layout.index("runtime.stackObjectRecord.off"),
                    size: layout.index("runtime.stackObjectRecord.size"),
                },
            },
        })
    }

    pub(crate) fn contains(&self, pc: u64) -> bool {
        self.text.contains(&pc)
    }

    /// The function a program counter lies in.
    pub(crate) fn find(&self, pc: u64) -> Option<Function> {
        let offset = u32::try_from(pc.checked_sub(self.text.start)?).ok()?;
        let after = self.index.partition_point(|(start, _)| *start <= offset);
        // The last entry only marks the end.
        let (&(start, record), &(end, _)) = (self.index.get(after.checked_sub(1)?)?, self.index.get(after)?);
        Some(self.function(start, end, record))
    }

    /// Places all over the code.
    #[cfg(test)]
    pub(crate) fn sample(&self) -> impl Iterator<Item = u64> + '_ {
        self.text.clone().step_by(509)
    }

    /// Is a package linked into it?
    pub(crate) fn has_package(&self, package: &str) -> bool {
        memchr::memmem::find(&self.names, format!("\0{package}.").as_bytes()).is_some()
    }

    /// Is there a function of that name?
    pub(crate) fn has_name(&self, name: &str) -> bool {
        memchr::memmem::find(&self.names, format!("\0{name}\0").as_bytes()).is_some()
    }

    /// Is there a package that calls C functions or is called by C, except some? `import "C"` gives it functions
    /// with such names.
    pub(crate) fn calls_c(&self, except: &[&str]) -> bool {
        let marks = ["._Cfunc_", "._C2func_", "._cgoexp_", "._cgoexpwrap_", "._Cmacro_"];
        marks.iter().any(|mark| {
            memchr::memmem::find_iter(&self.names, mark).any(|at| {
                let start = memchr::memrchr(0, &self.names[..at]).map_or(0, |zero| zero + 1);
                !except.iter().any(|package| *package.as_bytes() == self.names[start..at])
            })
        })
    }

    /// The function of a name.
    pub(crate) fn by_name(&self, name: &str) -> Option<Function> {
        self.index
            .windows(2)
            .map(|pair| self.function(pair[0].0, pair[1].0, pair[0].1))
            .find(|f| self.name(*f) == name.as_bytes())
    }

    fn function(&self, start: u32, end: u32, record: u32) -> Function {
        let address = |offset: u32| self.text.start.wrapping_add(offset.into());
        Function { entry: address(start), end: address(end), record: record as usize }
    }

    fn field(&self, function: Function, offset: usize) -> u32 {
        half(&self.records, function.record.saturating_add(offset))
    }

    fn byte(&self, function: Function, offset: usize) -> u8 {
        self.records.get(function.record.saturating_add(offset)).copied().unwrap_or(0)
    }

    pub(crate) fn name(&self, function: Function) -> &[u8] {
        text_at(&self.names, self.field(function, self.fields.name))
    }

    /// Does every stack end here (`runtime.goexit`, `runtime.mstart`, …)?
    pub(crate) fn is_outermost(&self, function: Function) -> bool {
        self.byte(function, self.fields.flag) & FLAG_TOP_FRAME != 0
    }

    /// Does it set the stack pointer in a way that the table does not describe?
    pub(crate) fn writes_sp(&self, function: Function) -> bool {
        self.byte(function, self.fields.flag) & FLAG_SP_WRITE != 0
    }

    /// Did the compiler make it (method wrappers, `go` with arguments)? Tracebacks leave it out.
    pub(crate) fn is_wrapper(&self, function: Function) -> bool {
        self.byte(function, self.fields.id) == self.fields.wrapper
    }

    /// The size of its arguments on the stack in bytes; `None` where it can't be known.
    pub(crate) fn args_size(&self, function: Function) -> Option<u64> {
        u64::try_from(self.field(function, self.fields.args).cast_signed()).ok()
    }

    pub(crate) fn stack_object_fields(&self) -> StackObjectFields {
        self.fields.stack_object
    }

    /// The size of its frame at a program counter in bytes, without the return address.
    pub(crate) fn frame_size(&self, function: Function, pc: u64) -> Option<u64> {
        u64::try_from(self.value(function, self.field(function, self.fields.sp), pc)?).ok()
    }

    /// The place of a program counter and, outside it, the places it was inlined into.
    pub(crate) fn places(&self, memory: &dyn Memory, function: Function, pc: u64) -> Vec<Place> {
        let mut places = Vec::new();
        let mut pc = pc;
        if let Some(tree) = self.funcdata(function, FUNCDATA_INL_TREE) {
            while places.len() < MAX_INLINED {
                let Some(index) = self.pcdata(function, PCDATA_INL_TREE_INDEX, pc).and_then(|i| u64::try_from(i).ok())
                else {
                    break;
                };
                let Ok(call) = memory.bytes(tree.wrapping_add(index * INLINED_CALL), INLINED_CALL) else { break };
                let at = |field: u64| half(&call, usize::try_from(field).unwrap_or(usize::MAX / 2));
                places.push(self.place(function, pc, text_at(&self.names, at(self.fields.inlined_name))));
                pc = function.entry.wrapping_add(at(self.fields.inlined_parent).into());
            }
        }
        places.push(self.place(function, pc, self.name(function)));
        places
    }

    /// The place of a program counter, with the name of the function it was compiled into.
    pub(crate) fn outer_place(&self, function: Function, pc: u64) -> Place {
        self.place(function, pc, self.name(function))
    }

    fn place(&self, function: Function, pc: u64, name: &[u8]) -> Place {
        let number = |table: usize| self.value(function, self.field(function, table), pc);
        let file = number(self.fields.file).and_then(|n| usize::try_from(n).ok()).map(|n| {
            let unit = self.field(function, self.fields.unit) as usize;
            text_at(&self.files, half(&self.units, unit.saturating_add(n).saturating_mul(4)))
        });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Place {
            function: text(name),
            file: file.map(text).unwrap_or_default(),
            line: number(self.fields.line).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        }
    }

    pub(crate) fn pcdata(&self, function: Function, table: u32, pc: u64) -> Option<i32> {
        (table < self.field(function, self.fields.npcdata))
            .then(|| self.field(function, self.fields.size + table as usize * 4))
            .and_then(|values| self.value(function, values, pc))
    }

    pub(crate) fn funcdata(&self, function: Function, which: u8) -> Option<u64> {
        if which >= self.byte(function, self.fields.nfuncdata) {
            return None;
        }
        let tables = self.field(function, self.fields.npcdata) as usize;
        let offset = self
            .field(function, self.fields.size.saturating_add(tables.saturating_add(which.into()).saturating_mul(4)));
        (offset != u32::MAX).then(|| self.funcdata.wrapping_add(offset.into()))
    }

    /// The value of a program counter in a table of deltas: (value, length) pairs as varints.
    fn value(&self, function: Function, table: u32, pc: u64) -> Option<i32> {
        if table == 0 {
            return None;
        }
        let mut bytes = self.values.get(table as usize..)?.iter();
        let mut varint = || -> Option<u32> {
            let mut result = 0u32;
            for shift in (0..35).step_by(7) {
                let byte = *bytes.next()?;
                result |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                if byte & 0x80 == 0 {
                    return Some(result);
                }
            }
            None
        };
        let (mut value, mut at, mut is_first) = (-1i32, function.entry, true);
        loop {
            let delta = varint()?;
            if delta == 0 && !is_first {
                return None;
            }
            is_first = false;
            // Zigzag.
            let delta = if delta & 1 == 0 { (delta >> 1).cast_signed() } else { !(delta >> 1).cast_signed() };
            value = value.wrapping_add(delta);
            at = at.wrapping_add(varint()?.into());
            if pc < at {
                return Some(value);
            }
        }
    }
}

/// The text at an offset of a table of zero-terminated texts.
fn text_at(table: &[u8], offset: u32) -> &[u8] {
    let rest = table.get(offset as usize..).unwrap_or_default();
    &rest[..memchr::memchr(0, rest).unwrap_or(0)]
}

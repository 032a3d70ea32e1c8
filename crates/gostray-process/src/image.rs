//! The Go image in a process's memory: its version, its modules, its function tables. Found from
//! memory alone, so that stripped, position-independent and deleted binaries are no different.

use std::fs::File;
use std::ops::Range;

use memchr::memmem;

use crate::buildinfo::{self, BuildInfo};
use crate::error::{ProcessError, Subject};
use crate::layout::Layout;
use crate::live::Mapping;
use crate::machine::Machine;
use crate::memory::{Memory, half, word};
use crate::pclntab::Functions;

/// The magic of the function table, with the two bytes of padding behind it: of Go 1.20 and later, and of Go 1.18
/// and 1.19.
const MAGICS: [[u8; 6]; 2] = [[0xf1, 0xff, 0xff, 0xff, 0, 0], [0xf0, 0xff, 0xff, 0xff, 0, 0]];
/// Memory is searched in pieces of this size.
const PIECE: u64 = 4 << 20;
/// More modules than a program with plugins has.
const MAX_MODULES: usize = 64;

/// A Go program's image.
pub(crate) struct Image {
    pub(crate) machine: Machine,
    pub(crate) build: BuildInfo,
    pub(crate) layout: Layout,
    pub(crate) modules: Vec<Module>,
}

/// The executable or a plugin.
pub(crate) struct Module {
    pub(crate) functions: Functions,
    /// Where its variables lie, and maybe those of C between them.
    pub(crate) variables: Range<u64>,
    /// Where only its own do.
    pub(crate) own: [Range<u64>; 4],
    /// Those that may hold pointers, with a bit for each word; `None` where the bits don't fit.
    pub(crate) pointers: Option<Vec<(Range<u64>, Vec<u8>)>>,
    /// Where its types lie.
    pub(crate) types: Range<u64>,
}

impl Image {
    /// Finds it in the mappings of an executable. Its file is asked for only if no table has its layout.
    pub(crate) fn find(
        memory: &dyn Memory,
        subject: &Subject,
        mappings: &[Mapping],
        executable: &dyn Fn() -> Option<File>,
    ) -> Result<Self, ProcessError> {
        let not_go = |what| ProcessError::NotGo { subject: subject.clone(), what };
        let machine = machine(memory, subject, mappings)?;
        let build = buildinfo::find(memory, mappings)?.ok_or_else(|| {
            if buildinfo::is_hidden(memory, mappings) {
                let what = "its Go release was taken out of it, as garble does, and nothing else tells how its memory is laid out";
                return ProcessError::Unsupported { subject: subject.clone(), what: what.to_owned() };
            }
            not_go("it holds no Go build information (gccgo, TinyGo or another language)")
        })?;
        let layout = Layout::of(&build.go_version, machine)
            .map_or_else(|| Layout::of_program(&build.go_version, executable()), Ok);
        let layout = layout.map_err(|why| ProcessError::Unsupported {
            subject: subject.clone(),
            what: format!(
                "it was built with {}, and this version knows Go {}; its own DWARF could tell where things lie, but {why}",
                build.go_version,
                Layout::releases()
            ),
        })?;
        let table =
            find_function_table(memory, machine, mappings)?.ok_or_else(|| not_go("it holds no Go function table"))?;
        let first = find_module_data(memory, mappings, &layout, table)?
            .ok_or_else(|| not_go("nothing refers to its Go function table"))?;
        let mut modules = Vec::new();
        let mut next = first;
        while next != 0 && modules.len() < MAX_MODULES {
            let (module, after) = Module::read(memory, &layout, next)?;
            modules.push(module);
            next = after;
        }
        Ok(Self { machine, build, layout, modules })
    }

    /// The module a program counter belongs to.
    pub(crate) fn module(&self, pc: u64) -> Option<&Module> {
        self.modules.iter().find(|module| module.functions.contains(pc))
    }
}

impl Module {
    fn read(memory: &dyn Memory, layout: &Layout, data: u64) -> Result<(Self, u64), ProcessError> {
        let field = |name: &str| memory.u64(data + layout.at(&format!("runtime.moduledata.{name}")));
        let functions = Functions::read(memory, layout, data)?;
        let start = field("noptrdata")?.min(field("data")?);
        let end = field("end")?.max(field("ebss")?).max(field("enoptrbss")?);
        let pointers = [("data", "edata", "gcdatamask"), ("bss", "ebss", "gcbssmask")]
            .into_iter()
            .map(|(start, end, mask)| {
                let range = field(start)?..field(end)?;
                let mask = data + layout.at(&format!("runtime.moduledata.{mask}"));
                let words = u64::from(memory.u32(mask)?);
                // A mask that is too short would hide pointers.
                if words != range.end.saturating_sub(range.start) / 8 {
                    return Err(ProcessError::Unreadable { address: mask });
                }
                Ok((range, memory.bytes(memory.u64(mask + 8)?, words.div_ceil(8))?))
            })
            .collect::<Result<_, ProcessError>>()
            .ok();
        // The linker of C puts C's own behind each of these.
        let part = |start, end| Ok::<_, ProcessError>(field(start)?..field(end)?);
        let own = [
            part("noptrdata", "enoptrdata")?,
            part("data", "edata")?,
            part("bss", "ebss")?,
            part("noptrbss", "enoptrbss")?,
        ];
        let types = field("types")?..field("etypes")?;
        Ok((Self { functions, variables: start..end, own, pointers, types }, field("next")?))
    }
}

/// Refuses executables of other machines before anything is taken for something else.
fn machine(memory: &dyn Memory, subject: &Subject, mappings: &[Mapping]) -> Result<Machine, ProcessError> {
    let unsupported = |what: &str| ProcessError::Unsupported { subject: subject.clone(), what: what.to_owned() };
    let not_go = |what| ProcessError::NotGo { subject: subject.clone(), what };
    let first = mappings.first().ok_or_else(|| not_go("it maps no executable"))?;
    let header = memory.bytes(first.start, 64)?;
    if !header.starts_with(b"\x7fELF") {
        return Err(not_go("it is no ELF executable"));
    }
    match (header[4], half(&header, 18) & 0xffff) {
        (1, _) => Err(unsupported("it is a 32-bit program")),
        (2, 62) => Ok(Machine::Amd64),
        (2, 183) => Ok(Machine::Arm64),
        _ => Err(unsupported("it was built for a machine that this version does not know")),
    }
}

/// Calls `found` with the address of each occurrence of `needle` at a multiple of `align`, until it
/// gives something. Parts that can't be read are passed over.
pub(crate) fn search<T>(
    memory: &dyn Memory,
    mappings: &[Mapping],
    needle: &[u8],
    align: u64,
    mut found: impl FnMut(u64) -> Option<T>,
) -> Option<T> {
    let finder = memmem::Finder::new(needle);
    for mapping in mappings {
        let mut start = mapping.start;
        while start < mapping.end {
            // Pieces overlap, so that no occurrence falls between two.
            let end = mapping.end.min(start + PIECE + needle.len() as u64);
            if let Ok(piece) = memory.bytes(start, end - start) {
                let hits = finder.find_iter(&piece).map(|at| start + at as u64);
                if let Some(result) = hits.filter(|at| at % align == 0).find_map(&mut found) {
                    return Some(result);
                }
            }
            start += PIECE;
        }
    }
    None
}

fn find_function_table(
    memory: &dyn Memory,
    machine: Machine,
    mappings: &[Mapping],
) -> Result<Option<u64>, ProcessError> {
    let is_table = |address| {
        let header = memory.bytes(address, 72).ok()?;
        let (count, parts) = (word(&header, 8), [32, 40, 48, 56, 64].map(|at| word(&header, at)));
        let is_header = header[6..8] == machine.quantum_and_word()
            && (1..1 << 26).contains(&count)
            && (72..=128).contains(&parts[0])
            && parts.is_sorted_by(|a, b| a < b)
            && parts[4] < 1 << 33;
        is_header.then_some(address)
    };
    Ok(MAGICS.iter().find_map(|magic| search(memory, mappings, magic, 8, is_table)))
}

/// The module data is where the address of the function table stands with a function count that fits.
fn find_module_data(
    memory: &dyn Memory,
    mappings: &[Mapping],
    layout: &Layout,
    table: u64,
) -> Result<Option<u64>, ProcessError> {
    let count = memory.u64(table + 8)?;
    let size = layout.at("runtime.moduledata.__size");
    let ftab = layout.at("runtime.moduledata.ftab");
    Ok(search(memory, mappings, &table.to_le_bytes(), 8, |address| {
        let data = memory.bytes(address, size).ok()?;
        let at = |offset: u64| word(&data, usize::try_from(offset).unwrap_or(usize::MAX - 8));
        let (len, capacity) = (at(ftab + 8), at(ftab + 16));
        let text = at(layout.at("runtime.moduledata.text"))..at(layout.at("runtime.moduledata.etext"));
        (len == capacity && (count..=count + 2).contains(&len) && at(ftab) > table && !text.is_empty())
            .then_some(address)
    }))
}

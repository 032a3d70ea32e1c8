//! Where the fields of the runtime's structures lie, from the DWARF of a program.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, EndianSlice, LittleEndian, Section, SectionId, Unit, UnitOffset,
};
use object::read::ReadRef;
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection};

/// The structures, and the fields that the process reader needs; `.` goes into a field.
const WANTED: &[(&str, &[&str])] = &[
    (
        "runtime.g",
        &[
            "stack.lo",
            "stack.hi",
            "m",
            "sched.sp",
            "sched.pc",
            "syscallsp",
            "syscallpc",
            "atomicstatus",
            "goid",
            "waitsince",
            "waitreason",
            "lockedm",
            "parentGoid",
            "gopc",
            "startpc",
            "labels",
            "waiting",
            "_defer",
            "_panic",
            "param",
            "sched.ctxt",
            "schedlink",
        ],
    ),
    ("runtime.sudog", &["g", "next", "prev", "elem", "waitlink", "c"]),
    ("runtime.hchan", &["recvq.first", "sendq.first"]),
    ("runtime.notifyList", &["head"]),
    ("runtime._defer", &["fn", "link", "heap"]),
    ("runtime.p", &["timers"]),
    ("runtime.m", &["g0", "gsignal", "procid", "curg", "alllink"]),
    (
        "runtime.mspan",
        &[
            "startAddr",
            "npages",
            "freeindex",
            "nelems",
            "allocBits",
            "pinnerBits",
            "sweepgen",
            "spanclass",
            "state",
            "isUserArenaChunk",
            "elemsize",
            "limit",
            "specials",
        ],
    ),
    ("runtime.mheap", &["allspans", "sweepgen", "arenas"]),
    ("runtime.special", &["next", "offset", "kind"]),
    ("runtime.specialfinalizer", &["fn"]),
    ("runtime.finalizer", &["fn", "arg", "fint", "ot"]),
    ("runtime.stackObjectRecord", &["off", "size"]),
    ("internal/abi.Type", &["Size_", "PtrBytes", "TFlag", "Kind_", "GCData", "Str"]),
    (
        "runtime.moduledata",
        &[
            "pcHeader",
            "funcnametab",
            "cutab",
            "filetab",
            "pctab",
            "pclntable",
            "ftab",
            "text",
            "etext",
            "noptrdata",
            "enoptrdata",
            "data",
            "edata",
            "bss",
            "ebss",
            "noptrbss",
            "enoptrbss",
            "end",
            "rodata",
            "gofunc",
            "types",
            "etypes",
            "gcdatamask",
            "gcbssmask",
            "next",
        ],
    ),
    (
        "runtime._func",
        &[
            "nameOff",
            "args",
            "deferreturn",
            "pcsp",
            "pcfile",
            "pcln",
            "npcdata",
            "cuOffset",
            "funcID",
            "flag",
            "nfuncdata",
        ],
    ),
    ("runtime.inlinedCall", &["nameOff", "parentPc"]),
];
/// The same for what not every release has: a `-` stands where one has it not. A structure that was
/// renamed has one name here for both.
const WANTED_WHERE_THEY_ARE: &[(&[&str], &[&str])] = &[
    (&["runtime.mspan"], &["largeType"]),
    (&["runtime.heapArena"], &["bitmap", "noMorePtrs"]),
    (&["runtime.finblock", "runtime.finBlock"], &["alllink", "cnt", "fin"]),
    (&["runtime.specialWeakHandle"], &["handle"]),
    (&["runtime.specialCleanup"], &["fn", "cleanup"]),
    (&["runtime.cleanupBlock"], &["cleanupBlockHeader.alllink", "cleanupBlockHeader.n", "cleanups"]),
    (&["runtime.cleanupQueue"], &["all"]),
    (&["runtime.cleanupFn"], &["fn", "arg"]),
];
/// Fields that had other names up to Go 1.19.
const RENAMED: &[(&str, &str)] = &[("runtime._func.nameOff", "nameoff"), ("runtime.inlinedCall.nameOff", "func_")];
/// Constants of the runtime, where it has them.
const CONSTANTS: &[&str] =
    &["runtime._KindSpecialFinalizer", "runtime._KindSpecialWeakHandle", "runtime._KindSpecialCleanup"];
/// No section that is read is larger, in bytes: the largest Go programs have some 200 MB.
const MAX_SECTION: u64 = 1 << 30;
/// No type is called by another name so often.
const MAX_TYPEDEFS: usize = 16;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Where the fields of the runtime's structures lie in a program, by `package.type.field`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeLayout {
    /// In bytes; of a structure there is its size, too, as `__size`.
    pub offsets: BTreeMap<String, u64>,
    /// What gostray uses and the program does not have.
    pub missing: Vec<String>,
}

impl RuntimeLayout {
    /// Reads it from the DWARF of an executable.
    ///
    /// # Errors
    /// If it is no ELF file for 64 bits, or its DWARF is damaged, absent or too large.
    pub fn of_executable<'d>(executable: impl ReadRef<'d>) -> Result<Self, DwarfError> {
        let object: ElfFile64<'_, Endianness, _> = ElfFile64::parse(executable)?;
        let section = |id: SectionId| -> Result<Cow<'_, [u8]>, DwarfError> {
            let Some(section) = object.section_by_name(id.name()) else {
                return Ok(Cow::default());
            };
            let data = section.compressed_data()?;
            if data.uncompressed_size > MAX_SECTION {
                return Err(DwarfError::TooLarge { bytes: data.uncompressed_size });
            }
            Ok(data.decompress()?)
        };
        let sections = gimli::DwarfSections::load(section)?;
        let dwarf: Dwarf<Slice<'_>> = sections.borrow(|bytes| EndianSlice::new(bytes, LittleEndian));
        if dwarf.debug_info.reader().is_empty() {
            return Err(DwarfError::None);
        }
        let mut layout = Self::default();
        let mut units = dwarf.units();
        while let Some(header) = units.next()? {
            layout.read_unit(&dwarf, &dwarf.unit(header)?)?;
        }
        let wanted = WANTED.iter().flat_map(|(name, fields)| fields.iter().map(move |field| format!("{name}.{field}")));
        layout.missing = wanted.filter(|field| !layout.offsets.contains_key(field)).collect();
        Ok(layout)
    }

    fn read_unit(&mut self, dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>) -> Result<(), DwarfError> {
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            if !matches!(entry.tag(), gimli::DW_TAG_constant | gimli::DW_TAG_structure_type) {
                continue;
            }
            let name = name_of(dwarf, unit, entry)?;
            if entry.tag() == gimli::DW_TAG_constant {
                if let Some(value) = number(entry, gimli::DW_AT_const_value).filter(|_| CONSTANTS.contains(&&*name)) {
                    self.offsets.insert(name, value);
                }
                continue;
            }
            let always = WANTED.iter().find(|(wanted, _)| *wanted == name);
            let sometimes = WANTED_WHERE_THEY_ARE.iter().find(|(names, _)| names.contains(&&*name));
            let structures = always.copied().into_iter().chain(sometimes.map(|(names, fields)| (names[0], *fields)));
            for (name, fields) in structures {
                let size = number(entry, gimli::DW_AT_byte_size);
                self.offsets.extend(size.map(|size| (format!("{name}.__size"), size)));
                for field in fields {
                    // What has another name in older releases.
                    let renamed =
                        RENAMED.iter().find(|(now, _)| *now == format!("{name}.{field}")).map(|(_, old)| *old);
                    for written in std::iter::once(*field).chain(renamed) {
                        if let Some(offset) = offset_of(dwarf, unit, entry.offset(), written)? {
                            self.offsets.insert(format!("{name}.{field}"), offset);
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Why the DWARF of a program tells nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DwarfError {
    /// It has none.
    #[error("it was built without DWARF (-ldflags=-w or -s)")]
    None,
    /// It has more than is read.
    #[error("its DWARF has a section of {} MiB", bytes >> 20)]
    TooLarge {
        /// So many bytes.
        bytes: u64,
    },
    /// It is no ELF file for 64 bits.
    #[error("its executable can't be read: {0}")]
    File(#[from] object::read::Error),
    /// It is not what DWARF should be.
    #[error("its DWARF can't be read: {0}")]
    Damaged(#[from] gimli::Error),
}

/// The offset of a field, `sched.sp` being one of a field's own type.
fn offset_of(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    structure: UnitOffset,
    field: &str,
) -> Result<Option<u64>, DwarfError> {
    let (first, rest) = field.split_once('.').map_or((field, None), |(first, rest)| (first, Some(rest)));
    let mut tree = unit.entries_tree(Some(structure))?;
    let mut members = tree.root()?.children();
    while let Some(member) = members.next()? {
        let member = member.entry();
        if member.tag() != gimli::DW_TAG_member || name_of(dwarf, unit, member)? != first {
            continue;
        }
        let Some(offset) = number(member, gimli::DW_AT_data_member_location) else { return Ok(None) };
        return match (rest, member.attr_value(gimli::DW_AT_type)) {
            (None, _) => Ok(Some(offset)),
            (Some(rest), Some(of)) => match structure_of(unit, of)? {
                Some(of) => Ok(offset_of(dwarf, unit, of, rest)?.map(|inner| offset.wrapping_add(inner))),
                None => Ok(None),
            },
            _ => Ok(None),
        };
    }
    Ok(None)
}

/// The structure that a type is. Go's named types are typedefs of structures.
fn structure_of(unit: &Unit<Slice<'_>>, of: AttributeValue<Slice<'_>>) -> Result<Option<UnitOffset>, DwarfError> {
    let mut of = Some(of);
    for _ in 0..MAX_TYPEDEFS {
        let at = match of {
            Some(AttributeValue::UnitRef(at)) => Some(at),
            Some(AttributeValue::DebugInfoRef(at)) => at.to_unit_offset(&unit.header),
            _ => None,
        };
        let Some(at) = at else { return Ok(None) };
        let entry = unit.entry(at)?;
        if entry.tag() != gimli::DW_TAG_typedef {
            return Ok(Some(at));
        }
        of = entry.attr_value(gimli::DW_AT_type);
    }
    Ok(None)
}

fn name_of(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    entry: &DebuggingInformationEntry<Slice<'_>>,
) -> Result<String, DwarfError> {
    let Some(name) = entry.attr_value(gimli::DW_AT_name) else { return Ok(String::new()) };
    Ok(dwarf.attr_string(unit, name)?.to_string_lossy().into_owned())
}

fn number(entry: &DebuggingInformationEntry<Slice<'_>>, attribute: gimli::DwAt) -> Option<u64> {
    entry.attr_value(attribute)?.udata_value()
}

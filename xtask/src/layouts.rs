//! Reads where the fields of the runtime's structures lie from the DWARF of programs built with each
//! release, and writes the table that the process reader uses.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use gimli::{AttributeValue, DebuggingInformationEntry, Dwarf, EndianSlice, LittleEndian, Unit, UnitOffset};
use gostray_toolchain::Version;
use object::{Object, ObjectSection};

use crate::checkout;
use crate::patches;
use crate::releases::{RELEASES, toolchain};

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
/// Constants of the runtime, where it has them.
const CONSTANTS: &[&str] =
    &["runtime._KindSpecialFinalizer", "runtime._KindSpecialWeakHandle", "runtime._KindSpecialCleanup"];
pub(crate) const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
/// Uses what else would be left out of the program, and of its DWARF.
const PROGRAM: &str = "package main\n\nimport \"sync\"\n\nfunc main() { sync.NewCond(&sync.Mutex{}).Wait() }\n";

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// The offsets of one release and architecture.
pub(crate) type Column = BTreeMap<String, u64>;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the release of each line that tests use: minutes instead of an hour, while trying things out.
    #[arg(long)]
    no_patches: bool,
    /// Print the layouts of one release.
    #[arg(long, hide = true)]
    of: Option<Version>,
}

/// A layout, and the patch releases that were seen to have it.
struct Known {
    release: Version,
    columns: Vec<Column>,
    patches: Vec<u32>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(release) = args.of {
        patches::print(&layouts(release)?);
        return Ok(());
    }
    let mut known = Vec::new();
    for release in RELEASES {
        eprintln!("Go {release}");
        known.push(Known { release, columns: layouts(release)?, patches: vec![release.patch] });
    }
    let patches = if args.no_patches { Vec::new() } else { patches::known()? };
    for release in patches.into_iter().filter(|release| !RELEASES.contains(release)) {
        let columns = match patches::layouts(release) {
            Ok(columns) => columns,
            Err(error) => {
                eprintln!("Go {release}: LEFT OUT: {error:#}");
                continue;
            }
        };
        let same = known.iter_mut().find(|known| known.release.minor == release.minor && known.columns == columns);
        eprintln!("Go {release}: {}", if same.is_some() { "as known" } else { "A LAYOUT OF ITS OWN" });
        match same {
            Some(known) => known.patches.push(release.patch),
            None => known.push(Known { release, columns, patches: vec![release.patch] }),
        }
    }
    known.sort_by_key(|known| known.release);
    fs::write(checkout().join("crates/gostray-process/src/layout.tsv"), table(&mut known))?;
    Ok(())
}

fn table(known: &mut [Known]) -> String {
    let mut table = String::from(
        "# Where the fields of the Go runtime's structures lie, in bytes. Made by `cargo xtask layouts`.\nkey",
    );
    for known in &*known {
        ARCHITECTURES.iter().for_each(|architecture| table += &format!("\t{}-{architecture}", known.release));
    }
    table += "\npatches";
    for known in &mut *known {
        known.patches.sort_unstable();
        let patches: Vec<String> = known.patches.iter().map(u32::to_string).collect();
        ARCHITECTURES.iter().for_each(|_| table += &format!("\t{}", patches.join(",")));
    }
    table.push('\n');
    let columns = || known.iter().flat_map(|known| &known.columns);
    let keys: BTreeSet<&String> = columns().flat_map(|column| column.keys()).collect();
    for key in keys {
        table += key;
        for column in columns() {
            match column.get(key) {
                Some(value) => table += &format!("\t{value}"),
                None => table += "\t-",
            }
        }
        table.push('\n');
    }
    table
}

/// The offsets of one release, on every architecture.
fn layouts(release: Version) -> anyhow::Result<Vec<Column>> {
    ARCHITECTURES.iter().map(|architecture| layout(release, architecture)).collect()
}

/// The offsets of one release.
fn layout(release: Version, architecture: &str) -> anyhow::Result<Column> {
    let go = toolchain(release)?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("go.mod"), "module layout\n\ngo 1.21\n")?;
    fs::write(folder.path().join("main.go"), PROGRAM)?;
    let executable = folder.path().join("layout");
    let mut command = go.command();
    command.current_dir(folder.path()).env("GOARCH", architecture).env("GOOS", "linux").env("CGO_ENABLED", "0");
    let built = command.args(["build", "-buildvcs=false", "-o"]).arg(&executable).arg(".").output()?;
    if !built.status.success() {
        bail!("{}", String::from_utf8_lossy(&built.stderr));
    }
    let mut layout = read_dwarf(&fs::read(&executable)?)?;
    layout.insert("abi.FuncIDWrapper".to_owned(), func_id_wrapper(&go.root()?)?);
    Ok(layout)
}

fn read_dwarf(executable: &[u8]) -> anyhow::Result<Column> {
    let object = object::File::parse(executable)?;
    let section = |id: gimli::SectionId| -> anyhow::Result<Cow<'_, [u8]>> {
        let section = object.section_by_name(id.name());
        Ok(section.map(|s| s.uncompressed_data()).transpose()?.unwrap_or_default())
    };
    let sections = gimli::DwarfSections::load(section)?;
    let dwarf: Dwarf<Slice<'_>> = sections.borrow(|bytes| EndianSlice::new(bytes, LittleEndian));
    let mut layout = BTreeMap::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let unit = dwarf.unit(header)?;
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            let name = name_of(&dwarf, &unit, entry)?;
            if entry.tag() == gimli::DW_TAG_constant && CONSTANTS.contains(&name.as_str()) {
                layout.insert(name, number(entry, gimli::DW_AT_const_value).context("no value")?);
                continue;
            }
            if entry.tag() != gimli::DW_TAG_structure_type {
                continue;
            }
            if let Some((names, fields)) = WANTED_WHERE_THEY_ARE.iter().find(|(names, _)| names.contains(&&*name)) {
                let name = names[0];
                layout.insert(format!("{name}.__size"), number(entry, gimli::DW_AT_byte_size).context("no size")?);
                for field in *fields {
                    if let Some(offset) = offset_of(&dwarf, &unit, entry.offset(), field)? {
                        layout.insert(format!("{name}.{field}"), offset);
                    }
                }
            }
            let Some((name, fields)) = WANTED.iter().find(|(wanted, _)| *wanted == name) else { continue };
            layout.insert(format!("{name}.__size"), number(entry, gimli::DW_AT_byte_size).context("no size")?);
            for field in *fields {
                let offset = offset_of(&dwarf, &unit, entry.offset(), field)?;
                layout.insert(format!("{name}.{field}"), offset.with_context(|| format!("{name} has no {field}"))?);
            }
        }
    }
    if let Some((missing, _)) = WANTED.iter().find(|(name, _)| !layout.contains_key(&format!("{name}.__size"))) {
        bail!("the program has no {missing}");
    }
    Ok(layout)
}

/// The offset of a field, `sched.sp` being one of a field's own type.
fn offset_of(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    structure: UnitOffset,
    field: &str,
) -> anyhow::Result<Option<u64>> {
    let (first, rest) = field.split_once('.').map_or((field, None), |(first, rest)| (first, Some(rest)));
    let mut tree = unit.entries_tree(Some(structure))?;
    let mut members = tree.root()?.children();
    while let Some(member) = members.next()? {
        let member = member.entry();
        if member.tag() != gimli::DW_TAG_member || name_of(dwarf, unit, member)? != first {
            continue;
        }
        let offset = number(member, gimli::DW_AT_data_member_location).context("no place")?;
        return match (rest, member.attr_value(gimli::DW_AT_type)) {
            (None, _) => Ok(Some(offset)),
            (Some(rest), Some(AttributeValue::UnitRef(of))) => {
                Ok(offset_of(dwarf, unit, structure_of(unit, of)?, rest)?.map(|inner| offset + inner))
            }
            (Some(rest), Some(AttributeValue::DebugInfoRef(of))) => {
                let of = of.to_unit_offset(&unit.header).context("a type of another unit")?;
                Ok(offset_of(dwarf, unit, structure_of(unit, of)?, rest)?.map(|inner| offset + inner))
            }
            _ => Ok(None),
        };
    }
    Ok(None)
}

/// Go's named types are typedefs of structures.
fn structure_of(unit: &Unit<Slice<'_>>, mut at: UnitOffset) -> anyhow::Result<UnitOffset> {
    loop {
        let entry = unit.entry(at)?;
        if entry.tag() != gimli::DW_TAG_typedef {
            return Ok(at);
        }
        at = match entry.attr_value(gimli::DW_AT_type) {
            Some(AttributeValue::UnitRef(of)) => of,
            Some(AttributeValue::DebugInfoRef(of)) => of.to_unit_offset(&unit.header).context("another unit")?,
            _ => bail!("a typedef of nothing"),
        };
    }
}

fn name_of(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    entry: &DebuggingInformationEntry<Slice<'_>>,
) -> anyhow::Result<String> {
    let Some(name) = entry.attr_value(gimli::DW_AT_name) else { return Ok(String::new()) };
    Ok(dwarf.attr_string(unit, name)?.to_string_lossy().into_owned())
}

fn number(entry: &DebuggingInformationEntry<Slice<'_>>, attribute: gimli::DwAt) -> Option<u64> {
    entry.attr_value(attribute)?.udata_value()
}

/// The number of `FuncIDWrapper`, which has no DWARF: its place in the constants of internal/abi.
fn func_id_wrapper(root: &Path) -> anyhow::Result<u64> {
    let source = fs::read_to_string(root.join("src/internal/abi/symtab.go"))?;
    let from = source.find("FuncIDNormal FuncID = iota").context("no FuncIDNormal")?;
    let place = source[from..]
        .lines()
        .filter(|line| line.trim_start().starts_with("FuncID"))
        .position(|line| line.trim_start().starts_with("FuncIDWrapper"));
    Ok(place.context("no FuncIDWrapper")? as u64)
}

//! What a core says of itself: an ELF file of segments (memory) and notes (threads, mapped files).
//!
//! Sources: `fs/binfmt_elf.c` and `include/uapi/linux/elfcore.h` of Linux.

use std::fs::File;
use std::ops::Range;

use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, ReadCache};

use crate::memory::{half, word};
use crate::prove::threads::Thread;

type Header = FileHeader64<Endianness>;

/// Notes of a process of 10,000 threads take about 40 MB.
const MAX_NOTES: u64 = 1 << 30;

/// Where the fields of `struct elf_prstatus` lie on amd64.
const STATUS_TID: usize = 32;
const STATUS_REGISTERS: usize = 112;
/// The program counter and the stack pointer among the registers, and those that hold no pointers: what a system
/// call was, segments, flags.
const RIP: usize = 16;
const RSP: usize = 19;
const FS_BASE: usize = 21;
const GENERAL: usize = 15;
/// The process id in `struct elf_prpsinfo`.
const PROCESS_ID: usize = 24;
/// Of `getauxval`: the program headers of the executable, its name (which lies on the first stack).
const AT_PHDR: u64 = 3;
const AT_EXECFN: u64 = 31;

/// A core.
pub(super) struct Core {
    /// In rising order, none of which share an address.
    pub(super) segments: Vec<Segment>,
    pub(super) threads: Vec<Thread>,
    pub(super) process: ProcessNotes,
    /// Every mapping has its segment, as the kernel writes them, also where that is empty. gdb leaves mappings out.
    pub(super) lists_all: bool,
}

impl Core {
    /// A thread of which only the general registers are there: what its others held is not known.
    pub(super) fn without_vectors(&self) -> Option<i32> {
        self.threads.iter().find(|thread| thread.words.len() <= GENERAL).map(|thread| thread.tid)
    }
}

/// A part of memory.
pub(super) struct Segment {
    pub(super) range: Range<u64>,
    /// Where in the core what it holds begins.
    pub(super) offset: u64,
    /// So many bytes of it are in the core; what follows is not known.
    pub(super) filled: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) executable: bool,
}

/// What the notes say of the process.
#[derive(Default)]
pub(super) struct ProcessNotes {
    pub(super) pid: Option<u32>,
    pub(super) files: Vec<MappedFile>,
    /// An address in its executable.
    pub(super) program_headers: Option<u64>,
    /// An address on the stack of its first thread.
    pub(super) first_stack: Option<u64>,
}

/// A file that was mapped.
pub(super) struct MappedFile {
    pub(super) range: Range<u64>,
    /// Where in the file it begins, in bytes.
    pub(super) offset: u64,
    pub(super) path: String,
}

impl Core {
    pub(super) fn read(file: &File) -> Result<Self, String> {
        let len = file.metadata().map_err(|error| error.to_string())?.len();
        let not_elf = |_| "it is no core: it is not an ELF file".to_owned();
        let cache = ReadCache::new(file);
        if len == 0 {
            return Err("it is empty".to_owned());
        }
        let header = Header::parse(&cache).map_err(not_elf)?;
        let endian = header.endian().map_err(not_elf)?;
        if header.e_type(endian) != elf::ET_CORE {
            return Err("it is no core but a program or library: name the core, and the program by --executable".into());
        }
        if header.e_machine(endian) != elf::EM_X86_64 {
            return Err("it was written on another processor: this version reads cores of amd64".to_owned());
        }
        let headers = header.program_headers(endian, &cache).map_err(|_| cut(len, None))?;
        let promised = headers.iter().map(|h| h.p_offset(endian).saturating_add(h.p_filesz(endian))).max().unwrap_or(0);
        if promised > len {
            return Err(cut(len, Some(promised)));
        }
        let mut segments = Vec::new();
        let (mut threads, mut process) = (Threads::default(), ProcessNotes::default());
        let mut is_gdbs = false;
        for header in headers {
            let (start, size) = (header.p_vaddr(endian), header.p_memsz(endian));
            let flags = header.p_flags(endian).0;
            match header.p_type(endian) {
                elf::PT_LOAD if size > 0 => segments.push(Segment {
                    range: start..start.checked_add(size).ok_or("it has a segment beyond the end of memory")?,
                    offset: header.p_offset(endian),
                    filled: header.p_filesz(endian).min(size),
                    readable: flags & 4 != 0,
                    writable: flags & 2 != 0,
                    executable: flags & 1 != 0,
                }),
                elf::PT_NOTE if header.p_filesz(endian) > MAX_NOTES => return Err("its notes are too long".to_owned()),
                elf::PT_NOTE => {
                    let damaged = |_| "its notes are damaged".to_owned();
                    let Some(mut notes) = header.notes(endian, &cache).map_err(damaged)? else { continue };
                    while let Some(note) = notes.next().map_err(damaged)? {
                        is_gdbs |= note.name() == b"GDB";
                        threads.add(note.n_type(endian), note.desc())?;
                        process.add(note.n_type(endian), note.desc());
                    }
                }
                _ => {}
            }
        }
        segments.sort_unstable_by_key(|segment| segment.range.start);
        let left_out = left_out(&segments, &process.files);
        let lists_all = left_out.is_empty() && !is_gdbs;
        segments.extend(left_out);
        segments.sort_unstable_by_key(|segment| segment.range.start);
        if segments.windows(2).any(|pair| pair[0].range.end > pair[1].range.start) {
            return Err("two of its segments share an address".to_owned());
        }
        if segments.is_empty() || threads.0.is_empty() {
            return Err("it holds no memory or no threads".to_owned());
        }
        Ok(Self { segments, threads: threads.0, process, lists_all })
    }
}

/// What was mapped of files and is in no segment at all: gdb leaves out what can be read in the file.
fn left_out(segments: &[Segment], files: &[MappedFile]) -> Vec<Segment> {
    let mut missing = Vec::new();
    for file in files {
        let mut start = file.range.start;
        let first = segments.partition_point(|segment| segment.range.end <= start);
        let known = segments[first..].iter().take_while(|segment| segment.range.start < file.range.end);
        let end = file.range.end..file.range.end;
        let known = known.map(|segment| segment.range.clone()).chain(std::iter::once(end));
        for range in known {
            if start < range.start {
                let range = start..range.start;
                missing.push(Segment {
                    range,
                    offset: 0,
                    filled: 0,
                    readable: true,
                    writable: false,
                    executable: false,
                });
            }
            start = start.max(range.end);
        }
    }
    missing
}

fn cut(len: u64, promised: Option<u64>) -> String {
    let of = promised.map(|promised| format!(" of {promised}")).unwrap_or_default();
    format!(
        "it is cut off after {len}{of} bytes (ulimit -c, a full disk, or still being written): what is missing can't be known"
    )
}

/// A note of registers belongs to the thread before it.
#[derive(Default)]
struct Threads(Vec<Thread>);

impl Threads {
    fn add(&mut self, kind: elf::NoteType, bytes: &[u8]) -> Result<(), String> {
        match kind {
            // A thread that is passed over might hold anything.
            elf::NT_PRSTATUS if bytes.len() < STATUS_REGISTERS + 8 * 27 => {
                return Err("its notes are damaged: the registers of a thread are cut off".to_owned());
            }
            elf::NT_PRSTATUS => {
                let register = |number: usize| word(bytes, STATUS_REGISTERS + 8 * number);
                self.0.push(Thread {
                    tid: half(bytes, STATUS_TID).cast_signed(),
                    pc: register(RIP),
                    sp: register(RSP),
                    own: register(FS_BASE),
                    words: (0..GENERAL).map(register).collect(),
                });
            }
            // The one that has them all, or the older one without the wider vectors.
            elf::NT_X86_XSTATE | elf::NT_PRFPREG => {
                if let Some(thread) = self.0.last_mut() {
                    thread.words.extend(bytes.chunks_exact(8).map(|bytes| word(bytes, 0)));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl ProcessNotes {
    fn add(&mut self, kind: elf::NoteType, bytes: &[u8]) {
        match kind {
            elf::NT_PRPSINFO => self.pid = Some(half(bytes, PROCESS_ID)).filter(|pid| *pid > 0),
            elf::NT_AUXV => {
                let value = |key| bytes.chunks_exact(16).find(|pair| word(pair, 0) == key).map(|pair| word(pair, 8));
                self.program_headers = value(AT_PHDR);
                self.first_stack = value(AT_EXECFN);
            }
            elf::NT_FILE => self.files = mapped_files(bytes).unwrap_or_default(),
            _ => {}
        }
    }
}

/// `count, page size, (start, end, offset in pages)…, names`.
fn mapped_files(bytes: &[u8]) -> Option<Vec<MappedFile>> {
    let (count, page) = (usize::try_from(word(bytes, 0)).ok()?, word(bytes, 8));
    let (entries, names) = bytes.get(16..)?.split_at_checked(count.checked_mul(24)?)?;
    let names = names.split(|byte| *byte == 0);
    let files = entries.chunks_exact(24).zip(names).map(|(entry, name)| MappedFile {
        range: word(entry, 0)..word(entry, 8),
        offset: word(entry, 16).saturating_mul(page),
        path: String::from_utf8_lossy(name).into_owned(),
    });
    Some(files.collect())
}

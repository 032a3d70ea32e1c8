//! Cores: what a process was when it ended, and files that are no such thing.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails says where, and one that is skipped why"
)]

mod program;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gostray_model::Snapshot;
use gostray_process::{CoreFile, Method, ProcessError, ProveOptions, prove};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use program::{Program, build, releases};

/// Tests of one program may take a core each only if the kernel writes them beside it.
fn kernel_writes_cores() -> bool {
    let (_, most) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    setrlimit(Resource::RLIMIT_CORE, most, most).unwrap();
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let writes = most > 64 << 20 && !pattern.starts_with('|') && !pattern.contains('/');
    if !writes {
        eprintln!(
            "SKIPPED: the kernel writes no cores here (kernel.core_pattern is {}, ulimit -c {most})",
            pattern.trim()
        );
    }
    writes
}

/// Ends a program as one that crashes, and gives its core.
fn crash(program: Program, folder: &Path) -> PathBuf {
    program.end_with(Signal::SIGABRT);
    core_in(folder)
}

/// The core that the kernel wrote into a folder.
fn core_in(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("core")).unwrap()
}

/// A core of the fixture of leaks and of what looks like them, and its executable.
fn core(folder: &Path) -> (PathBuf, PathBuf) {
    let executable = build("1.27.3", "stalled", folder, &[]);
    let program = Program::start(&executable, &[], &[("GOTRACEBACK", "crash")]);
    (crash(program, folder), executable)
}

fn open(path: &Path) -> Result<CoreFile, ProcessError> {
    CoreFile::open(path, None, &mut |_, _| {})
}

/// What is known of each goroutine that has not to do with when it was looked at.
fn goroutines(snapshot: &Snapshot) -> BTreeMap<u64, String> {
    let tables = &snapshot.tables;
    let show = |stack| {
        let stack = tables.stack(stack);
        let frames = stack.frames.iter().chain(&stack.created_by).map(|frame| tables.frame(*frame));
        frames.map(|frame| format!("{} {}:{}\n", frame.function, frame.file, frame.line)).collect::<String>()
    };
    let records = snapshot.records.iter();
    records
        .map(|record| (record.id, format!("{} {}", tables.status(record.status).reason, show(record.stack))))
        .collect()
}

fn proven(snapshot: &Snapshot) -> BTreeMap<u64, u64> {
    snapshot.facts.iter().filter(|(_, fact)| fact.proven).map(|(id, fact)| (*id, fact.retained)).collect()
}

const VARIANTS: [&[&str]; 4] =
    [&[], &["-ldflags=-s -w"], &["-buildmode=pie", "-trimpath"], &["-buildmode=pie", "-ldflags=-s -w", "-trimpath"]];

/// Every variant of every release that is tested.
fn each_build() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    releases().into_iter().flat_map(|release| VARIANTS.map(|args| (release, args)))
}

/// What is proven of a process, which does not have to go on soon.
fn prove_process(program: &Program) -> Snapshot {
    let options = ProveOptions { method: Method::Stop, max_pause: Duration::from_secs(30), ..ProveOptions::default() };
    prove(program.pid(), &options, &mut |_| {}).unwrap()
}

/// A core of a program that goes on.
fn by_gdb(program: &Program, folder: &Path) -> PathBuf {
    let path = folder.join("core");
    let (pid, gcore) = (program.pid().to_string(), format!("gcore {}", path.display()));
    let written = Command::new("gdb").args(["-nx", "-p", &pid, "-batch", "-ex", &gcore]).output().unwrap();
    assert!(path.exists(), "{}", String::from_utf8_lossy(&written.stderr));
    path
}

/// gdb writes it while nothing happens in the process, so that nothing differs.
#[test]
fn a_core_tells_what_the_process_tells() {
    if Command::new("gdb").arg("--version").output().is_err() {
        eprintln!("SKIPPED: gdb is not installed here");
        return;
    }
    for (release, args) in each_build() {
        let folder = tempfile::tempdir().unwrap();
        // Without C: gdb leaves memory out.
        let args = [args, &["-tags=netgo,osusergo"]].concat();
        let program = Program::start(&build(release, "stalled", folder.path(), &args), &[], &[]);
        program.wait_until_at_rest();
        let alive = prove_process(&program);
        let path = by_gdb(&program, folder.path());
        let core = open(&path).unwrap();
        let (listed, dead) = (core.list().unwrap(), core.prove().unwrap());
        assert_eq!(goroutines(&listed), goroutines(&alive), "Go {release} {args:?}");
        assert_eq!(goroutines(&dead), goroutines(&alive), "Go {release} {args:?}");
        assert_eq!(proven(&dead), proven(&alive), "Go {release} {args:?}");
        assert_eq!(dead.target.module, alive.target.module);
        assert_eq!(dead.target.pid, alive.target.pid);
    }
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&build("1.27.3", "stalled", folder.path(), &[]), &[], &[]);
    let path = by_gdb(&program, folder.path());
    refused(&path, &["does not list all memory", "the program has C", "gostray inspect"]);
    assert!(!goroutines(&open(&path).unwrap().list().unwrap()).is_empty());
}

/// What the crash itself leaves behind (the runtime prints every goroutine) may hide a leak, and shows none.
#[test]
fn what_crashes_tells_what_it_told() {
    if !kernel_writes_cores() {
        return;
    }
    for (release, args) in each_build() {
        let folder = tempfile::tempdir().unwrap();
        let executable = build(release, "stalled", folder.path(), args);
        let program = Program::start(&executable, &[], &[("GOTRACEBACK", "crash")]);
        program.wait_until_at_rest();
        let alive = prove_process(&program);
        let core = open(&crash(program, folder.path())).unwrap();
        let (listed, dead) = (core.list().unwrap(), core.prove().unwrap());
        assert_eq!(goroutines(&listed), goroutines(&alive), "Go {release} {args:?}");
        assert_eq!(goroutines(&dead), goroutines(&alive), "Go {release} {args:?}");
        let (dead, alive) = (proven(&dead), proven(&alive));
        assert!(dead.keys().all(|id| alive.contains_key(id)), "Go {release} {args:?}");
        assert!(dead.len() > alive.len() / 2, "Go {release} {args:?}: {} of {}", dead.len(), alive.len());
    }
}

#[test]
fn the_goroutine_that_crashed_is_seen_where_it_stood() {
    if !kernel_writes_cores() {
        return;
    }
    for release in releases() {
        let folder = tempfile::tempdir().unwrap();
        let executable = build(release, "crashed", folder.path(), &[]);
        for how in ["panic", "nil", "loop"] {
            let program = Program::start(&executable, &[how], &[("GOTRACEBACK", "crash")]);
            match how {
                "loop" => program.end_with(Signal::SIGABRT),
                _ => program.wait_for_end(),
            }
            let path = core_in(folder.path());
            let snapshot = open(&path).unwrap().list().unwrap();
            let shown = goroutines(&snapshot).into_values().collect::<Vec<_>>();
            let shown = shown
                .iter()
                .find(|text| text.contains("main.crash "))
                .unwrap_or_else(|| panic!("Go {release} {how}: {shown:#?}"));
            assert!(shown.contains("main.deep ") && shown.contains("main.go:"), "Go {release} {how}: {shown}");
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_core_may_be_compressed() {
    if !kernel_writes_cores() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = core(folder.path());
    let expected = goroutines(&open(&path).unwrap().prove().unwrap());
    let bytes = fs::read(&path).unwrap();
    let compress: [(&str, Compress); 4] = [("gz", gzip), ("zst", zstandard), ("lz4", lz4), ("xz", xz)];
    for (kind, compress) in compress {
        let compressed = compress(&bytes);
        let path = folder.path().join(format!("a.{kind}"));
        fs::write(&path, &compressed).unwrap();
        let mut heard = 0;
        let core = CoreFile::open(&path, None, &mut |done, _| heard = done).unwrap();
        assert_eq!(goroutines(&core.prove().unwrap()), expected, "{kind}");
        assert_eq!(heard, bytes.len() as u64, "{kind}");
        fs::write(&path, &compressed[..compressed.len() / 2]).unwrap();
        refused(&path, &["compressed", "damaged"]);
        fs::write(&path, compress(b"a log, and no core")).unwrap();
        refused(&path, &["compressed", "no core"]);
    }
}

#[test]
fn what_a_core_lacks_is_said() {
    if !kernel_writes_cores() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, executable) = core(folder.path());
    let moved = folder.path().join("moved");
    fs::rename(&executable, &moved).unwrap();
    refused(&path, &["lacks the program's code", "--executable FILE", "No such file"]);
    CoreFile::open(&path, Some(&moved), &mut |_, _| {}).unwrap().prove().unwrap();

    // Built anew since: it begins otherwise.
    let other = build("1.27.3", "stalled", folder.path(), &["-ldflags=-X main.version=2"]);
    let error = CoreFile::open(&path, Some(&other), &mut |_, _| {}).err().unwrap().to_string();
    assert!(error.contains("not the one that the process ran"), "{error}");
    fs::rename(&other, &executable).unwrap();
    refused(&path, &["lacks the program's code", "not the one that the process ran"]);

    let len = fs::metadata(&path).unwrap().len();
    for cut in [len - 1, len / 2, 4096, 100] {
        File::options().write(true).open(&path).unwrap().set_len(cut).unwrap();
        refused(&path, &["cut off after"]);
    }
}

/// What was in registers or memory that a core lacks may be what wakes a goroutine.
#[test]
fn nothing_is_proven_where_something_is_not_known() {
    if !kernel_writes_cores() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = core(folder.path());
    let bytes = fs::read(&path).unwrap();
    open(&path).unwrap().prove().unwrap();
    // The type of a note, before its name, made one that nobody knows.
    let without = |notes: &[(u32, &[u8])]| {
        let mut bytes = bytes.clone();
        for at in 0..1 << 20 {
            if notes.iter().any(|(kind, name)| bytes[at..].starts_with(&[&kind.to_le_bytes()[..], name].concat())) {
                bytes[at..at + 4].copy_from_slice(&0x7777_u32.to_le_bytes());
            }
        }
        fs::write(&path, bytes).unwrap();
    };
    without(&[(0x202, b"LINUX\0"), (2, b"CORE\0")]);
    refused(&path, &["vector registers", "nothing can be proven", "gostray inspect"]);
    assert!(!goroutines(&open(&path).unwrap().list().unwrap()).is_empty());
}

/// Where each header of a segment stands in a core.
fn program_headers(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let half = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let (first, size, count) = (word(bytes, 32), half(54), half(56));
    (0..count).map(move |number| first + number * size)
}

fn word(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
}

/// With bit 4 of `coredump_filter` cleared the kernel leaves out the first page of the executable, by which it is known
/// again.
#[test]
fn an_executable_that_must_be_trusted_is_good_for_a_list_and_not_for_a_proof() {
    if !kernel_writes_cores() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, executable) = core(folder.path());
    let expected = goroutines(&open(&path).unwrap().list().unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let begins = fs::read(&executable).unwrap()[..4096].to_vec();
    let is_first = |at: &usize| bytes[word(&bytes, at + 8)..].starts_with(&begins) && word(&bytes, at + 32) > 0;
    let first = program_headers(&bytes).find(is_first).unwrap();
    // What is in the file of it.
    bytes[first + 32..first + 40].fill(0);
    fs::write(&path, bytes).unwrap();
    let core = open(&path).unwrap();
    let listed = core.list().unwrap();
    assert_eq!(goroutines(&listed), expected);
    let why = format!("lacks what tells whether {} is what the process ran", executable.display());
    assert!(listed.notes.iter().any(|note| note.text.contains(&why)), "{:?}", listed.notes);
    refused(&path, &[&why, "nothing can be proven", "gostray inspect"]);
}

/// A thread of which not all is known might hold what wakes a goroutine.
#[test]
fn registers_that_are_cut_off_are_refused() {
    if !kernel_writes_cores() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = core(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    // The length of a note's name and of what it says, its type (`NT_PRSTATUS`) and its name.
    let head = [&5_u32.to_le_bytes()[..], &336_u32.to_le_bytes(), &1_u32.to_le_bytes(), b"CORE\0"].concat();
    let at = (0..1 << 20).find(|at| bytes[*at..].starts_with(&head)).unwrap();
    bytes[at + 4..at + 8].copy_from_slice(&200_u32.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    refused(&path, &["notes are damaged", "registers of a thread are cut off"]);
    assert!(open(&path).is_err());
}

#[test]
fn what_is_no_core_of_go_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "").unwrap();
    refused(&path, &["empty"]);
    fs::write(&path, "goroutine 1 [running]:").unwrap();
    refused(&path, &["not an ELF file"]);
    refused(&std::env::current_exe().unwrap(), &["a program or library", "--executable"]);
    refused(&folder.path().join("none"), &["No such file"]);
    refused(folder.path(), &["not an ELF file"]);
    if kernel_writes_cores() {
        let program = Command::new("sleep").arg("600").current_dir(folder.path()).spawn().unwrap();
        let mut program = program;
        let pid = nix::unistd::Pid::from_raw(program.id().cast_signed());
        // Until it is itself, and not the copy of us that will be.
        while fs::read(format!("/proc/{pid}/comm")).unwrap() != b"sleep\n" {
            std::thread::sleep(Duration::from_millis(1));
        }
        nix::sys::signal::kill(pid, Signal::SIGABRT).unwrap();
        program.wait().unwrap();
        refused(&core_in(folder.path()), &["no program of the Go compiler"]);
    }
}

/// Whatever the headers and notes of a core say, reading them neither fails nor hangs.
#[test]
fn a_damaged_core_is_refused_or_read_but_never_harms_us() {
    if !kernel_writes_cores() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = core(folder.path());
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let mut head = vec![0; 64 << 10];
    file.read_exact_at(&mut head, 0).unwrap();
    let (mut refused, mut read, mut state) = (0, 0, 1u64);
    for _ in 0..200 {
        let mut damaged = head.clone();
        for _ in 0..8 {
            // A linear congruential generator: always the same.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap() % if state & 1 == 0 { 4096 } else { damaged.len() };
            damaged[at] = (state >> 20) as u8;
        }
        file.write_all_at(&damaged, 0).unwrap();
        match open(&path).and_then(|core| core.prove()) {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0 && read > 0, "{refused} refused, {read} read");
}

fn refused(path: &Path, parts: &[&str]) {
    let error = open(path).and_then(|core| core.prove()).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

type Compress = fn(&[u8]) -> Vec<u8>;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

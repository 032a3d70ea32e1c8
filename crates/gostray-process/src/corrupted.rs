//! Memory that is damaged: whatever a process holds, reading it neither fails nor hangs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gostray_toolchain::{Request, Toolchain};

use crate::attached::Attached;
use crate::error::{ProcessError, Subject};
use crate::globals::{Globals, HeapGlobals};
use crate::image::Image;
use crate::listing::Listing;
use crate::live::Mapping;
use crate::memory::Memory;
use crate::prove;

/// `GOSTRAY_CORRUPTIONS` says how many images are damaged.
const IMAGES: u64 = 60;
/// What is read of a small program takes a fraction of a second; far more is a loop without end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Memory of which some words are others, always the same for a seed.
struct Corrupt<'a> {
    inner: &'a dyn Memory,
    seed: u64,
    /// Of so many words one is damaged.
    rarity: u64,
}

fn mix(mut value: u64) -> u64 {
    for _ in 0..2 {
        value ^= value >> 31;
        value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    value ^ value >> 29
}

impl Memory for Corrupt<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ProcessError> {
        self.inner.read(address, buffer)?;
        let first = address.div_ceil(8) * 8;
        for (word, at) in (first..).step_by(8).zip((first - address..).step_by(8)) {
            let at = usize::try_from(at).unwrap();
            let Some(bytes) = buffer.get_mut(at..at + 8) else { break };
            let random = mix(word ^ self.seed << 48);
            if random.is_multiple_of(self.rarity) {
                let old = u64::from_le_bytes(bytes.try_into().unwrap());
                let new = match random >> 60 {
                    0 | 1 => 0,
                    2 => u64::MAX,
                    3 => old.wrapping_add(8),
                    4 => old ^ 1 << (random >> 50 & 63),
                    5 => word,
                    6 => old << 8,
                    7 => random & 0xffff,
                    8 => i64::MAX.cast_unsigned(),
                    _ => old ^ (random >> 40 & 0xff) << (random >> 8 & 56),
                };
                bytes.copy_from_slice(&new.to_le_bytes());
            }
        }
        Ok(())
    }

    fn mappings(&self) -> Result<Vec<Mapping>, ProcessError> {
        self.inner.mappings()
    }
}

struct Stalled(Child);

impl Drop for Stalled {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stalled(folder: &Path, release: &str) -> Stalled {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/stalled");
    let executable = folder.join(release);
    let toolchain = Toolchain::find(Request::Exactly(release.parse().unwrap()), &mut |_| {}).unwrap();
    toolchain.build(&source, &executable, ["-ldflags=-s -w"]).unwrap();
    let mut process = Command::new(executable).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    Stalled(process)
}

#[test]
fn damaged_memory_is_refused_or_read_but_never_harms_us() {
    let count = std::env::var("GOSTRAY_CORRUPTIONS").map_or(IMAGES, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (mut refused, mut read) = (0, 0);
    for release in ["1.21.13", "1.27.3"] {
        let program = stalled(folder.path(), release);
        let attached = Attached::open(program.0.id()).unwrap();
        let globals = HeapGlobals::find(attached.memory(), &attached.image).unwrap();
        let mappings = attached.process.executable().unwrap();
        for seed in 0..count {
            let rarity = [30, 300, 3_000, 30_000][usize::try_from(seed % 4).unwrap()];
            let memory = Corrupt { inner: attached.memory(), seed, rarity };
            let start = Instant::now();
            // The heap, stacks and variables of a program whose image is sound.
            let listing = Listing::new(&attached);
            match prove::at_rest(&memory, &attached, &globals, &[], listing) {
                Ok(_) => read += 1,
                Err(_) => refused += 1,
            }
            // An image that is damaged itself.
            if let Ok(image) = Image::find(&memory, &Subject::Process(0), &mappings, &|| None) {
                let _ = Globals::find(&memory, &image);
                let _ = HeapGlobals::find(&memory, &image);
                let mut sites = crate::site::Sites::new(&image, &memory);
                for module in &image.modules {
                    for pc in module
                        .variables
                        .clone()
                        .step_by(4096)
                        .take(1000)
                        .chain(attached.image.modules[0].functions.sample())
                    {
                        if let Some(site) = sites.find(pc) {
                            let _ = sites.map(site);
                            let _ = sites.name(site);
                            let function = sites.get(site).function;
                            let _ = module.functions.places(&memory, function, pc);
                        }
                    }
                }
            }
            assert!(start.elapsed() < PATIENCE, "Go {release}, seed {seed}: {:?}", start.elapsed());
        }
    }
    // Otherwise nothing of this was put to the test.
    assert!(refused > 0 && read > 0, "{refused} refused, {read} read");
}

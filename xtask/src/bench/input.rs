//! Files to read: as a leaking service would give them, the same in each run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use gostray_model::{Age, Frame, LabelsId, Record, Snapshot, Stack, Status};

/// A generator of numbers (SplitMix64): no test or figure may depend on chance.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

const STATES: [&str; 6] =
    ["chan receive", "select", "chan send, 12 minutes", "IO wait, 3 minutes", "select, 140 minutes", "sync.Mutex.Lock"];

/// A `debug=2` dump of `size` bytes or a little more: 40 kinds of goroutines of 4 to 18 frames.
pub(super) fn write_dump(path: &Path, size: usize) -> io::Result<()> {
    let mut numbers = Numbers(1);
    let kinds: Vec<Vec<(String, String)>> = (0..40)
        .map(|kind| {
            (0..4 + numbers.below(15))
                .map(|depth| {
                    let function =
                        format!("example.com/shop/internal/service{}.(*Server).handle{kind}x{depth}", kind % 7);
                    let line = 10 + numbers.below(900);
                    (
                        function,
                        format!(
                            "/home/build/go/src/example.com/shop/internal/service{}/file{depth}.go:{line}",
                            kind % 7
                        ),
                    )
                })
                .collect()
        })
        .collect();
    let mut out = BufWriter::new(File::create(path)?);
    let (mut written, mut id) = (0, 1);
    let mut text = Vec::new();
    while written < size {
        let kind = &kinds[usize::try_from(numbers.below(40)).unwrap_or(0)];
        let state = STATES[usize::try_from(numbers.below(6)).unwrap_or(0)];
        text.clear();
        writeln!(text, "goroutine {id} [{state}]:")?;
        for (depth, (function, place)) in kind.iter().enumerate() {
            if depth % 4 == 3 {
                writeln!(text, "{function}(...)\n\t{place}")?;
            } else {
                let (a, b, offset) = (numbers.below(1 << 36), numbers.below(1 << 20), numbers.below(1 << 9));
                writeln!(text, "{function}(0xc{a:09x}, {{0x{b:x}, 0x2?}})\n\t{place} +0x{offset:x}")?;
            }
        }
        let (function, place) = &kind[kind.len() - 1];
        writeln!(text, "created by {function} in goroutine {}\n\t{place} +0x11\n", 1 + numbers.below(1000))?;
        out.write_all(&text)?;
        written += text.len();
        id += 1 + numbers.below(9);
    }
    out.flush()
}

/// A `debug=0` profile of 10,000 distinct stacks of 16 frames out of 3,900.
pub(super) fn write_profile(path: &Path) -> io::Result<()> {
    let mut numbers = Numbers(2);
    let mut snapshot = Snapshot::default();
    let status = snapshot.tables.add_status(Status::new("chan receive"));
    let frame = |function: String, line: u64| {
        let file = format!("/home/build/go/src/example.com/shop/{}.go", function.len());
        Frame { function: function.into(), file: file.into(), line: u32::try_from(line).unwrap_or(1) }
    };
    for _ in 0..10_000 {
        let mut frames = Vec::new();
        for function in ["runtime.gopark", "runtime.chanrecv", "runtime.chanrecv1"] {
            frames.push(snapshot.tables.add_frame(frame(function.to_owned(), 400)));
        }
        for depth in 0..13 {
            let which = numbers.below(300);
            let function = format!("example.com/shop/service{}.(*Server).handle{which}x{depth}", which % 7);
            frames.push(snapshot.tables.add_frame(frame(function, 10 + which % 900)));
        }
        let stack = snapshot.tables.add_stack(Stack { frames, ..Stack::default() });
        let count = u32::try_from(1 + numbers.below(50)).unwrap_or(1);
        let labels = LabelsId::NONE;
        snapshot.records.push(Record { id: 0, creator_id: 0, count, age: Age::UNKNOWN, stack, status, labels });
    }
    gostray_profile::write_pprof(&snapshot, &mut BufWriter::new(File::create(path)?))
}

//! The leak profile's counts → marks on the goroutines of a snapshot.
//!
//! The runtime's leak profile (`goroutineleak?debug=0`) knows stacks and counts, no ids. Stacks of
//! the two profiles are matched by what every format shows alike: function, file and line of the
//! inner [`DEPTH`] frames outside the runtime (`debug=2` leaves out frames in the middle of stacks
//! deeper than 100, and hides most of the runtime's).

use gostray_model::{FunctionName, Operation, Record, Snapshot, StackId, StatusId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// How many frames of a stack take part.
const DEPTH: usize = 24;

/// A frame as every format shows it: function, file, line.
type Place = (String, Box<str>, u32);
/// A stack as every format shows it.
type Key = Vec<Place>;
type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// How many goroutines of each stack the runtime proved leaked.
#[derive(Debug, Default)]
pub(crate) struct Leaks(Map<Key, u64>);

/// What became of the leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marked {
    /// Leaked goroutines that the snapshot does not have: they came after it.
    pub(crate) newer: u64,
    /// Goroutines that lost their ids: a count does not tell which of them are leaked.
    pub(crate) anonymous: u64,
}

impl Leaks {
    /// Reads a leak profile.
    pub(crate) fn of(profile: &Snapshot) -> Self {
        let mut leaks: Map<Key, u64> = HashMap::default();
        let mut keys = Keys::default();
        for record in &profile.records {
            let key = keys.of(profile, record.stack);
            // Go counts main in `select {}` and then hides its stack.
            if !key.is_empty() {
                *leaks.entry_ref(key).or_insert(0) += u64::from(record.count);
            }
        }
        Self(leaks)
    }

    /// How many goroutines are leaked.
    pub(crate) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many goroutines of the snapshot could be meant by each stack.
    fn present(&self, snapshot: &Snapshot) -> Map<Key, u64> {
        let mut present: Map<Key, u64> = HashMap::default();
        let mut keys = Keys::default();
        for record in snapshot.records.iter().filter(|r| can_leak(snapshot, r)) {
            let key = keys.of(snapshot, record.stack);
            if self.0.contains_key(key) {
                *present.entry_ref(key).or_insert(0) += u64::from(record.count);
            }
        }
        present
    }

    /// Marks as many goroutines of each stack as the profile has. A record that stands for more is
    /// split. Which ones they are a count can't tell, not even where it is that of all: one may have
    /// ended and another begun since. So goroutines of these stacks lose their ids.
    pub(crate) fn mark(&self, snapshot: &mut Snapshot) -> Marked {
        let present = self.present(snapshot);
        let mut marked = Marked::default();
        let mut left: Map<&[Place], u64> = HashMap::default();
        for (key, &leaked) in &self.0 {
            let here = present.get(key).copied().unwrap_or(0);
            marked.newer += leaked.saturating_sub(here);
            left.insert(key, leaked.min(here));
        }
        let mut keys = Keys::default();
        let mut candidates: Vec<usize> =
            (0..snapshot.records.len()).filter(|at| can_leak(snapshot, &snapshot.records[*at])).collect();
        // An earlier leak profile may have marked some for good.
        candidates.sort_by_key(|at| !is_leaked(snapshot, &snapshot.records[*at]));
        for at in candidates {
            let Some(left) = left.get_mut(keys.of(snapshot, snapshot.records[at].stack)) else { continue };
            let is_known = is_leaked(snapshot, &snapshot.records[at]);
            if !is_known && snapshot.records[at].id != 0 {
                marked.anonymous += 1;
                snapshot.records[at].id = 0;
            }
            if *left == 0 {
                continue;
            }
            let record = snapshot.records[at];
            let take = u32::try_from(*left).unwrap_or(u32::MAX).min(record.count);
            *left -= u64::from(take);
            let status = leaked_status(snapshot, record.status);
            if take < record.count {
                snapshot.records[at].count -= take;
                snapshot.records.push(Record { count: take, status, ..record });
            } else {
                snapshot.records[at].status = status;
            }
        }
        marked
    }
}

/// Marks the goroutines that a later dump with ids shows as leaked.
pub(crate) fn mark_by_id(snapshot: &mut Snapshot, later: &Snapshot) -> Marked {
    let mut leaked: Vec<u64> = later.records.iter().filter(|r| is_leaked(later, r)).map(|r| r.id).collect();
    leaked.sort_unstable();
    let mut found = 0;
    for at in 0..snapshot.records.len() {
        let record = snapshot.records[at];
        if leaked.binary_search(&record.id).is_ok() {
            snapshot.records[at].status = leaked_status(snapshot, record.status);
            found += 1;
        }
    }
    Marked { newer: (leaked.len() - found) as u64, anonymous: 0 }
}

fn is_leaked(snapshot: &Snapshot, record: &Record) -> bool {
    snapshot.tables.status(record.status).leaked
}

/// Can the runtime find it leaked? One that has just been woken shares its stack with those that
/// are; only a status that the runtime printed tells.
fn can_leak(snapshot: &Snapshot, record: &Record) -> bool {
    let status = snapshot.tables.status(record.status);
    let operation = Operation::from_reason(&status.reason);
    status.derived || !matches!(operation, Operation::Run | Operation::Io | Operation::Sleep | Operation::Syscall)
}

fn leaked_status(snapshot: &mut Snapshot, status: StatusId) -> StatusId {
    let mut status = snapshot.tables.status(status).clone();
    status.leaked = true;
    snapshot.tables.add_status(status)
}

/// The keys of one snapshot's stacks, each made once.
#[derive(Default)]
struct Keys(Map<StackId, Key>);

impl Keys {
    fn of(&mut self, snapshot: &Snapshot, id: StackId) -> &[Place] {
        self.0.entry(id).or_insert_with(|| {
            let frames = snapshot.tables.stack(id).frames.iter().map(|frame| snapshot.tables.frame(*frame));
            frames
                .filter(|frame| is_shown(&frame.function))
                .take(DEPTH)
                // Type arguments are `[go.shape.int]` in one format and `[...]` in the other.
                .map(|frame| (FunctionName::new(&frame.function).normalised(), frame.file.clone(), frame.line))
                .collect()
        })
    }
}

/// Does every format show this function? Text dumps hide the runtime's own, and names without a
/// dot (C and assembly, `panic`).
fn is_shown(function: &str) -> bool {
    function.contains('.') && !function.starts_with("runtime.") && !function.starts_with("internal/runtime/")
}

#[cfg(test)]
mod tests {
    use gostray_model::{Age, Frame, LabelsId, Stack, Status};
    use gostray_profile::{Limits, read};

    use super::*;

    fn dump(text: &str) -> Snapshot {
        read(text.as_bytes(), &Limits::default()).expect("a dump").snapshot
    }

    /// A count profile: (count, frames as `function:line`, innermost first).
    fn counts(stacks: &[(u32, &[&str])]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (count, functions) in stacks {
            let frames = functions
                .iter()
                .map(|f| {
                    let (function, line) = f.rsplit_once(':').expect("a line");
                    let line = line.parse().expect("a number");
                    snapshot.tables.add_frame(Frame { function: function.into(), file: "/s/a.go".into(), line })
                })
                .collect();
            let stack = snapshot.tables.add_stack(Stack { frames, ..Stack::default() });
            let status = snapshot.tables.add_status(Status::new("chan send"));
            let record = Record {
                id: 0,
                creator_id: 0,
                count: *count,
                age: Age::UNKNOWN,
                stack,
                status,
                labels: LabelsId::NONE,
            };
            snapshot.records.push(record);
        }
        snapshot
    }

    const DUMP: &str = "\
goroutine 1 [running]:
main.main()
\t/s/a.go:3 +0x1

goroutine 7 [chan send, 12 minutes]:
main.send[...](...)
\t/s/a.go:10
main.f.func1()
\t/s/a.go:20 +0x1
created by main.f in goroutine 1
\t/s/a.go:19 +0x2

goroutine 8 [chan send, 5 minutes]:
main.send[...](...)
\t/s/a.go:10
main.f.func1()
\t/s/a.go:20 +0x1
created by main.f in goroutine 1
\t/s/a.go:19 +0x2

goroutine 9 [runnable]:
main.send[...](...)
\t/s/a.go:10
main.f.func1()
\t/s/a.go:20 +0x1
created by main.f in goroutine 1
\t/s/a.go:19 +0x2
";
    const SENDER: &[&str] = &[
        "runtime.gopark:1",
        "runtime.chansend:2",
        "runtime.chansend1:3",
        "main.send[go.shape.int]:10",
        "main.f.func1:20",
        "runtime.goexit:9",
    ];

    fn leaked_ids(snapshot: &Snapshot) -> Vec<u64> {
        snapshot.records.iter().filter(|r| is_leaked(snapshot, r)).map(|r| r.id).collect()
    }

    #[test]
    fn marks_all_goroutines_of_a_stack_across_formats() {
        let mut snapshot = dump(DUMP);
        let leaks = Leaks::of(&counts(&[(2, SENDER)]));
        assert_eq!(leaks.mark(&mut snapshot), Marked { newer: 0, anonymous: 2 }, "the runnable one can't be meant");
        assert_eq!(leaked_ids(&snapshot), [0, 0]);
        assert_eq!(snapshot.records[1].age, Age::from_secs(720), "ages survive");
    }

    #[test]
    fn ids_of_a_later_dump_tell_which() {
        let mut snapshot = dump(DUMP);
        let later = DUMP.replace("8 [chan send, 5 minutes]", "8 [chan send (leaked)]")
            + "\ngoroutine 12 [select (no cases) (leaked)]:\nmain.late()\n\t/s/a.go:50 +0x1\n\
               created by main.main in goroutine 1\n\t/s/a.go:3 +0x1\n";
        assert_eq!(mark_by_id(&mut snapshot, &dump(&later)), Marked { newer: 1, anonymous: 0 });
        assert_eq!(leaked_ids(&snapshot), [8]);
        assert_eq!(snapshot.records[2].age, Age::from_secs(300));
    }

    #[test]
    fn without_ids_records_are_split() {
        let mut snapshot = counts(&[(5, SENDER), (3, &["main.idle:40"])]);
        let leaks = Leaks::of(&counts(&[(2, SENDER), (4, &["main.gone:1"]), (1, &[]), (1, &["runtime.gopark:1"])]));
        assert_eq!(leaks.count(), 6, "the phantom without a stack is not counted");
        assert_eq!(leaks.mark(&mut snapshot), Marked { newer: 4, anonymous: 0 });
        assert_eq!(snapshot.goroutines(), 8);
        assert_eq!(snapshot.leaked(), 2);
    }

    #[test]
    fn more_leaks_than_goroutines_are_newer() {
        let mut snapshot = counts(&[(5, SENDER)]);
        let leaks = Leaks::of(&counts(&[(7, SENDER)]));
        assert_eq!(leaks.mark(&mut snapshot), Marked { newer: 2, anonymous: 0 });
        assert_eq!(snapshot.leaked(), 5);
    }

    #[test]
    fn marks_of_an_earlier_profile_come_first() {
        let mut snapshot = dump(&DUMP.replace("8 [chan send, 5 minutes]", "8 [chan send (leaked)]"));
        Leaks::of(&counts(&[(1, SENDER)])).mark(&mut snapshot);
        assert_eq!(leaked_ids(&snapshot), [8]);
    }

    #[test]
    fn the_same_function_on_another_line_is_another_stack() {
        let mut snapshot = counts(&[(1, &["main.f:10"]), (1, &["main.f:11"])]);
        let leaks = Leaks::of(&counts(&[(1, &["main.f:11"])]));
        leaks.mark(&mut snapshot);
        assert!(!is_leaked(&snapshot, &snapshot.records[0]) && is_leaked(&snapshot, &snapshot.records[1]));
    }

    #[test]
    fn deep_stacks_match_by_their_inner_frames() {
        let inner: Vec<String> = (0..128).map(|n| format!("main.rec:{n}")).collect();
        let all: Vec<&str> = inner.iter().map(String::as_str).collect();
        let mut elided = all[..50].to_vec();
        elided.extend(&all[78..]);
        let mut snapshot = counts(&[(1, &elided)]);
        Leaks::of(&counts(&[(1, &all)])).mark(&mut snapshot);
        assert_eq!(snapshot.leaked(), 1);
    }
}

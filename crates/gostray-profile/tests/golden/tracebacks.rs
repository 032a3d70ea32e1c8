//! `debug=2` dumps, crashes and time-outs: every goroutine is there, and as it is.

use gostray_model::{Frame, LabelsId, Record, Snapshot, groups};

use crate::dumps::{Goroutine, Release, missing, releases};

#[test]
fn a_dump_is_read_completely_and_truly() {
    for release in releases() {
        let dump = Dump::new(&release, "goroutine.debug2.txt", "truth.json");
        assert_eq!(dump.snapshot.goroutines(), dump.truth_total, "{}", dump.name);
        dump.check();
        assert!(dump.snapshot.records.iter().all(|r| r.labels == LabelsId::NONE), "{}", dump.name);
        assert_eq!(dump.snapshot.leaked(), 0, "{}", dump.name);
    }
}

#[test]
fn a_dump_after_a_leak_profile_is_read_completely_and_truly() {
    for release in releases().iter().filter(|release| release.minor >= 26) {
        let dump = Dump::new(release, "goroutineleak.debug2.txt", "truth.json");
        assert_eq!(dump.snapshot.goroutines(), dump.truth_total, "{}", dump.name);
        dump.check();
    }
}

#[test]
fn labels_come_from_either_side_of_the_bracket() {
    for release in releases().iter().filter(|release| release.minor >= 26) {
        let dump = Dump::new(release, "labels.debug2.txt", "labels.truth.json");
        assert_eq!(dump.snapshot.goroutines(), dump.truth_total, "{}", dump.name);
        dump.check();
        for (goroutine, record) in dump.goroutines() {
            let labels = dump.snapshot.tables.labels(record.labels);
            let labels: Vec<_> = labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            assert_eq!(labels, goroutine.labels, "{} {}", dump.name, goroutine.name);
        }
    }
}

#[test]
fn goroutines_of_a_synctest_bubble_are_told_apart() {
    for release in releases().iter().filter(|release| release.minor >= 24) {
        let dump = Dump::new(release, "bubbles.debug2.txt", "bubbles.truth.json");
        dump.check();
        assert!(dump.goroutines().any(|(goroutine, _)| goroutine.bubble.is_some()), "{}", dump.name);
        // Go 1.24 counts the goroutine that waits outside for the bubble as part of it.
        let inside = dump.goroutines().filter(|(goroutine, _)| goroutine.state != "synctest.Run");
        for (goroutine, record) in inside {
            let status = dump.snapshot.tables.status(record.status);
            let is = (status.durable, status.bubble);
            assert_eq!(is, (goroutine.durable, goroutine.bubble), "{} {}", dump.name, goroutine.name);
        }
    }
}

#[test]
fn ancestors_lead_to_the_main_goroutine() {
    for release in releases() {
        let dump = Dump::new(&release, "ancestors.debug2.txt", "ancestors.truth.json");
        dump.check();
        let of = |id: u64| dump.snapshot.ancestors.iter().filter(move |a| a.of == id);
        for (goroutine, record) in dump.goroutines() {
            let Some(parent) = goroutine.parent.filter(|_| goroutine.created_line > 0) else { continue };
            let first = of(record.id).next().unwrap_or_else(|| panic!("{} {}", dump.name, goroutine.name));
            assert_eq!(first.id, parent, "{} {}", dump.name, goroutine.name);
            // The runtime takes the place behind the go statement, which may be an inlined call; then
            // it leaves out the creator itself.
            let innermost = dump.snapshot.tables.stack(first.stack).frames[0];
            let innermost = &*dump.snapshot.tables.frame(innermost).function;
            let is_creator = innermost == goroutine.created_by || innermost == "main.waitGroupState";
            assert!(is_creator, "{} {}: {innermost}", dump.name, goroutine.name);
            assert_eq!(of(record.id).next_back().unwrap().id, 1, "{} {}", dump.name, goroutine.name);
        }
        let (grandchild, child) = (dump.named("grandchild"), dump.named("child of the dead"));
        let chain: Vec<u64> = of(grandchild.id).map(|a| a.id).collect();
        assert_eq!(chain, [child.id, child.parent.unwrap(), 1], "{}", dump.name);
    }
}

#[test]
fn every_waiting_goroutine_of_an_old_dump_has_its_age() {
    for release in releases() {
        let dump = Dump::new(&release, "aged.debug2.txt", "aged.truth.json");
        assert_eq!(dump.snapshot.goroutines(), dump.truth_total, "{}", dump.name);
        dump.check();
        for (goroutine, record) in dump.goroutines() {
            let minutes = record.age.known().map(|age| age.as_secs() / 60);
            let expected = if goroutine.state == "running" { None } else { Some(1) };
            assert_eq!(minutes, expected, "{} {}", dump.name, goroutine.name);
        }
    }
}

#[test]
fn a_crash_is_read_completely_and_truly() {
    for release in releases() {
        // Go 1.19 and 1.20 print the same for both.
        let names =
            ["crash", "crash-system"].into_iter().filter(|n| *n == "crash" || !(19..=20).contains(&release.minor));
        for name in names {
            let dump = Dump::new(&release, &format!("{name}.txt"), &format!("{name}.truth.json"));
            // The runtime's own goroutines come on top.
            assert!(dump.snapshot.goroutines() >= dump.truth_total, "{}", dump.name);
            assert!(dump.snapshot.has_ids(), "{}: goroutine 0 is none", dump.name);
            dump.check();
        }
    }
}

#[test]
fn a_test_that_timed_out_is_read_completely() {
    for release in releases() {
        let snapshot = release.snapshot("gotest-timeout.txt").unwrap();
        assert_eq!(missing(&snapshot), <[&str; 0]>::default(), "Go 1.{}", release.minor);
        let tables = &snapshot.tables;
        let mut blocked: Vec<_> = snapshot
            .records
            .iter()
            .filter_map(|record| {
                let own = tables.stack(record.stack).frames.iter().map(|id| tables.frame(*id)).find(|f| is_own(f))?;
                Some(format!("{} [{}]", own.function, tables.status(record.status).reason))
            })
            .filter(|text| text.starts_with("example.com/"))
            .collect();
        blocked.sort();
        let hang = "example.com/golden/hang";
        let expected = [
            format!("{hang}.TestHang [chan receive]"),
            format!("{hang}.TestHang.func1 [chan receive]"),
            format!("{hang}.TestHang.func2 [chan receive]"),
            format!("{hang}.TestHang.func2.1 [select (no cases)]"),
            format!("{hang}.ask [chan receive]"),
        ];
        assert_eq!(blocked, expected, "Go 1.{}", release.minor);
    }
}

#[test]
fn a_stack_too_deep_to_print_loses_the_middle_or_up_to_go_1_20_the_outer_end() {
    for release in releases() {
        let dump = Dump::new(&release, "goroutine.debug2.txt", "truth.json");
        let deep = dump.named("deep recursion").id;
        let record = dump.snapshot.records.iter().find(|r| r.id == deep).unwrap();
        let stack = dump.snapshot.tables.stack(record.stack);
        // Of the 100 frames that Go 1.20 prints, three are the runtime's own and hidden.
        let expected = if release.minor <= 20 { (97, 0, true) } else { (100, 50, false) };
        assert_eq!((stack.frames.len(), stack.elided, stack.truncated), expected, "{}", dump.name);
    }
}

/// A dump and the truth about it.
struct Dump {
    /// What to say where it is wrong.
    name: String,
    minor: u32,
    snapshot: Snapshot,
    truth: Vec<Goroutine>,
    truth_total: u64,
}

impl Dump {
    fn new(release: &Release, name: &str, truth: &str) -> Self {
        let truth = release.truth(truth);
        let name_of_all = format!("Go 1.{} {name}", release.minor);
        let snapshot = release.snapshot(name).unwrap_or_else(|| panic!("no {name_of_all}"));
        let (truth_total, truth) = (truth.total, truth.goroutines);
        Self { name: name_of_all, minor: release.minor, snapshot, truth, truth_total }
    }

    /// Every goroutine of the truth with its record.
    fn goroutines(&self) -> impl Iterator<Item = (&Goroutine, &Record)> {
        self.truth.iter().map(|goroutine| {
            let record = self.snapshot.records.iter().find(|r| r.id == goroutine.id);
            (goroutine, record.unwrap_or_else(|| panic!("{}: no {}", self.name, goroutine.name)))
        })
    }

    fn named(&self, name: &str) -> &Goroutine {
        self.truth.iter().find(|g| g.name == name).unwrap()
    }

    /// Nothing is missing, groups add up, and each goroutine is as the truth says.
    fn check(&self) {
        assert_eq!(missing(&self.snapshot), <[&str; 0]>::default(), "{}", self.name);
        let in_groups: u64 = groups(&self.snapshot).iter().map(|g| g.count).sum();
        assert_eq!(in_groups, self.snapshot.goroutines(), "{}", self.name);
        let wrong: Vec<String> = self
            .goroutines()
            .flat_map(|(goroutine, record)| {
                self.wrong(goroutine, record).into_iter().map(|what| format!("{}: {what}", goroutine.name))
            })
            .collect();
        assert!(wrong.is_empty(), "{}:\n{}", self.name, wrong.join("\n"));
    }

    /// What is not as the truth says.
    fn wrong(&self, goroutine: &Goroutine, record: &Record) -> Vec<String> {
        let tables = &self.snapshot.tables;
        let (status, stack) = (tables.status(record.status), tables.stack(record.stack));
        let mut wrong = Vec::new();
        let mut expect = |what: &str, is: String, should: String| {
            if is != should {
                wrong.push(format!("{what} {is}, not {should}"));
            }
        };
        if !goroutine.state.is_empty() {
            // Which of the two a busy goroutine is in is chance.
            let is_busy = goroutine.state == "runnable" && status.reason == "running";
            let is = if is_busy { "runnable" } else { &*status.reason };
            expect("state", is.to_owned(), goroutine.state.clone());
        }
        expect("locked", status.locked_to_thread.to_string(), goroutine.locked.to_string());
        if status.leaked {
            expect("leaked", "true".to_owned(), goroutine.leaked.to_string());
        }
        if let Some(parent) = goroutine.parent.filter(|_| self.minor >= 21) {
            expect("parent", record.creator_id.to_string(), parent.to_string());
        }
        let creator = stack.created_by.map(|id| tables.frame(id));
        expect("creator", creator.map(|f| f.function.to_string()).unwrap_or_default(), goroutine.created_by.clone());
        if goroutine.created_line > 0 {
            expect("created at", creator.unwrap().line.to_string(), goroutine.created_line.to_string());
        }
        if !goroutine.function.is_empty() && !stack.unavailable {
            let own = stack.frames.iter().map(|id| tables.frame(*id)).find(|f| is_own(f));
            let is = own.map(|f| format!("{} at {}:{}", f.function, f.file, f.line)).unwrap_or_default();
            expect("frame", is, format!("{} at {}:{}", goroutine.function, goroutine.file, goroutine.line));
        }
        wrong
    }
}

/// Is it a frame of the program's own code?
fn is_own(frame: &Frame) -> bool {
    frame.function.starts_with("main.") || frame.function.starts_with("example.com/")
}

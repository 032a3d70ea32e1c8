//! Go's own tests of its leak profile, from the toolchain: at least what the runtime finds must be
//! proven, nothing in programs without leaks, and where the runtime has no such profile every leak
//! that the Go team requires.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails says where")]

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gostray_model::Snapshot;
use gostray_process::{ProveOptions, Prover};
use program::{Program, releases, toolchain};
use regex::Regex;

/// Where the programs are, and in which toolchain.
const WITH_PROGRAMS: &str = "1.27.3";
const PROGRAMS: &str = "src/runtime/testdata/testgoroutineleakprofile";
/// Stands in for the profile in the programs: when they would write it they stand still, to be looked
/// at, and write it only then.
const STANDING: &str = r#"package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
)

type standing struct{ profile *pprof.Profile }

func lookup(find func(string) *pprof.Profile) standing { return standing{find("goroutineleak")} }

var lines = bufio.NewScanner(os.Stdin)

func (s standing) WriteTo(w io.Writer, debug int) error {
	fmt.Println("ready")
	lines.Scan()
	if s.profile != nil {
		s.profile.WriteTo(w, debug)
	}
	fmt.Println("\nprofiled")
	lines.Scan()
	return nil
}
"#;

/// What the runtime finds is looked for so often at most, and in so many runs of the program: a word that
/// was left behind in the records of the runtime can outlast every look at a program that stands still,
/// but hides nothing in another run. How often that was needed is printed.
const ATTEMPTS: u32 = 5;
const RUNS: u32 = 3;

/// A test of the Go team: its name, what must be found, and what may be.
struct Case {
    name: String,
    leaks: Vec<Regex>,
    is_required: bool,
}

/// The list of tests, as the Go team's test has it.
fn cases(root: &Path) -> Vec<Case> {
    let source = fs::read_to_string(root.join("src/runtime/goroutineleakprofile_test.go")).unwrap();
    let entry = Regex::new(r#"(?s)make(Flaky)?Test\("(\w+)"(.*?)\n?\s*\),\n"#).unwrap();
    let leak = Regex::new("`([^`]*)`").unwrap();
    let cases: Vec<Case> = entry
        .captures_iter(&source)
        .map(|found| Case {
            name: found[2].to_owned(),
            leaks: leak.captures_iter(&found[3]).map(|leak| Regex::new(&leak[1]).unwrap()).collect(),
            is_required: found.get(1).is_none(),
        })
        .collect();
    assert!(cases.len() > 80, "{} cases", cases.len());
    cases
}

/// Builds both sets of programs: the executable that has a case.
fn build(release: &str, folder: &Path) -> Vec<(PathBuf, String)> {
    let source = toolchain(WITH_PROGRAMS).root().unwrap().join(PROGRAMS);
    let minor = release.split('.').nth(1).unwrap();
    ["", "goker"]
        .into_iter()
        .map(|set| {
            let own = folder.join(format!("set-{set}"));
            fs::create_dir_all(&own).unwrap();
            let mut names = String::new();
            for file in fs::read_dir(source.join(set)).unwrap().flatten() {
                if file.path().extension().is_some_and(|extension| extension == "go") {
                    let text = fs::read_to_string(file.path()).unwrap();
                    names += &text;
                    let text = text.replace(r#"pprof.Lookup("goroutineleak")"#, "lookup(pprof.Lookup)");
                    fs::write(own.join(file.file_name()), text).unwrap();
                }
            }
            fs::write(own.join("standing.go"), STANDING).unwrap();
            fs::write(own.join("go.mod"), format!("module leaks\n\ngo 1.{minor}\n")).unwrap();
            let executable = folder.join(format!("leaks-{set}"));
            toolchain(release).build(&own, &executable, ["-ldflags=-s -w"]).unwrap();
            (executable, names)
        })
        .collect()
}

/// `function(...) [reason]`, as the Go team's test writes leaks.
fn leaks(snapshot: &Snapshot, ids: &BTreeSet<u64>) -> Vec<String> {
    let tables = &snapshot.tables;
    let leaked = snapshot.records.iter().filter(|record| ids.contains(&record.id));
    leaked
        .map(|record| {
            let last = tables.visible(tables.stack(record.stack)).last().map(|frame| frame.function.to_string());
            format!("{}(...) [{}]", last.unwrap_or_default(), tables.status(record.status).reason)
        })
        .collect()
}

fn proven(snapshot: &Snapshot) -> BTreeSet<u64> {
    snapshot.facts.iter().filter(|(_, fact)| fact.proven).map(|(id, _)| *id).collect()
}

/// What one case gave.
struct Outcome {
    by_runtime: BTreeSet<u64>,
    by_us: BTreeSet<u64>,
    leaks: Vec<String>,
    /// Who held those that were not proven.
    held: BTreeMap<u64, String>,
}

fn run(executable: &Path, case: &Case) -> Outcome {
    let mut environment = vec![("GODEBUG", "asyncpreemptoff=1")];
    if case.is_required {
        environment.push(("GOMAXPROCS", "1"));
    }
    let mut program = Program::start(executable, &[&case.name], &environment);
    let mut prover = Prover::attach(program.pid()).unwrap();
    // How long it takes to stop a program that keeps all processors busy is not what is tested.
    let options = ProveOptions { max_pause: Duration::from_secs(30), ..ProveOptions::default() };
    let mut prove = || prover.prove(&options, &mut |_| {}).unwrap();
    let first = prove();
    program.say("");
    let profile = program.wait_for("profiled");
    let by_runtime = match gostray_profile::read(profile.as_bytes(), &gostray_profile::Limits::default()) {
        Ok(profile) => {
            let tables = &profile.snapshot.tables;
            let records = profile.snapshot.records.iter();
            records.filter(|record| tables.status(record.status).leaked).map(|record| record.id).collect()
        }
        // The release has no such profile.
        Err(_) => BTreeSet::new(),
    };
    // What got stuck only after we had looked, the runtime has seen as well; and what was left behind
    // in a register may keep one of them from being proven the first time.
    let mut second = prove();
    for _ in 0..ATTEMPTS {
        if by_runtime.is_subset(&proven(&first).union(&proven(&second)).copied().collect()) {
            break;
        }
        second = prove();
    }
    let mut leaks = leaks(&first, &proven(&first));
    leaks.extend(self::leaks(&second, &proven(&second)));
    program.assert_unharmed();
    let held = second.facts.iter().map(|(id, fact)| (*id, fact.held_by.as_deref().unwrap_or("?").to_owned())).collect();
    Outcome { by_runtime, by_us: proven(&first).union(&proven(&second)).copied().collect(), leaks, held }
}

/// Up to Go 1.23 a wait group was a semaphore like others.
fn matches(leak: &Regex, found: &str) -> bool {
    leak.is_match(found) || leak.is_match(&found.replace("[semacquire]", "[sync.WaitGroup.Wait]"))
}

#[test]
fn proves_what_the_runtime_finds_and_what_the_go_team_requires() {
    let cases = cases(&toolchain(WITH_PROGRAMS).root().unwrap());
    let mut failures = Vec::new();
    for release in releases() {
        let folder = tempfile::tempdir().unwrap();
        let sets = build(release, folder.path());
        let (mut runtime, mut ours, mut found, mut required) = (0, 0, 0, 0);
        let (mut found_flaky, mut flaky, mut again) = (0, 0, 0);
        println!("Go {release}: case, leaked for the runtime, proven");
        for case in &cases {
            let Some((executable, _)) = sets.iter().find(|(_, names)| names.contains(&format!("\"{}\"", case.name)))
            else {
                failures.push(format!("{release} {}: no such program", case.name));
                continue;
            };
            let mut outcome = run(executable, case);
            // The Go team repeats its tests as often.
            let is_missed = |outcome: &Outcome| {
                let is_found = |leak: &Regex| outcome.leaks.iter().any(|found| matches(leak, found));
                !outcome.by_runtime.is_subset(&outcome.by_us) || case.is_required && !case.leaks.iter().all(is_found)
            };
            for _ in 1..RUNS {
                if !is_missed(&outcome) {
                    break;
                }
                again += 1;
                outcome = run(executable, case);
            }
            println!("  {:24} {:5} {:5}", case.name, outcome.by_runtime.len(), outcome.by_us.len());
            runtime += outcome.by_runtime.len();
            ours += outcome.by_us.len();
            let missed: Vec<_> = outcome.by_runtime.difference(&outcome.by_us).collect();
            if !missed.is_empty() {
                let mut roots: BTreeMap<&str, usize> = BTreeMap::new();
                for (_, held) in outcome.held.iter().filter(|(id, _)| missed.contains(id)) {
                    *roots.entry(held.split(" → ").next().unwrap_or_default()).or_default() += 1;
                }
                roots.retain(|root, _| !root.starts_with("stack of goroutine"));
                println!("    missed, held by {roots:?}");
                failures.push(format!("{release} {}: the runtime finds {missed:?}, which were not proven", case.name));
            }
            if case.leaks.is_empty() && !outcome.by_us.is_empty() {
                failures.push(format!("{release} {}: has no leak: {:?}", case.name, outcome.leaks));
            }
            let mut unexpected: BTreeMap<&str, usize> = BTreeMap::new();
            for leak in outcome.leaks.iter().filter(|leak| !case.leaks.iter().any(|known| matches(known, leak))) {
                *unexpected.entry(leak).or_default() += 1;
            }
            if !unexpected.is_empty() {
                println!("    not in the Go team's list: {unexpected:?}");
            }
            for leak in &case.leaks {
                let is_found = outcome.leaks.iter().any(|found| matches(leak, found));
                if case.is_required {
                    required += 1;
                    found += usize::from(is_found);
                    if !is_found {
                        failures.push(format!("{release} {}: {leak} is required: {:?}", case.name, outcome.leaks));
                    }
                } else {
                    flaky += 1;
                    found_flaky += usize::from(is_found);
                }
            }
        }
        println!(
            "Go {release}: {ours} proven, {runtime} leaked for the runtime; {found} of {required} that are required, \
             {found_flaky} of {flaky} that depend on timing; {again} runs more"
        );
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

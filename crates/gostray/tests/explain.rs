//! What `gostray explain` promises: the statement that causes a running leak, or who could end it; and never a cause
//! from source that is not that of the binary.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gostray_toolchain::{Request, Toolchain};

/// What must come true is waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Scenarios that do not show while a program runs: one panics, one is no leak by itself.
const NOT_SEEN: [&str; 2] = ["s11", "s34"];

fn go() -> Toolchain {
    Toolchain::find(Request::Any, &mut |_| {}).unwrap()
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios").canonicalize().unwrap()
}

struct Running(Child);

impl Running {
    /// Starts a program of the scenarios, and waits until it says that it is ready.
    fn start(executable: &Path) -> Self {
        let child = Command::new(executable).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut running = Self(child);
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        running
    }

    /// How many of its goroutines were started by one of these functions.
    fn started_by(&self, creators: &BTreeSet<String>) -> u64 {
        let output = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .args(["prove", &self.0.id().to_string(), "--max-pause", "30s", "--format", "json", "--exit-zero"])
            .output()
            .unwrap();
        let json = json(&output);
        let groups = json["groups"].as_array().unwrap().iter();
        let own =
            groups.filter(|group| creators.contains(group["created_at"]["function"].as_str().unwrap_or_default()));
        own.map(|group| group["count"].as_u64().unwrap()).sum()
    }

    fn explain(&self, source: &Path, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_gostray"))
            .args(["explain", &self.0.id().to_string(), "--max-pause", "30s", "--source"])
            .arg(source)
            .args(args)
            .output()
            .unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Rule and line of the findings in explanations.
fn causes(json: &serde_json::Value) -> Vec<(String, u64)> {
    let groups = json["groups"].as_array().unwrap().iter();
    let findings = groups.map(|group| &group["explanation"]["finding"]).filter(|finding| finding.is_object());
    findings.map(|f| (f["rule"].as_str().unwrap().to_owned(), f["line"].as_u64().unwrap())).collect()
}

/// The scenarios that show while they run, by name: `s01_…`.
fn seen() -> Vec<String> {
    let names = fs::read_dir(scenarios()).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let is_one = |name: &String| name.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let mut names: Vec<String> = names.filter(|name| is_one(name) && !NOT_SEEN.contains(&&name[..3])).collect();
    names.sort();
    names
}

/// What the source says is the cause: `// want GS101`.
fn wanted(file: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(file).unwrap();
    let mut wanted = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some((_, rules)) = line.split_once("// want ") {
            wanted.extend(rules.split(' ').map(|rule| (rule.to_owned(), at as u64 + 1)));
        }
    }
    wanted
}

#[test]
fn every_leak_that_shows_while_it_runs_is_explained() {
    let (go, folder) = (go(), tempfile::tempdir().unwrap());
    let (mut table, mut failed) = (Vec::new(), false);
    for name in &seen() {
        let source = scenarios().join(name).join("leaky");
        let executable = folder.path().join(name);
        // Without symbols, as programs are in production.
        go.build(&source, &executable, ["-ldflags=-s -w"]).unwrap();
        let running = Running::start(&executable);
        let wanted = wanted(&source.join("main.go"));
        let start = Instant::now();
        // Goroutines come to where they wait in their own time.
        let found = loop {
            let found = causes(&json(&running.explain(&source, &["--all", "--format", "json", "--exit-zero"])));
            if found.iter().any(|cause| wanted.contains(cause)) || start.elapsed() > PATIENCE {
                break found;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let is_good = found.iter().all(|cause| wanted.contains(cause)) && !found.is_empty();
        failed |= !is_good;
        table.push(format!("{:<7} {name:<28} {found:?}", if is_good { "ok" } else { "FAILED" }));
    }
    println!("{}", table.join("\n"));
    assert_eq!(table.len(), 32);
    assert!(!failed);
}

/// A file of a test that is not in the binary is no cause of what happens there.
#[test]
fn tests_are_not_blamed_for_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let library = "package p\n\ntype worker struct{ stop chan struct{} }\n\nfunc start() *worker {\n\t\
        w := &worker{stop: make(chan struct{})}\n\tgo w.loop()\n\treturn w\n}\n\nfunc (w *worker) loop() { <-w.stop }\n\n\
        func (w *worker) Stop() { close(w.stop) }\n";
    let test =
        "package p\n\nimport \"testing\"\n\nfunc TestStart(t *testing.T) {\n\tw := start()\n\tt.Log(w.stop)\n}\n";
    for (name, text) in [("go.mod", "module example.com/p\n\ngo 1.22\n"), ("p.go", library), ("p_test.go", test)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let idle = "goroutine 7 [chan receive, 20 minutes]:\nexample.com/p.(*worker).loop(0x0)\n\t/x/p/p.go:11 +0x1\n\
        created by example.com/p.start in goroutine 6\n\t/x/p/p.go:7 +0x1\n";
    let test = "\ngoroutine 1 [chan receive, 20 minutes]:\ntesting.(*M).Run(0x0)\n\t/go/testing/testing.go:1 +0x1\n";
    for (dump, is_blamed) in [(idle.to_owned(), false), (format!("{idle}{test}"), true)] {
        let file = folder.path().join("dump.txt");
        fs::write(&file, dump).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .args(["explain", "--all", "--format", "json", "--exit-zero", "--source", "."])
            .arg(&file)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(!causes(&json(&output)).is_empty(), is_blamed, "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// The safe fix that an explanation proposes, made in a copy of the source and built, ends the leak: what was started
/// there is gone after a while.
#[test]
fn the_fix_that_is_proposed_ends_the_leak() {
    let go = go();
    let (mut table, mut failed) = (Vec::new(), false);
    for name in &seen() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["go.mod", "go.sum"] {
            fs::copy(scenarios().join(file), folder.path().join(file)).unwrap();
        }
        let source = folder.path().join(name);
        fs::create_dir(&source).unwrap();
        fs::copy(scenarios().join(name).join("leaky/main.go"), source.join("main.go")).unwrap();
        let executable = folder.path().join("leaky");
        go.build(&source, &executable, ["-ldflags=-s -w"]).unwrap();
        let running = Running::start(&executable);
        let wanted = wanted(&source.join("main.go"));
        let start = Instant::now();
        let explained = loop {
            let explained = json(&running.explain(&source, &["--all", "--format", "json", "--exit-zero"]));
            if causes(&explained).iter().any(|cause| wanted.contains(cause)) {
                break explained;
            }
            assert!(start.elapsed() < PATIENCE, "{name}: {explained}");
            std::thread::sleep(Duration::from_millis(50));
        };
        drop(running);
        let mut edits = BTreeMap::new();
        let mut creators = BTreeSet::new();
        for group in explained["groups"].as_array().unwrap() {
            let fix = &group["explanation"]["finding"]["fix"];
            if fix["safety"] == "safe" {
                creators.insert(group["created_at"]["function"].as_str().unwrap_or_default().to_owned());
                for edit in fix["edits"].as_array().unwrap() {
                    assert!(edit["file"].as_str().unwrap().ends_with("main.go"), "{edit}");
                    let at = |end: &str| usize::try_from(edit[end].as_u64().unwrap()).unwrap();
                    edits.insert((at("start"), at("end")), edit["text"].as_str().unwrap().to_owned());
                }
            }
        }
        if edits.is_empty() {
            continue;
        }
        let mut text = fs::read_to_string(source.join("main.go")).unwrap();
        for ((start, end), new) in edits.iter().rev() {
            text.replace_range(start..end, new);
        }
        fs::write(source.join("main.go"), text).unwrap();
        let executable = folder.path().join("fixed");
        go.build(&source, &executable, [] as [&str; 0]).unwrap();
        let running = Running::start(&executable);
        let start = Instant::now();
        let left = loop {
            let left = running.started_by(&creators);
            if left == 0 || start.elapsed() > PATIENCE {
                break left;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        failed |= left > 0;
        table.push(format!("{name:<28} after the fix {left} goroutines are left"));
    }
    println!("{}", table.join("\n"));
    assert!(!failed && table.len() >= 10);
}

/// Fixes are built and tested without a change of any file; what fails with one is said.
#[test]
fn fixes_are_verified_as_far_as_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let source = "package p\n\nfunc load(ok bool) int {\n\titem := make(chan int)\n\tgo func() {\n\t\titem <- 1\n\t}()\n\t\
        if !ok {\n\t\treturn 0\n\t}\n\treturn <-item\n}\n";
    let test = "package p\n\nimport \"testing\"\n\nfunc TestLoad(t *testing.T) {\n\tif load(true) != WANT {\n\t\tt.Fatal(1)\n\t}\n}\n";
    fs::write(folder.path().join("go.mod"), "module example.com/p\n\ngo 1.22\n").unwrap();
    fs::write(folder.path().join("p.go"), source).unwrap();
    let dump = "goroutine 7 [chan send, 20 minutes]:\nexample.com/p.load.func1()\n\t/x/p/p.go:6 +0x1\n\
        created by example.com/p.load in goroutine 1\n\t/x/p/p.go:5 +0x1\n";
    fs::write(folder.path().join("dump.txt"), dump).unwrap();
    let verified = |rung: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .args(["explain", "dump.txt", "--all", "--format", "json", "--exit-zero", "--verify", rung])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let explained = json(&output);
        explained["groups"][0]["explanation"]["verified"].as_str().map(str::to_owned)
    };
    assert!(verified("parse").unwrap().contains("neither built nor tested"));
    assert_eq!(verified("build").unwrap(), "go build and go vet pass with it");
    assert_eq!(verified("test").unwrap(), "go build and go vet pass with it", "there are no tests");
    fs::write(folder.path().join("p_test.go"), test.replace("WANT", "1")).unwrap();
    assert!(verified("test").unwrap().contains("the tests of its package pass"));
    let witness = "load(false) leaves a goroutine in load.func1 (chan send) without the fix, and nothing with it";
    assert_eq!(verified("witness").unwrap(), witness);
    fs::write(folder.path().join("p_test.go"), test.replace("WANT", "2")).unwrap();
    assert_eq!(verified("test").unwrap(), "go test fails with it");
    assert_eq!(fs::read_to_string(folder.path().join("p.go")).unwrap(), source, "no file is changed");
}

#[test]
fn what_crashed_is_explained_from_its_core() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.starts_with('|') || pattern.contains('/') {
        println!("SKIPPED: the kernel writes no cores here (kernel.core_pattern is {})", pattern.trim());
        return;
    }
    let (go, folder) = (go(), tempfile::tempdir().unwrap());
    let source = scenarios().join("s05_caller_gives_up/leaky");
    let executable = folder.path().join("program");
    go.build(&source, &executable, ["-ldflags=-s -w"]).unwrap();
    let shell = Command::new("sh")
        .args(["-c", "ulimit -c unlimited && exec ./program"])
        .current_dir(folder.path())
        .env("GOTRACEBACK", "crash")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(shell);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    // Goroutines come to where they wait in their own time.
    let wanted = wanted(&source.join("main.go"));
    while !causes(&json(&running.explain(&source, &["--format", "json", "--exit-zero"]))).contains(&wanted[0]) {
        std::thread::sleep(Duration::from_millis(50));
    }
    // Whoever waits closes the input, and without that the program would end by itself.
    let input = running.0.stdin.take();
    Command::new("kill").args(["-ABRT", &running.0.id().to_string()]).status().unwrap();
    running.0.wait().unwrap();
    drop(input);
    let core = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let core = core.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("core")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gostray"))
        .args(["explain", &format!("core:{}", core.display()), "--format", "json", "--source"])
        .arg(&source)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let explained = json(&output);
    assert_eq!(explained["target"]["kind"], "core");
    assert_eq!(causes(&explained), wanted);
}

#[test]
fn source_of_another_version_is_no_cause() {
    let (go, folder) = (go(), tempfile::tempdir().unwrap());
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    let text = fs::read_to_string(scenarios().join("s05_caller_gives_up/leaky/main.go")).unwrap();
    fs::write(source.join("main.go"), &text).unwrap();
    fs::write(source.join("go.mod"), "module example.com/other\n\ngo 1.22\n").unwrap();
    let executable = folder.path().join("program");
    go.build(&source, &executable, ["-trimpath"]).unwrap();
    let running = Running::start(&executable);
    let explained = || {
        let start = Instant::now();
        loop {
            let json = json(&running.explain(&source, &["--format", "json", "--exit-zero"]));
            let groups = json["groups"].as_array().unwrap().clone();
            if !groups.is_empty() || start.elapsed() > PATIENCE {
                break groups;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    assert_eq!(explained()[0]["explanation"]["finding"]["rule"], "GS102");

    // Everything has moved by a few lines.
    let (package, rest) = text.split_once('\n').unwrap();
    fs::write(source.join("main.go"), format!("{package}\n\n// One.\n// Two.\n// Three.\n{rest}")).unwrap();
    let group = &explained()[0]["explanation"];
    assert!(group["finding"].is_null(), "{group}");
    assert!(group["misfits"][0].as_str().unwrap().contains("the source is not that of the binary"), "{group}");

    // The file is gone.
    fs::rename(source.join("main.go"), source.join("other.go")).unwrap();
    let group = &explained()[0]["explanation"];
    assert!(
        group["finding"].is_null() && group["unknown"].as_str().unwrap().contains("is not in the source"),
        "{group}"
    );

    // Another module altogether.
    fs::write(source.join("go.mod"), "module example.com/elsewhere\n\ngo 1.22\n").unwrap();
    let output = running.explain(&source, &[]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("example.com/other") && error.contains("example.com/elsewhere"), "{error}");
}

#[test]
fn where_no_rule_knows_who_could_end_it_is_said() {
    let source = r#"package main

import (
	"fmt"
	"io"
	"os"
)

type queue struct{ jobs, done chan int }

func (q *queue) worker() {
	for {
		select {
		case <-q.jobs:
		case <-q.done:
			return
		}
	}
}

func (q *queue) add(n int) { q.jobs <- n }

func (q *queue) end() { close(q.done) }

func main() {
	q := &queue{make(chan int), make(chan int)}
	go q.worker()
	q.add(1)
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	q.end()
}
"#;
    let (go, folder) = (go(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("main.go"), source).unwrap();
    fs::write(folder.path().join("go.mod"), "module example.com/queue\n\ngo 1.22\n").unwrap();
    let executable = folder.path().join("program");
    go.build(folder.path(), &executable, &[] as &[&str]).unwrap();
    let running = Running::start(&executable);
    let output = running.explain(folder.path(), &["--all"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["it receives from q.jobs", "main.go:21:30  queue.add sends", "main.go:23:31  queue.end closes"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(output.status.code(), Some(0), "{text}");
}

#[test]
fn a_page_has_the_cause_the_fix_and_what_the_source_says() {
    let (go, folder) = (go(), tempfile::tempdir().unwrap());
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    // What is a string to Go would be the end of the page's own text to a browser.
    let hostile = "</script><img src=x onerror=alert(1)>";
    let text = fs::read_to_string(scenarios().join("s01_hedged_request/leaky/main.go")).unwrap();
    let text = text.replace("// want GS103", &format!("// {hostile}"));
    fs::write(source.join("main.go"), &text).unwrap();
    fs::write(source.join("go.mod"), "module example.com/hedged\n\ngo 1.22\n").unwrap();
    let executable = folder.path().join("program");
    go.build(&source, &executable, &[] as &[&str]).unwrap();
    let running = Running::start(&executable);
    let page = |command: &str, args: &[&str]| {
        let file = folder.path().join("leak.html");
        let output = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .args([command, &running.0.id().to_string(), "--max-pause", "30s", "--format", "html", "-o"])
            .arg(&file)
            .args(args)
            .output()
            .unwrap();
        (output.status.code(), fs::read_to_string(&file).unwrap_or_default())
    };
    let start = Instant::now();
    let source = source.to_str().unwrap();
    let (code, explained) = loop {
        let (code, page) = page("explain", &["--source", source]);
        if code == Some(1) || start.elapsed() > PATIENCE {
            break (code, page);
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(code, Some(1), "{explained}");
    for text in [
        "GS103",
        "it waits here, for ever",
        "<span class=\"line added\">",
        "Verified: the file parses with it",
        "gostray check --fix --verify test .",
        "// &lt;/script&gt;&lt;img src=x",
        // What is as it should be is there, too.
        "</span> normal</span>",
    ] {
        assert!(explained.contains(text), "{text}: {explained}");
    }
    assert!(!explained.contains("<img") && explained.matches("</script>").count() == 1, "{explained}");
    let (code, proven) = page("prove", &[]);
    assert_eq!(code, Some(1), "{proven}");
    for text in ["</span> proven</span>", "that nothing else can reach", "id=\"icicle\"", "<ul class=\"tree\">"] {
        assert!(proven.contains(text), "{text}: {proven}");
    }
}

#[test]
fn a_dump_is_explained_like_a_process() {
    let source = scenarios().join("s01_hedged_request/leaky");
    let dump = "goroutine 7 [chan send, 12 minutes]:\nmain.first.func1()\n\t/build/leaky/main.go:15 +0x25\n\
                created by main.first in goroutine 1\n\t/build/leaky/main.go:14 +0x65\n\n";
    let text = fs::read_to_string(source.join("main.go")).unwrap();
    let send = text.lines().position(|line| line.contains("// want GS103")).unwrap() + 1;
    let lines: Vec<&str> = text.lines().take(send).collect();
    let function = lines.iter().rev().find_map(|line| line.strip_prefix("func ")).unwrap();
    let function = function.split('(').next().unwrap();
    let dump = dump.replace("main.first", &format!("main.{function}")).replace(":15", &format!(":{send}")).repeat(12);
    // Each has an id of its own.
    let mut id = 6;
    let dump: String = dump
        .split("goroutine 7")
        .map(|part| {
            id += 100;
            if part.is_empty() { String::new() } else { format!("goroutine {id}{part}") }
        })
        .collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gostray"))
        .args(["explain", "-", "--all", "--format", "json", "--exit-zero", "--source"])
        .arg(&source)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(dump.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(causes(&json(&output)), [("GS103".to_owned(), send as u64)]);
}

#[test]
fn what_it_cannot_read_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump");
    fs::write(&dump, "goroutine 1 [running]:\nmain.main()\n\t/x/main.go:3 +0x1\n").unwrap();
    for (args, what) in [
        (vec!["/nowhere/dump", "--source", "/"], "module"),
        (vec![dump.to_str().unwrap(), "--source", "/nowhere"], "--source /nowhere"),
        (vec!["4194304", "--source", scenarios().to_str().unwrap()], "no process"),
    ]
    .iter()
    .map(|(args, what)| (args.clone(), *what))
    {
        let output = Command::new(env!("CARGO_BIN_EXE_gostray")).arg("explain").args(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(what), "{args:?}: {error}");
    }
}

/// Of Go's own programs for its leak profile: each leaks in a known way. The runtime's own dump is what is explained.
#[test]
fn of_go_s_own_leaks_most_have_a_cause_and_nearly_all_an_account() {
    let go = Toolchain::find(Request::Exactly("1.27.3".parse().unwrap()), &mut |_| {}).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    copy(&go.root().unwrap().join("src/runtime/testdata/testgoroutineleakprofile"), &source);
    fs::write(source.join("go.mod"), "module testgoroutineleakprofile\n\ngo 1.27\n").unwrap();
    let programs = [("main", source.clone()), ("goker", source.join("goker"))].map(|(name, source)| {
        let executable = folder.path().join(name);
        go.build(&source, &executable, &[] as &[&str]).unwrap();
        executable
    });
    let (mut all, mut causes, mut accounts, mut neither) = (0, 0, 0, Vec::new());
    for line in include_str!("goroot/cases.tsv").lines() {
        let case = line.split('\t').next().unwrap();
        // The runtime does not find every leak each time.
        let dump = (0..20).find_map(|_| {
            let outputs = programs.iter().map(|program| Command::new(program).arg(case).output().unwrap().stdout);
            outputs.map(|dump| String::from_utf8_lossy(&dump).into_owned()).find(|dump| dump.contains("(leaked)"))
        });
        let Some(dump) = dump else { continue };
        all += 1;
        let mut child = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .args(["explain", "-", "--format", "json", "--exit-zero", "--source"])
            .arg(&source)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(dump.as_bytes()).unwrap();
        let json = json(&child.wait_with_output().unwrap());
        if case == "Grpc795" {
            // One waits for itself with the lock, the other one for that: it is one cause.
            assert!(self::causes(&json).iter().all(|(rule, line)| (rule.as_str(), *line) == ("GS201", 26)), "{json}");
        }
        let has = |what: &str| {
            let groups = json["groups"].as_array().unwrap().iter();
            groups.filter(|group| group["verdict"] == "proven").any(|group| !group["explanation"][what].is_null())
        };
        match (has("finding"), has("accounts")) {
            (true, _) => causes += 1,
            (false, true) => accounts += 1,
            (false, false) => neither.push(case),
        }
    }
    println!("{causes} of {all} have a cause, {accounts} more an account; neither: {neither:?}");
    assert!(all >= 80, "{all} cases leak");
    assert!(causes * 100 >= all * 60, "{causes} of {all}");
    assert!(neither.len() <= 3, "{neither:?}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

//! What `gostray test` promises: which tests leave goroutines behind, whatever else happens to them.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that fails says where")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use gostray_toolchain::{Request, Toolchain};

/// What must come true is waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(120);

fn toolchain(version: Option<&str>) -> Toolchain {
    let request = version.map_or(Request::Any, |version| Request::Exactly(version.parse().unwrap()));
    Toolchain::find(request, &mut |_| {}).unwrap()
}

fn command(go: &Toolchain, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gostray"));
    for (name, value) in go.command().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("GOSTRAY_GO", go.go()).env_remove("GITHUB_STEP_SUMMARY").env("GOFLAGS", "-mod=mod -buildvcs=false");
    command.arg("test").args(args).current_dir(folder).stdin(Stdio::null());
    command
}

fn test(folder: &Path, args: &[&str]) -> Output {
    command(&toolchain(None), folder, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn module(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("go.mod"), "module example.com/shop\n\ngo 1.21\n").unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The packages of `--format json`.
fn packages(output: &Output) -> Vec<serde_json::Value> {
    let lines = stdout(output);
    let parsed = lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
    let all: Vec<serde_json::Value> = parsed.collect();
    assert!(!all.is_empty(), "{}", stderr(output));
    all
}

/// Package, test, verdict, file and line of each `go` statement whose goroutines fail a run.
type Left = BTreeSet<(String, String, String, String)>;

fn left(output: &Output) -> Left {
    let mut left = Left::new();
    for package in packages(output) {
        assert!(package["tests"]["not_checked"].is_null(), "{package}");
        for group in package["groups"].as_array().unwrap() {
            if group["test"]["is_new"] != true {
                continue;
            }
            let test = match group["test"]["origin"].as_str().unwrap() {
                "test" => group["test"]["name"].as_str().unwrap().to_owned(),
                other => format!("({other})"),
            };
            let at = &group["created_at"];
            let file = Path::new(at["file"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
            let name = package["target"]["name"].as_str().unwrap().to_owned();
            let verdict = group["verdict"].as_str().unwrap().to_owned();
            left.insert((name, test, verdict, format!("{file}:{}", at["line"])));
        }
    }
    left
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tested").canonicalize().unwrap()
}

/// What the source of the fixture says is left behind: `// left by TestX, likely`.
fn marked() -> Left {
    let mut marked = Left::new();
    for folder in fs::read_dir(fixture()).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let package = format!("example.com/tested/{}", folder.file_name().to_str().unwrap());
        for file in fs::read_dir(folder.path()).unwrap().flatten() {
            let name = file.file_name().to_str().unwrap().to_owned();
            let text = fs::read_to_string(file.path()).unwrap();
            for (at, line) in text.lines().enumerate() {
                let Some((_, mark)) = line.split_once(" // left by ") else { continue };
                let (test, verdict) = mark.split_once(", ").unwrap_or((mark, "proven"));
                marked.insert((package.clone(), test.to_owned(), verdict.to_owned(), format!("{name}:{}", at + 1)));
            }
        }
    }
    assert_eq!(marked.len(), 19);
    marked
}

/// The race detector needs a C compiler.
fn has_c() -> bool {
    let found = Command::new("cc").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("there is no C compiler: without the race detector");
    }
    found
}

fn every_one(version: &str, flags: &[&str]) {
    let go = toolchain(Some(version));
    let flags: Vec<&str> = flags.iter().copied().filter(|flag| *flag != "-race" || has_c()).collect();
    let mut args = vec!["./...", "--format", "json", "--", "-count=1"];
    args.extend(&flags);
    let output = command(&go, &fixture(), &args).output().unwrap();
    assert_eq!(left(&output), marked(), "{version} {flags:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn exactly_the_tests_that_leave_something_are_named_on_go_1_21() {
    every_one("1.21.13", &["-race", "-shuffle=on", "-parallel", "8"]);
}

#[test]
fn exactly_the_tests_that_leave_something_are_named_on_go_1_24() {
    every_one("1.24.11", &["-shuffle=on", "-parallel", "8"]);
}

#[test]
fn exactly_the_tests_that_leave_something_are_named_on_go_1_27() {
    every_one("1.27.3", &["-race", "-shuffle=on", "-parallel", "8"]);
    every_one("1.27.3", &["-bench", ".", "-benchtime", "10x", "-cover", "-cpu", "1,2"]);
}

const LEAKY: &str = r#"package shop

import "testing"

func leak() {
	c := make(chan int)
	go func() {
		c <- 1
	}()
}

func TestLeaks(t *testing.T) { leak() }

func TestIsClean(t *testing.T) {}
"#;

/// Without what differs from run to run.
fn settled(text: &str) -> String {
    let text = regex(r"\d+\.\d+ ?s\b", text, "N s");
    let text = regex(r#"time="[\d.]+""#, &text, r#"time="N""#);
    let text = regex(r"retains     [\d.]+ k?B", &text, "retains     N");
    regex(r"[^ ]*/shop_test.go", &text, "shop_test.go")
}

fn regex(pattern: &str, text: &str, with: &str) -> String {
    regex::Regex::new(pattern).unwrap().replace_all(text, with).into_owned()
}

#[test]
fn what_people_see() {
    let folder = module(&[("shop_test.go", LEAKY), ("clean/clean.go", "package clean\n")]);
    for format in ["full", "junit", "github"] {
        let output = test(folder.path(), &["--format", format, "--", "-count=1"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        insta::assert_snapshot!(format!("test_{format}"), settled(&stdout(&output)));
    }
    let page = stdout(&test(folder.path(), &["--format", "html"]));
    assert!(page.contains("TestLeaks leaves 1 × chan send behind") && page.contains("c &lt;- 1"), "{page}");
}

#[test]
fn a_cached_result_tells_of_the_same_leaks() {
    let folder = module(&[("shop_test.go", LEAKY)]);
    let first = test(folder.path(), &["--format", "json"]);
    let second = test(folder.path(), &["--format", "json"]);
    assert_eq!(packages(&second)[0]["tests"]["cached"], true);
    assert_eq!(left(&first), left(&second));
    assert_eq!(second.status.code(), Some(1));
    // A file that a test reads counts, too.
    fs::write(folder.path().join("data"), "1").unwrap();
    let reads = "package shop\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestReads(t *testing.T) { os.ReadFile(\"data\") }\n";
    fs::write(folder.path().join("reads_test.go"), reads).unwrap();
    let cached = |folder: &Path| packages(&test(folder, &["--format", "json"]))[0]["tests"]["cached"] == true;
    // What has just been written is too young for the cache.
    let start = Instant::now();
    while !cached(folder.path()) {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(200));
    }
    fs::write(folder.path().join("data"), "22").unwrap();
    assert!(!cached(folder.path()));
}

#[test]
fn a_baseline_lets_through_what_it_knows() {
    let folder = module(&[("shop_test.go", LEAKY)]);
    let written = test(folder.path(), &["--write-baseline", "known.json"]);
    assert_eq!(written.status.code(), Some(0), "{}", stderr(&written));
    assert_eq!(test(folder.path(), &["--baseline", "known.json"]).status.code(), Some(0));
    let more = LEAKY.replace("func TestIsClean(t *testing.T) {}", "func TestIsClean(t *testing.T) { leak() }");
    fs::write(folder.path().join("shop_test.go"), more).unwrap();
    let output = test(folder.path(), &["--baseline", "known.json", "--format", "json"]);
    let left: Vec<String> = left(&output).into_iter().map(|(_, test, ..)| test).collect();
    assert_eq!(left, ["TestIsClean"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_meant_to_stay_may_stay() {
    let stub = "package goleak\n\ntype Option any\n\nfunc IgnoreTopFunction(f string) Option { return f }\n";
    let source = r#"package shop

import (
	"testing"

	"example.com/shop/goleak"
)

var stop = make(chan struct{})

var _ = goleak.IgnoreTopFunction("example.com/shop.ignored")

func ignored()    { <-stop }
func configured() { <-stop }
func reported()   { <-stop }

func TestAll(t *testing.T) {
	go ignored()
	go configured()
	go reported() //gostray:background it serves all tests
	//nolint:gostray // it serves all tests
	go reported()
	go reported()
}
"#;
    let config = "[test]\nignore = [\"example.com/shop.configured\"]\n";
    let folder = module(&[("shop_test.go", source), ("goleak/goleak.go", stub), ("gostray.toml", config)]);
    let output = test(folder.path(), &["--format", "json", "--settle", "10ms"]);
    let left: Vec<String> = left(&output).into_iter().map(|(.., at)| at).collect();
    assert_eq!(left, ["shop_test.go:23"]);
}

#[test]
fn a_leak_that_does_not_come_again_fails_nothing() {
    // It leaves something only in the first process that runs it.
    let source = r#"package shop

import (
	"os"
	"testing"
	"time"
)

func TestFlaky(t *testing.T) {
	if _, err := os.Stat("seen"); err != nil {
		os.WriteFile("seen", nil, 0o666)
		go time.Sleep(time.Hour)
	}
}
"#;
    let folder = module(&[("shop_test.go", source)]);
    let output = test(folder.path(), &["--rerun", "1", "--settle", "10ms", "--", "-count=1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(stdout(&output).contains("1 not seen again"), "{}", stdout(&output));
}

#[test]
fn who_plants_no_leak_has_not_checked() {
    // The go command of somebody whose copy of the package testing plants nothing.
    let folder = module(&[("shop_test.go", LEAKY)]);
    let go = toolchain(None);
    let script = folder.path().join("go.sh");
    let text = format!(
        "#!/bin/sh\nreal='{}'\nif [ \"$1\" = test ]; then\n\
         overlay=$(pwd)/overlay.json\nfile=$(grep -o '[^\"]*testing-[^\"]*/testing.go' \"$4\")\n\
         sed -e 's/^\\tgostrayPlant()$//' -e 's/^\\tgostrayUproot()$//' \"$file\" > testing.go.txt\n\
         sed \"s|$file|$(pwd)/testing.go.txt|\" \"$4\" > \"$overlay\"\n\
         shift 4\nexec \"$real\" test -json -overlay \"$overlay\" \"$@\"\nfi\nexec \"$real\" \"$@\"\n",
        go.go().display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let output = command(&go, folder.path(), &["-run", "TestIsClean"]).env("GOSTRAY_GO", &script).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
    assert!(
        stdout(&output).contains("not checked: a leak that gostray plants in it was not found"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn what_ends_early_is_not_taken_for_clean() {
    let never = "package shop\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(0) }\n\nfunc TestA(t *testing.T) {}\n";
    let output = test(module(&[("shop_test.go", never)]).path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("not checked: its tests never began"), "{}", stdout(&output));

    let exits = "package shop\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestA(t *testing.T) { os.Exit(0) }\n";
    let output = test(module(&[("shop_test.go", exits)]).path(), &[]);
    // `go test` itself takes that for a failure.
    assert_eq!(output.status.code(), Some(1));

    let panics = "package shop\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { panic(\"over\") }\n";
    let output = test(module(&[("shop_test.go", panics)]).path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("FAIL") && stdout(&output).contains("panic: over"), "{}", stdout(&output));

    let hangs = "package shop\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { select {} }\n";
    let output = test(module(&[("shop_test.go", hangs)]).path(), &["-timeout", "1s"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("test timed out"), "{}", stdout(&output));

    let broken = "package shop\n\nfunc TestA(t *testing.T) {}\n";
    let output = test(module(&[("shop_test.go", broken)]).path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let all = stdout(&output) + &stderr(&output);
    assert!(all.contains("could not be built") && all.contains("undefined: testing"), "{all}");

    let none = test(module(&[("shop.go", "package shop\n")]).path(), &[]);
    assert_eq!(none.status.code(), Some(4), "{}", stdout(&none));
}

#[test]
fn what_it_cannot_do_it_says() {
    let folder = module(&[("shop_test.go", LEAKY)]);
    for (args, what) in [
        (&["-exec", "x"][..], "-exec"),
        (&["-fuzz", "X"], "seeds"),
        (&["-c"], "binaries"),
        (&["-nosuchflag=1"], "nosuchflag"),
        (&["./nowhere"], "nowhere"),
        (&["--baseline", "nosuchfile"], "--write-baseline"),
    ] {
        let output = test(folder.path(), args);
        assert_ne!(output.status.code(), Some(0), "{args:?}");
        let all = stdout(&output) + &stderr(&output);
        assert!(all.contains(what), "{args:?}: {all}");
    }
    let output = command(&toolchain(None), folder.path(), &[]).env("GOSTRAY_GO", "/nowhere/go").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nowhere/go"), "{}", stderr(&output));
}

#[test]
fn the_stream_of_go_test_is_passed_on() {
    let folder = module(&[("shop_test.go", LEAKY)]);
    let output = test(folder.path(), &["-json"]);
    for line in stdout(&output).lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["Action"].is_string(), "{line}");
    }
    assert!(!stdout(&output).contains("gostray"), "{}", stdout(&output));
    assert!(stderr(&output).contains("TestLeaks  +1 goroutine"), "{}", stderr(&output));
}

#[test]
fn who_interrupts_it_gets_what_there_is() {
    let slow = "package slow\n\nimport (\n\t\"os\"\n\t\"testing\"\n\t\"time\"\n)\n\nfunc TestSlow(t *testing.T) {\n\tos.WriteFile(os.Getenv(\"STARTED\"), nil, 0o666)\n\ttime.Sleep(time.Hour)\n}\n";
    let folder = module(&[("shop_test.go", LEAKY), ("slow/slow_test.go", slow)]);
    let started = folder.path().join("started");
    let child = command(&toolchain(None), folder.path(), &["./...", "-p", "1"])
        .env("STARTED", &started)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !started.exists() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("TestLeaks  +1 goroutine") && text.contains("interrupted before all were done"), "{text}");
    // Nothing of it runs on.
    let mine = format!("{}/", folder.path().display());
    let start = Instant::now();
    loop {
        let left = fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&mine) || cwd == folder.path())
        });
        if !left {
            break;
        }
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
}

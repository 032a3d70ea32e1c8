//! What `gostray check` and `gostray rule` promise to whoever calls them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output};

/// A leak that can be mended, one that is only told, and a call that is neither.
const LEAKY: &str = r#"package shop

import "os"

func fetch(id string) string { return id }

func load(id string) (string, error) {
	item := make(chan string)
	go func() {
		item <- fetch(id)
	}()
	if _, err := os.Stat(id); err != nil {
		return "", err
	}
	return <-item, nil
}

func start() {
	done := make(chan bool)
	go func() {
		done <- true
	}()
}
"#;

fn module(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("go.mod"), "module example.com/shop\n\ngo 1.24\n").unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Keeps nothing from one run to the next.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gostray"));
    command.env("GOSTRAYCACHE", "off");
    command
}

fn gostray(folder: &Path, args: &[&str]) -> Output {
    let mut command = program();
    command.args(args).current_dir(folder).env_remove("GITHUB_STEP_SUMMARY").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Times differ from run to run.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+\.\d\d s", "N.NN s");
    settings.add_filter(r#""elapsed_ms": \d+"#, r#""elapsed_ms": 0"#);
    settings.add_filter(r#"time="[\d.]+""#, r#"time="0""#);
    settings
}

#[test]
fn every_format() {
    let folder = module(&[("shop.go", LEAKY)]);
    for format in ["full", "concise", "json", "jsonl", "github", "junit", "agent"] {
        let output = gostray(folder.path(), &["check", "--format", format]);
        assert_eq!(code(&output), 1);
        settings().bind(|| insta::assert_snapshot!(format!("check_{format}"), stdout(&output)));
    }
    let html = stdout(&gostray(folder.path(), &["check", "--format", "html"]));
    assert!(html.contains("early-return-send") && html.contains("item &lt;- fetch(id)"), "{html}");
}

#[test]
fn sarif_is_sarif() {
    let folder = module(&[("shop.go", LEAKY)]);
    let text = stdout(&gostray(folder.path(), &["check", "--format", "sarif"]));
    let sarif: serde_sarif::sarif::Sarif = serde_json::from_str(&text).unwrap();
    let results = sarif.runs[0].results.as_ref().unwrap();
    assert_eq!(results.len(), 2);
    assert!(results[0].code_flows.is_some() && results[0].partial_fingerprints.is_some());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let first = &json["runs"][0]["results"][0];
    assert_eq!(first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "shop.go");
    assert!(json["runs"][0]["results"].as_array().unwrap().iter().any(|result| result["fixes"].is_array()));
}

#[test]
fn json_is_what_the_schema_says() {
    let committed = include_str!("../../../docs/schema/findings.v1.json");
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios");
    let printed = stdout(&gostray(&scenarios, &["schema", "findings"]));
    assert!(printed == committed, "run `gostray schema findings > docs/schema/findings.v1.json`");
    let validator = jsonschema::validator_for(&serde_json::from_str(committed).unwrap()).unwrap();
    let json =
        serde_json::from_str(&stdout(&gostray(&scenarios, &["check", "--hygiene", "--format", "json"]))).unwrap();
    let errors: Vec<String> = validator.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path)).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(!validator.is_valid(&serde_json::json!({"schema": "gostray.findings/v1"})));
}

/// The schema is that of the standard, as it comes with the crate that has its types.
#[test]
fn sarif_fits_its_schema_and_what_github_takes() {
    // What only other platforms need is not here.
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = stdout(&rustc);
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").unwrap();
    let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned();
    let schema = serde_json::from_slice(&fs::read(folder.join("src/schema.json")).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();

    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios");
    let text = stdout(&gostray(&scenarios, &["check", "--hygiene", "--format", "sarif"]));
    let sarif = serde_json::from_str(&text).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&sarif).map(|error| format!("{}: {error}", error.instance_path)).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    // https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 30 && results.len() <= 5_000);
    for result in results {
        assert!(result["locations"].as_array().unwrap().len() <= 10);
        let flows = result["codeFlows"].as_array().into_iter().flatten();
        let steps = flows.map(|flow| flow["threadFlows"][0]["locations"].as_array().unwrap().len()).sum::<usize>();
        assert!(steps <= 1_000);
    }
    for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
        let tags = rule["properties"]["tags"].as_array().map_or(0, Vec::len);
        assert!(tags <= 20 && rule["fullDescription"]["text"].as_str().unwrap().len() <= 1_024, "{rule}");
    }
}

#[test]
fn the_summary_of_a_job_is_appended() {
    let folder = module(&[("shop.go", LEAKY)]);
    let summary = folder.path().join("summary.md");
    let mut command = program();
    command.args(["check", "--format", "github"]).current_dir(folder.path());
    command.env("GITHUB_STEP_SUMMARY", &summary).output().unwrap();
    assert!(fs::read_to_string(summary).unwrap().contains("GS101 early-return-send"));
}

#[test]
fn exit_codes() {
    let (leaky, clean) = (module(&[("shop.go", LEAKY)]), module(&[("shop.go", "package shop\n")]));
    assert_eq!(code(&gostray(leaky.path(), &["check"])), 1);
    assert_eq!(code(&gostray(leaky.path(), &["check", "--exit-zero"])), 0);
    assert_eq!(code(&gostray(clean.path(), &["check"])), 0);
    assert_eq!(code(&gostray(module(&[]).path(), &["check"])), 4);
    let nowhere = gostray(clean.path(), &["check", "./nowhere"]);
    assert_eq!(code(&nowhere), 2);
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("./nowhere: no such folder"));
}

#[test]
fn safe_fixes_are_made_and_the_others_told() {
    let folder = module(&[("shop.go", LEAKY)]);
    let diff = gostray(folder.path(), &["check", "--diff"]);
    assert!(stdout(&diff).contains("+\titem := make(chan string, 1)"), "{}", stdout(&diff));
    assert_eq!(fs::read_to_string(folder.path().join("shop.go")).unwrap(), LEAKY);
    let output = gostray(folder.path(), &["check", "--fix", "--format", "concise"]);
    assert_eq!(code(&output), 1);
    let text = fs::read_to_string(folder.path().join("shop.go")).unwrap();
    assert_eq!(text, LEAKY.replace("make(chan string)", "make(chan string, 1)"));
    assert!(!stdout(&output).contains("GS101") && stdout(&output).contains("GS105"), "{}", stdout(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 fix made"));
}

#[test]
fn suppressions_need_a_reason_and_a_finding() {
    let text = LEAKY
        .replace("\t\titem <-", "\t\t//gostray:ignore GS101 the caller checks\n\t\titem <-")
        .replace("\t\tdone <- true", "\t\tdone <- true //gostray:ignore")
        .replace("func fetch", "//gostray:ignore GS202 not needed\nfunc fetch");
    let folder = module(&[("shop.go", &text)]);
    let output = gostray(folder.path(), &["check", "--format", "concise"]);
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!(stdout(&output), @r"
    note: shop.go:5: this suppression is not needed: nothing is found there
    note: shop.go:23: this suppression does not say why: add a reason
    ");
    let nolint = LEAKY.replace("done <- true", "done <- true //nolint:gostray // in a test");
    let folder = module(&[("shop.go", &nolint)]);
    assert!(!stdout(&gostray(folder.path(), &["check", "--format", "concise"])).contains("GS105"));
}

#[test]
fn a_baseline_knows_findings_when_lines_move() {
    let folder = module(&[("shop.go", LEAKY)]);
    let written = gostray(folder.path(), &["check", "--write-baseline", "known.json"]);
    assert_eq!(code(&written), 0);
    fs::write(folder.path().join("shop.go"), LEAKY.replace("func fetch", "// Moved.\n\nfunc fetch")).unwrap();
    let output = gostray(folder.path(), &["check", "--baseline", "known.json", "--format", "concise"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    let more = LEAKY.replace("func start", "func again() {\n\tready := make(chan int)\n\t<-ready\n}\n\nfunc start");
    fs::write(folder.path().join("shop.go"), more).unwrap();
    let output = gostray(folder.path(), &["check", "--baseline", "known.json", "--format", "concise"]);
    assert!(stdout(&output).starts_with("shop.go:20:2: "), "{}", stdout(&output));
    fs::write(folder.path().join("known.json"), "{}").unwrap();
    assert_eq!(code(&gostray(folder.path(), &["check", "--baseline", "known.json"])), 2);
}

#[test]
fn the_configuration_switches_rules_and_names_wrong_keys() {
    let folder = module(&[("shop.go", LEAKY)]);
    let config = folder.path().join("gostray.toml");
    fs::write(&config, "[check.rules]\nGS105 = \"off\"\n").unwrap();
    assert!(!stdout(&gostray(folder.path(), &["check", "--format", "concise"])).contains("GS105"));
    fs::write(&config, "[check]\nexclude = [\"shop.go\"]\n").unwrap();
    assert_eq!(code(&gostray(folder.path(), &["check"])), 0);
    fs::write(&config, "[check]\nexlude = []\n").unwrap();
    let output = gostray(folder.path(), &["check"]);
    assert_eq!(code(&output), 2);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("exlude") && error.contains("exclude"), "{error}");
}

#[test]
fn the_configuration_knows_what_never_returns_and_what_has_to_be_closed() {
    let text = r#"package shop

func load(id string) string {
	item := make(chan string)
	go func() {
		item <- id
	}()
	if id == "" {
		die("no id")
		return ""
	}
	return <-item
}

// How it ends is out of sight.
func die(why string)

type bus struct{}

func (bus) Stop() {}

func (bus) Drain() {}

func subscribe() *bus { return nil }

func listen(short bool) {
	all := subscribe()
	if short {
		return
	}
	all.Drain()
}
"#;
    let folder = module(&[("shop.go", text)]);
    let found = || stdout(&gostray(folder.path(), &["check", "--format", "concise"]));
    let without = found();
    assert!(without.contains("GS101") && !without.contains("GS502"), "{without}");
    let config = folder.path().join("gostray.toml");
    let wanted = "[check]\nnever-return = [\"example.com/shop.die\"]\n\n\
                  [[check.owners]]\nnew = \"example.com/shop.subscribe\"\nclose = [\"Stop\", \"Drain\"]\n";
    fs::write(&config, wanted).unwrap();
    let with = found();
    assert!(!with.contains("GS101") && with.contains("shop.go:27:9: all is not closed"), "{with}");
    for (key, said) in [
        ("never-return = [\"die\"]", "is no function: write example.com/log.Die"),
        ("owners = [{ new = \"a.b\", close = [] }]", "name a method that closes it"),
    ] {
        fs::write(&config, format!("[check]\n{key}\n")).unwrap();
        let output = gostray(folder.path(), &["check"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(code(&output) == 2 && error.contains(said), "{error}");
    }
}

#[test]
fn only_new_lines_are_reported_where_that_is_asked_for() {
    let folder = module(&[("shop.go", LEAKY)]);
    let git = |args: &[&str]| {
        let output = Command::new("git").current_dir(folder.path()).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "first"]);
    let args = ["check", "--new-from", "HEAD", "--format", "concise"];
    assert_eq!(stdout(&gostray(folder.path(), &args)), "");
    fs::write(folder.path().join("new.go"), "package shop\n\nfunc wait() {\n\tc := make(chan int)\n\t<-c\n}\n")
        .unwrap();
    let output = gostray(folder.path(), &args);
    assert!(stdout(&output).starts_with("new.go:5:2"), "{}", stdout(&output));
}

#[test]
fn broken_code_is_said_and_the_rest_is_checked() {
    let broken = LEAKY.replace("func fetch", "func broken( {\n\nfunc fetch");
    let folder = module(&[
        ("shop.go", &broken),
        ("other.go", "package shop\n\nimport \"example.org/gone\"\n\nvar _ = gone.X\n"),
    ]);
    let output = gostray(folder.path(), &["check", "--format", "concise"]);
    assert_eq!(code(&output), 1);
    let text = stdout(&output);
    assert!(text.contains("GS101") && text.contains("note: shop.go:5:"), "{text}");
    assert!(text.contains("example.org/gone is not on this machine"), "{text}");
}

#[test]
fn the_same_input_gives_the_same_bytes_whatever_the_number_of_threads() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios");
    let run = |threads: &str| {
        let mut command = program();
        command.args(["check", "--hygiene", "--format", "jsonl"]).current_dir(&fixtures);
        command.env("RAYON_NUM_THREADS", threads).output().unwrap().stdout
    };
    let first = run("1");
    assert!(!first.is_empty());
    for threads in ["1", "2", "7"] {
        assert!(run(threads) == first, "{threads} threads");
    }
}

#[test]
fn rules_say_what_they_are_in_two_languages() {
    let folder = tempfile::tempdir().unwrap();
    for rule in gostray_check::RULES {
        for (lang, sections) in [
            ("en", ["## What it finds", "## Example", "## When it is wrong", "## Fix"]),
            ("zh-CN", ["## 发现什么", "## 示例", "## 何时误报", "## 修复"]),
        ] {
            let output = gostray(folder.path(), &["rule", rule.code, "--lang", lang]);
            let text = stdout(&output);
            assert!(sections.iter().all(|section| text.contains(section)), "{} {lang}: {text}", rule.code);
        }
        assert_eq!(gostray_check::rule(rule.name), Some(rule));
    }
    let codes: Vec<&str> = gostray_check::RULES.iter().map(|rule| rule.code).collect();
    assert!(codes.is_sorted(), "{codes:?}");
    insta::assert_snapshot!("rule_list", stdout(&gostray(folder.path(), &["rule"])));
    assert_eq!(code(&gostray(folder.path(), &["rule", "GS999"])), 2);
}

#[test]
fn go_vet_runs_it_as_its_tool() {
    let folder = module(&[
        ("go.mod", "module example.com/shop\n\ngo 1.21\n"),
        ("shop.go", LEAKY),
        ("shop_test.go", &LEAKY.replace("load", "loadTwice").replace("start", "startTwice").replace("fetch", "get")),
        ("quiet/quiet.go", "package quiet\n"),
    ]);
    let own = stdout(&gostray(folder.path(), &["check", "--format", "concise"]));
    let places: Vec<&str> = own.lines().filter_map(|line| line.split_once(": ").map(|(place, _)| place)).collect();
    assert_eq!(places.len(), 4, "{own}");
    // Findings go to standard error in the first, and come as JSON that the go command shows in the last.
    for release in ["1.21.13", "1.27.3"] {
        let go = gostray_toolchain::Toolchain::find(
            gostray_toolchain::Request::Exactly(release.parse().unwrap()),
            &mut |_| {},
        )
        .unwrap();
        let vet = |packages: &str| {
            let tool = format!("-vettool={}", env!("CARGO_BIN_EXE_gostray"));
            go.command().args(["vet", &tool, packages]).current_dir(folder.path()).output().unwrap()
        };
        let output = vet("./...");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{release}: {text}");
        for place in &places {
            assert!(text.contains(place), "{release}: {place} is not in {text}");
        }
        let told = text.matches(", proven)").count() + text.matches(", likely)").count();
        assert_eq!(told, places.len(), "{release}: {text}");
        let output = vet("./quiet");
        assert_eq!(output.status.code(), Some(0), "{release}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_tool_of_go_vet_that_gets_nonsense_says_so() {
    let folder = module(&[("vet.cfg", "{}"), ("quiet.go", "package quiet\n")]);
    for (args, said) in [
        (["-json", "vet.cfg"], "is not what go vet writes"),
        (["-json", "gone.cfg"], "can't read gone.cfg"),
        (["-fix", "vet.cfg"], "gostray check --fix"),
    ] {
        let output = gostray(folder.path(), &args);
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(code(&output), 2, "{text}");
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn watching_looks_again_when_the_source_changes() {
    let folder = module(&[("shop.go", LEAKY)]);
    let mut child = program()
        .args(["check", "--watch", "--format", "concise"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut found = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = |text: &str| said.by_ref().map(Result::unwrap).find(|line| line.contains(text)).unwrap();
    until("watching");
    assert!(found.next().unwrap().unwrap().starts_with("shop.go:10:"));
    assert!(found.next().unwrap().unwrap().starts_with("shop.go:21:"));
    // A line more, and nothing else.
    fs::write(folder.path().join("next"), LEAKY.replacen('\n', "\n\n", 1)).unwrap();
    fs::rename(folder.path().join("next"), folder.path().join("shop.go")).unwrap();
    until("watching");
    assert!(found.next().unwrap().unwrap().starts_with("shop.go:11:"));
    // What goes wrong is said, and is no end.
    fs::write(folder.path().join("gostray.toml"), "[check]\nhygeine = true\n").unwrap();
    until("hygeine");
    fs::remove_file(folder.path().join("gostray.toml")).unwrap();
    until("watching");
    until("watching");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_may_be_meant_or_may_not_happen_is_not_proven() {
    let text = r#"package shop

import "time"

func park() {
	forever := make(chan int)
	<-forever
}

func soon(ready func() bool) {
	late := make(chan string)
	timer := time.AfterFunc(time.Second, func() { late <- "late" })
	if ready() {
		timer.Stop()
		return
	}
	<-late
}

func some(events chan int) int {
	big := make(chan int)
	go func() {
		for event := range events {
			if event > 100 {
				big <- event
			}
		}
	}()
	return <-big
}

func all(events chan int) int {
	copied := make(chan int)
	go func() {
		for event := range events {
			copied <- event
		}
	}()
	return <-copied
}
"#;
    let folder = module(&[("shop.go", text)]);
    let json = stdout(&gostray(folder.path(), &["check", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = json["findings"].as_array().unwrap().iter();
    let found: Vec<String> =
        found.map(|own| format!("{} {} {}", own["line"], own["rule"], own["tier"]).replace('"', "")).collect();
    assert_eq!(found, ["7 GS106 likely", "12 GS101 likely", "25 GS114 likely", "36 GS114 likely"]);
}

#[test]
fn what_a_running_program_shows_comes_first() {
    let folder = module(&[("shop.go", LEAKY)]);
    let line = |text: &str| LEAKY.lines().position(|line| line.contains(text)).unwrap() + 1;
    let goroutine = |id: u32| {
        format!(
            "goroutine {id} [chan send]:\nexample.com/shop.start.func1()\n\t/build/shop.go:{} +0x1\n\
             created by example.com/shop.start in goroutine 1\n\t/build/shop.go:{} +0x2\n\n",
            line("done <- true"),
            line("done <- true") - 1
        )
    };
    fs::write(folder.path().join("dump.txt"), (7..10).map(goroutine).collect::<String>()).unwrap();
    let output = gostray(folder.path(), &["check", "--profile", "dump.txt", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<(u64, u64)> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["line"].as_u64().unwrap(), finding["live"].as_u64().unwrap_or(0)))
        .collect();
    // In the order of the source it would be the other way round.
    assert_eq!(found, [(line("done <- true") as u64, 3), (line("item <- fetch(id)") as u64, 0)]);
    let text = stdout(&gostray(folder.path(), &["check", "--profile", "dump.txt"]));
    assert!(text.contains("live: 3 goroutines wait because of it"), "{text}");
}

#[test]
fn what_is_left_open_is_seen_though_errors_share_a_variable_and_is_not_closed_for_others() {
    let text = r#"package shop

import (
	"io"
	"net/http"
)

func read(url string, body []byte) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	_, err = io.ReadFull(resp.Body, body)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	return body, nil
}

func open(url string) (*http.Response, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	if err = check(resp.Status); err != nil {
		return nil, err
	}
	return resp, nil
}

var check func(status string) error
"#;
    let folder = module(&[("shop.go", text)]);
    let json = stdout(&gostray(folder.path(), &["check", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = json["findings"].as_array().unwrap().iter();
    let found: Vec<String> =
        found.map(|own| format!("{} {} {}", own["line"], own["rule"], own["fix"]["safety"]).replace('"', "")).collect();
    // A deferred close would close what `open` returns.
    assert_eq!(found, ["9 GS501 safe", "22 GS501 display"]);
}

#[test]
fn a_way_that_waits_for_itself_is_no_way_out() {
    let text = "package p\n\nimport \"sync\"\n\ntype server struct {\n\tmu sync.Mutex\n\tdrain bool\n}\n\n\
        func (s *server) stop() {\n\ts.mu.Lock()\n\tif s.drain {\n\t\ts.mu.Lock()\n\t\treturn\n\t}\n\t\
        s.drain = true\n\ts.mu.Unlock()\n}\n";
    let folder = module(&[("p.go", text)]);
    let output = gostray(folder.path(), &["check", "--format", "concise"]);
    let found = stdout(&output);
    assert!(found.contains("p.go:13:3") && found.contains("GS201") && !found.contains("GS202"), "{found}");
}

#[test]
fn what_goes_on_using_it_elsewhere_keeps_it_open() {
    let text = r#"package p

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
)

func lines(url string) (*bufio.Scanner, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	return bufio.NewScanner(resp.Body), nil
}

func decoder(url string) (*json.Decoder, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(io.LimitReader(resp.Body, 1<<20))
	return decoder, nil
}

func value(url string) (n int, err error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&n)
	return n, err
}

func count(url string) (n int, err error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		n++
	}
	return n, lines.Err()
}
"#;
    let folder = module(&[("p.go", text)]);
    let json = stdout(&gostray(folder.path(), &["check", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = json["findings"].as_array().unwrap().iter();
    let found: Vec<String> = found
        .map(|own| format!("{} {} {}", own["function"], own["rule"], own["fix"]["safety"]).replace('"', ""))
        .collect();
    assert_eq!(found, ["lines GS501 display", "decoder GS501 display", "value GS501 safe", "count GS501 safe"]);
}

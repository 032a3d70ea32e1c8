//! What a user sees of a snapshot and of a difference. The dump is the demo's shop after three
//! visits to each page, built with Go 1.27.3, after a leak profile.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod run;

use run::{GOSTRAY, data, gostray, gostray_with_stdin};

const DUMP: &str = "shop.debug2.txt";

#[test]
fn full() {
    let run = gostray(&["inspect", DUMP]);
    assert_eq!(run.code, 1, "there are leaks");
    insta::assert_snapshot!(run.stdout);
}

#[test]
fn every_goroutine() {
    insta::assert_snapshot!(gostray(&["inspect", DUMP, "--goroutines", "--focus", "bookkeeper"]).stdout);
}

#[test]
fn concise() {
    insta::assert_snapshot!(gostray(&["inspect", DUMP, "--format", "concise"]).stdout);
}

#[test]
fn agent() {
    insta::assert_snapshot!(gostray(&["inspect", DUMP, "--format", "agent"]).stdout);
}

#[test]
fn json() {
    insta::assert_snapshot!(gostray(&["inspect", DUMP, "--format", "json", "--focus", "bookkeeper|search"]).stdout);
}

#[test]
fn a_page() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("leak.html").display().to_string();
    let run = gostray(&["inspect", DUMP, "--format", "html", "-o", &file]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
    let page = std::fs::read_to_string(&file).unwrap();
    for text in [
        "<h1>Goroutines of shop.debug2.txt</h1>",
        "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';",
        "main.(*shop).search.func1",
        "id=\"icicle\"",
        "<ul class=\"tree\">",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // As many groups as the others show, and nothing to load.
    let json: serde_json::Value = serde_json::from_str(&gostray(&["inspect", DUMP, "-json"]).stdout).unwrap();
    let groups = json["groups"].as_array().unwrap().len();
    assert_eq!(page.matches("<details class=\"group\"").count(), groups);
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains(" src="), "{page}");
    // Those of a profile without ids and creators say so.
    let page = gostray(&["inspect", "shop.debug1.txt", "--format", "html"]).stdout;
    assert!(page.contains("does not say who started"), "{page}");
    let run = gostray(&["diff", DUMP, DUMP, "--format", "html"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("a difference has no pprof, text or html form"), "{run:?}");
}

#[test]
fn a_difference() {
    // The same goroutines, but the bookkeepers are new and the search is gone.
    let dump = String::from_utf8(data(DUMP)).unwrap();
    let before: String = dump.split_inclusive("\n\n").filter(|g| !g.contains("bookkeeper")).collect();
    let after: String = dump.split_inclusive("\n\n").filter(|g| !g.contains("search")).collect();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("after.txt"), after).unwrap();
    let after = dir.path().join("after.txt").display().to_string();
    for (name, args) in [("full", &[][..]), ("concise", &["--format=concise"]), ("agent", &["--format=agent"])] {
        let run = gostray_with_stdin(&[&["diff", "-", &after], args].concat(), before.as_bytes());
        assert_eq!(run.code, 1, "new leaks: {run:?}");
        insta::assert_snapshot!(format!("diff_{name}"), run.stdout.replace(&after, "after.txt"));
    }
    let run = gostray(&["diff", DUMP, DUMP]);
    assert_eq!(run.code, 0, "old leaks are not new: {run:?}");
}

#[test]
fn all_formats_show_the_same_groups() {
    let groups = |file: &str| {
        let json = gostray(&["inspect", file, "-json"]).stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let mut groups: Vec<(String, u64)> = json["groups"]
            .as_array()
            .unwrap()
            .iter()
            // The request that takes the dump is at work in each of them, at another point.
            .filter(|g| !["running", "runnable", "unknown"].contains(&g["state"].as_str().unwrap()))
            .filter(|g| !g["blocked_at"]["function"].as_str().unwrap().starts_with("net/http.(*connReader)"))
            .map(|g| (g["signature"].as_str().unwrap().to_owned(), g["count"].as_u64().unwrap()))
            .collect();
        groups.sort();
        assert_eq!(groups.len(), 16);
        groups
    };
    assert_eq!(groups("shop.debug1.txt"), groups(DUMP));
    assert_eq!(groups("shop.pb.gz"), groups(DUMP));
}

#[test]
fn json_is_what_the_schema_says() {
    let committed = include_str!("../../../docs/schema/snapshot.v1.json");
    let printed = gostray(&["schema"]).stdout;
    assert_eq!(printed, committed, "run `gostray schema > docs/schema/snapshot.v1.json`");
    let schema: serde_json::Value = serde_json::from_str(committed).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for args in [
        &["inspect", DUMP, "-json"][..],
        &["inspect", DUMP, "-json", "--goroutines"],
        &["inspect", "shop.pb.gz", "-json", "--group", "label:x"],
        &["diff", "shop.debug1.txt", DUMP, "-json"],
    ] {
        let value: serde_json::Value = serde_json::from_str(&gostray(args).stdout).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path)).collect();
        assert!(errors.is_empty(), "{args:?}: {errors:#?}");
    }
    // A validator that accepts anything would prove nothing.
    assert!(!validator.is_valid(&serde_json::json!({"schema": "gostray.snapshot/v1"})));
}

#[test]
fn selection_and_grouping() {
    let count = |args: &[&str]| {
        let json = gostray(&[&["inspect", DUMP, "-json"], args].concat()).stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        (json["goroutines"].as_u64().unwrap(), json["groups"].as_array().unwrap().len())
    };
    assert_eq!(count(&["--focus", "main\\.follow"]), (3, 1));
    assert_eq!(count(&["--state", "chan send"]), (9, 2));
    assert_eq!(count(&["--state", "chan send", "--state", "select", "--ignore", "net/http|os/signal"]).0, 17);
    assert_eq!(count(&["--label", "no-such-label"]), (0, 0));
    assert_eq!(gostray(&["inspect", DUMP, "--label", "no-such-label"]).code, 4, "nothing to check");
    for by in ["userloc", "curloc", "goloc", "startloc", "label:x"] {
        assert_eq!(count(&["--group", by]).0, count(&[]).0, "{by}");
    }
}

#[test]
fn exit_codes() {
    assert_eq!(gostray(&["inspect", DUMP, "--exit-zero"]).code, 0);
    assert_eq!(gostray(&["inspect", "shop.debug1.txt"]).code, 0, "no proof, no age, few");
    assert_eq!(gostray(&["--version"]).code, 0);
    assert_eq!(gostray(&["--help"]).code, 0);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let script = r#""$0" inspect shop.debug2.txt --goroutines | head -1; for c in ${PIPESTATUS[@]}; do echo $c; done"#;
    let output = std::process::Command::new("bash")
        .args(["-c", script, GOSTRAY])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(stdout.ends_with("\n0\n0\n") || stdout.ends_with("\n1\n0\n"), "{stdout}");
    // One that never reads at all.
    let closed = std::process::Command::new("bash")
        .args([
            "-c",
            r#""$0" inspect shop.debug2.txt 2>&1 >&-; echo $?; "$0" --help | true; echo ${PIPESTATUS[0]}"#,
            GOSTRAY,
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&closed.stdout).contains("panicked"), "{closed:?}");
}

#[test]
fn profiles_and_texts_can_be_read_again() {
    let dir = tempfile::tempdir().unwrap();
    for format in ["pprof", "text"] {
        let file = dir.path().join(format).display().to_string();
        let run = gostray(&["inspect", DUMP, "--format", format, "-o", &file]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
        let run = gostray(&["diff", DUMP, &file]);
        assert!(run.stdout.contains("nothing changed"), "{}", run.stdout);
    }
}

#[test]
fn a_text_needs_ids() {
    let run = gostray(&["inspect", "shop.pb.gz", "--format", "text"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains("no goroutine ids"), "{run:?}");
}

#[test]
fn an_empty_difference_is_nothing_to_check() {
    assert_eq!(gostray(&["diff", DUMP, DUMP, "--focus", "no such function"]).code, 4);
}

#[test]
fn completions_and_man_pages_come_from_the_flags() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(gostray(&["completions", shell]).stdout.contains("max-dump"), "{shell}");
    }
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(gostray(&["man", &dir.path().display().to_string()]).code, 0);
    let page = std::fs::read_to_string(dir.path().join("gostray-inspect.1")).unwrap();
    assert!(page.contains("no\\-leak\\-profile"), "{page}");
}

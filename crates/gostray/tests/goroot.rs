//! Go's own test programs for its leak profile: each leaks in a known way, at lines that the runtime itself
//! reported. What is not found has a reason.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says where")]

use std::collections::BTreeSet;
use std::process::Command;

use gostray_toolchain::{Request, Toolchain};

/// Where the programs are, since Go 1.26.
const PROGRAMS: &str = "src/runtime/testdata/testgoroutineleakprofile";
/// `case file:line …`: the lines where goroutines block or are started, by the runtime's leak profile.
const CASES: &str = include_str!("goroot/cases.tsv");
/// `case reason`: what is not found.
const MISSES: &str = include_str!("goroot/misses.tsv");

#[test]
fn what_the_runtime_reports_is_found_in_the_source() {
    let Ok(go) = Toolchain::find(Request::Exactly("1.27.3".parse().unwrap()), &mut |_| {}) else {
        panic!("Go 1.27.3 is neither here nor to be fetched");
    };
    let folder = go.root().unwrap().join(PROGRAMS);
    let output = Command::new(env!("CARGO_BIN_EXE_gostray"))
        .args(["check", "./...", "--format", "json"])
        .current_dir(&folder)
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut lines: BTreeSet<(String, u64)> = BTreeSet::new();
    for finding in json["findings"].as_array().unwrap() {
        for place in [finding, &finding["spawned_at"], &finding["blocks_at"]] {
            if let (Some(file), Some(line)) = (place["file"].as_str(), place["line"].as_u64()) {
                lines.insert((file.rsplit('/').next().unwrap().to_owned(), line));
            }
        }
    }
    let known: BTreeSet<&str> = MISSES.lines().filter_map(|line| line.split('\t').next()).collect();
    let (mut all, mut found, mut wrong) = (0, 0, Vec::new());
    for line in CASES.lines() {
        let mut cells = line.split('\t');
        let case = cells.next().unwrap();
        let is_found = cells.any(|place| {
            let (file, line) = place.rsplit_once(':').unwrap();
            lines.contains(&(file.to_owned(), line.parse().unwrap()))
        });
        all += 1;
        found += u32::from(is_found);
        // A miss that is found now wants to be told, too.
        if is_found == known.contains(case) {
            wrong.push(case);
        }
    }
    println!("{found} of {all} cases are found");
    assert_eq!(wrong, [""; 0], "found without being so far, or missed without a reason");
    // All 85 count, though two of them do not leak.
    assert!(found * 100 >= 85 * 60, "{found} of 85");
}

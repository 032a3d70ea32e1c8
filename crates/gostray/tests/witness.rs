//! The fixes of the scenarios: each has a generated test that leaves goroutines without it and none with it, or a
//! reason why there is none.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says where")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_fix_of_a_scenario_has_a_witness_or_a_reason() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios");
    let mut names: Vec<String> =
        fs::read_dir(&fixtures).unwrap().flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| fixtures.join(name).join("leaky").is_dir());
    names.sort();
    let (mut table, mut fixes, mut witnessed) = (String::new(), 0, 0);
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        for file in ["go.mod", "go.sum"] {
            fs::copy(fixtures.join(file), folder.path().join(file)).unwrap();
        }
        let program = folder.path().join("program");
        fs::create_dir(&program).unwrap();
        fs::copy(fixtures.join(&name).join("leaky/main.go"), program.join("main.go")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .env("GOSTRAYCACHE", "off")
            .args(["check", "--unsafe-fixes", "--verify", "witness", "--format", "json"])
            .current_dir(&program)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(fs::read_dir(&program).unwrap().count(), 1, "{name}: nothing but the program is left");
        for fixed in json["fixed"].as_array().into_iter().flatten() {
            let rule = fixed["finding"]["rule"].as_str().unwrap();
            let safety = fixed["finding"]["fix"]["safety"].as_str().unwrap();
            let says = match fixed["witness"]["call"].as_str() {
                Some(call) => format!("witness: {call}"),
                None => format!("{}, no witness: {}", fixed["verified"], fixed["no_witness"]),
            };
            assert_eq!(fixed["verified"] == "witness", fixed["witness"].is_object());
            assert!(text.contains("witness: "), "{text}");
            fixes += 1;
            witnessed += usize::from(fixed["witness"].is_object());
            writeln!(table, "{name:<27} {rule} {safety:<6} {says}").unwrap();
        }
    }
    println!("{table}{witnessed} of {fixes} fixes have a witness");
    insta::assert_snapshot!(format!("{table}{witnessed} of {fixes} fixes have a witness"));
}

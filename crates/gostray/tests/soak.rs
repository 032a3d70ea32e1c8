//! What `gostray soak` promises: which endpoint leaves how many goroutines behind, and what it could not find out.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use gostray_toolchain::{Request, Toolchain};

/// A service that is driven; it ends with us.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start() -> Self {
        let mut child = Command::new(executable()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    fn soak(&self, from_memory: bool, args: &[&str]) -> Output {
        let mut command = self.command(args);
        match from_memory {
            true => command.args(["--pid", &self.child.id().to_string()]),
            false => command.args(["--pprof", &self.address]),
        };
        command.output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gostray"));
        command.args(["soak", "--target", &self.address, "--rate", "100"]).args(args);
        if !args.contains(&"--duration") {
            command.args(["--duration", "1s"]);
        }
        command
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Built once for all tests.
fn executable() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    &BUILT
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let executable = folder.path().join("soaked");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/soaked");
            let go = Toolchain::find(Request::Exactly("1.27.3".parse().unwrap()), &mut |_| {}).unwrap();
            go.build(&source, &executable, &[] as &[&str]).unwrap();
            (folder, executable)
        })
        .1
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Verdict and goroutines per request of each endpoint that leaves some behind.
fn leaks(json: &serde_json::Value) -> BTreeMap<String, (String, f64)> {
    let mut leaks = BTreeMap::new();
    for endpoint in json["endpoints"].as_array().unwrap() {
        for leak in endpoint["leaks"].as_array().unwrap() {
            let verdict = leak["group"]["verdict"].as_str().unwrap().to_owned();
            let name = endpoint["name"].as_str().unwrap().to_owned();
            let other = leaks.insert(name, (verdict, leak["per_request"].as_f64().unwrap()));
            assert!(other.is_none(), "{json}");
        }
    }
    leaks
}

fn assert_rate(leaks: &BTreeMap<String, (String, f64)>, name: &str, verdict: &str, rate: f64) {
    let (seen, per_request) = leaks.get(name).unwrap_or_else(|| panic!("nothing of {name}: {leaks:?}"));
    assert_eq!(seen, verdict, "{name}");
    assert!((per_request - rate).abs() <= 0.05, "{name}: {per_request}");
}

#[test]
fn json_is_what_the_schema_says() {
    let committed = include_str!("../../../docs/schema/soak.v1.json");
    let printed = Command::new(env!("CARGO_BIN_EXE_gostray")).args(["schema", "soak"]).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed == committed, "run `gostray schema soak > docs/schema/soak.v1.json`");
    let validator = jsonschema::validator_for(&serde_json::from_str(committed).unwrap()).unwrap();
    let service = Service::start();
    let output = service.soak(true, &["/one", "/broken", "--no-hang-up", "--format", "json"]);
    let errors: Vec<String> = validator.iter_errors(&json(&output)).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

fn every_endpoint(from_memory: bool) {
    let service = Service::start();
    let output = service.soak(
        from_memory,
        &["/one", "/third", "/kept", "/gives-up", "/pool", "/late", "/clean", "--format", "json", "--drain", "8s"],
    );
    let json = json(&output);
    let leaks = leaks(&json);
    for (name, verdict, rate) in [("/one", "proven", 1.0), ("/third", "proven", 0.33), ("/kept", "likely", 1.0)] {
        assert_rate(&leaks, name, verdict, rate);
    }
    // Some hang up too late, so that it is less than one.
    let (verdict, rate) = &leaks["/gives-up (clients hang up)"];
    assert!(verdict == "proven" && *rate > 0.2, "{leaks:?}");
    let innocent = ["/gives-up", "/pool", "/late", "/clean"];
    let guilty: Vec<&String> = leaks.keys().filter(|name| innocent.contains(&name.as_str())).collect();
    assert!(guilty.is_empty(), "{guilty:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn endpoints_that_leave_something_are_named_through_pprof() {
    every_endpoint(false);
}

#[test]
fn endpoints_that_leave_something_are_named_from_memory() {
    every_endpoint(true);
}

#[test]
fn a_clean_service_is_clean() {
    let service = Service::start();
    let output = service.soak(true, &["/clean", "/pool", "--no-hang-up"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("none of 2 endpoints leaves goroutines behind"), "{text}");
}

#[test]
fn what_could_not_be_tested_is_not_clean() {
    let service = Service::start();
    let output = service.soak(false, &["/broken", "/clean", "--no-hang-up"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("answers 500") && text.contains("1 could not be tested"), "{text}");

    let output = service.soak(true, &["/clean", "/crash", "--no-hang-up"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("it ended early") && !text.contains("none of"), "{text}");

    // It is gone now.
    let output = service.soak(false, &["/clean"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.is_empty());
}

#[test]
fn who_interrupts_it_gets_what_there_is() {
    let service = Service::start();
    let mut command = service.command(&["/one", "/clean", "/kept", "--format", "json", "--duration", "600s"]);
    let child = command
        .args(["--pid", &service.child.id().to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // As soon as requests arrive.
    let start = std::time::Instant::now();
    loop {
        let goroutines = gostray_process::take(service.child.id()).unwrap().goroutines();
        if goroutines > 20 {
            break;
        }
        assert!(start.elapsed() < std::time::Duration::from_secs(60));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(json(&output)["interrupted"], true);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_page_shows_the_goroutines_over_time() {
    let service = Service::start();
    let output = service.soak(true, &["/one", "--no-hang-up", "--format", "html"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(
        page.contains("<polyline class=\"curve\"") && page.contains("/one leaves 1.00 × chan send behind"),
        "{page}"
    );
}

#[test]
fn what_it_cannot_send_it_says() {
    for (args, what) in [
        (&["--target", "localhost:1", "--pid", "1"][..], "no request"),
        (&["--target", "localhost:1", "/x"], "--pprof"),
        (&["--target", "::::", "--pid", "1", "/x"], "--target"),
        (&["--target", "localhost:1", "--pprof", ":1", "nonsense /x /y z"], "comes last"),
        (&["--target", "localhost:1", "--pprof", ":1", "/x", "--rate", "0"], "requests a second"),
        (&["--target", "localhost:1", "--pprof", ":1", "--har", "/dev/null"], "HAR"),
        (&["--target", "localhost:1", "--pprof", "127.0.0.1:1", "/x"], "refused"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_gostray")).arg("soak").args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(what), "{args:?}: {error}");
    }
}

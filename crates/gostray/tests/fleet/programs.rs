//! The programs as services: built, started, killed and started again.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gostray_toolchain::Toolchain;
use serde_json::json;

/// Kills it, whatever becomes of the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios").canonicalize().unwrap()
}

/// Builds programs (name and folder) as services, all in one go, into a folder: under its own name, and as another build
/// under `NAME-2`.
///
/// A scenario's own `main` uses it three times and waits. By an overlay it is set aside, in a package that is nowhere
/// else, and another one serves. A server that it asks is a process of its own.
pub(crate) fn build(go: &Toolchain, programs: &[(String, PathBuf)], into: &Path) {
    let mut replaced = serde_json::Map::new();
    for (name, source) in programs {
        let text = fs::read_to_string(source.join("main.go"))
            .unwrap()
            .replace("\"net/http/httptest\"", "\"example.com/scenarios/service\"")
            .replace("httptest.NewServer(", "service.Upstream(");
        let mut add = |file: &str, text: &str| {
            let written = into.join(format!("{name}.{file}"));
            fs::write(&written, text).unwrap();
            replaced.insert(fixtures().join(name).join(file).display().to_string(), json!(written));
        };
        if text.contains("service.Serve(") {
            add("main.go", &text);
            continue;
        }
        add("main.go", &text.replace("\nfunc main() {", "\nfunc scenario() {"));
        add(
            "service.go",
            "package main\n\nimport \"example.com/scenarios/service\"\n\nfunc main() { service.Serve(use) }\n\nvar _ = scenario\n",
        );
    }
    let overlay = into.join("overlay.json");
    fs::write(&overlay, json!({ "Replace": replaced }).to_string()).unwrap();
    for (build, ending) in [("1", ""), ("2", "-2")] {
        let built = into.join(format!("built{ending}"));
        fs::create_dir(&built).unwrap();
        let output = go
            .command()
            .current_dir(fixtures())
            .args(["build", "-buildvcs=false", "-overlay"])
            .arg(&overlay)
            .arg(format!("-ldflags=-s -w -X example.com/scenarios/service.Build={build}"))
            .arg("-o")
            .arg(format!("{}/", built.display()))
            .args(programs.iter().map(|(name, _)| format!("./{name}")))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for (name, _) in programs {
            fs::rename(built.join(name), into.join(format!("{name}{ending}"))).unwrap();
        }
    }
}

/// A process of a service.
pub(crate) struct Instance {
    running: Option<Running>,
    pub(crate) port: u16,
    hour: Duration,
}

impl Instance {
    pub(crate) fn start(program: &Path, hour: Duration) -> Self {
        let mut instance = Self { running: None, port: 0, hour };
        instance.start_again(program);
        instance
    }

    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// At the same address.
    pub(crate) fn start_again(&mut self, program: &Path) {
        self.stop();
        let child = Command::new(program)
            .env("ADDRESS", format!("127.0.0.1:{}", self.port))
            .env("HOUR", format!("{}ms", self.hour.as_millis()))
            // Two processors are enough for each of many.
            .env("GOMAXPROCS", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_else(|| {
            panic!("{}: it says {line:?}", program.display());
        });
        self.running = Some(running);
    }
}

//! The stream of `go test -json` → packages.
//!
//! Its form is that of `go doc test2json`, with build events since Go 1.24.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::wire::{Left, MARK};

/// Of the output of one test so much is kept, its end.
const MAX_OUTPUT: usize = 1 << 20;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A test of a package began.
    Running {
        /// Its import path.
        package: &'a str,
        /// The test.
        test: &'a str,
    },
    /// A line of the stream as it came, without what is ours.
    Line(&'a str),
    /// What a test, a package or `go` prints, as it comes.
    Output(&'a str),
    /// A message of `go` itself.
    Message(&'a str),
    /// A package is done.
    Package(Box<Package>),
}

/// How a package did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Its tests passed.
    #[default]
    Passed,
    /// A test failed, or the binary did.
    Failed,
    /// It could not be built.
    BuildFailed,
    /// It has no tests.
    NoTests,
    /// It was not done when it was interrupted.
    Interrupted,
}

/// How a test did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestStatus {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was skipped.
    Skipped,
}

/// A package and how it did.
#[derive(Debug, Default)]
pub struct Package {
    /// Its import path.
    pub path: String,
    /// How it did.
    pub status: Status,
    /// For how long it ran, in seconds as `go test` says it; 0 from the cache.
    pub elapsed: Duration,
    /// The result is from the cache.
    pub cached: bool,
    /// Its tests, subtests included, in the order of their names.
    pub tests: BTreeMap<String, TestStatus>,
    /// What its failed tests printed.
    pub failed: BTreeMap<String, String>,
    /// What it printed outside its tests.
    pub output: String,
    /// `coverage: 41.2% of statements`.
    pub coverage: Option<String>,
    pub(crate) left: Option<Left>,
    printed: BTreeMap<String, String>,
    /// A line of ours that has come in part.
    ours: Option<String>,
}

impl Package {
    /// How many tests have a status.
    #[must_use]
    pub fn count(&self, status: TestStatus) -> usize {
        self.tests.values().filter(|own| **own == status).count()
    }
}

/// A line of the stream.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    import_path: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    elapsed: f64,
    #[serde(default)]
    output: String,
    #[serde(default)]
    failed_build: String,
}

/// Packages in the making.
#[derive(Default)]
pub(crate) struct Reader {
    running: BTreeMap<String, Package>,
    /// What the compiler said, by what it built.
    builds: BTreeMap<String, String>,
}

impl Reader {
    /// Takes a line; gives a package that is done with it.
    pub(crate) fn take(&mut self, text: &str, hear: &mut dyn FnMut(Event<'_>)) -> Option<Package> {
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            // Up to Go 1.23, what `go` itself has to say.
            hear(Event::Message(text));
            return None;
        };
        if line.package.is_empty() {
            hear(Event::Line(text));
            if line.action == "build-output" {
                self.builds.entry(line.import_path).or_default().push_str(&line.output);
            }
            return None;
        }
        let package = self
            .running
            .entry(line.package.clone())
            .or_insert_with(|| Package { path: line.package.clone(), ..Package::default() });
        if line.action == "output" {
            if package.print(&line.test, &line.output) {
                hear(Event::Line(text));
                hear(Event::Output(&line.output));
            }
            return None;
        }
        hear(Event::Line(text));
        let status = match &*line.action {
            "pass" => TestStatus::Passed,
            "fail" => TestStatus::Failed,
            "skip" => TestStatus::Skipped,
            "run" => {
                hear(Event::Running { package: &line.package, test: &line.test });
                return None;
            }
            _ => return None,
        };
        if !line.test.is_empty() {
            let printed = package.printed.remove(&line.test);
            if status == TestStatus::Failed {
                package.failed.insert(line.test.clone(), printed.unwrap_or_default());
            }
            package.tests.insert(line.test, status);
            return None;
        }
        let mut package = self.running.remove(&line.package)?;
        package.elapsed = Duration::try_from_secs_f64(line.elapsed).unwrap_or_default();
        let build = self.builds.remove(&line.failed_build).filter(|_| !line.failed_build.is_empty());
        package.finish(status, build);
        Some(package)
    }

    /// What was not done when the stream ended.
    pub(crate) fn interrupted(self) -> impl Iterator<Item = Package> {
        self.running.into_values().map(|package| Package { status: Status::Interrupted, ..package })
    }
}

impl Package {
    /// Takes what is printed; is it the package's own, and not ours?
    fn print(&mut self, test: &str, output: &str) -> bool {
        // A long line comes in pieces.
        if let Some(ours) = &mut self.ours {
            ours.push_str(output);
            self.hear_us();
            return false;
        }
        if let Some((before, ours)) = output.split_once(MARK) {
            self.ours = Some(ours.to_owned());
            self.hear_us();
            if before.is_empty() {
                return false;
            }
            self.keep(test, before);
            return true;
        }
        self.keep(test, output);
        true
    }

    fn hear_us(&mut self) {
        if let Some(line) = self.ours.take_if(|line| line.ends_with('\n')) {
            self.left = serde_json::from_str(&line).ok();
        }
    }

    fn keep(&mut self, test: &str, output: &str) {
        if test.is_empty() {
            if let Some(at) = output.find("coverage: ").filter(|_| output.contains("% of statements")) {
                self.coverage = Some(output[at..].trim_end().to_owned());
            }
            self.cached |= output.starts_with("ok ") && output.contains("(cached)");
        }
        let kept = if test.is_empty() { &mut self.output } else { self.printed.entry(test.to_owned()).or_default() };
        kept.push_str(output);
        if kept.len() > MAX_OUTPUT {
            let mut cut = kept.len() - MAX_OUTPUT / 2;
            while !kept.is_char_boundary(cut) {
                cut += 1;
            }
            kept.replace_range(..cut, "… (what came before was left out)\n");
        }
    }

    fn finish(&mut self, status: TestStatus, build: Option<String>) {
        let is_build =
            build.is_some() || self.output.contains("[build failed]") || self.output.contains("[setup failed]");
        self.status = match status {
            TestStatus::Passed => Status::Passed,
            TestStatus::Skipped => Status::NoTests,
            TestStatus::Failed if is_build => Status::BuildFailed,
            TestStatus::Failed => Status::Failed,
        };
        if let Some(build) = build {
            self.output.insert_str(0, &build);
        }
        // Tests that were running when the binary died. Of benchmarks nobody says that they are done.
        for (test, printed) in std::mem::take(&mut self.printed) {
            if self.status == Status::Failed && !self.tests.contains_key(&test) && !test.starts_with("Benchmark") {
                self.tests.insert(test.clone(), TestStatus::Failed);
                self.failed.insert(test, printed);
            }
        }
    }
}

//! How tests and what they leave behind look. One file a format.

mod full;
mod github;
mod html;
mod json;
mod junit;

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::words;
use gostray_gate::test::{Leak, Leaks, Origin, Status, TestStatus, Tested};

/// A way to show tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestsFormat {
    /// For people: what failed, and what each test left behind.
    Full,
    /// `gostray.snapshot/v1`, one a package and line.
    Json,
    /// JUnit XML.
    Junit,
    /// Workflow commands of GitHub Actions.
    Github,
    /// One page.
    Html,
}

/// Packages that were tested.
#[derive(Debug)]
pub struct TestsReport<'a> {
    /// The packages.
    pub packages: &'a [Tested],
    /// Paths are shown relative to this folder.
    pub base: &'a Path,
    /// How long it took.
    pub elapsed: Duration,
    /// It was interrupted.
    pub interrupted: bool,
    /// The flags that came with it, which to run a test again takes, too.
    pub flags: &'a [String],
}

impl TestsReport<'_> {
    /// Writes it in a format.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write(&self, format: TestsFormat, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            TestsFormat::Full => full::write(self, out),
            TestsFormat::Json => json::write(self, out),
            TestsFormat::Junit => junit::write(self, out),
            TestsFormat::Github => github::write(self, out),
            TestsFormat::Html => html::write(self, out),
        }
    }

    /// One line of a package that is done, and what its failed tests printed.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write_package(tested: &Tested, out: &mut dyn io::Write) -> io::Result<()> {
        full::write_package(tested, out)
    }

    /// The summary of a job of GitHub Actions, Markdown.
    #[must_use]
    pub fn github_summary(&self) -> String {
        github::summary(self)
    }

    /// The result in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let of = |count: &dyn Fn(&Tested) -> usize| self.packages.iter().map(count).sum::<usize>();
        let tests = of(&Tested::top_tests);
        let failed = of(&|tested| tested.package.count(TestStatus::Failed));
        let unbuilt = of(&|tested| usize::from(tested.package.status == Status::BuildFailed));
        let unchecked = of(&|tested| usize::from(tested.package.not_checked().is_some()));
        let leaky = self.leaky().count();
        let goroutines: u64 = self.leaky().map(Leaks::new_goroutines).sum();
        let accepted = of(&|tested| tested.accepted().filter(|leak| leak.accepted.is_some()).count());
        let flaky = of(&|tested| tested.accepted().filter(|leak| leak.is_flaky()).count());
        let packages = of(&|tested| usize::from(tested.package.status != Status::NoTests));
        let mut text =
            format!("{} in {}", words::count(tests as u64, "test"), words::count(packages as u64, "package"));
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        };
        add(failed, "failed");
        add(unbuilt, "packages not built");
        add(unchecked, "packages not checked");
        if leaky > 0 {
            let leave = if leaky == 1 { "leaves" } else { "leave" };
            text.push_str(&format!(", {leaky} {leave} {} behind", words::count(goroutines, "goroutine")));
        } else if unchecked == 0 && tests > 0 {
            text.push_str(", none leaves a goroutine behind");
        }
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        };
        add(accepted, "known or meant to stay");
        add(flaky, "not seen again");
        if self.interrupted {
            text.push_str("; interrupted before all were done");
        }
        text
    }

    /// Tests that leave something behind that is not known.
    fn leaky(&self) -> impl Iterator<Item = &Leaks> {
        self.packages.iter().flat_map(|tested| &tested.leaks).filter(|leaks| leaks.new_goroutines() > 0)
    }

    /// The command that runs a test again.
    fn again(&self, leaks: &Leaks) -> String {
        let test = leaks.origin.test().map(|test| {
            let parts: Vec<String> = test.split('/').map(|part| format!("^{}$", quote_regex(part))).collect();
            let flag = if test.starts_with("Benchmark") { "-bench" } else { "-run" };
            format!(" {flag} '{}'", parts.join("/"))
        });
        let flags: Vec<&str> = self
            .flags
            .iter()
            .map(String::as_str)
            .filter(|flag| matches!(*flag, "-race" | "-short" | "-cover"))
            .collect();
        let flags = flags.iter().map(|flag| format!(" {flag}")).collect::<String>();
        let rest = format!("{flags}{}", test.unwrap_or_default());
        let rest = if rest.is_empty() { rest } else { format!(" --{rest}") };
        format!("gostray test {}{rest}", leaks.package)
    }
}

/// Who left it: a test, or what is known instead.
fn who(origin: &Origin) -> &str {
    match origin {
        Origin::Test(test) => test,
        Origin::Package => "(package)",
        Origin::Unknown => "(unknown test)",
    }
}

/// Characters of names of tests that mean something to `-run`.
fn quote_regex(text: &str) -> String {
    let mut quoted = String::new();
    for character in text.chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

/// The leaks of a test that fail the run.
fn new_leaks(leaks: &Leaks) -> impl Iterator<Item = &Leak> {
    leaks.leaks.iter().filter(|leak| leak.is_new())
}

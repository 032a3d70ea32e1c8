//! JUnit XML: a test suite a package. What a test leaves behind fails it.

use std::io::{self, Write};

use gostray_gate::test::{Leaks, Status, TestStatus, Tested};

use super::{TestsReport, new_leaks, who};
use crate::findings::escape;
use crate::words::place;

pub(super) fn write(report: &TestsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let suites: Vec<&Tested> =
        report.packages.iter().filter(|tested| tested.package.status != Status::NoTests).collect();
    let cases: Vec<Vec<Case>> = suites.iter().map(|tested| cases(tested)).collect();
    let all = |is: &dyn Fn(&Case) -> bool| cases.iter().flatten().filter(|case| is(case)).count();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"gostray test\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        all(&|_| true),
        all(&|case| case.failure.is_some()),
        report.elapsed.as_secs_f64()
    )?;
    for (tested, cases) in suites.iter().zip(&cases) {
        writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
            escape(&tested.package.path),
            cases.len(),
            cases.iter().filter(|case| case.failure.is_some()).count(),
            cases.iter().filter(|case| case.skipped).count(),
            tested.package.elapsed.as_secs_f64()
        )?;
        for case in cases {
            write!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\"",
                escape(&tested.package.path),
                escape(&case.name)
            )?;
            match &case.failure {
                Some((kind, message, text)) => writeln!(
                    out,
                    ">\n      <failure type=\"{kind}\" message=\"{}\">{}</failure>\n    </testcase>",
                    escape(message),
                    escape(text)
                )?,
                None if case.skipped => writeln!(out, "><skipped/></testcase>")?,
                None => writeln!(out, "/>")?,
            }
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

struct Case {
    name: String,
    skipped: bool,
    failure: Option<(&'static str, String, String)>,
}

fn cases(tested: &Tested) -> Vec<Case> {
    let package = &tested.package;
    let mut cases: Vec<Case> = package
        .tests
        .iter()
        .map(|(name, status)| {
            let leaks = tested.leaks.iter().find(|leaks| leaks.origin.test() == Some(name));
            let failure = match status {
                TestStatus::Failed => {
                    let printed = package.failed.get(name).cloned().unwrap_or_default();
                    Some(("failure", format!("{name} failed"), printed))
                }
                _ => leaks.and_then(leak),
            };
            Case { name: name.clone(), skipped: *status == TestStatus::Skipped, failure }
        })
        .collect();
    // What is no test's, and what is none of the tests that were heard of: benchmarks.
    let others =
        tested.leaks.iter().filter(|leaks| leaks.origin.test().is_none_or(|test| !package.tests.contains_key(test)));
    cases.extend(others.filter_map(|leaks| {
        Some(Case { name: who(&leaks.origin).to_owned(), skipped: false, failure: Some(leak(leaks)?) })
    }));
    let odd = match package.status {
        Status::BuildFailed => Some(("build", "could not be built".to_owned())),
        Status::Interrupted => Some(("interrupted", "interrupted".to_owned())),
        Status::Failed if package.failed.is_empty() => Some(("failure", "the test binary failed".to_owned())),
        _ => package.not_checked().map(|why| ("not checked", why.to_owned())),
    };
    cases.extend(odd.map(|(kind, message)| Case {
        name: "(package)".to_owned(),
        skipped: false,
        failure: Some((kind, message, package.output.clone())),
    }));
    cases
}

fn leak(leaks: &Leaks) -> Option<(&'static str, String, String)> {
    let verdict = leaks.verdict()?;
    let tables = &leaks.snapshot.tables;
    let lines: Vec<String> = new_leaks(leaks)
        .map(|leak| {
            let group = &leak.judged.group;
            let at = |frame: Option<&gostray_model::Frame>| {
                frame.map(|frame| format!("{} {}", frame.function, place(frame))).unwrap_or_default()
            };
            let because: Vec<&str> = leak.judged.judgement.evidence.iter().map(|own| own.detail.as_str()).collect();
            format!(
                "{} × {} at {}\n  created by {}\n  {}: {}",
                group.count,
                group.state(tables),
                at(group.blocked_at(tables)),
                at(group.created_at(tables)),
                leak.judged.judgement.verdict,
                because.join("; ")
            )
        })
        .collect();
    let goroutines = leaks.new_goroutines();
    let word = if goroutines == 1 { "goroutine" } else { "goroutines" };
    Some(("leak", format!("{goroutines} {word} left behind ({verdict})"), lines.join("\n")))
}

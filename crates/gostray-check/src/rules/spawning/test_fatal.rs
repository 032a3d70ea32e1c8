//! A goroutine of a test calls `t.Fatal`, which ends only that goroutine.
//!
//! ## What it finds
//!
//! `t.Fatal`, `t.FailNow`, `t.Skip` and their like end the goroutine that calls them, and the test only if that is
//! its own. It is *likely* to leave somebody waiting where the goroutine would send, close or be done afterwards;
//! elsewhere it is reported with `--hygiene`.
//!
//! ## Example
//!
//! ```go
//! func TestFetch(t *testing.T) {
//! 	got := make(chan string)
//! 	go func() {
//! 		body, err := fetch()
//! 		if err != nil {
//! 			t.Fatal(err) // the test waits below for ever
//! 		}
//! 		got <- body
//! 	}()
//! 	check(t, <-got)
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	errs := make(chan error, 1)
//! 	…
//! 			errs <- err
//! 			return
//! ```
//!
//! ## When it is wrong
//!
//! When the test does not wait for the goroutine in any way.
//!
//! ## Fix
//!
//! Unsafe: `t.Error` and `return`. The test fails as it should, but whoever waits has to be told, too.

use gostray_golang::ast::{ExprId, ExprKind, StmtKind};

use crate::actor::{loop_around, spawns};
use crate::channel::{indent, statement};
use crate::finding::{Edit, Finding, Fix, Safety, Tier};
use crate::program::{Body, Callee, Known, What, is_named, names};
use crate::rules::{Check, Rule, finding, spawn_span, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS604",
    name: "test-fatal",
    // As long as the test passes, all is well.
    tier: Tier::Hygiene,
    text: include_str!("test_fatal.rs"),
    chinese: include_str!("test_fatal.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    if !body.source.is_test {
        return;
    }
    for (call, root) in spawns(body) {
        let Some(root) = root.map(|root| body.program.body(root)) else { continue };
        let flow = root.flow();
        for (_, event) in flow.all() {
            let What::Call { call: fatal } = event.what else { continue };
            let Some(name) = ending(&root, fatal) else { continue };
            let (spawn, span) = (spawn_span(body, call), root.ast()[fatal].span);
            let missed = missed(&root, fatal);
            let message = format!("{name} ends this goroutine alone, not the test");
            let mut finding = finding(&RULE, Tier::Hygiene, &root, span, message);
            finding.why = match missed {
                Some(_) => "whoever waits for what comes after it waits for ever".to_owned(),
                None => "the test goes on".to_owned(),
            };
            finding.spawned_at = Some(body.place(spawn));
            finding.path.push(step(body, spawn, "the goroutine is started here"));
            finding.path.push(step(&root, span, "it may end here"));
            if let Some(missed) = missed {
                finding.path.push(step(&root, missed, "and then this is never done"));
            }
            finding.fix = fix(&root, fatal, name);
            found.push(finding);
        }
    }
}

/// The method that ends the goroutine which calls it.
fn ending(body: &Body<'_>, call: ExprId) -> Option<&'static str> {
    let name = match body.callee(call) {
        Callee::Func(function) => match names(body.program.world, function)? {
            ("testing", Some(_), name) => name,
            _ => return None,
        },
        Callee::Abstract(of, name) if is_named(body.program.world, &of, "testing", "TB") => name.as_str(),
        _ => return None,
    };
    matches!(name, "Fatal" | "Fatalf" | "FailNow" | "Skip" | "Skipf" | "SkipNow").then_some(name)
}

/// What others may wait for, and comes after a call or in the next round of its loop.
fn missed(root: &Body<'_>, call: ExprId) -> Option<gostray_golang::Span> {
    let ast = root.ast();
    let after = match loop_around(root, call) {
        Some(around) => ast[around].span.start,
        None => ast[call].span.end,
    };
    root.flow().all().find_map(|(_, event)| {
        let is_waited_for = match event.what {
            What::Send { .. } | What::Close { .. } => true,
            What::Call { call } => root.known(call) == Some(Known::Done),
            _ => false,
        };
        (is_waited_for && event.span.start >= after).then_some(event.span)
    })
}

fn fix(root: &Body<'_>, call: ExprId, name: &str) -> Option<Fix> {
    let ast = root.ast();
    let instead = match name {
        "Fatal" => "Error",
        "Fatalf" => "Errorf",
        "FailNow" => "Fail",
        _ => return None,
    };
    let stmt = statement(root, call)?;
    let ExprKind::Call { function, .. } = ast[call].kind else { return None };
    let ExprKind::Selector { selected, .. } = ast[ast.unparen(function)].kind else { return None };
    if !matches!(ast[stmt].kind, StmtKind::Expr(_)) || ast[root.function().signature].results.is_some() {
        return None;
    }
    let edit = |start, end, text: String| Edit { file: root.source.path.clone(), start, end, text };
    let (method, end) = (ast[selected].span, ast[stmt].span.end);
    let indent = indent(root, ast[stmt].span.start);
    Some(Fix {
        safety: Safety::Unsafe,
        title: format!("t.{instead} and return"),
        edits: vec![edit(method.start, method.end, instead.to_owned()), edit(end, end, format!("\n{indent}return"))],
    })
}

//! The body of a response is not closed on some way out.
//!
//! ## What it finds
//!
//! A response's `Body` has to be closed even if it is not read. Until then its connection, and the two
//! goroutines that serve it, stay.
//!
//! ## Example
//!
//! ```go
//! 	resp, err := http.Get(url)
//! 	if err != nil {
//! 		return err
//! 	}
//! 	if resp.StatusCode != http.StatusOK {
//! 		return errStatus // Body is not closed
//! 	}
//! 	defer resp.Body.Close()
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	resp, err := http.Get(url)
//! 	if err != nil {
//! 		return err
//! 	}
//! 	defer resp.Body.Close()
//! ```
//!
//! ## When it is wrong
//!
//! When the transport is one that needs no closing, as in tests of a `RoundTripper`. Nothing is said of a body that was read to
//! its end, of an answer that has none, nor where the client has a `Timeout` or the request a context that ends. In
//! tests, where a handler says whether there is a body at all, and in what `main` alone calls once, it is *hygiene*.
//!
//! ## Fix
//!
//! Safe where the error is checked right after the call: `defer resp.Body.Close()` after that.

use gostray_golang::ast::{ExprId, ExprKind, StmtId, StmtKind};
use gostray_golang::types::Object;

use crate::channel::{insert_after, statement};
use crate::finding::{Finding, Fix, Safety, Tier};
use crate::obligation::{Obligation, Release};
use crate::program::{Body, Parent, calls};
use crate::rules::resources::ends::{has_time_limit, is_ended_by_context};
use crate::rules::{Check, Rule, finding, step};
use crate::worker::is_run_once;

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS501",
    name: "body-not-closed",
    tier: Tier::Likely,
    text: include_str!("body_not_closed.rs"),
    chinese: include_str!("body_not_closed.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for (call, names) in calls(body) {
        let gives = matches!(
            names,
            ("net/http", None | Some("Client"), "Get" | "Post" | "PostForm" | "Do")
                | ("net/http", Some("Transport"), "RoundTrip")
        );
        if !gives {
            continue;
        }
        let release = Release::Methods(&["Close", "Write"], Some("Body"));
        if is_ended_by_context(body, call) || has_time_limit(body, call) {
            continue;
        }
        let Some(obligation) = Obligation::of(body, call, 0, release) else { continue };
        let Some(way) = obligation.missed() else { continue };
        let span = body.ast()[call].span;
        let name = body.text_of(obligation.ident);
        let message = format!("{name}.Body is not closed on every way out");
        // Whether the answer has a body at all is said by a handler that the test has for it.
        let tier = if body.source.is_test || is_run_once(body) { Tier::Hygiene } else { Tier::Likely };
        let mut finding = finding(&RULE, tier, body, span, message);
        finding.why = "the connection and the two goroutines that serve it stay".to_owned();
        finding.given_by = Some(super::symbol(names));
        finding.path.push(step(body, span, "the response comes from here"));
        finding.path.extend(way.steps(body, Some(span), "this way out leaves its body open"));
        finding.fix = after_check(body, call, &obligation, &format!("defer {name}.Body.Close()"));
        found.push(finding);
    }
}

/// A deferred close after the check of the error that came with what is to be closed.
pub(super) fn after_check(body: &Body<'_>, call: ExprId, obligation: &Obligation<'_>, text: &str) -> Option<Fix> {
    if obligation.is_handed_on() {
        // Others get it on another way: there it must stay open.
        let call = text.trim_start_matches("defer ");
        return Some(Fix { safety: Safety::Display, title: format!("{call} on this way out"), edits: Vec::new() });
    }
    let title = format!("{text} after the error is checked");
    let stmt = statement(body, call)?;
    let Some(error) = obligation.error else {
        return Some(Fix { safety: Safety::Safe, title: text.to_owned(), edits: vec![insert_after(body, stmt, text)] });
    };
    let next = next(body, stmt)?;
    let ast = body.ast();
    let is_check = match ast[next].kind {
        StmtKind::If { init: None, condition, then, otherwise: None } => {
            let ExprKind::Binary { operator: gostray_golang::Token::NotEqual, x, y } = ast[condition].kind else {
                return Some(Fix { safety: Safety::Display, title, edits: Vec::new() });
            };
            let is_nil = matches!(body.tree.types.objects.get(&y), Some(Object::Nil));
            is_nil && body.tree.types.variable(x) == Some(error) && leaves(body, then)
        }
        _ => false,
    };
    if !is_check {
        return Some(Fix { safety: Safety::Display, title, edits: Vec::new() });
    }
    // In a loop a deferred call waits for the end of the function.
    let safety = if crate::actor::loop_around(body, call).is_some() { Safety::Unsafe } else { Safety::Safe };
    Some(Fix { safety, title, edits: vec![insert_after(body, next, text)] })
}

/// The statement after one.
fn next(body: &Body<'_>, stmt: StmtId) -> Option<StmtId> {
    let Parent::Stmt(block) = body.tree.around_stmt(stmt) else { return None };
    let (StmtKind::Block(list) | StmtKind::Case { body: list, .. } | StmtKind::Comm { body: list, .. }) =
        body.ast()[block].kind
    else {
        return None;
    };
    body.ast().list(list).skip_while(|own| *own != stmt).nth(1)
}

/// Does a block end in a `return`, or in something else that leaves?
fn leaves(body: &Body<'_>, block: StmtId) -> bool {
    let ast = body.ast();
    let StmtKind::Block(list) = ast[block].kind else { return false };
    ast.list(list).next_back().is_some_and(|last| match ast[last].kind {
        StmtKind::Return(_) | StmtKind::Branch { .. } => true,
        StmtKind::Expr(call) => {
            gostray_golang::flow::ends(body.program.world, &body.tree.types, call, body.id.file).is_some()
        }
        _ => false,
    })
}

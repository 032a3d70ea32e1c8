//! A goroutine hears that it should end, and goes on.
//!
//! ## What it finds
//!
//! A loop without any way out receives from the `Done` channel of a context, or from a channel called `done`,
//! `stop`, `quit` or the like, and does not leave. After a close that case is chosen again and again; after a
//! single value the loop waits for the next one.
//!
//! ## Example
//!
//! ```go
//! 	for {
//! 		select {
//! 		case <-ticker.C:
//! 			work()
//! 		case <-ctx.Done():
//! 			ticker.Stop() // and on
//! 		}
//! 	}
//! ```
//!
//! Use instead:
//!
//! ```go
//! 		case <-ctx.Done():
//! 			ticker.Stop()
//! 			return
//! ```
//!
//! ## When it is wrong
//!
//! When the end is that of something else.
//!
//! ## Fix
//!
//! Unsafe: `return` at the end of the case.

use gostray_golang::ast::{ExprKind, StmtKind};
use gostray_golang::flow::Exit;

use crate::channel::indent;
use crate::finding::{Edit, Finding, Fix, Safety, Tier};
use crate::program::{Body, Callee, Parent, What};
use crate::rules::{Check, Rule, finding, step};
use crate::worker::{has_way_out, lost_break};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS118",
    name: "end-ignored",
    tier: Tier::Proven,
    text: include_str!("end_ignored.rs"),
    chinese: include_str!("end_ignored.zh-CN.md"),
    check: Check::Body(check),
};

const ENDS: [&str; 8] = ["done", "stop", "quit", "exit", "close", "shutdown", "cancel", "kill"];

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    let ast = body.ast();
    for (_, event) in body.flow().all() {
        let What::Receive { channel } = event.what else { continue };
        let Some(select) = event.select else { continue };
        let channel = ast.unparen(channel);
        let (is_context, is_end) = match ast[channel].kind {
            ExprKind::Call { .. } => match body.callee(channel) {
                Callee::Abstract(of, name) => {
                    let is = name == "Done" && crate::program::is_named(body.program.world, &of, "context", "Context");
                    (is, is)
                }
                _ => (false, false),
            },
            ExprKind::Ident(_) | ExprKind::Selector { .. } => {
                let text = body.text_of(channel).rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
                (false, ENDS.iter().any(|word| text.contains(word)))
            }
            _ => (false, false),
        };
        // A way out that is never taken, as the context never ends, is one that goes nowhere else.
        let leaves = has_way_out(body) || body.flow().graph.exits().contains(&Exit::Return);
        if !is_end || leaves || lost_break(body, select).is_some() {
            continue;
        }
        let tier = if is_context { Tier::Proven } else { Tier::Likely };
        let message = format!("{} hears of its end here, and goes on", body.name());
        let mut finding = finding(&RULE, tier, body, event.span, message);
        finding.why = if is_context {
            "a context that is done stays done: the loop runs hot from then on, and never ends".to_owned()
        } else {
            "the loop never ends".to_owned()
        };
        finding.blocks_at = Some(body.place(ast[select].span));
        finding.path.push(step(body, event.span, "the loop goes on after this"));
        finding.fix = fix(body, event.span);
        found.push(finding);
        return;
    }
}

fn fix(body: &Body<'_>, span: gostray_golang::Span) -> Option<Fix> {
    let ast = body.ast();
    // The clause that receives.
    let (_, event) = body.flow().all().find(|(_, event)| event.span == span).map(|(id, event)| (id, *event))?;
    let What::Receive { channel } = event.what else { return None };
    let mut at = body.tree.directly_around(channel);
    while let Parent::Expr(outer) = at {
        at = body.tree.directly_around(outer);
    }
    let Parent::Stmt(comm) = at else { return None };
    let Parent::Stmt(clause) = body.tree.around_stmt(comm) else { return None };
    let StmtKind::Comm { body: stmts, .. } = ast[clause].kind else { return None };
    let end = ast.list(stmts).next_back().map_or(ast[clause].span.end, |last| ast[last].span.end);
    let has_results = ast[body.function().signature].results.is_some_and(|list| !list.fields.is_empty());
    if has_results {
        return None;
    }
    let indent = indent(body, ast[clause].span.start);
    let edit = Edit { file: body.source.path.clone(), start: end, end, text: format!("\n{indent}\treturn") };
    Some(Fix { safety: Safety::Unsafe, title: "return".to_owned(), edits: vec![edit] })
}

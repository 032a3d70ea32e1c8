//! A `break` leaves the `select`, not the loop around it.
//!
//! ## What it finds
//!
//! In a loop without condition, a case of a `select` ends in `break`, and the loop has no other way out. The
//! `break` leaves the `select` alone, and the loop goes on for ever.
//!
//! ## Example
//!
//! ```go
//! 	for {
//! 		select {
//! 		case n := <-work:
//! 			use(n)
//! 		case <-ctx.Done():
//! 			break // leaves the select
//! 		}
//! 	}
//! ```
//!
//! Use instead:
//!
//! ```go
//! 		case <-ctx.Done():
//! 			return
//! ```
//!
//! ## When it is wrong
//!
//! When the break is only meant to skip the rest of its case.
//!
//! ## Fix
//!
//! Unsafe: `return` in its place.

use gostray_golang::ast::StmtKind;
use gostray_golang::flow::Exit;

use crate::finding::{Edit, Finding, Fix, Safety, Tier};
use crate::program::Body;
use crate::rules::{Check, Rule, finding, step};
use crate::worker::lost_break;

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS115",
    name: "break-in-select",
    tier: Tier::Proven,
    text: include_str!("break_in_select.rs"),
    chinese: include_str!("break_in_select.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    let flow = body.flow();
    // It never ends at all.
    if flow.graph.exits().iter().any(|exit| *exit != Exit::Process) {
        return;
    }
    let ast = body.ast();
    let mut seen = Vec::new();
    for (_, event) in flow.all() {
        let Some(select) = event.select else { continue };
        if seen.contains(&select) {
            continue;
        }
        seen.push(select);
        let Some(lost) = lost_break(body, select) else { continue };
        let span = ast[lost].span;
        let message = "this break leaves the select, not the loop, which has no other way out".to_owned();
        let mut finding = finding(&RULE, Tier::Proven, body, span, message);
        finding.why = format!("{} never ends", body.name());
        finding.blocks_at = Some(body.place(ast[select].span));
        finding.path.push(step(body, span, "the loop goes on after this"));
        let has_results = ast[body.function().signature].results.is_some_and(|list| !list.fields.is_empty());
        if !has_results && matches!(ast[lost].kind, StmtKind::Branch { .. }) {
            finding.fix = Some(Fix {
                safety: Safety::Unsafe,
                title: "return".to_owned(),
                edits: vec![Edit {
                    file: body.source.path.clone(),
                    start: span.start,
                    end: span.end,
                    text: "return".to_owned(),
                }],
            });
        }
        found.push(finding);
    }
}

//! A goroutine for each of any number of items.
//!
//! ## What it finds
//!
//! A loop over data starts a goroutine in every round, and nothing bounds how many there are at once.
//!
//! ## Example
//!
//! ```go
//! 	for _, item := range items {
//! 		go index(item)
//! 	}
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	var g errgroup.Group
//! 	g.SetLimit(8)
//! 	for _, item := range items {
//! 		g.Go(func() error { return index(item) })
//! 	}
//! ```
//!
//! ## When it is wrong
//!
//! When there are never many.
//!
//! ## Fix
//!
//! Shown only: how many at once is for the author to say.

use gostray_golang::ast::StmtKind;
use gostray_golang::types::Type;

use crate::actor::loop_around;
use crate::finding::{Finding, Tier};
use crate::path::is_counted;
use crate::program::{Body, What};
use crate::rules::{Check, Rule, finding, spawn_span, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS603",
    name: "unbounded-spawn",
    tier: Tier::Hygiene,
    text: include_str!("unbounded_spawn.rs"),
    chinese: include_str!("unbounded_spawn.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    let flow = body.flow();
    for (_, event) in flow.all() {
        let What::Go { call } = event.what else { continue };
        let Some(around) = loop_around(body, call) else { continue };
        let StmtKind::Range(range) = body.ast()[around].kind else { continue };
        let is_data = matches!(
            body.program.world.underlying(body.tree.types.ty(range.x)),
            Type::Slice(_) | Type::Map(_) | Type::Chan(..)
        );
        // A place in a channel, or a lock, is taken first.
        let is_bounded = flow.all().any(|(_, other)| match other.what {
            What::Send { .. } | What::Receive { .. } => crate::path::is_inside(body.ast(), other.span, around),
            What::Call { call } => {
                crate::path::is_inside(body.ast(), other.span, around) && body.text_of(call).contains("Acquire")
            }
            _ => false,
        });
        if !is_data || is_bounded || is_counted(body, around) {
            continue;
        }
        let span = spawn_span(body, call);
        let message = format!("a goroutine for each of {}, however many there are", body.text_of(range.x));
        let mut finding = finding(&RULE, Tier::Hygiene, body, span, message);
        finding.why = "as many run at once as there are items".to_owned();
        finding.spawned_at = Some(body.place(span));
        finding.path.push(step(body, span, "started in every round"));
        found.push(finding);
    }
}

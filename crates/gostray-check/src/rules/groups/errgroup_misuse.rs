//! An errgroup that nobody waits for.
//!
//! ## What it finds
//!
//! `golang.org/x/sync/errgroup` with `Go` and without `Wait`: the errors of its members are lost, and its
//! context, which `WithContext` makes, is never cancelled when all members succeed.
//!
//! ## Example
//!
//! ```go
//! 	g, ctx := errgroup.WithContext(ctx)
//! 	g.Go(func() error { return poll(ctx) })
//! 	return nil // g.Wait is missing
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	return g.Wait()
//! ```
//!
//! ## When it is wrong
//!
//! When somebody else waits in a way that can't be seen, which is why the rule keeps silent as soon as the
//! group leaves the function.
//!
//! ## Fix
//!
//! Shown only.

use gostray_golang::types::VarId;

use crate::finding::{Finding, Tier};
use crate::program::{Body, Cell, Known, Usage, What, follow_cell, is_named};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS305",
    name: "errgroup-misuse",
    // Errors are lost; that a goroutine stays takes more.
    tier: Tier::Hygiene,
    text: include_str!("errgroup_misuse.rs"),
    chinese: include_str!("errgroup_misuse.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    let mut seen: Vec<Cell> = Vec::new();
    for (_, event) in body.flow().all() {
        let What::Call { call } = event.what else { continue };
        if body.known(call) != Some(Known::GroupGo) {
            continue;
        }
        let Some(receiver) = body.receiver(call) else { continue };
        let Some(cell @ Cell::Var(VarId::Local { ident, .. })) = body.cell(receiver) else { continue };
        let is_own = body.tree.owner(ident) == Some(body.id.at)
            && body.ast()[ident].span.start > body.ast()[body.function().block].span.start;
        if !is_own || seen.contains(&cell) {
            continue;
        }
        seen.push(cell);
        if !is_named(body.program.world, body.tree.types.ty(ident), "golang.org/x/sync/errgroup", "Group") {
            continue;
        }
        let trail = follow_cell(body.program, body.id.file, cell);
        let is_awaited = trail.operations.iter().any(|operation| match operation.usage {
            Usage::Method { call, .. } => body.program.body(operation.body).known(call) == Some(Known::GroupWait),
            _ => false,
        });
        if !trail.is_whole() || is_awaited {
            continue;
        }
        let name = body.text_of(receiver);
        let message = format!("nobody calls {name}.Wait()");
        let mut finding = finding(&RULE, Tier::Hygiene, body, event.span, message);
        finding.why = "the errors of the members are lost, and the context of the group is not cancelled".to_owned();
        finding.path.push(step(body, event.span, "a member is started here"));
        found.push(finding);
    }
}

//! Somebody waits for a goroutine that may have ended.
//!
//! ## What it finds
//!
//! A channel is kept in a field, and the goroutine on its other side, a loop, has a way out. Whoever sends (or
//! receives) after that, without a `select` that could hear of the end, waits for ever.
//!
//! ## Example
//!
//! ```go
//! func (w *worker) run() {
//! 	for {
//! 		select {
//! 		case job := <-w.jobs:
//! 			job()
//! 		case <-w.stop:
//! 			return
//! 		}
//! 	}
//! }
//!
//! func (w *worker) Do(job func()) { w.jobs <- job } // waits for ever after stop
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	select {
//! 	case w.jobs <- job:
//! 	case <-w.stop:
//! 	}
//! ```
//!
//! Where the goroutine ends because it was told to, this is only reported with `--hygiene`: not to use what was
//! stopped may be what its users have agreed to.
//!
//! ## When it is wrong
//!
//! When nobody uses the value any more after it was stopped.
//!
//! ## Fix
//!
//! Shown only.

use gostray_golang::package::PackageId;

use crate::actor::loop_around;
use crate::channel::{Kept, kept, waits_alone, way_out};
use crate::finding::{Finding, Tier};
use crate::program::{Body, BodyId, Cell, Operation, Program, Usage, usage};
use crate::rules::channels::{range_unclosed, receive_never, send_no_receiver};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS117",
    name: "peer-gone",
    tier: Tier::Likely,
    text: include_str!("peer_gone.rs"),
    chinese: include_str!("peer_gone.zh-CN.md"),
    check: Check::Package(check),
};

fn check(program: &Program<'_>, package: PackageId, found: &mut Vec<Finding>) {
    for kept in kept(program, package) {
        if !kept.is_fresh {
            continue;
        }
        let has = |mut operations: Box<dyn Iterator<Item = &Operation> + '_>| operations.next().is_some();
        if !has(Box::new(kept.receives())) {
            if kept.is_unbuffered
                && let Some(send) = kept.sends().find(|send| waits_alone(program, send))
            {
                // Once the channel is closed the send panics, and waits no more.
                let tier = if has(Box::new(kept.closes())) { Tier::Likely } else { Tier::Proven };
                let message = |name: &str| format!("this send waits for ever: nobody receives from {name}");
                found.push(forsaken(program, (&send_no_receiver::RULE, tier), send, &message));
            }
            continue;
        }
        if !has(Box::new(kept.sends())) && !has(Box::new(kept.closes())) {
            // A channel that is kept to wait on, and for nothing else, may be there to wait for ever.
            // Who asks how much there is comes to no receive where there is nothing.
            let is_asked = |receive: &&Operation| kept.is_measured(program, receive.body);
            if let Some(receive) = kept.receives().find(|own| waits_alone(program, own) && !is_asked(own)) {
                let message = |name: &str| format!("this receive waits for ever: nobody sends on {name} or closes it");
                found.push(forsaken(program, (&receive_never::RULE, Tier::Hygiene), receive, &message));
            }
            continue;
        }
        found.extend(range_unclosed::of_kept(program, &kept));
        if kept.is_unbuffered {
            let (sends, receives): (Vec<_>, Vec<_>) = (kept.sends().collect(), kept.receives().collect());
            found.extend(peer(program, &kept, &sends, &receives, true));
            if !has(Box::new(kept.closes())) {
                found.extend(peer(program, &kept, &receives, &sends, false));
            }
        }
    }
}

/// The finding of somebody who waits where nobody ever comes.
fn forsaken(
    program: &Program<'_>,
    (rule, tier): (&'static Rule, Tier),
    operation: &Operation,
    message: &dyn Fn(&str) -> String,
) -> Finding {
    let body = program.body(operation.body);
    let span = span(&body, operation);
    let name = body.text_of(operation.expr);
    let mut finding = finding(rule, tier, &body, span, message(name));
    finding.why = "who waits never goes on, and whatever it holds is kept".to_owned();
    finding.blocks_at = Some(body.place(span));
    finding.path.push(step(&body, span, "it waits here, for ever"));
    finding
}

fn span(body: &Body<'_>, operation: &Operation) -> gostray_golang::Span {
    match operation.usage {
        Usage::Send(stmt) => body.ast()[stmt].span,
        Usage::Receive(expr) => body.ast()[expr].span,
        _ => body.ast()[operation.expr].span,
    }
}

/// Somebody who waits for a goroutine that may have ended.
fn peer(
    program: &Program<'_>,
    kept: &Kept,
    waiting: &[&Operation],
    others: &[&Operation],
    is_send: bool,
) -> Option<Finding> {
    // All of the other side is done in loops of goroutines that have a way out.
    let mut out = None;
    for operation in others {
        let body = program.body(operation.body);
        if !is_goroutine(program, &body) || loop_around(&body, operation.expr).is_none() {
            return None;
        }
        let way = way_out(&body, operation)?;
        out = out.or(Some((body, way, *operation)));
    }
    let (other, way, operation) = out?;
    let waits = waiting.iter().find(|own| {
        waits_alone(program, own)
            && own.body != other.id
            && !program.body(own.body).is_within(other.id)
            && others.iter().all(|peer| peer.body != own.body)
            && matches!(kept.cell, Cell::Field(..))
    })?;
    let body = program.body(waits.body);
    let span = span(&body, waits);
    let name = body.text_of(waits.expr);
    let message = match is_send {
        true => format!("this send waits for ever when {} has ended: nobody else receives from {name}", other.name()),
        false => format!("this waits for ever when {} has ended: nobody else sends on {name}", other.name()),
    };
    // That it was told to end is what its users know of; that it ends by itself is not.
    let tier = if way.chooses(&other) { Tier::Hygiene } else { Tier::Likely };
    let mut finding = finding(&RULE, tier, &body, span, message);
    finding.why = "the goroutine on the other side has a way out, and this does not hear of it".to_owned();
    finding.blocks_at = Some(body.place(span));
    finding.path.push(step(&body, span, "it waits here"));
    let there = self::span(&other, operation);
    finding.path.push(step(&other, there, "the other side is here, and nowhere else"));
    finding.path.extend(way.steps(&other, None, "and ends here"));
    Some(finding)
}

/// Is a function what a goroutine runs?
pub(super) fn is_goroutine(program: &Program<'_>, body: &Body<'_>) -> bool {
    match body.function().origin {
        crate::program::Origin::Closure(closure) => {
            let Some(parent) = body.function().parent else { return false };
            let parent = program.body(BodyId { file: body.id.file, at: parent });
            crate::actor::runs(&parent, closure)
                .is_some_and(|runs| runs.iter().all(|(.., manner)| *manner == crate::actor::Manner::Spawned))
        }
        crate::program::Origin::Declared(_) => {
            let Some(function) = body.declaration() else { return false };
            let mut spawned = 0;
            for (file, expr) in program.uses(Cell::Func(function)) {
                let (ast, tree) = (program.ast(file), program.tree(file));
                if let Usage::Call(call) = usage(ast, &tree, expr) {
                    let Some(at) = tree.owner(call) else { return false };
                    match crate::actor::manner(&program.body(BodyId { file, at }), call) {
                        crate::actor::Manner::Spawned => spawned += 1,
                        _ => return false,
                    }
                }
            }
            spawned > 0
        }
    }
}

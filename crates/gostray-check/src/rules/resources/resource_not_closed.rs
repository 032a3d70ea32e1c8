//! Something that owns goroutines is not closed on some way out.
//!
//! ## What it finds
//!
//! Watchers, connections, servers, subscriptions: a table of types whose goroutines end only when they are
//! closed; and the user's own: a type whose constructor starts a goroutine that only its `Close` or `Stop`
//! ends, or another method that does the same to it.
//!
//! ## Example
//!
//! ```go
//! func report(lines []string) {
//! 	b := NewBatcher() // starts a goroutine that Close ends
//! 	for _, line := range lines {
//! 		b.Add(line)
//! 	}
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	b := NewBatcher()
//! 	defer b.Close()
//! ```
//!
//! ## When it is wrong
//!
//! When the value is kept in a way that can't be seen. What a constructor gives to a function that can't be seen is taken
//! to be kept. Constants, literals and options that a constructor is given are looked at: where they start no goroutine, none
//! is missed. What is made once for the process (in `init`, or in what `main` alone calls), rows without a context in
//! tests, and what ten tests of a package or more never close, are *hygiene*.
//!
//! ## Fix
//!
//! Safe where there is no error to be checked first, or it is checked right after the call.

use std::sync::Arc;

use gostray_golang::Name;
use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::types::{Type, VarId};

use crate::finding::{Finding, Tier};
use crate::obligation::{Obligation, Release};
use crate::path::is_endless;
use crate::program::{Body, Callee, Parent, Starter, Usage, calls, is_named, names, targets, usage};
use crate::rules::resources::body_not_closed::after_check;
use crate::rules::resources::ends::{is_ended_by_context, is_written_on};
use crate::rules::resources::table::RESOURCES;
use crate::rules::{Check, Rule, finding, spawn_span, step};
use crate::starter::starter_of_call;
use crate::worker::is_run_once;

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS502",
    name: "resource-not-closed",
    tier: Tier::Likely,
    text: include_str!("resource_not_closed.rs"),
    chinese: include_str!("resource_not_closed.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    if body.is_main() {
        return;
    }
    for (call, names) in calls(body) {
        let known = RESOURCES.iter().find(|resource| {
            resource.package == names.0 && resource.receiver == names.1 && resource.functions.contains(&names.2)
        });
        let own = body.program.owners.iter().find(|owner| {
            let maker = owner.new;
            (maker.package.as_str(), maker.receiver.map(Name::as_str), maker.name.as_str()) == names
        });
        if let Some(owner) = own {
            open(body, call, Release::Methods(owner.close, None), "what it owns", None, found);
            continue;
        }
        let before = found.len();
        match known {
            Some(resource) if resource.until.is_some_and(|until| body.minor() >= until) => {}
            // Rows and transactions end with their context, and rows with their transaction.
            Some(resource)
                if resource.package == "database/sql"
                    && (resource.receiver == Some("Tx") || is_ended_by_context(body, call)) => {}
            Some(resource) => {
                open(body, call, Release::Methods(resource.closers, None), resource.keeps, None, found);
            }
            None => {
                if let Some(own) = inferred(body, call) {
                    let release = Release::Ends(own.closer, Arc::clone(&own.cells));
                    open(body, call, release, "the goroutine that it started", Some(&own), found);
                    thrown_away(body, call, &own, found);
                } else {
                    started(body, call, found);
                }
            }
        }
        for finding in &mut found[before..] {
            finding.given_by = Some(super::symbol(names));
        }
    }
}

fn open(body: &Body<'_>, call: ExprId, release: Release, keeps: &str, own: Option<&Starter>, found: &mut Vec<Finding>) {
    let closer = release.name();
    let Some(obligation) = Obligation::of(body, call, 0, release) else { return };
    let Some(way) = obligation.missed() else { return };
    if is_pipe(body, call) && !is_written_on(body, call, &way) {
        return;
    }
    let span = body.ast()[call].span;
    let name = body.text_of(obligation.ident);
    let message = format!("{name} is not closed on every way out: {name}.{closer} is missing");
    // Without a context no goroutine waits for rows, and the database of a test goes with it.
    let is_light = is_run_once(body) || body.source.is_test && is_of_database(body, call);
    let tier = if is_light { Tier::Hygiene } else { Tier::Likely };
    let mut finding = finding(&RULE, tier, body, span, message);
    finding.why = format!("{keeps} stays");
    finding.is_never_given_back = obligation.is_never_given_back();
    finding.path.push(step(body, span, "it comes from here"));
    if let Some(own) = own {
        tell(body, own, &mut finding);
    }
    finding.path.extend(way.steps(body, Some(span), "this way out leaves it open"));
    finding.fix = after_check(body, call, &obligation, &format!("defer {name}.{closer}()"));
    found.push(finding);
}

/// The value is not even kept.
fn thrown_away(body: &Body<'_>, call: ExprId, own: &Starter, found: &mut Vec<Finding>) {
    let ast = body.ast();
    let is_statement =
        matches!(body.tree.around(ast, call), Parent::Stmt(stmt) if matches!(ast[stmt].kind, StmtKind::Expr(_)));
    if !is_statement {
        return;
    }
    let span = ast[call].span;
    let message = format!("what this gives owns a goroutine, and nobody calls its {}", own.closer);
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = "the goroutine that it started stays".to_owned();
    finding.is_never_given_back = true;
    finding.path.push(step(body, span, "it comes from here, and is thrown away"));
    tell(body, own, &mut finding);
    found.push(finding);
}

fn is_pipe(body: &Body<'_>, call: ExprId) -> bool {
    calls_one_of(body, call, "io", "Pipe")
}

/// Is it `db.Query(…)`, or another that is given no context?
fn is_of_database(body: &Body<'_>, call: ExprId) -> bool {
    let is_context =
        |argument: &ExprId| is_named(body.program.world, body.tree.types.ty(*argument), "context", "Context");
    calls_one_of(body, call, "database/sql", "Query")
        && body
            .arguments(call)
            .first()
            .filter(|first| is_context(first))
            .is_none_or(|context| is_endless(body, *context))
}

fn calls_one_of(body: &Body<'_>, call: ExprId, package: &str, prefix: &str) -> bool {
    let Callee::Func(function) = body.callee(call) else { return false };
    names(body.program.world, function).is_some_and(|(of, _, name)| of == package && name.starts_with(prefix))
}

/// The method that ends the goroutine which a constructor starts, if there is one.
fn inferred(body: &Body<'_>, call: ExprId) -> Option<Starter> {
    let Callee::Func(function) = body.callee(call) else { return None };
    let constructor = body.program.body_of(function)?;
    let signature = body.program.world.signature(function);
    // What comes with a function to clean up is closed by that.
    let has_cleanup = signature.results.iter().any(|ty| matches!(ty, Type::Func(_)));
    if has_cleanup {
        return None;
    }
    starter_of_call(body, call, &constructor, signature.results.first()?)
}

/// A method that starts a goroutine for a value which the function made, and which it never ends.
fn started(body: &Body<'_>, call: ExprId, found: &mut Vec<Finding>) {
    let Callee::Func(function) = body.callee(call) else { return };
    let Some(receiver) = body.receiver(call) else { return };
    let ast = body.ast();
    let Some(variable @ VarId::Local { ident, .. }) = body.tree.types.variable(ast.unparen(receiver)) else { return };
    if body.tree.owner(ident) != Some(body.id.at) || ast[ident].span.start < ast[body.function().block].span.start {
        return;
    }
    let Some(method) = body.program.body_of(function) else { return };
    let ty = body.tree.types.ty(receiver).clone();
    let Some(own) = starter_of_call(body, call, &method, &ty) else { return };
    let name = own.closer;
    // What is embedded by a pointer comes from elsewhere.
    let closer = body.program.world.select(&ty, Name::new(name));
    if closer.is_some_and(|selection| !selection.through.is_empty()) {
        return;
    }
    // It is made here: what comes from elsewhere is ended elsewhere.
    let is_made = match usage(ast, &body.tree, ident) {
        Usage::Gets(Some(value)) => is_literal(body, value),
        Usage::Declared => true,
        _ => false,
    };
    if !is_made {
        return;
    }
    let release = Release::Ends(name, Arc::clone(&own.cells));
    // Where it gives an error, it has started nothing.
    let error = targets(body, call).and_then(|(left, _)| body.tree.types.variable(*left.last()?));
    let obligation = Obligation { body: body.clone(), call, variable, ident, error, release };
    let Some(way) = obligation.missed() else { return };
    let span = ast[call].span;
    let text = body.text_of(ident);
    let message = format!("{text} is not ended on every way out: {text}.{name} is missing");
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = "the goroutine that it started stays".to_owned();
    finding.is_never_given_back = obligation.is_never_given_back();
    finding.path.push(step(body, span, "it is started here"));
    tell(body, &own, &mut finding);
    finding.path.extend(way.steps(body, Some(span), "this way out leaves it"));
    found.push(finding);
}

fn is_literal(body: &Body<'_>, value: ExprId) -> bool {
    let ast = body.ast();
    match ast[ast.unparen(value)].kind {
        ExprKind::Composite { .. } => true,
        ExprKind::Unary { x, .. } => is_literal(body, x),
        ExprKind::Call { function, .. } => ast.name(function).is_some_and(|name| name == "new"),
        _ => false,
    }
}

fn tell(body: &Body<'_>, own: &Starter, finding: &mut Finding) {
    let (spawner, root) = (body.program.body(own.spawner), body.program.body(own.root));
    let spawn = spawn_span(&spawner, own.call);
    finding.spawned_at = Some(spawner.place(spawn));
    finding.blocks_at = Some(root.place(own.span));
    finding.path.push(step(&spawner, spawn, "a goroutine is started here"));
    finding.path.push(step(&root, own.span, "which waits here until it is told to end"));
}

//! Something that owns goroutines is not closed on some way out.
//!
//! ## What it finds
//!
//! Watchers, connections, servers, subscriptions: a table of types whose goroutines end only when they are
//! closed; and the user's own: a type whose constructor starts a goroutine that only its `Close` or `Stop`
//! ends.
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
//! When the value is kept in a way that can't be seen.
//!
//! ## Fix
//!
//! Safe where there is no error to be checked first, or it is checked right after the call.

use std::sync::{Arc, PoisonError};

use gostray_golang::Name;
use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::types::{FuncId, Selected, Type, VarId};

use crate::actor::spawns;
use crate::finding::{Finding, Tier};
use crate::obligation::{Obligation, Release, calls};
use crate::program::{Body, Callee, Cell, Parent, Starter, Usage, What, names, saw, seeing, usage};
use crate::rules::resources::body_not_closed::after_check;
use crate::rules::resources::table::RESOURCES;
use crate::rules::{Check, Rule, finding, spawn_span, step};
use crate::worker::CLOSERS;

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
            open(body, call, owner.close, "what it owns", None, found);
            continue;
        }
        let before = found.len();
        match known {
            Some(resource) if resource.until.is_some_and(|until| body.minor() >= until) => {}
            Some(resource) => open(body, call, resource.closers, resource.keeps, None, found),
            None => {
                if let Some(own) = inferred(body, call) {
                    let closer = own.closer;
                    let at = CLOSERS.iter().position(|own| *own == closer).unwrap_or(0);
                    open(body, call, &CLOSERS[at..=at], "the goroutine that it started", Some(&own), found);
                    thrown_away(body, call, closer, &own, found);
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

fn open(
    body: &Body<'_>,
    call: ExprId,
    closers: &'static [&'static str],
    keeps: &str,
    own: Option<&Starter>,
    found: &mut Vec<Finding>,
) {
    let Some(obligation) = Obligation::of(body, call, 0, Release::Methods(closers, None)) else { return };
    let Some(way) = obligation.missed() else { return };
    let span = body.ast()[call].span;
    let name = body.text_of(obligation.ident);
    let closer = closers.first().copied().unwrap_or("Close");
    let message = format!("{name} is not closed on every way out: {name}.{closer} is missing");
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = format!("{keeps} stays");
    finding.path.push(step(body, span, "it comes from here"));
    if let Some(own) = own {
        tell(body, *own, &mut finding);
    }
    finding.path.extend(way.steps(body, Some(span), "this way out leaves it open"));
    finding.fix = after_check(body, call, &obligation, &format!("defer {name}.{closer}()"));
    found.push(finding);
}

/// The value is not even kept.
fn thrown_away(body: &Body<'_>, call: ExprId, closer: &str, own: &Starter, found: &mut Vec<Finding>) {
    let ast = body.ast();
    let is_statement =
        matches!(body.tree.around(ast, call), Parent::Stmt(stmt) if matches!(ast[stmt].kind, StmtKind::Expr(_)));
    if !is_statement {
        return;
    }
    let span = ast[call].span;
    let message = format!("what this gives owns a goroutine, and nobody calls its {closer}");
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = "the goroutine that it started stays".to_owned();
    finding.path.push(step(body, span, "it comes from here, and is thrown away"));
    tell(body, *own, &mut finding);
    found.push(finding);
}

/// The goroutine which a function starts for a value of a type, with the method that ends it.
fn closer(body: &Body<'_>, starter: &Body<'_>, ty: &Type) -> Option<Starter> {
    let Type::Named(decl, _) = ty.pointed() else { return None };
    let key = (starter.declaration()?, *decl);
    let memo = &body.program.starters;
    let known = memo.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some((found, sight)) = known {
        saw(&sight);
        return found;
    }
    let (found, sight) = seeing(|| find_closer(body, starter, ty));
    memo.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (found, Arc::new(sight)));
    found
}

fn find_closer(body: &Body<'_>, starter: &Body<'_>, ty: &Type) -> Option<Starter> {
    for name in CLOSERS {
        let selection = body.program.world.select(ty, gostray_golang::Name::new(name));
        let Some(Selected::Method(closer)) = selection.map(|selection| selection.selected) else { continue };
        let closer = body.program.body_of(closer)?;
        if closer.id == starter.id {
            continue;
        }
        let mut cells = Vec::new();
        ends(&closer, 0, &mut cells);
        if !cells.is_empty()
            && let Some(started) = starts(starter, &cells, 0, name)
        {
            return Some(started);
        }
    }
    None
}

/// The method that ends the goroutine which a constructor starts, if there is one.
fn inferred(body: &Body<'_>, call: ExprId) -> Option<Starter> {
    let Callee::Func(function) = body.callee(call) else { return None };
    let constructor = body.program.body_of(function)?;
    let signature = body.program.world.signature(function);
    // What comes with a function to clean up is closed by that.
    let has_cleanup = signature.results.iter().any(|ty| matches!(ty, Type::Func(_)));
    if has_cleanup || cleans_up(&constructor) || keeps(&constructor) {
        return None;
    }
    closer(body, &constructor, signature.results.first()?)
}

/// Does a function keep what it returns, in a map or a field?
fn keeps(constructor: &Body<'_>) -> bool {
    let (ast, tree) = (constructor.ast(), &constructor.tree);
    let flow = constructor.flow();
    let returned = flow.all().filter_map(|(_, event)| match event.what {
        What::Return { stmt } => match ast[stmt].kind {
            StmtKind::Return(results) => ast.at(results, 0),
            _ => None,
        },
        _ => None,
    });
    let mut cells: Vec<Cell> = returned.filter_map(|value| constructor.cell(value)).collect();
    cells.sort_unstable();
    cells.dedup();
    cells.into_iter().any(|cell| {
        tree.uses.get(&cell).into_iter().flatten().any(|mention| match usage(ast, tree, *mention) {
            Usage::Becomes(target) => {
                matches!(ast[ast.unparen(target)].kind, ExprKind::Index { .. } | ExprKind::Selector { .. })
            }
            _ => false,
        })
    })
}

/// Does a function of a test see to it that what it gives is closed: `t.Cleanup(…)`?
fn cleans_up(constructor: &Body<'_>) -> bool {
    constructor.flow().all().any(|(_, event)| match event.what {
        What::Call { call } => {
            matches!(constructor.callee(call),
            Callee::Func(function) if matches!(names(constructor.program.world, function), Some((_, _, "Cleanup"))))
                || matches!(constructor.callee(call), Callee::Abstract(_, name) if name == "Cleanup")
        }
        _ => false,
    })
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
    let Some(starter) = body.program.body_of(function) else { return };
    let ty = body.tree.types.ty(receiver).clone();
    let Some(own) = closer(body, &starter, &ty) else { return };
    let name = own.closer;
    // It is made here: what comes from elsewhere is ended elsewhere.
    let is_made = match usage(ast, &body.tree, ident) {
        Usage::Gets(Some(value)) => is_literal(body, value),
        Usage::Declared => true,
        _ => false,
    };
    if !is_made {
        return;
    }
    let at = CLOSERS.iter().position(|own| *own == name).unwrap_or(0);
    let obligation = Obligation {
        body: body.clone(),
        call,
        variable,
        ident,
        error: None,
        release: Release::Methods(&CLOSERS[at..=at], None),
    };
    let Some(way) = obligation.missed() else { return };
    let span = ast[call].span;
    let text = body.text_of(ident);
    let message = format!("{text} is not ended on every way out: {text}.{name} is missing");
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = "the goroutine that it started stays".to_owned();
    finding.path.push(step(body, span, "it is started here"));
    tell(body, own, &mut finding);
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

fn tell(body: &Body<'_>, own: Starter, finding: &mut Finding) {
    let (spawner, root) = (body.program.body(own.spawner), body.program.body(own.root));
    let spawn = spawn_span(&spawner, own.call);
    finding.spawned_at = Some(spawner.place(spawn));
    finding.blocks_at = Some(root.place(own.span));
    finding.path.push(step(&spawner, spawn, "a goroutine is started here"));
    finding.path.push(step(&root, own.span, "which waits here until it is told to end"));
}

/// Does a constructor start a goroutine that waits for what its closer does?
fn starts(constructor: &Body<'_>, ends: &[Cell], depth: u32, closer: &'static str) -> Option<Starter> {
    let cancels = makes_context(constructor, ends);
    let waits_for = |root: &Body<'_>| {
        root.flow().all().find_map(|(_, event)| match event.what {
            What::Receive { channel } | What::Range { channel } => {
                let is_it =
                    root.cell(channel).is_some_and(|cell| ends.contains(&cell)) || cancels && is_done(root, channel);
                is_it.then_some(event.span)
            }
            _ => None,
        })
    };
    let started = spawns(constructor).into_iter().find_map(|(call, root)| {
        let root = constructor.program.body(root?);
        let span = waits_for(&root)?;
        Some(Starter { closer, spawner: constructor.id, call, root: root.id, span })
    });
    if started.is_some() || depth > 1 {
        return started;
    }
    // In what it calls: `b.start()`.
    calls(constructor).into_iter().find_map(|(call, _)| match constructor.callee(call) {
        Callee::Func(function) if function.file.package == constructor.id.file.package => {
            starts(&own(constructor, function)?, ends, depth + 1, closer)
        }
        _ => None,
    })
}

/// Does a function make a context whose cancel function is one of these fields?
fn makes_context(body: &Body<'_>, fields: &[Cell]) -> bool {
    let ast = body.ast();
    let is_made = |call: ExprId| {
        let cancel = crate::obligation::targets(body, call).and_then(|(left, _)| left.get(1).copied());
        let Some(cancel) = cancel else { return false };
        let Some(cell) = body.cell(cancel) else { return false };
        if fields.contains(&cell) {
            return true;
        }
        // `ctx, cancel := …; t := &T{cancel: cancel}`
        body.tree.uses.get(&cell).into_iter().flatten().any(|mention| match usage(ast, &body.tree, *mention) {
            Usage::Element { literal, field: Some(field) } => match body.tree.types.ty(literal).pointed() {
                Type::Named(decl, _) => fields.contains(&Cell::Field(*decl, field)),
                _ => false,
            },
            Usage::Becomes(target) => body.cell(target).is_some_and(|cell| fields.contains(&cell)),
            _ => false,
        })
    };
    calls(body).into_iter().any(|(call, names)| names.0 == "context" && names.2.starts_with("With") && is_made(call))
}

/// Is it `ctx.Done()`?
fn is_done(body: &Body<'_>, channel: ExprId) -> bool {
    match body.callee(body.ast().unparen(channel)) {
        Callee::Abstract(of, name) => {
            name == "Done" && crate::program::is_named(body.program.world, &of, "context", "Context")
        }
        _ => false,
    }
}

fn own<'p>(body: &Body<'p>, function: FuncId) -> Option<Body<'p>> {
    body.program.body_of(function)
}

/// The fields that a closer closes or sends on.
fn ends(closer: &Body<'_>, depth: u32, cells: &mut Vec<Cell>) {
    for body in closer.family() {
        for (_, event) in body.flow().all() {
            match event.what {
                What::Close { channel } | What::Send { channel } => {
                    cells.extend(body.cell(channel).filter(|cell| matches!(cell, Cell::Field(..))));
                }
                What::Deferred { call } => {
                    if let Some(channel) = body.arguments(call).first()
                        && body.callee(call) == Callee::Builtin(gostray_golang::types::Builtin::Close)
                    {
                        cells.extend(body.cell(*channel).filter(|cell| matches!(cell, Cell::Field(..))));
                    }
                }
                What::Call { call } => match body.callee(call) {
                    // A cancel function that is kept in a field.
                    Callee::Variable(cell @ Cell::Field(..)) => cells.push(cell),
                    Callee::Func(function) if depth < 2 && function.file.package == closer.id.file.package => {
                        if let Some(inner) = own(&body, function) {
                            ends(&inner, depth + 1, cells);
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

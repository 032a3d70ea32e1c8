//! A context's cancel function is not called on some way out.
//!
//! ## What it finds
//!
//! `context.WithCancel`, `WithTimeout` and `WithDeadline` (and `signal.NotifyContext`) give a function that
//! has to be called. Until then the context, and every goroutine that waits for it, stays: with a timeout
//! until that, without one until the parent is cancelled, which may be never. The same holds where only a goroutine
//! that waits for the context calls the function, and for a goroutine that is to pass on the end of other contexts and
//! does not hear of the end of this one.
//!
//! ## Example
//!
//! ```go
//! 	ctx, cancel := context.WithCancel(parent)
//! 	go follow(ctx)
//! 	if err := open(name); err != nil {
//! 		return err // cancel is not called, follow stays
//! 	}
//! 	cancel()
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	ctx, cancel := context.WithCancel(parent)
//! 	defer cancel()
//! ```
//!
//! ## When it is wrong
//!
//! When the context is meant to live on, on that way. A goroutine that alone uses a context of its own, which is made of
//! one that the function was given, ends with that, and nothing is said of it. Where the parent never ends, and no goroutine
//! was started with the context on that way, nobody keeps it: that is *hygiene*.
//!
//! ## Fix
//!
//! Safe where the function calls `cancel` itself on other ways, and the context does not leave it: then it is
//! not meant to live on. Elsewhere unsafe.

use gostray_golang::Span;
use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::flow::Exit;
use gostray_golang::types::VarId;

use crate::actor::{loop_around, spawns};
use crate::channel::{insert_after, statement};
use crate::finding::{Finding, Fix, Safety, Tier};
use crate::obligation::{Obligation, Release};
use crate::path::{Watch, is_endless, search};
use crate::program::{Body, Cell, Event, Usage, What, calls, parameters, targets, usage};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS401",
    name: "lost-cancel",
    tier: Tier::Likely,
    text: include_str!("lost_cancel.rs"),
    chinese: include_str!("lost_cancel.zh-CN.md"),
    check: Check::Body(check),
};

/// Five minutes, in nanoseconds.
const LONG: i128 = 300_000_000_000;

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for (call, names) in calls(body) {
        let gives = match names {
            ("context", None, name) => name.starts_with("With") && !matches!(name, "WithValue" | "WithoutCancel"),
            ("os/signal", None, "NotifyContext") => true,
            _ => false,
        };
        if !gives || body.is_main() {
            continue;
        }
        let Some((left, _)) = targets(body, call) else { continue };
        let [context, cancel] = left.as_slice() else { continue };
        let span = body.ast()[call].span;
        if body.ast().name(*cancel).is_some_and(gostray_golang::Name::is_blank) {
            // With a time it ends by itself; to hear of signals is for the whole process.
            if names.2 == "NotifyContext" || is_timed(names.2) {
                continue;
            }
            let message = format!("the cancel function of {} is thrown away", body.text_of(*context));
            let mut finding = finding(&RULE, Tier::Likely, body, span, message);
            finding.why = "what waits for this context stays until its parent is cancelled".to_owned();
            finding.path.push(step(body, span, "the context is made here"));
            found.push(finding);
            continue;
        }
        let Some(obligation) = Obligation::of(body, call, 1, Release::Use) else { continue };
        let Some(way) = obligation.missed() else {
            found.extend(circular(body, call, *context, obligation.ident));
            if !is_short(body, call, names.2) {
                found.extend(piled_up(body, call, obligation.ident));
            }
            found.extend(unheard(body, call, *context, obligation.ident));
            continue;
        };
        let name = body.text_of(obligation.ident);
        let message = if way.before.is_some() {
            format!("{name} gets another value before it is called: the first context stays")
        } else {
            format!("{name} is not called on every way out: the context and what waits for it stay")
        };
        let end = if way.before.is_some() { "and is lost here" } else { "this way out does not cancel it" };
        // It is kept by nobody but who waits for it, or ends by itself before long.
        let is_light = has_endless_parent(body, call) || is_timed(names.2) && is_short(body, call, names.2);
        let is_light = is_light || body.source.is_test;
        // Who waits for it is started on this way.
        let waiter = waiter(body, *context)
            .filter(|spawn| way.passes(body, |event| matches!(event.what, What::Go { call } if call == *spawn)));
        let tier = if is_light && waiter.is_none() { Tier::Hygiene } else { Tier::Likely };
        let mut finding = finding(&RULE, tier, body, span, message);
        finding.why = match waiter {
            Some(_) => "a goroutine that was started with this context stays, too".to_owned(),
            None => "the context stays registered with its parent".to_owned(),
        };
        if let Some(spawn) = waiter {
            finding.spawned_at = Some(body.place(crate::rules::spawn_span(body, spawn)));
        }
        finding.path.push(step(body, span, "the context is made here"));
        finding.path.extend(way.steps(body, Some(span), end));
        let safety = if is_kept(body, *context, call) { Safety::Unsafe } else { Safety::Safe };
        finding.fix = statement(body, call).map(|stmt| Fix {
            safety,
            title: format!("call {name} however the function ends"),
            edits: vec![insert_after(body, stmt, &format!("defer {name}()"))],
        });
        found.push(finding);
    }
}

/// Is a context made of one that never ends, which keeps nothing of it?
fn has_endless_parent(body: &Body<'_>, call: ExprId) -> bool {
    body.arguments(call).first().is_some_and(|parent| is_endless(body, *parent) || was_endless(body, *parent, call))
}

/// Does a variable hold a context that never ends before a call gives it another: `ctx, cancel = context.WithCancel(ctx)`?
fn was_endless(body: &Body<'_>, context: ExprId, call: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let Some(variable @ VarId::Local { .. }) = tree.types.variable(ast.unparen(context)) else { return false };
    let (given, _) = targets(body, call).unwrap_or_default();
    let mut values =
        tree.uses.get(&Cell::Var(variable)).into_iter().flatten().filter_map(|name| match usage(ast, tree, *name) {
            Usage::Gets(value) if !given.contains(name) => Some(value),
            Usage::Address(_) | Usage::Declared => Some(None),
            _ => None,
        });
    values.next().is_some_and(|first| {
        [first].into_iter().chain(values).all(|value| value.is_some_and(|value| is_endless(body, value)))
    })
}

/// Does a function of package context give one that ends by itself?
fn is_timed(name: &str) -> bool {
    matches!(name, "WithTimeout" | "WithDeadline" | "WithTimeoutCause" | "WithDeadlineCause")
}

/// Does the context end by itself before many rounds of a loop have passed? Of a time that is not written there, it is
/// taken that it does.
fn is_short(body: &Body<'_>, call: ExprId, name: &str) -> bool {
    let limit = body.arguments(call).get(1).and_then(|limit| {
        body.program.world.integer(&body.tree.types, body.id.file, *limit).filter(|_| name.starts_with("WithTimeout"))
    });
    is_timed(name) && limit.is_none_or(|limit| limit <= LONG)
}

/// Only a goroutine that waits for the context calls its cancel function.
fn circular(body: &Body<'_>, call: ExprId, context: ExprId, cancel: ExprId) -> Option<Finding> {
    let program = body.program;
    let uses = |ident: ExprId| {
        let variable = body.tree.types.variable(ident)?;
        body.tree.uses.get(&Cell::Var(variable)).cloned()
    };
    // All calls of it are in one goroutine …
    let (spawn, root) = spawns(body).into_iter().find_map(|(spawn, root)| {
        let root = root?;
        let is_in = uses(cancel)?.into_iter().filter(|mention| *mention != cancel).all(|mention| {
            body.tree.owner(mention) == Some(root.at)
                && matches!(usage(body.ast(), &body.tree, mention), Usage::Call(_))
        });
        (is_in && root.file == body.id.file).then_some((spawn, program.body(root)))
    })?;
    // … after it has waited for the context.
    let flow = root.flow();
    let wait = flow.all().find_map(|(_, event)| match event.what {
        What::Receive { channel } => {
            let receiver = root.receiver(root.ast().unparen(channel))?;
            (root.tree.types.variable(receiver)? == body.tree.types.variable(context)?).then_some(event.span)
        }
        _ => None,
    })?;
    // It ends with the context that the function was given, for which alone it lives.
    let is_alone =
        uses(context)?.into_iter().all(|mention| mention == context || body.tree.owner(mention) == Some(root.id.at));
    if is_alone && has_parent(body, call) {
        return None;
    }
    let first = uses(cancel)?.into_iter().filter(|mention| *mention != cancel).min()?;
    let is_deferred = flow.all().any(|(_, event)| {
        matches!(event.what, What::Deferred { .. })
            && event.span.start <= root.ast()[first].span.start
            && root.ast()[first].span.end <= event.span.end
    });
    if root.ast()[first].span.start < wait.start && !is_deferred {
        return None;
    }
    let span = body.ast()[call].span;
    let name = body.text_of(cancel);
    let message = format!("only the goroutine that waits for this context calls {name}");
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = "the goroutine stays until the parent of the context is cancelled".to_owned();
    tell_of_waiter(&mut finding, body, call, spawn, (&root, wait), "and waits here until somebody else cancels");
    finding.fix = statement(body, call).map(|stmt| Fix {
        // A goroutine that is to go on after the function would not.
        safety: Safety::Unsafe,
        title: format!("call {name} when the function ends"),
        edits: vec![insert_after(body, stmt, &format!("defer {name}()"))],
    });
    Some(finding)
}

/// Is a context made of one that the function was given?
fn has_parent(body: &Body<'_>, call: ExprId) -> bool {
    let names = parameters(body.ast(), body.function().signature);
    let parent = body.arguments(call).first().and_then(|parent| body.tree.types.variable(*parent));
    parent.is_some() && names.into_iter().flatten().any(|name| body.tree.types.variable(name) == parent)
}

/// A goroutine waits for other contexts and cancels this one then; who is given the cancel function and calls it does
/// not end the goroutine.
fn unheard(body: &Body<'_>, call: ExprId, context: ExprId, cancel: ExprId) -> Option<Finding> {
    let (ast, tree) = (body.ast(), &body.tree);
    let mentions = |ident: ExprId| {
        let cell = Cell::Var(tree.types.variable(ident)?);
        tree.uses.get(&cell).cloned()
    };
    let is_given = |ident: ExprId| {
        let is_returned = |name: &ExprId| matches!(usage(ast, tree, *name), Usage::Returned(_));
        mentions(ident).is_some_and(|all| all.iter().any(is_returned))
    };
    if !is_given(context) || !is_given(cancel) {
        return None;
    }
    let (spawn, root, wait) = spawns(body).into_iter().find_map(|(spawn, root)| {
        let root = root.filter(|root| root.file == body.id.file)?;
        let is_there = |ident: ExprId| {
            mentions(ident).is_some_and(|all| all.iter().any(|name| tree.owner(*name) == Some(root.at)))
        };
        let root = body.program.body(root);
        let waits: Vec<_> = root
            .flow()
            .all()
            .filter_map(|(_, event)| match event.what {
                What::Receive { channel } => Some((event.span, channel)),
                _ => None,
            })
            .collect();
        let is_done = |channel: ExprId| {
            let receiver = root.receiver(root.ast().unparen(channel));
            receiver.is_some_and(|x| {
                crate::program::is_named(root.program.world, root.tree.types.ty(x), "context", "Context")
            })
        };
        let is_it = is_there(cancel) && !is_there(context) && waits.iter().all(|(_, channel)| is_done(*channel));
        let (wait, _) = *waits.first()?;
        is_it.then_some((spawn, root, wait))
    })?;
    let span = ast[call].span;
    let name = body.text_of(cancel);
    let message = format!("whoever calls {name} does not end the goroutine that waits to call it");
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = "the goroutine stays until one of the contexts that it waits for ends".to_owned();
    tell_of_waiter(&mut finding, body, call, spawn, (&root, wait), "and waits here for others, not for this context");
    Some(finding)
}

/// The story of a goroutine that waits beside a context which is made at a call.
fn tell_of_waiter(
    finding: &mut Finding,
    body: &Body<'_>,
    call: ExprId,
    spawn: ExprId,
    (root, wait): (&Body<'_>, Span),
    how: &str,
) {
    let spawn = crate::rules::spawn_span(body, spawn);
    finding.spawned_at = Some(body.place(spawn));
    finding.blocks_at = Some(root.place(wait));
    finding.path.push(step(body, body.ast()[call].span, "the context is made here"));
    finding.path.push(step(body, spawn, "the goroutine is started here"));
    finding.path.push(step(root, wait, how));
}

/// Looks for a round that begins with what an earlier one has deferred.
struct Rounds<'b, 'p> {
    body: &'b Body<'p>,
    /// The call that makes the context.
    call: ExprId,
    /// The call that is deferred.
    deferred: ExprId,
    cancel: VarId,
}

impl Watch for Rounds<'_, '_> {
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, is_deferred: bool, event: &Event) -> Option<bool> {
        match event.what {
            What::Defer { call } if call == self.deferred => Some(true),
            // The round cancels it itself.
            What::Call { call } => {
                let ExprKind::Call { function, .. } = self.body.ast()[call].kind else { return Some(is_deferred) };
                let is_cancel = self.body.tree.types.variable(function) == Some(self.cancel);
                (!is_deferred || !is_cancel).then_some(is_deferred)
            }
            _ => Some(is_deferred),
        }
    }

    fn is_found(&self, _is_deferred: &bool, _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, is_deferred: &bool, event: &Event) -> bool {
        *is_deferred && matches!(event.what, What::Call { call } if call == self.call)
    }
}

/// `defer cancel()` in a loop without end: the contexts of all rounds stay until the function ends.
fn piled_up(body: &Body<'_>, call: ExprId, cancel: ExprId) -> Option<Finding> {
    let ast = body.ast();
    let around = loop_around(body, call)?;
    if !matches!(ast[around].kind, StmtKind::For { condition: None, .. }) {
        return None;
    }
    let variable = body.tree.types.variable(cancel)?;
    let (deferred, at) = body.flow().all().find_map(|(_, event)| match event.what {
        What::Defer { call } => {
            let ExprKind::Call { function, .. } = ast[call].kind else { return None };
            (body.tree.types.variable(function) == Some(variable)).then_some((event.span, call))
        }
        _ => None,
    })?;
    search(body, &Rounds { body, call, deferred: at, cancel: variable })?;
    let span = ast[call].span;
    let name = body.text_of(cancel);
    let message = format!("{name} is deferred in a loop without end: the contexts of all rounds stay");
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = "what is deferred waits for the end of the function, not of the round".to_owned();
    finding.path.push(step(body, span, "every round makes a context"));
    finding.path.push(step(body, deferred, "and cancels it only when the function ends"));
    Some(finding)
}

/// A goroutine that gets the context.
fn waiter(body: &Body<'_>, context: ExprId) -> Option<ExprId> {
    let variable = body.tree.types.variable(context)?;
    body.flow().all().find_map(|(_, event)| match event.what {
        What::Go { call } => {
            let gets =
                body.arguments(call).iter().any(|argument| body.tree.types.variable(*argument) == Some(variable));
            gets.then_some(call)
        }
        _ => None,
    })
}

/// Does the context leave the function: returned, kept, or used by a closure that may run later?
fn is_kept(body: &Body<'_>, context: ExprId, _call: ExprId) -> bool {
    let Some(variable) = body.tree.types.variable(context) else { return true };
    let calls_cancel = |name: ExprId| matches!(usage(body.ast(), &body.tree, name), Usage::Call(_));
    let Some((left, _)) = targets(body, _call) else { return true };
    let Some(cancel) = left.get(1).and_then(|cancel| body.tree.types.variable(*cancel)) else { return true };
    let uses = |cell: Cell| body.tree.uses.get(&cell).cloned().unwrap_or_default();
    let is_cancelled = uses(Cell::Var(cancel)).into_iter().any(calls_cancel);
    let leaves = uses(Cell::Var(variable)).into_iter().any(|mention| {
        matches!(
            usage(body.ast(), &body.tree, mention),
            Usage::Returned(_) | Usage::Becomes(_) | Usage::Element { .. } | Usage::Sent(_)
        )
    });
    leaves || !is_cancelled
}

//! A way out leaves a lock held.
//!
//! ## What it finds
//!
//! A function takes a lock and gives it back, but has a way out (an early `return`) on which it does not.
//! After that way was taken once, everybody who wants the lock waits for ever.
//!
//! ## Example
//!
//! ```go
//! func (a *account) take(n int) error {
//! 	a.mu.Lock()
//! 	if n > a.balance {
//! 		return errShort // still locked
//! 	}
//! 	a.balance -= n
//! 	a.mu.Unlock()
//! 	return nil
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	a.mu.Lock()
//! 	defer a.mu.Unlock()
//! ```
//!
//! ## When it is wrong
//!
//! When the function is meant to return with the lock held on that way, for its caller to give back. Where
//! other functions give back what they did not take, the rule says *likely* only, and nothing where the way out has sent
//! something as a case of a `select`: whoever receives it may give the lock back.
//!
//! ## Fix
//!
//! Safe where the function gives the lock back in one place only, as the last thing before it returns;
//! otherwise it is only shown.

use std::sync::Arc;

use gostray_golang::ast::{ExprId, StmtKind};
use gostray_golang::flow::{Edge, Exit};
use gostray_golang::types::VarId;

use crate::channel::{insert_after, statement};
use crate::finding::{Finding, Fix, Safety, Tier};
use crate::lock::{Act, LockCall, LockPath, Mode, lock_call};
use crate::path::{Watch, Way, has_real_errors, search, search_possible};
use crate::program::{Body, Cell, Event, What};
use crate::rules::edits::remove_line;
use crate::rules::locks::recursive_lock::{gives, locks};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS202",
    name: "missing-unlock",
    tier: Tier::Proven,
    text: include_str!("missing_unlock.rs"),
    chinese: include_str!("missing_unlock.zh-CN.md"),
    check: Check::Body(check),
};

struct Held<'b, 'p> {
    body: &'b Body<'p>,
    lock: &'b LockCall,
}

/// Who holds the lock on a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Nobody,
    /// The call that is asked about.
    This,
    /// Another call of the function.
    Other,
}

impl Held<'_, '_> {
    /// Does a call take the lock so that it can't be taken again?
    fn takes(&self, call: ExprId) -> bool {
        let reads = Act::Take(Mode::Read);
        lock_call(self.body, call).is_some_and(|other| {
            let takes = matches!(other.act, Act::Take(_)) && other.path == self.lock.path;
            takes && !(other.act == reads && self.lock.act == reads)
        })
    }
}

impl Watch for Held<'_, '_> {
    type State = Holder;

    fn start(&self) -> Holder {
        Holder::Nobody
    }

    fn event(&self, state: Holder, event: &Event) -> Option<Holder> {
        match event.what {
            What::Call { call } | What::Deferred { call } => {
                let takes = matches!(event.what, What::Call { .. }) && self.takes(call);
                Some(match state {
                    // It waits for itself, and no way out comes after that: that is another rule's.
                    Holder::This | Holder::Other if takes => return None,
                    _ if call == self.lock.call => Holder::This,
                    _ if takes => Holder::Other,
                    _ if gives(self.body, call, &self.lock.path) => Holder::Nobody,
                    holder => holder,
                })
            }
            // It is another one now.
            What::Assign { name } if self.body.tree.types.variable(name) == Some(self.lock.path.root) => None,
            // A closure, or a method value, that gives it back later.
            What::Closure { closure } if state == Holder::This => {
                let span = self.body.ast()[closure].span;
                let text = self.body.text(span);
                if text.contains("nlock") { None } else { Some(state) }
            }
            _ => Some(state),
        }
    }

    fn is_found(&self, state: &Holder, exit: Exit) -> bool {
        *state == Holder::This && exit == Exit::Return
    }
}

/// Is another lock given back on a way, which was not taken on it?
fn gives_another(body: &Body<'_>, lock: &LockCall, way: &Way) -> bool {
    let flow = body.flow();
    let blocks = way.edges.iter().map(|(block, _)| *block).chain([way.last]);
    let calls = blocks.flat_map(|block| &flow.events[block.index()]).filter_map(|event| match event.what {
        What::Call { call } | What::Deferred { call } => lock_call(body, call),
        _ => None,
    });
    let calls: Vec<_> = calls.collect();
    let is_taken = |path: &LockPath| calls.iter().any(|own| matches!(own.act, Act::Take(_)) && own.path == *path);
    calls.iter().any(|own| matches!(own.act, Act::Give(_)) && own.path != lock.path && !is_taken(&own.path))
}

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    let all = locks(body);
    for lock in &all {
        let Act::Take(mode) = lock.act else { continue };
        let is_given = |other: &LockCall| other.path == lock.path && other.act == Act::Give(mode);
        let returns = all.iter().any(|other| is_given(other) && returns_after(body, lock, other));
        if !all.iter().any(|other| is_given(other)) || is_about_locking(body) && returns {
            continue;
        }
        if is_held_before(body, lock) {
            continue;
        }
        let is_taken = |event: &Event| matches!(event.what, What::Call { call } if call == lock.call);
        let watch = Held { body, lock };
        let possible = search_possible(body, &watch, &is_taken);
        let is_possible = possible.is_some();
        let Some(way) = possible.or_else(|| search(body, &watch)) else { continue };
        if returns && hands_over(body, lock, &way) {
            continue;
        }
        let is_elsewhere = is_given_elsewhere(body, lock);
        // Who receives what is sent gives the lock back.
        if is_elsewhere && sends_after(body, lock, &way) {
            continue;
        }
        let next = next_waiter(body, lock);
        // Two names may be one lock.
        let gives_another = gives_another(body, lock, &way);
        // A test that keeps a lock hangs, and is seen to; what nobody calls by its name keeps nobody, or is called by another.
        let is_open = is_possible && !gives_another && !body.source.is_test;
        let is_waited_for = !is_elsewhere && next.is_some() && body.is_called();
        let tier = match is_open {
            true if is_waited_for && has_real_errors(body, &way, &is_taken) => Tier::Proven,
            true => Tier::Likely,
            false if is_elsewhere => Tier::Likely,
            false => Tier::Hygiene,
        };
        let name = body.receiver(lock.call).map_or("the lock", |receiver| body.text_of(receiver));
        let span = body.ast()[lock.call].span;
        let message = format!("{} can return with {name} still locked", body.name());
        let mut finding = finding(&RULE, tier, body, span, message);
        finding.why = "everybody who wants the lock after that waits for ever".to_owned();
        finding.path.push(step(body, span, "the lock is taken here"));
        finding.path.extend(way.steps(body, Some(span), "this way out keeps it"));
        if let Some((waiter, span)) = next {
            finding.blocks_at = Some(waiter.place(span));
            finding.path.push(step(&waiter, span, "whoever comes here after that waits for ever"));
        }
        finding.fix = fix(body, lock, &all, mode, name);
        found.push(finding);
    }
}

/// Does the function return after it has given the lock back, without having taken it again?
struct Returns<'b, 'p> {
    body: &'b Body<'p>,
    take: &'b LockCall,
    give: ExprId,
}

impl Watch for Returns<'_, '_> {
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, state: bool, event: &Event) -> Option<bool> {
        let (What::Call { call } | What::Deferred { call }) = event.what else { return Some(state) };
        if call == self.give {
            return Some(true);
        }
        let takes = lock_call(self.body, call)
            .is_some_and(|lock| lock.path == self.take.path && matches!(lock.act, Act::Take(_)));
        Some(state && !takes)
    }

    fn is_found(&self, state: &bool, exit: Exit) -> bool {
        *state && exit == Exit::Return
    }
}

fn returns_after(body: &Body<'_>, take: &LockCall, give: &LockCall) -> bool {
    search(body, &Returns { body, take, give: give.call }).is_some()
}

/// Does the function give the lock back before it takes it: is it called with the lock held?
struct GivesFirst<'b, 'p> {
    body: &'b Body<'p>,
    lock: &'b LockCall,
}

impl Watch for GivesFirst<'_, '_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), event: &Event) -> Option<()> {
        let What::Call { call } = event.what else { return Some(()) };
        let takes =
            lock_call(self.body, call).is_some_and(|own| own.path == self.lock.path && matches!(own.act, Act::Take(_)));
        (!takes).then_some(())
    }

    fn is_found(&self, (): &(), _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, (): &(), event: &Event) -> bool {
        matches!(event.what, What::Call { call } if lock_call(self.body, call)
            .is_some_and(|own| own.path == self.lock.path && matches!(own.act, Act::Give(_))))
    }
}

fn is_held_before(body: &Body<'_>, lock: &LockCall) -> bool {
    search(body, &GivesFirst { body, lock }).is_some()
}

/// Functions that lock for others say so.
fn is_about_locking(body: &Body<'_>) -> bool {
    let name = body.name().to_ascii_lowercase();
    ["lock", "acquire", "begin", "enter"].iter().any(|word| name.contains(word))
}

/// Is it the last `return` that keeps the lock, and earlier ones give it back? That may be what it is for.
fn hands_over(body: &Body<'_>, lock: &LockCall, way: &Way) -> bool {
    let end = way.end(body);
    let closing = body.ast()[body.function().block].span.end;
    let is_last = body.flow().all().all(|(_, event)| match event.what {
        What::Return { .. } => event.span.start <= end.start,
        _ => true,
    });
    let after = body.flow().all().any(|(_, event)| match event.what {
        What::Call { call } => event.span.start > end.start && gives(body, call, &lock.path),
        _ => false,
    });
    is_last && !after && end.start <= closing
}

/// Does another function give the lock back without having taken it?
fn is_given_elsewhere(body: &Body<'_>, lock: &LockCall) -> bool {
    let Some(cell) = lock.cell else { return true };
    let program = body.program;
    let mut functions: Vec<(crate::program::BodyId, bool, bool)> = Vec::new();
    for (file, expr) in program.uses(cell) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        let crate::program::Usage::Method { call, .. } = crate::program::usage(ast, &tree, expr) else { continue };
        let Some(at) = tree.owner(expr) else { continue };
        let owner = program.body(program.body(crate::program::BodyId { file, at }).outermost());
        let Some(own) = lock_call(&program.body(crate::program::BodyId { file, at }), call) else { continue };
        let is_take = matches!(own.act, Act::Take(_));
        match functions.iter_mut().find(|(id, ..)| *id == owner.id) {
            Some((_, takes, gives)) => {
                *takes |= is_take;
                *gives |= !is_take;
            }
            None => functions.push((owner.id, is_take, !is_take)),
        }
    }
    functions.iter().any(|(_, takes, gives)| *gives && !takes)
}

/// Is something sent on a way after the lock is taken, as a case of a `select`?
fn sends_after(body: &Body<'_>, lock: &LockCall, way: &Way) -> bool {
    let ast = body.ast();
    let taken = ast[lock.call].span.end;
    way.edges.iter().any(|(_, edge)| match edge {
        Edge::Clause(clause) if ast[*clause].span.start >= taken => match ast[*clause].kind {
            StmtKind::Comm { comm: Some(comm), .. } => matches!(ast[comm].kind, StmtKind::Send { .. }),
            _ => false,
        },
        _ => false,
    })
}

/// Where another function waits for the lock.
fn next_waiter<'p>(body: &Body<'p>, lock: &LockCall) -> Option<(Body<'p>, gostray_golang::Span)> {
    let program = body.program;
    let mut waiters = Vec::new();
    for (file, expr) in program.uses(lock.cell?) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        let crate::program::Usage::Method { call, .. } = crate::program::usage(ast, &tree, expr) else { continue };
        let Some(at) = tree.owner(expr) else { continue };
        let owner = program.body(crate::program::BodyId { file, at });
        let Some(own) = lock_call(&owner, call) else { continue };
        // Readers do not wait for readers.
        let waits =
            own.act == Act::Take(Mode::Write) || lock.act == Act::Take(Mode::Write) && matches!(own.act, Act::Take(_));
        if waits && owner.id != body.id {
            waiters.push((owner, ast[call].span));
        }
    }
    // Whoever comes here again.
    let is_kept = !matches!(lock.cell, Some(Cell::Var(VarId::Local { .. })));
    let own = || (lock.act == Act::Take(Mode::Write) && is_kept).then(|| (body.clone(), body.ast()[lock.call].span));
    waiters.into_iter().next().or_else(own)
}

/// `defer mu.Unlock()` after the lock is taken, in the stead of the one that gives it back.
fn fix(body: &Body<'_>, lock: &LockCall, all: &[Arc<LockCall>], mode: Mode, name: &str) -> Option<Fix> {
    let ast = body.ast();
    let word = if mode == Mode::Write { "Unlock" } else { "RUnlock" };
    let title = format!("give {name} back with defer");
    let stmt = statement(body, lock.call)?;
    let gives: Vec<&Arc<LockCall>> =
        all.iter().filter(|own| own.path == lock.path && own.act == Act::Give(mode)).collect();
    let takes = all.iter().filter(|own| own.path == lock.path && matches!(own.act, Act::Take(_))).count();
    let [give] = gives.as_slice() else {
        return Some(Fix { safety: Safety::Display, title, edits: Vec::new() });
    };
    let give_stmt = statement(body, give.call)?;
    let is_last = takes == 1
        && matches!(ast[give_stmt].kind, StmtKind::Expr(_))
        && crate::actor::loop_around(body, lock.call).is_none()
        && is_last_thing(body, give.call);
    if !is_last {
        return Some(Fix { safety: Safety::Display, title, edits: Vec::new() });
    }
    let edits = vec![insert_after(body, stmt, &format!("defer {name}.{word}()")), remove_line(body, give_stmt)];
    Some(Fix { safety: Safety::Safe, title, edits })
}

/// Is nothing done after a call that could take long, or need the lock?
fn is_last_thing(body: &Body<'_>, call: ExprId) -> bool {
    let at = body.ast()[call].span.end;
    body.flow().all().all(|(_, event)| {
        event.span.start < at
            || !matches!(
                event.what,
                What::Call { .. } | What::Send { .. } | What::Receive { .. } | What::Range { .. } | What::Go { .. }
            )
    })
}

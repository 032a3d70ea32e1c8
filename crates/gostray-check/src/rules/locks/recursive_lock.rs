//! A lock is taken that is held already.
//!
//! ## What it finds
//!
//! A function takes a lock and, without giving it back, takes it again: itself, or by calling a function that
//! does. Go's locks do not know who holds them: the goroutine waits for itself, for ever, and everybody else
//! who wants the lock waits with it. `RLock` twice is found, too: it waits as soon as somebody asks for the
//! write lock in between.
//!
//! ## Example
//!
//! ```go
//! func (s *store) add(key string) {
//! 	s.mu.Lock()
//! 	defer s.mu.Unlock()
//! 	s.items[key] = s.size() // size locks s.mu, too
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! func (s *store) sizeLocked() int { return len(s.items) }
//! ```
//!
//! ## When it is wrong
//!
//! When the two are not the same value for a reason that the code does not show.
//!
//! ## Fix
//!
//! Shown only: which of the two is to go is for its author to say.

use std::sync::Arc;

use gostray_golang::ast::{ExprId, ExprKind};
use gostray_golang::flow::Exit;

use crate::finding::{Finding, Tier};
use crate::lock::{Act, LockCall, LockPath, Mode, lock_call, of_callee, path};
use crate::path::{Watch, is_open, search_possible};
use crate::program::{Body, BodyId, Callee, Cell, Event, Parent, Usage, What, usage};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS201",
    name: "recursive-lock",
    tier: Tier::Proven,
    text: include_str!("recursive_lock.rs"),
    chinese: include_str!("recursive_lock.zh-CN.md"),
    check: Check::Body(check),
};

struct Again<'b, 'p> {
    body: &'b Body<'p>,
    first: &'b LockCall,
    /// Only what is taken on every way through what is called.
    is_sure: bool,
}

/// How an event takes a lock, if it does, and where.
fn takes(body: &Body<'_>, event: &Event, first: &LockCall) -> Option<(Mode, bool, (BodyId, ExprId))> {
    let What::Call { call } = event.what else { return None };
    match lock_call(body, call) {
        Some(lock) => match lock.act {
            Act::Take(mode) if lock.path == first.path => Some((mode, true, (body.id, call))),
            _ => None,
        },
        None => of_callee(body, call, 0).iter().find_map(|touch| match touch.act {
            Act::Take(mode) if touch.is_first && touch.path == first.path => {
                Some((mode, touch.is_sure, touch.at.unwrap_or((body.id, call))))
            }
            _ => None,
        }),
    }
}

impl Watch for Again<'_, '_> {
    /// Is it held?
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, state: bool, event: &Event) -> Option<bool> {
        match event.what {
            What::Call { call } | What::Deferred { call } => {
                if call == self.first.call {
                    return Some(true);
                }
                if gives(self.body, call, &self.first.path) {
                    return Some(false);
                }
                Some(state)
            }
            What::Assign { name } if self.body.tree.types.variable(name) == Some(self.first.path.root) => Some(false),
            _ => Some(state),
        }
    }

    fn is_found(&self, _state: &bool, _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, state: &bool, event: &Event) -> bool {
        *state && takes(self.body, event, self.first).is_some_and(|(_, is_sure, _)| is_sure || !self.is_sure)
    }
}

/// Is the method that gives the lock back taken as a value, as in `once.Do(mu.Unlock)`? Then it is called by whoever has got it.
fn is_handed_over(body: &Body<'_>, first: &LockCall) -> bool {
    let Some(lock) = body.receiver(first.call) else { return false };
    let (ast, tree) = (body.ast(), &body.tree);
    let mentions = tree.uses.get(&Cell::Var(first.path.root)).into_iter().flatten();
    // A lock that is a variable of its own may be given to who gives it back: a callback, or C.
    let is_given = |mention: ExprId| {
        matches!(
            usage(ast, tree, mention),
            Usage::Argument { .. } | Usage::Converted(_) | Usage::Sent(_) | Usage::Other
        )
    };
    mentions.copied().any(|mention| {
        if first.path.fields.is_empty() && is_given(mention) {
            return true;
        }
        // From `c` outwards to `c.mu.Unlock`.
        let mut at = mention;
        while let Parent::Expr(outer) = tree.directly_around(at)
            && let ExprKind::Selector { .. } = ast[outer].kind
        {
            at = outer;
        }
        let is_called = matches!(tree.directly_around(at), Parent::Expr(outer)
            if matches!(ast[outer].kind, ExprKind::Call { function, .. } if function == at));
        let method = body.text_of(at).strip_prefix(body.text_of(lock)).and_then(|rest| rest.strip_prefix('.'));
        !is_called && matches!(method, Some("Unlock" | "RUnlock"))
    })
}

/// Does a call give the lock back, and not take it before?
pub(super) fn gives(body: &Body<'_>, call: ExprId, path: &LockPath) -> bool {
    if let Some(lock) = lock_call(body, call) {
        return matches!(lock.act, Act::Give(_)) && lock.path == *path;
    }
    if let Some(closure) = crate::lock::closure_of(body, call) {
        return closure.flow().all().any(|(_, event)| match event.what {
            What::Call { call } | What::Deferred { call } => {
                lock_call(&closure, call).is_some_and(|lock| matches!(lock.act, Act::Give(_)) && lock.path == *path)
            }
            _ => false,
        });
    }
    let touched = of_callee(body, call, 0);
    let is = |act: fn(&Act) -> bool| touched.iter().any(|touch| act(&touch.act) && touch.path == *path);
    // What it takes after it has given is given back in its own time.
    let waits = touched.iter().any(|touch| matches!(touch.act, Act::Take(_)) && touch.is_first && touch.path == *path);
    is(|act| matches!(act, Act::Give(_))) && !waits || was_made_of(body, call, path)
}

/// Is a function called that was made of the lock: `unlock := unlockOnce(&s.lock)`? Then it may be what gives it back.
fn was_made_of(body: &Body<'_>, call: ExprId, lock: &LockPath) -> bool {
    let Callee::Variable(cell) = body.callee(call) else { return false };
    let made = body.program.single_value(cell).filter(|(file, _)| *file == body.id.file);
    made.is_some_and(|(_, made)| {
        let ExprKind::Call { .. } = body.ast()[body.ast().unparen(made)].kind else { return false };
        body.arguments(body.ast().unparen(made)).into_iter().any(|given| path(body, given).as_ref() == Some(lock))
    })
}

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for first in locks(body) {
        let Act::Take(mode) = first.act else { continue };
        if is_given_by_another(body, &first) || is_handed_over(body, &first) {
            continue;
        }
        for is_sure in [true, false] {
            let watch = Again { body, first: &first, is_sure };
            let is_first = |event: &Event| matches!(event.what, What::Call { call } if call == first.call);
            let Some(way) = search_possible(body, &watch, &is_first) else { continue };
            let Some(event) = way.before else { continue };
            let Some((again, _, at)) = takes(body, &event, &first) else { continue };
            let is_reading = (mode, again) == (Mode::Read, Mode::Read);
            // Whether a lock is taken is often a parameter's to say.
            let tier = match (is_sure, is_reading) {
                (false, _) => Tier::Hygiene,
                (true, true) => Tier::Likely,
                // A test may lock what another goroutine unlocks, to wait for it; and what nobody calls never waits.
                (true, false) if body.source.is_test || !body.is_called() => Tier::Likely,
                (true, false) if is_open(body, &watch, &way, &is_first) => Tier::Proven,
                (true, false) => Tier::Likely,
            };
            let What::Call { call } = event.what else { continue };
            let is_direct = lock_call(body, call).is_some();
            let lock = body.receiver(first.call).map_or("the lock", |receiver| body.text_of(receiver));
            let message = match (is_direct, is_reading, is_sure) {
                (true, false, _) => format!("{lock} is locked again while it is held"),
                (true, true, _) => format!("{lock} is locked for reading again while it is held for reading"),
                (false, true, _) => format!("this call locks {lock} for reading, which is held for reading already"),
                (false, _, true) => format!("this call locks {lock}, which is held already"),
                (false, _, false) => format!("this call may lock {lock}, which is held already"),
            };
            let mut finding = finding(&RULE, tier, body, event.span, message);
            finding.why = if !is_reading {
                "the goroutine waits for itself, and everybody who wants the lock waits with it".to_owned()
            } else {
                "as soon as somebody asks for the write lock in between, all of them wait for each other".to_owned()
            };
            let inner = body.program.body(at.0);
            let inner_span = inner.ast()[at.1].span;
            finding.blocks_at = Some(inner.place(inner_span));
            finding.path.push(step(body, body.ast()[first.call].span, "the lock is taken here"));
            if is_direct {
                finding.path.push(step(body, event.span, "it is taken again here"));
            } else {
                finding.path.push(step(body, event.span, "while it is held, this is called"));
                finding.path.push(step(&inner, inner_span, "which takes it again here"));
            }
            found.push(finding);
            break;
        }
    }
}

/// Does another function within the same one give the lock back: a goroutine, the function around it?
fn is_given_by_another(body: &Body<'_>, first: &LockCall) -> bool {
    let outer = body.outermost();
    let count = u32::try_from(body.tree.functions.len()).unwrap_or(0);
    let family = (0..count)
        .map(|at| body.program.body(BodyId { file: body.id.file, at }))
        .filter(|other| other.id != body.id && other.is_within(outer) && !is_deferred(body, other));
    let mut family = family;
    // Who begins by giving it back was handed it.
    family.any(|other| match locks(&other).into_iter().find(|own| own.path == first.path) {
        Some(own) => matches!(own.act, Act::Give(_)),
        None => other.flow().all().any(|(_, event)| match event.what {
            What::Deferred { call } => {
                lock_call(&other, call).is_some_and(|own| matches!(own.act, Act::Give(_)) && own.path == first.path)
            }
            _ => false,
        }),
    })
}

/// Is a closure what a function defers?
fn is_deferred(body: &Body<'_>, closure: &Body<'_>) -> bool {
    body.flow().all().any(|(_, event)| match event.what {
        What::Deferred { call } => crate::lock::closure_of(body, call).is_some_and(|own| own.id == closure.id),
        _ => false,
    })
}

/// The locks that a function takes and gives back.
pub(super) fn locks(body: &Body<'_>) -> Vec<Arc<LockCall>> {
    let mut found: Vec<Arc<LockCall>> = Vec::new();
    for (_, event) in body.flow().all() {
        if let What::Call { call } = event.what
            && !found.iter().any(|own| own.call == call)
        {
            found.extend(lock_call(body, call));
        }
    }
    found
}

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

use gostray_golang::ast::ExprId;
use gostray_golang::flow::Exit;

use crate::finding::{Finding, Tier};
use crate::lock::{Act, LockCall, LockPath, Mode, lock_call, of_callee};
use crate::path::{Watch, search};
use crate::program::{Body, Event, What};
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
    mode: Mode,
}

impl Again<'_, '_> {
    /// How an event takes the lock, if it does.
    fn takes(&self, event: &Event) -> Option<Mode> {
        let What::Call { call } = event.what else { return None };
        let mode = match lock_call(self.body, call) {
            Some(lock) => match lock.act {
                Act::Take(mode) if lock.path == self.first.path => Some(mode),
                _ => None,
            },
            None => of_callee(self.body, call, 0).into_iter().find_map(|(act, path)| match act {
                Act::Take(mode) if path == self.first.path => Some(mode),
                _ => None,
            }),
        };
        mode
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
        *state && self.takes(event) == Some(self.mode)
    }
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
    let is = |act: fn(&Act) -> bool| touched.iter().any(|(own, of)| act(own) && of == path);
    is(|act| matches!(act, Act::Give(_))) && !is(|act| matches!(act, Act::Take(_)))
}

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for first in locks(body) {
        let Act::Take(mode) = first.act else { continue };
        // What is in an element of something may be another one each time.
        for again in [Mode::Write, Mode::Read] {
            let watch = Again { body, first: &first, mode: again };
            let Some(way) = search(body, &watch) else { continue };
            let Some(event) = way.before else { continue };
            let tier = if (mode, again) == (Mode::Read, Mode::Read) { Tier::Likely } else { Tier::Proven };
            let What::Call { call } = event.what else { continue };
            let is_direct = lock_call(body, call).is_some();
            let lock = body.receiver(first.call).map_or("the lock", |receiver| body.text_of(receiver));
            let message = match (is_direct, tier) {
                (true, Tier::Proven) => format!("{lock} is locked again while it is held"),
                (true, _) => format!("{lock} is locked for reading again while it is held for reading"),
                (false, _) => format!("this call locks {lock}, which is held already"),
            };
            let mut finding = finding(&RULE, tier, body, event.span, message);
            finding.why = if tier == Tier::Proven {
                "the goroutine waits for itself, and everybody who wants the lock waits with it".to_owned()
            } else {
                "as soon as somebody asks for the write lock in between, all of them wait for each other".to_owned()
            };
            finding.blocks_at = Some(body.place(event.span));
            finding.path.push(step(body, body.ast()[first.call].span, "the lock is taken here"));
            finding.path.push(step(body, event.span, "it is taken again here"));
            found.push(finding);
            break;
        }
    }
}

/// The locks that a function takes and gives back.
pub(super) fn locks(body: &Body<'_>) -> Vec<LockCall> {
    let mut found: Vec<LockCall> = Vec::new();
    for (_, event) in body.flow().all() {
        if let What::Call { call } = event.what
            && !found.iter().any(|own| own.call == call)
        {
            found.extend(lock_call(body, call));
        }
    }
    found
}

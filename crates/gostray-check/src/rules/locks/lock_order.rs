//! Two locks are taken in opposite order.
//!
//! ## What it finds
//!
//! One function takes lock A and, holding it, lock B; another one takes B and, holding it, A. If both run at
//! once, each waits for what the other holds, for ever.
//!
//! ## Example
//!
//! ```go
//! func (k *bank) forth() { k.from.Lock(); k.to.Lock(); … }
//! func (k *bank) back()  { k.to.Lock(); k.from.Lock(); … }
//! ```
//!
//! Use instead: one order for all, said in a comment beside the locks.
//!
//! ## When it is wrong
//!
//! When the two functions never run at once, or the locks are those of different values.
//!
//! ## Fix
//!
//! Shown only: which order is to hold is for its author to say.

use std::cell::RefCell;

use gostray_golang::ast::ExprId;
use gostray_golang::flow::Exit;
use gostray_golang::package::PackageId;
use gostray_golang::types::VarId;
use rustc_hash::FxHashSet;

use crate::finding::{Finding, Tier};
use crate::lock::{Act, LockCall, lock_call, of_callee};
use crate::path::{Watch, search};
use crate::program::{Body, BodyId, Cell, Event, Program, What};
use crate::rules::locks::recursive_lock::{gives, locks};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS203",
    name: "lock-order",
    tier: Tier::Likely,
    text: include_str!("lock_order.rs"),
    chinese: include_str!("lock_order.zh-CN.md"),
    check: Check::Package(check),
};

/// While one lock is held another one is taken.
struct Order<'p> {
    body: Body<'p>,
    held: Cell,
    taken: Cell,
    first: ExprId,
    second: ExprId,
    /// Are both reached from one variable?
    is_one: bool,
    /// Where the second is taken, in what is called.
    at: Option<(BodyId, ExprId)>,
}

impl Order<'_> {
    /// Is it one way, on which the first lock is taken again: while it is held, which is no other order?
    fn goes_on_as(&self, other: &Self) -> bool {
        self.body.id == other.body.id && (self.second == other.first || other.second == self.first)
    }
}

/// A call that takes another lock: the lock, where in what is called, and the variable it is reached from.
type Second = (ExprId, Cell, Option<(BodyId, ExprId)>, VarId);

struct While<'b, 'p> {
    body: &'b Body<'p>,
    held: &'b LockCall,
    /// The calls that were come to while it was held.
    reached: RefCell<FxHashSet<ExprId>>,
}

impl Watch for While<'_, '_> {
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, state: bool, event: &Event) -> Option<bool> {
        let (What::Call { call } | What::Deferred { call }) = event.what else { return Some(state) };
        if call == self.held.call {
            return Some(true);
        }
        if gives(self.body, call, &self.held.path) { Some(false) } else { Some(state) }
    }

    fn is_found(&self, _state: &bool, _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, state: &bool, event: &Event) -> bool {
        if let What::Call { call } = event.what
            && *state
        {
            self.reached.borrow_mut().insert(call);
        }
        // All of them are wanted.
        false
    }
}

fn check(program: &Program<'_>, package: PackageId, found: &mut Vec<Finding>) {
    let mut orders: Vec<Order<'_>> = Vec::new();
    for (file, _) in program.package(package).files() {
        for body in program.bodies(file) {
            of_body(&body, &mut orders);
        }
    }
    for (at, one) in orders.iter().enumerate() {
        let is_reverse = |other: &&Order<'_>| other.held == one.taken && other.taken == one.held;
        let other = orders[at + 1..].iter().filter(is_reverse).find(|other| !one.goes_on_as(other));
        let Some(other) = other else { continue };
        let text = |body: &Body<'_>, call: ExprId| {
            body.receiver(call).map_or("a lock", |receiver| body.text_of(receiver)).to_owned()
        };
        // The call may be of a function that takes it.
        let second = match one.at {
            Some((id, call)) => text(&program.body(id), call),
            None => text(&one.body, one.second),
        };
        let span = one.body.ast()[one.second].span;
        let message = format!(
            "{} takes the lock of {} while it holds that of {}, and {} takes them the other way round",
            one.body.name(),
            second,
            text(&one.body, one.first),
            other.body.name()
        );
        // Of locks of different values many orders are right.
        let tier = if one.is_one && other.is_one { Tier::Likely } else { Tier::Hygiene };
        let mut finding = finding(&RULE, tier, &one.body, span, message);
        finding.why = "if both run at once, each waits for what the other holds, for ever".to_owned();
        finding.blocks_at = Some(match one.at {
            Some((id, call)) => {
                let inner = program.body(id);
                inner.place(inner.ast()[call].span)
            }
            None => one.body.place(span),
        });
        finding.path.push(step(&one.body, one.body.ast()[one.first].span, "the one is taken here"));
        finding.path.push(step(&one.body, span, "and the other one while it is held"));
        finding.path.push(step(&other.body, other.body.ast()[other.first].span, "here the other one is first"));
        finding.path.push(step(&other.body, other.body.ast()[other.second].span, "and the one comes after it"));
        found.push(finding);
    }
}

fn of_body<'p>(body: &Body<'p>, orders: &mut Vec<Order<'p>>) {
    let all = locks(body);
    for held in all.iter().filter(|lock| matches!(lock.act, Act::Take(_))) {
        let Some(held_cell) = held.cell else { continue };
        let mut seconds: Vec<Second> = Vec::new();
        for (_, event) in body.flow().all() {
            let What::Call { call } = event.what else { continue };
            if seconds.iter().any(|(own, ..)| *own == call) {
                continue;
            }
            match lock_call(body, call) {
                Some(lock) => {
                    if let (Act::Take(_), Some(cell)) = (lock.act, lock.cell) {
                        seconds.push((call, cell, None, lock.path.root));
                    }
                }
                None => {
                    for touch in of_callee(body, call, 0).iter() {
                        if let Act::Take(_) = touch.act
                            && let Some(cell) = cell_of(body, &touch.path)
                        {
                            seconds.push((call, cell, touch.at, touch.path.root));
                        }
                    }
                }
            }
        }
        if seconds.is_empty() {
            continue;
        }
        let watch = While { body, held, reached: RefCell::default() };
        search(body, &watch);
        let reached = watch.reached.into_inner();
        for (second, cell, at, root) in seconds {
            if cell == held_cell || orders.iter().any(|own| own.held == held_cell && own.taken == cell) {
                continue;
            }
            if reached.contains(&second) {
                orders.push(Order {
                    body: body.clone(),
                    held: held_cell,
                    taken: cell,
                    first: held.call,
                    second,
                    at,
                    is_one: root == held.path.root,
                });
            }
        }
    }
}

/// The field that a path ends in.
fn cell_of(body: &Body<'_>, path: &crate::lock::LockPath) -> Option<Cell> {
    let Some((last, before)) = path.fields.split_last() else { return Some(Cell::Var(path.root)) };
    let world = body.program.world;
    let mut ty = match path.root {
        gostray_golang::types::VarId::Local { ident, .. } => body.tree.types.ty(ident).clone(),
        global => world.variable(global),
    };
    for name in before {
        ty = world.select(&ty, *name)?.ty;
    }
    match ty.pointed() {
        gostray_golang::types::Type::Named(decl, _) => Some(Cell::field(world, *decl, *last)),
        _ => None,
    }
}

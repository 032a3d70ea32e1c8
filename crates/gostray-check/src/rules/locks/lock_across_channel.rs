//! A lock is held while waiting for somebody who needs the lock first.
//!
//! ## What it finds
//!
//! A function sends on (or receives from) a channel without room while it holds a lock, and everybody on the
//! other side of the channel takes the same lock before. Each waits for the other, for ever.
//!
//! ## Example
//!
//! ```go
//! func (h *hub) publish(n int) {
//! 	h.mu.Lock()
//! 	defer h.mu.Unlock()
//! 	h.events <- n // waits for loop
//! }
//!
//! func (h *hub) loop() {
//! 	h.mu.Lock() // waits for publish
//! 	h.count++
//! 	h.mu.Unlock()
//! 	<-h.events
//! }
//! ```
//!
//! Use instead: give the lock back before waiting.
//!
//! ## When it is wrong
//!
//! When the other side is always there already, because it took the lock earlier.
//!
//! ## Fix
//!
//! Shown only: what the lock protects is for its author to say.

use gostray_golang::ast::ExprId;
use gostray_golang::flow::Exit;
use gostray_golang::package::PackageId;
use gostray_golang::types::Type;

use crate::finding::{Finding, Tier};
use crate::lock::{Act, LockCall, lock_call};
use crate::path::{Watch, search};
use crate::program::{Body, BodyId, Cell, Event, Operation, Program, Usage, What, follow_cell};
use crate::rules::locks::recursive_lock::{gives, locks};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS204",
    name: "lock-across-channel",
    tier: Tier::Likely,
    text: include_str!("lock_across_channel.rs"),
    chinese: include_str!("lock_across_channel.zh-CN.md"),
    check: Check::Package(check),
};

fn is_at(body: &Body<'_>, event: &Event, channel: ExprId) -> bool {
    match event.what {
        What::Send { channel: own } | What::Receive { channel: own } | What::Range { channel: own } => {
            body.ast().unparen(own) == body.ast().unparen(channel)
        }
        _ => false,
    }
}

/// Is the lock held where the channel waits?
struct Holding<'b, 'p> {
    body: &'b Body<'p>,
    lock: &'b LockCall,
    channel: ExprId,
}

impl Watch for Holding<'_, '_> {
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, state: bool, event: &Event) -> Option<bool> {
        let (What::Call { call } | What::Deferred { call }) = event.what else { return Some(state) };
        if call == self.lock.call {
            return Some(true);
        }
        if gives(self.body, call, &self.lock.path) { Some(false) } else { Some(state) }
    }

    fn is_found(&self, _state: &bool, _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, state: &bool, event: &Event) -> bool {
        *state && event.select.is_none() && is_at(self.body, event, self.channel)
    }
}

/// Is there a way to the channel that does not take the lock?
struct Free<'b, 'p> {
    body: &'b Body<'p>,
    lock: Cell,
    channel: ExprId,
}

impl Watch for Free<'_, '_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), event: &Event) -> Option<()> {
        if let What::Call { call } = event.what
            && let Some(lock) = lock_call(self.body, call)
            && matches!(lock.act, Act::Take(_))
            && lock.cell == Some(self.lock)
        {
            return None;
        }
        Some(())
    }

    fn is_found(&self, (): &(), _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, (): &(), event: &Event) -> bool {
        is_at(self.body, event, self.channel)
    }
}

fn check(program: &Program<'_>, package: PackageId, found: &mut Vec<Finding>) {
    for (file, _) in program.package(package).files() {
        for body in program.bodies(file) {
            let all = locks(&body);
            let taken: Vec<&LockCall> = all.iter().filter(|lock| matches!(lock.act, Act::Take(_))).collect();
            if taken.is_empty() {
                continue;
            }
            for (_, event) in body.flow().all() {
                let (channel, is_send) = match event.what {
                    What::Send { channel } => (channel, true),
                    What::Receive { channel } | What::Range { channel } => (channel, false),
                    _ => continue,
                };
                if event.select.is_some() {
                    continue;
                }
                for lock in &taken {
                    found.extend(crossing(&body, lock, channel, is_send, event));
                }
            }
        }
    }
}

fn crossing(body: &Body<'_>, lock: &LockCall, channel: ExprId, is_send: bool, event: &Event) -> Option<Finding> {
    let program = body.program;
    let (cell, lock_cell) = (body.cell(channel)?, lock.cell?);
    search(body, &Holding { body, lock, channel })?;
    let trail = follow_cell(program, body.id.file, cell);
    if !trail.is_whole() || !is_unbuffered(program, cell) && is_send {
        return None;
    }
    let is_other = |operation: &&Operation| match operation.usage {
        Usage::Receive(_) | Usage::Range(_) => is_send,
        Usage::Send(_) | Usage::Close(_) => !is_send,
        _ => false,
    };
    let others: Vec<&Operation> = trail.operations.iter().filter(is_other).collect();
    if others.is_empty() {
        return None;
    }
    // Everybody on the other side takes the lock before.
    let needs = |operation: &Operation| {
        let other = program.body(operation.body);
        if operation.body == body.id && matches!(cell, Cell::Var(_)) {
            return None;
        }
        let free = Free { body: &other, lock: lock_cell, channel: operation.expr };
        let is_free = search(&other, &free).is_some();
        // A closure may be called with the lock held.
        (!is_free).then_some((operation.body, operation.expr))
    };
    let all: Vec<(BodyId, ExprId)> = others.iter().copied().map(needs).collect::<Option<_>>()?;
    let (other, at) = *all.first()?;
    let other = program.body(other);
    let name = body.receiver(lock.call).map_or("the lock", |receiver| body.text_of(receiver));
    let message = format!(
        "{} waits for {} while it holds {name}, which {} takes first",
        body.name(),
        body.text_of(channel),
        other.name()
    );
    let mut finding = finding(&RULE, Tier::Likely, body, event.span, message);
    finding.why = "each waits for what the other has, for ever".to_owned();
    finding.blocks_at = Some(body.place(event.span));
    finding.path.push(step(body, body.ast()[lock.call].span, "the lock is taken here"));
    finding.path.push(step(body, event.span, "it is held while this waits"));
    if let Some(take) = locks(&other).into_iter().find(|own| own.cell == Some(lock_cell)) {
        finding.path.push(step(&other, other.ast()[take.call].span, "the other side waits for the lock here"));
    }
    finding.path.push(step(&other, other.ast()[at].span, "and comes here only after it"));
    Some(finding)
}

/// Is every channel that a cell holds made without room?
fn is_unbuffered(program: &Program<'_>, cell: Cell) -> bool {
    let mut values = program.fills(cell);
    for (file, expr) in program.uses(cell) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        if let Usage::Gets(value) = crate::program::usage(ast, &tree, expr) {
            match value {
                Some(value) => values.push((file, value)),
                None => return false,
            }
        }
    }
    !values.is_empty()
        && values.into_iter().all(|(file, value)| {
            let (ast, tree) = (program.ast(file), program.tree(file));
            let is_channel = matches!(tree.types.ty(value), Type::Chan(..));
            match ast[ast.unparen(value)].kind {
                gostray_golang::ast::ExprKind::Call { arguments, .. } => {
                    is_channel && tree.channels.contains(&ast.unparen(value)) && arguments.len() == 1
                }
                _ => false,
            }
        })
}

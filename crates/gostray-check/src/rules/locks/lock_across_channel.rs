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
use gostray_golang::types::VarId;

use crate::actor::loop_around;
use crate::channel::room;
use crate::finding::{Finding, Tier};
use crate::lock::{Act, LockCall, lock_call, of_callee};
use crate::path::{Watch, search};
use crate::program::{Body, BodyId, Callee, Cell, Event, Operation, Program, Usage, What, follow_cell};
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
        What::Send { channel: own }
        | What::Receive { channel: own }
        | What::Range { channel: own }
        | What::Close { channel: own } => body.ast().unparen(own) == body.ast().unparen(channel),
        // `defer close(c)`
        What::Deferred { call } => {
            body.arguments(call).iter().any(|own| body.ast().unparen(*own) == body.ast().unparen(channel))
        }
        _ => false,
    }
}

/// Is the lock held where the channel waits?
struct Holding<'b, 'p> {
    body: &'b Body<'p>,
    lock: &'b LockCall,
    channel: ExprId,
    /// The call in which it waits, if it is not the function itself that does.
    through: Option<ExprId>,
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
        *state
            && match self.through {
                Some(call) => matches!(event.what, What::Call { call: own } if own == call),
                None => event.select.is_none() && is_at(self.body, event, self.channel),
            }
    }
}

/// Is there a way to the channel on which the lock of the caller is not given back?
struct Kept<'b, 'p> {
    body: &'b Body<'p>,
    lock: Cell,
    channel: ExprId,
}

impl Watch for Kept<'_, '_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), event: &Event) -> Option<()> {
        let What::Call { call } = event.what else { return Some(()) };
        let gives = lock_call(self.body, call)
            .is_some_and(|own| matches!(own.act, Act::Give(_)) && own.cell == Some(self.lock));
        (!gives).then_some(())
    }

    fn is_found(&self, (): &(), _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, (): &(), event: &Event) -> bool {
        is_at(self.body, event, self.channel)
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

/// A wait at a channel: in the function itself, or in what it calls.
struct Wait<'p> {
    body: Body<'p>,
    channel: ExprId,
    is_send: bool,
    span: gostray_golang::Span,
    through: Option<ExprId>,
}

/// Where a function waits for a channel and nothing else, what it calls included.
fn waits<'p>(body: &Body<'p>, through: Option<ExprId>, depth: u32, found: &mut Vec<Wait<'p>>) {
    for (_, event) in body.flow().all() {
        let (channel, is_send) = match event.what {
            What::Send { channel } => (channel, true),
            What::Receive { channel } | What::Range { channel } => (channel, false),
            What::Call { call } if depth < 2 => {
                if let Callee::Func(function) = body.callee(call)
                    && function.file.package == body.id.file.package
                    && let Some(callee) = body.program.body_of(function)
                {
                    waits(&callee, through.or(Some(call)), depth + 1, found);
                }
                continue;
            }
            _ => continue,
        };
        let is_kept = matches!(body.cell(channel), Some(Cell::Field(..) | Cell::Var(VarId::Global { .. })));
        if event.select.is_none() && (depth == 0 || is_kept) {
            found.push(Wait { body: body.clone(), channel, is_send, span: event.span, through });
        }
    }
}

fn check(program: &Program<'_>, package: PackageId, found: &mut Vec<Finding>) {
    for (file, _) in program.package(package).files() {
        for body in program.bodies(file) {
            let all = locks(&body);
            let taken: Vec<&LockCall> =
                all.iter().map(|lock| &**lock).filter(|lock| matches!(lock.act, Act::Take(_))).collect();
            if taken.is_empty() {
                continue;
            }
            let mut at = Vec::new();
            waits(&body, None, 0, &mut at);
            for wait in at {
                for lock in &taken {
                    found.extend(crossing(&body, lock, &wait));
                }
            }
        }
    }
}

fn crossing(body: &Body<'_>, lock: &LockCall, wait: &Wait<'_>) -> Option<Finding> {
    let program = body.program;
    let is_send = wait.is_send;
    let (cell, lock_cell) = (wait.body.cell(wait.channel)?, lock.cell?);
    let holding = Holding { body, lock, channel: wait.channel, through: wait.through };
    search(body, &holding)?;
    if wait.through.is_some() {
        search(&wait.body, &Kept { body: &wait.body, lock: lock_cell, channel: wait.channel })?;
    }
    // Who asks first how much there is does not wait.
    let is_measured =
        |(file, expr)| crate::program::usage(program.ast(file), &program.tree(file), expr) == Usage::Measure;
    if program.uses(cell).into_iter().any(is_measured) {
        return None;
    }
    let trail = follow_cell(program, wait.body.id.file, cell);
    if !trail.is_whole() || is_send && !room(program, cell).1 {
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
    // Everybody on the other side takes the lock before, or between two times.
    let needs = |operation: &Operation| {
        let other = program.body(operation.body);
        if operation.body == body.id || operation.body == wait.body.id {
            return None;
        }
        let free = Free { body: &other, lock: lock_cell, channel: operation.expr };
        let is_needed = search(&other, &free).is_none() || takes_between(&other, lock_cell, operation);
        is_needed.then_some((operation.body, operation.expr))
    };
    let all: Vec<(BodyId, ExprId)> = others.iter().copied().map(needs).collect::<Option<_>>()?;
    let (other, at) = *all.first()?;
    let other = program.body(other);
    let name = body.receiver(lock.call).map_or("the lock", |receiver| body.text_of(receiver));
    let message = format!(
        "{} waits for {} while it holds {name}, which {} takes, too",
        body.name(),
        wait.body.text_of(wait.channel),
        other.name()
    );
    let span = wait.through.map_or(wait.span, |call| body.ast()[call].span);
    let mut finding = finding(&RULE, Tier::Likely, body, span, message);
    finding.why = "each waits for what the other has, for ever".to_owned();
    finding.blocks_at = Some(wait.body.place(wait.span));
    finding.path.push(step(body, body.ast()[lock.call].span, "the lock is taken here"));
    if wait.through.is_some() {
        finding.path.push(step(body, span, "while it is held, this is called"));
    }
    finding.path.push(step(&wait.body, wait.span, "it is held while this waits"));
    if let Some((event, inner)) = takes(&other, lock_cell).first() {
        let (holder, span) = inner.clone().unwrap_or((other.clone(), event.span));
        finding.path.push(step(&holder, span, "the other side waits for the lock here"));
    }
    finding.path.push(step(&other, other.ast()[at].span, "and comes here only after it"));
    Some(finding)
}

/// Where a function takes a lock: the event, and the place in what it calls.
fn takes<'p>(body: &Body<'p>, lock: Cell) -> Vec<(Event, Option<(Body<'p>, gostray_golang::Span)>)> {
    let mut found = Vec::new();
    for (_, event) in body.flow().all() {
        let What::Call { call } = event.what else { continue };
        if let Some(own) = lock_call(body, call) {
            if matches!(own.act, Act::Take(_)) && own.cell == Some(lock) {
                found.push((*event, None));
            }
            continue;
        }
        for touch in of_callee(body, call, 0).iter() {
            if let (Act::Take(_), Some((id, at))) = (touch.act, touch.at) {
                let inner = body.program.body(id);
                if lock_call(&inner, at).is_some_and(|own| own.cell == Some(lock)) {
                    let span = inner.ast()[at].span;
                    found.push((*event, Some((inner, span))));
                }
            }
        }
    }
    found
}

/// Does a function that comes to a channel again and again take the lock in between?
fn takes_between(body: &Body<'_>, lock: Cell, operation: &Operation) -> bool {
    let comes_again = loop_around(body, operation.expr).is_some()
        || matches!(operation.usage, Usage::Range(_))
        || is_called_in_loop(body)
        // A deferred close comes after everything.
        || matches!(operation.usage, Usage::Close(_));
    comes_again && !takes(body, lock).is_empty()
}

fn is_called_in_loop(body: &Body<'_>) -> bool {
    let Some(function) = body.declaration() else { return false };
    let program = body.program;
    program.uses(Cell::Func(function)).into_iter().any(|(file, expr)| {
        let (ast, tree) = (program.ast(file), program.tree(file));
        match crate::program::usage(ast, &tree, expr) {
            Usage::Call(call) => {
                tree.owner(call).is_some_and(|at| loop_around(&program.body(BodyId { file, at }), call).is_some())
            }
            _ => false,
        }
    })
}

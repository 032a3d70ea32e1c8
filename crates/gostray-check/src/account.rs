//! Who could wake what waits at a place: the account that is given of a stuck goroutine where no rule knows why.

use std::path::{Path, PathBuf};

use gostray_golang::ast::{ExprId, ExprKind};
use gostray_golang::package::{FileId, PackageId, World};

use crate::config::Owner;
use crate::finding::Place;
use crate::lock::{Act, lock_call};
use crate::program::{Body, BodyId, Cell, Known, Operation, Origin, Program, Usage, What, follow, parameters, usage};

/// So many of those who could wake it are told.
const MAX_WAKERS: usize = 12;
/// Through so many calls a context is followed back.
const MAX_DEPTH: usize = 4;

/// How something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// It sends.
    Send,
    /// It receives.
    Receive,
    /// It locks.
    Lock,
    /// It waits for a wait group or an errgroup.
    Group,
    /// It waits for a condition.
    Cond,
    /// It waits within a call.
    Call,
}

impl Waiting {
    /// What it does, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Send => "sends on",
            Self::Receive => "receives from",
            Self::Lock => "locks",
            Self::Group => "waits for",
            Self::Cond => "waits for a signal of",
            Self::Call => "waits within",
        }
    }

    /// Who ends that.
    #[must_use]
    pub fn ended_by(self) -> &'static str {
        match self {
            Self::Send => "a receive",
            Self::Receive => "a send or close",
            Self::Lock => "an unlock",
            Self::Group => "Done, as often as Add said",
            Self::Cond => "Signal or Broadcast",
            Self::Call => "what that waits for",
        }
    }
}

/// Who could wake what waits at a place.
#[derive(Debug, Clone)]
pub struct Account {
    /// How it waits.
    pub waiting: Waiting,
    /// For what, as the source says it: `items`, `s.mu`.
    pub operand: String,
    /// Where it waits.
    pub place: Place,
    /// Where that is made, where that is known.
    pub made: Vec<Place>,
    /// Who could wake it.
    pub wakers: Vec<Waker>,
    /// Who else takes the lock, or adds to the group.
    pub takers: Vec<Place>,
    /// There are none but these.
    pub is_whole: bool,
}

/// Something that could wake it.
#[derive(Debug, Clone)]
pub struct Waker {
    /// Where.
    pub place: Place,
    /// The function that it is in.
    pub function: String,
    /// What it does: `receives`.
    pub what: &'static str,
}

/// The accounts of places: each a file, and the line of a statement that waits. A `select` gives one for each of its
/// cases.
#[must_use]
pub fn accounts(
    world: &World,
    packages: &[PackageId],
    owners: &[Owner],
    places: &[(PathBuf, u32)],
) -> Vec<Vec<Account>> {
    let program = Program::new(world, owners);
    places.iter().map(|(file, line)| of_place(&program, packages, file, *line)).collect()
}

fn of_place(program: &Program<'_>, packages: &[PackageId], file: &Path, line: u32) -> Vec<Account> {
    let files = packages.iter().flat_map(|id| program.package(*id).files());
    let Some((id, _)) = files.into_iter().find(|(_, source)| source.path == file) else { return Vec::new() };
    let mut accounts = Vec::new();
    for body in program.bodies(id) {
        let flow = body.flow();
        for (_, event) in flow.all() {
            let at = |start: u32| body.source.lines().position(start).line;
            let select = event.select.map(|select| body.ast()[select].span.start);
            if at(event.span.start) != line && select.map(at) != Some(line) {
                continue;
            }
            if let Some(account) = of_event(program, packages, &body, event.what)
                && !accounts.iter().any(|other: &Account| other.place == account.place)
            {
                accounts.push(account);
            }
        }
    }
    if accounts.is_empty() {
        accounts.extend(of_calls(program, id, line));
    }
    accounts
}

/// The calls on a line, with what they are about: something waits within one of them.
fn of_calls(program: &Program<'_>, id: FileId, line: u32) -> Vec<Account> {
    let mut accounts = Vec::new();
    for body in program.bodies(id) {
        for (_, event) in body.flow().all() {
            let (What::Call { call } | What::Deferred { call }) = event.what else { continue };
            let span = body.ast()[call].span;
            let lines = body.source.lines();
            if lines.position(span.start).line > line || lines.position(span.end).line < line {
                continue;
            }
            let mut account = Account {
                waiting: Waiting::Call,
                operand: body.text_of(call).lines().next().unwrap_or_default().to_owned(),
                place: body.place(span),
                made: Vec::new(),
                wakers: Vec::new(),
                takers: Vec::new(),
                is_whole: false,
            };
            for about in body.receiver(call).into_iter().chain(body.arguments(call)) {
                if let Some(cell) = body.cell(about) {
                    origins(program, cell, 0, &mut account.made);
                }
            }
            accounts.push(account);
        }
    }
    accounts
}

/// The innermost function around a line, closures included.
#[must_use]
pub fn function_at(world: &World, packages: &[PackageId], file: &Path, line: u32) -> Option<Place> {
    let program = Program::new(world, &[]);
    let (id, _) =
        packages.iter().flat_map(|id| program.package(*id).files()).find(|(_, source)| source.path == file)?;
    let bodies = program.bodies(id);
    let around = bodies.iter().map(|body| body.place(body.ast()[body.function().block].span));
    around
        .filter(|place| place.position.line <= line && line <= place.end_position.line)
        .min_by_key(|place| place.end - place.start)
}

fn of_event(program: &Program<'_>, packages: &[PackageId], body: &Body<'_>, what: What) -> Option<Account> {
    let (waiting, operand) = match what {
        What::Send { channel } => (Waiting::Send, channel),
        What::Receive { channel } | What::Range { channel } => (Waiting::Receive, channel),
        What::Call { call } => {
            let waiting = match body.known(call)? {
                Known::Lock | Known::RLock => Waiting::Lock,
                Known::Wait | Known::GroupWait => Waiting::Group,
                Known::CondWait => Waiting::Cond,
                _ => return None,
            };
            (waiting, body.receiver(call)?)
        }
        _ => return None,
    };
    let mut account = Account {
        waiting,
        operand: body.text_of(operand).to_owned(),
        place: body.place(body.ast()[operand].span),
        made: Vec::new(),
        wakers: Vec::new(),
        takers: Vec::new(),
        is_whole: false,
    };
    if matches!(waiting, Waiting::Send | Waiting::Receive) {
        of_channel(program, packages, body, operand, &mut account);
    }
    if let (Waiting::Lock, What::Call { call }) = (waiting, what) {
        of_lock(program, packages, body, call, &mut account);
    }
    if account.made.is_empty() {
        of_context(program, body, operand, &mut account);
    }
    if account.made.is_empty() && account.takers.is_empty() {
        of_cell(program, body, operand, &mut account);
    }
    account.wakers.sort_by(|a, b| a.place.cmp(&b.place));
    account.wakers.dedup_by(|a, b| a.place == b.place);
    account.is_whole &= account.wakers.len() <= MAX_WAKERS;
    account.wakers.truncate(MAX_WAKERS);
    Some(account)
}

/// A channel whose way leads from where it is made to where something waits for it.
fn of_channel(program: &Program<'_>, packages: &[PackageId], body: &Body<'_>, operand: ExprId, account: &mut Account) {
    let operand = body.ast().unparen(operand);
    let files: Vec<FileId> = packages.iter().flat_map(|id| program.package(*id).files()).map(|(id, _)| id).collect();
    account.is_whole = true;
    for file in files {
        for make in &program.tree(file).channels {
            let trail = follow(program, file, *make);
            let is_it =
                |operation: &Operation| operation.file == body.id.file && body.ast().unparen(operation.expr) == operand;
            if !trail.operations.iter().any(is_it) {
                continue;
            }
            account.made.push(program.place(file, program.ast(file)[*make].span));
            account.is_whole &= trail.is_whole();
            for operation in &trail.operations {
                if let Some(what) = wakes(account.waiting, program, operation.file, operation.usage) {
                    account.wakers.push(waker(program, operation.file, operation.expr, what));
                }
            }
        }
    }
    account.is_whole &= !account.made.is_empty();
}

/// A lock, whether it is called by its name or through what it is embedded in: who else takes it, and gives it back.
fn of_lock(program: &Program<'_>, packages: &[PackageId], body: &Body<'_>, call: ExprId, account: &mut Account) {
    let Some(cell) = lock_call(body, call).and_then(|lock| lock.cell) else { return };
    account.is_whole = program.is_seen_whole(cell);
    let files = packages.iter().flat_map(|id| program.package(*id).files()).map(|(id, _)| id);
    for body in files.flat_map(|file| program.bodies(file)) {
        for (_, event) in body.flow().all() {
            let (What::Call { call } | What::Deferred { call }) = event.what else { continue };
            let Some(lock) = lock_call(&body, call).filter(|lock| lock.cell == Some(cell)) else { continue };
            let place = body.place(body.ast()[call].span);
            match lock.act {
                Act::Take(_) => account.takers.push(place),
                Act::Give(_) => account.wakers.push(Waker { place, function: body.name(), what: "unlocks" }),
            }
        }
    }
}

/// `<-ctx.Done()`: where the context comes from, through the calls that lead here.
fn of_context(program: &Program<'_>, body: &Body<'_>, operand: ExprId, account: &mut Account) {
    let ast = body.ast();
    let ExprKind::Call { function, .. } = ast[ast.unparen(operand)].kind else { return };
    let ExprKind::Selector { x, selected } = ast[ast.unparen(function)].kind else { return };
    if ast.name(selected).is_some_and(|name| name.as_str() == "Done")
        && let Some(cell) = body.cell(x)
    {
        origins(program, cell, 0, &mut account.made);
    }
}

/// The values that a variable gets, and those of the arguments where it is a parameter.
fn origins(program: &Program<'_>, cell: Cell, depth: usize, made: &mut Vec<Place>) {
    if depth > MAX_DEPTH || made.len() > MAX_WAKERS {
        return;
    }
    for (file, expr) in program.uses(cell) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        match usage(ast, &tree, expr) {
            Usage::Gets(Some(value)) => match program.cell(&tree, ast, value) {
                Some(other) if other != cell => origins(program, other, depth + 1, made),
                _ => made.push(program.place(file, ast[value].span)),
            },
            // `ctx, cancel := …`
            Usage::Gets(None) => made.push(program.place(file, ast[expr].span)),
            Usage::Declared => {
                for (file, argument) in arguments(program, file, expr) {
                    let (ast, tree) = (program.ast(file), program.tree(file));
                    match program.cell(&tree, ast, argument) {
                        Some(other) => origins(program, other, depth + 1, made),
                        None => made.push(program.place(file, ast[ast.unparen(argument)].span)),
                    }
                }
            }
            _ => {}
        }
    }
}

/// What calls pass for a parameter.
pub(crate) fn arguments(program: &Program<'_>, file: FileId, parameter: ExprId) -> Vec<(FileId, ExprId)> {
    let tree = program.tree(file);
    let mut found = Vec::new();
    for at in 0..u32::try_from(tree.functions.len()).unwrap_or(0) {
        let body = program.body(BodyId { file, at });
        let names = parameters(body.ast(), body.function().signature);
        let Some(place) = names.iter().position(|name| *name == Some(parameter)) else { continue };
        let Some(function) = body.declaration() else {
            // A closure that is called, or started, where it is written.
            if let Origin::Closure(closure) = body.function().origin
                && let Usage::Call(call) = usage(body.ast(), &tree, closure)
            {
                found.extend(body.arguments(call).get(place).map(|argument| (file, *argument)));
            }
            continue;
        };
        for (file, mention) in program.uses(Cell::Func(function)) {
            let (ast, tree) = (program.ast(file), program.tree(file));
            let call = match usage(ast, &tree, mention) {
                Usage::Call(call) | Usage::Method { call, .. } => call,
                _ => continue,
            };
            if let ExprKind::Call { arguments, .. } = ast[call].kind {
                found.extend(ast.at(arguments, place).map(|argument| (file, argument)));
            }
        }
    }
    found
}

/// Whatever a variable or field holds, wherever it comes from.
fn of_cell(program: &Program<'_>, body: &Body<'_>, operand: ExprId, account: &mut Account) {
    let Some(cell) = body.cell(operand) else { return };
    account.is_whole = program.is_seen_whole(cell) && !matches!(account.waiting, Waiting::Send | Waiting::Receive);
    if let Cell::Field(decl, _) = cell
        && !program.is_own(decl.file.package)
    {
        // What others do with their own, timers and contexts for example, is not told.
        account.is_whole = false;
        return;
    }
    for (file, expr) in program.uses(cell) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        let used = usage(ast, &tree, expr);
        if let Some(what) = wakes(account.waiting, program, file, used) {
            account.wakers.push(waker(program, file, expr, what));
        } else if let Usage::Method { call, .. } = used
            && matches!(program.known(file, &tree, call), Some(Known::Lock | Known::RLock | Known::Add))
        {
            account.takers.push(program.place(file, ast[call].span));
        }
        if matches!(used, Usage::Argument { .. } | Usage::Address(_) | Usage::Becomes(_) | Usage::Returned(_)) {
            account.is_whole = false;
        }
    }
}

/// Does that end the waiting?
fn wakes(waiting: Waiting, program: &Program<'_>, file: FileId, usage: Usage) -> Option<&'static str> {
    let method = |call: ExprId| program.known(file, &program.tree(file), call);
    Some(match (waiting, usage) {
        (Waiting::Send, Usage::Receive(_)) => "receives",
        (Waiting::Send, Usage::Range(_)) => "receives in a loop",
        (Waiting::Receive, Usage::Send(_)) => "sends",
        (Waiting::Receive, Usage::Close(_)) => "closes",
        (Waiting::Lock, Usage::Method { call, .. }) => match method(call)? {
            Known::Unlock | Known::RUnlock => "unlocks",
            _ => return None,
        },
        (Waiting::Group, Usage::Method { call, .. }) => match method(call)? {
            Known::Done => "calls Done",
            Known::WaitGo | Known::GroupGo | Known::GroupTryGo => "starts one, which is done when it returns",
            _ => return None,
        },
        (Waiting::Cond, Usage::Method { call, .. }) => match method(call)? {
            Known::Signal => "signals",
            Known::Broadcast => "broadcasts",
            _ => return None,
        },
        _ => return None,
    })
}

fn waker(program: &Program<'_>, file: FileId, expr: ExprId, what: &'static str) -> Waker {
    let ast = program.ast(file);
    let span = match ast[expr].kind {
        ExprKind::Paren(inner) => ast[inner].span,
        _ => ast[expr].span,
    };
    let function = program.tree(file).owner(expr).map(|at| program.body(BodyId { file, at }).name());
    Waker { place: program.place(file, span), function: function.unwrap_or_default(), what }
}

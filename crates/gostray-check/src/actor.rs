//! Who does something: the function that is looked at, or a goroutine that it starts.

use gostray_golang::ast::{ExprId, ExprKind, StmtKind};

use crate::program::{Body, BodyId, Callee, Known, Operation, Origin, Parent, Usage, names, usage};
use crate::runner::run_by_call;

/// How a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// The caller waits for it.
    Called,
    /// It is called when the caller ends.
    Deferred,
    /// A goroutine does it.
    Spawned,
}

/// A call on the way from a function to what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Link {
    /// The function that calls.
    pub(crate) body: BodyId,
    pub(crate) call: ExprId,
    pub(crate) manner: Manner,
    /// The function that is called.
    pub(crate) callee: BodyId,
}

/// The calls that lead from a function to an operation, the outermost first; `None` if that is not known.
pub(crate) fn links(owner: &Body<'_>, operation: &Operation) -> Option<Vec<Vec<Link>>> {
    let program = owner.program;
    // From the inside outwards: the function that does it, then those that call it.
    let mut inner: Vec<Link> = Vec::new();
    let mut body = operation.body;
    for (caller, call) in operation.through.iter().rev() {
        let mut ways = closures(owner, *caller, body, Some(*call), 0)?;
        // The value is passed at this call: there is one way.
        let way = ways.pop().filter(|_| ways.is_empty())?;
        inner.splice(0..0, way);
        body = *caller;
    }
    if body == owner.id {
        return Some(vec![inner]);
    }
    if !program.body(body).is_within(owner.id) {
        return None;
    }
    let outer = closures(owner, owner.id, body, None, 0)?;
    Some(
        outer
            .into_iter()
            .map(|mut way| {
                way.extend(inner.iter().copied());
                way
            })
            .collect(),
    )
}

const MAX_WAYS: usize = 16;

/// The ways from a function to a closure in it, or to what it calls.
fn closures(owner: &Body<'_>, from: BodyId, to: BodyId, call: Option<ExprId>, depth: usize) -> Option<Vec<Vec<Link>>> {
    // A closure that calls itself has no end of ways.
    if depth > MAX_WAYS {
        return None;
    }
    let program = owner.program;
    if let Some(call) = call {
        let caller = program.body(from);
        let callee = match caller.callee(call) {
            Callee::Closure(id) => id,
            Callee::Func(function) => program.any_body_of(function)?.id,
            _ => return None,
        };
        let link = Link { body: from, call, manner: manner(&caller, call), callee };
        if callee == to {
            return Some(vec![vec![link]]);
        }
        // In a closure of what is called.
        let within = closures(&program.body(callee), callee, to, None, depth + 1)?;
        return Some(within.into_iter().map(|way| std::iter::once(link).chain(way).collect()).collect());
    }
    if from == to {
        return Some(vec![Vec::new()]);
    }
    let body = program.body(to);
    let parent = body.function().parent?;
    let parent = BodyId { file: to.file, at: parent };
    let Origin::Closure(closure) = body.function().origin else { return None };
    let mut ways = Vec::new();
    for (caller, call, manner) in runs(&program.body(parent), closure)? {
        let link = Link { body: caller, call, manner, callee: to };
        for mut way in closures(owner, from, caller, None, depth + 1)? {
            way.push(link);
            ways.push(way);
            if ways.len() > MAX_WAYS {
                return None;
            }
        }
    }
    Some(ways)
}

/// How a call that stands somewhere is made.
pub(crate) fn manner(body: &Body<'_>, call: ExprId) -> Manner {
    match body.tree.around(body.ast(), call) {
        Parent::Stmt(stmt) => match body.ast()[stmt].kind {
            StmtKind::Go(_) => Manner::Spawned,
            StmtKind::Defer(_) => Manner::Deferred,
            _ => Manner::Called,
        },
        _ => Manner::Called,
    }
}

/// Where a closure is run, and how; `None` if that is not known.
pub(crate) fn runs(parent: &Body<'_>, closure: ExprId) -> Option<Vec<(BodyId, ExprId, Manner)>> {
    let mut found = Vec::new();
    run_by(parent, closure, &mut found, 0)?;
    Some(found)
}

fn run_by(body: &Body<'_>, value: ExprId, found: &mut Vec<(BodyId, ExprId, Manner)>, depth: u32) -> Option<()> {
    let (ast, tree, program) = (body.ast(), &body.tree, body.program);
    match usage(ast, tree, value) {
        Usage::Call(call) => found.push((body.id, call, manner(body, call))),
        Usage::Argument { call, at } => {
            let manner = match body.known(call) {
                Some(Known::WaitGo | Known::GroupGo | Known::GroupTryGo | Known::Later) => Manner::Spawned,
                Some(Known::Runs) => manner(body, call),
                Some(_) => return None,
                None => run_by_call(body, call, at)?,
            };
            found.push((body.id, call, manner));
        }
        Usage::Becomes(target) if depth < 2 => {
            let cell = body.cell(target)?;
            program.single_value(cell)?;
            for (file, mention) in program.uses(cell) {
                let owner = BodyId { file, at: tree.owner(mention)? };
                match usage(ast, tree, mention) {
                    Usage::Gets(_) | Usage::Declared | Usage::Compare => {}
                    _ => run_by(&program.body(owner), mention, found, depth + 1)?,
                }
            }
        }
        Usage::Gets(_) => {}
        _ => return None,
    }
    Some(())
}

/// The functions that a body starts goroutines with: the call, what it runs, and where it stands.
pub(crate) fn spawns(body: &Body<'_>) -> Vec<(ExprId, Option<BodyId>)> {
    let flow = body.flow();
    let mut found = Vec::new();
    for (_, event) in flow.all() {
        match event.what {
            crate::program::What::Go { call } => found.push((call, callee_body(body, call))),
            crate::program::What::Call { call } => {
                if let Some(Known::WaitGo | Known::GroupGo | Known::GroupTryGo) = body.known(call)
                    && let Some(argument) = body.arguments(call).first()
                {
                    let callee = body.program.callee_of(body.id.file, &body.tree, *argument);
                    found.push((call, of_callee(body, &callee)));
                } else if let Some(closure) = started_by_helper(body, call) {
                    found.push((call, Some(closure)));
                }
            }
            _ => {}
        }
    }
    found
}

/// The closure that a call of a helper starts a goroutine with. Of other modules, only what is called so is worth
/// reading.
fn started_by_helper(body: &Body<'_>, call: ExprId) -> Option<BodyId> {
    let ast = body.ast();
    let arguments = body.arguments(call);
    let at = arguments.iter().position(|argument| matches!(ast[ast.unparen(*argument)].kind, ExprKind::Func { .. }))?;
    let Callee::Func(function) = body.callee(call) else { return None };
    let is_near = body.program.is_own(function.file.package);
    if !is_near && !names(body.program.world, function).is_some_and(|(_, _, name)| name.starts_with("Go")) {
        return None;
    }
    let closure = body.tree.closure(ast.unparen(arguments[at]))?;
    (run_by_call(body, call, at)? == Manner::Spawned).then_some(BodyId { file: body.id.file, at: closure })
}

/// The body that a call runs.
pub(crate) fn callee_body(body: &Body<'_>, call: ExprId) -> Option<BodyId> {
    of_callee(body, &body.callee(call))
}

fn of_callee(body: &Body<'_>, callee: &Callee) -> Option<BodyId> {
    match callee {
        Callee::Closure(id) => Some(*id),
        Callee::Func(function) => body.program.body_of(*function).map(|body| body.id),
        _ => None,
    }
}

/// Does an expression stand in a loop of its function? The innermost one.
pub(crate) fn loop_around(body: &Body<'_>, expr: ExprId) -> Option<gostray_golang::ast::StmtId> {
    let (ast, tree) = (body.ast(), &body.tree);
    let mut at = tree.directly_around(expr);
    let mut inner: Option<gostray_golang::ast::StmtId> = None;
    loop {
        match at {
            Parent::Expr(outer) => {
                if let ExprKind::Func { .. } = ast[outer].kind {
                    return None;
                }
                at = tree.directly_around(outer);
            }
            Parent::Stmt(stmt) => {
                match ast[stmt].kind {
                    StmtKind::For { init, .. } if inner.is_none() || inner != init => return Some(stmt),
                    // What is ranged over is evaluated once.
                    StmtKind::Range(range) if inner == Some(range.body) => return Some(stmt),
                    _ => {}
                }
                inner = Some(stmt);
                at = tree.around_stmt(stmt);
            }
            Parent::Spec(spec) => at = tree.around_spec(spec),
            _ => return None,
        }
    }
}

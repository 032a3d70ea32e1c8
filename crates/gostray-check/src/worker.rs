//! Goroutines that never end by themselves: what they run has no way out.

use gostray_golang::ast::{ExprId, StmtId, StmtKind};
use gostray_golang::flow::Exit;
use gostray_golang::types::Type;

use crate::actor::{loop_around, spawns};
use crate::path::{Watch, search};
use crate::program::{Body, BodyId, Callee, Cell, Event, Origin, Usage, What, names, usage};

/// A goroutine that has no way out.
#[derive(Debug, Clone)]
pub(crate) struct Worker<'p> {
    /// The function that starts it, and the call that does.
    pub(crate) spawner: Body<'p>,
    pub(crate) call: ExprId,
    /// What it runs.
    pub(crate) root: Body<'p>,
    /// Where it waits, in order.
    pub(crate) waits: Vec<Wait>,
}

/// Where a goroutine waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    pub(crate) span: gostray_golang::Span,
    pub(crate) channel: ExprId,
    /// The `select` it is a case of.
    pub(crate) select: Option<StmtId>,
}

/// The goroutines without a way out that a function starts.
pub(crate) fn workers<'p>(body: &Body<'p>) -> Vec<Worker<'p>> {
    let mut found = Vec::new();
    for (call, root) in spawns(body) {
        let Some(root) = root else { continue };
        let root = body.program.body(root);
        if has_way_out(&root) {
            continue;
        }
        let flow = root.flow();
        let waits = flow
            .all()
            .filter_map(|(_, event)| match event.what {
                What::Receive { channel } | What::Range { channel } | What::Send { channel } => {
                    Some(Wait { span: event.span, channel, select: event.select })
                }
                _ => None,
            })
            .collect();
        found.push(Worker { spawner: body.clone(), call, root, waits });
    }
    found
}

/// Looks for any end of a function.
struct WayOut;

impl Watch for WayOut {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), _event: &Event) -> Option<()> {
        Some(())
    }

    fn is_found(&self, (): &(), _exit: Exit) -> bool {
        true
    }
}

/// Is there any way through a function to its end?
pub(crate) fn has_way_out(body: &Body<'_>) -> bool {
    search(body, &WayOut).is_some()
}

impl Worker<'_> {
    /// Does it start in `main`, `init`, or once for a variable of the package, or is all that leads to it called by those
    /// alone?
    pub(crate) fn is_of_the_process(&self) -> bool {
        is_once(&self.spawner, 0)
    }

    /// Does it wait for a ticker or timer?
    pub(crate) fn ticker(&self) -> Option<Wait> {
        self.waits.iter().copied().find(|wait| is_of_time(&self.root, wait.channel))
    }
}

/// Is a function run once for the whole process? What it keeps is kept once.
pub(crate) fn is_run_once(body: &Body<'_>) -> bool {
    is_once(body, 1)
}

/// How many callers up it is asked whether something is called once.
const MAX_CALLERS: u32 = 4;

/// Is a function called once for the whole process: by `main`, `init`, or what a command runs?
fn is_once(body: &Body<'_>, depth: u32) -> bool {
    let program = body.program;
    // What is written in a function may be run more often than that.
    let (mut outer, mut is_run_there) = (body.clone(), true);
    while let Origin::Closure(closure) = outer.function().origin {
        match usage(outer.ast(), &outer.tree, closure) {
            Usage::Call(_) => {}
            Usage::Element { field: Some(field), .. } if is_run_there && is_run(field.as_str()) => return true,
            _ => is_run_there = false,
        }
        let Some(at) = outer.function().parent else { return depth == 0 };
        outer = program.body(BodyId { file: body.id.file, at });
    }
    let Some(function) = outer.declaration() else { return true };
    let Some((_, receiver, name)) = names(program.world, function) else { return true };
    if receiver.is_none() && (name == "main" || name == "init" || name.starts_with("Main")) {
        return depth == 0 || is_run_there;
    }
    let cell = Cell::Func(function);
    if depth == MAX_CALLERS || !program.is_seen_whole(cell) {
        return false;
    }
    let mut calls = 0;
    for (file, expr) in program.uses(cell) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        match usage(ast, &tree, expr) {
            Usage::Call(call) | Usage::Method { call, .. } => {
                let Some(at) = tree.owner(call) else { continue };
                // What tests start, ends with them.
                if program.source(file).is_test {
                    continue;
                }
                let caller = program.body(BodyId { file, at });
                let is_near = depth == 0 && receiver.is_none() && starts_all(&caller);
                let is_repeated = || !is_run_there || loop_around(&caller, call).is_some();
                if !is_near && (is_repeated() || !is_once(&caller, depth + 1)) {
                    return false;
                }
                calls += 1;
            }
            Usage::Element { field: Some(field), .. } if is_run_there && is_run(field.as_str()) => calls += 1,
            _ => {}
        }
    }
    calls > 0
}

/// Is it `main` or `init`, or written there?
fn starts_all(body: &Body<'_>) -> bool {
    let outer = body.program.body(body.outermost());
    let name = outer.declaration().and_then(|function| names(body.program.world, function));
    matches!(name, Some((_, None, "main" | "init")))
}

/// Is it the field of a command with what it runs?
fn is_run(field: &str) -> bool {
    matches!(field, "Run" | "RunE" | "Action")
}

/// Is a channel that of a ticker or timer?
pub(crate) fn is_of_time(body: &Body<'_>, channel: ExprId) -> bool {
    let ast = body.ast();
    let channel = ast.unparen(channel);
    match ast[channel].kind {
        gostray_golang::ast::ExprKind::Selector { x, selected } => {
            ast.name(selected).is_some_and(|name| name == "C")
                && (crate::program::is_named(body.program.world, body.tree.types.ty(x), "time", "Ticker")
                    || crate::program::is_named(body.program.world, body.tree.types.ty(x), "time", "Timer"))
        }
        gostray_golang::ast::ExprKind::Call { .. } => match body.callee(channel) {
            Callee::Func(function) => {
                matches!(names(body.program.world, function), Some(("time", None, "Tick" | "After")))
            }
            _ => false,
        },
        gostray_golang::ast::ExprKind::Ident(_) => {
            let Some(cell) = body.cell(channel) else { return false };
            match body.program.single_value(cell) {
                Some((file, value)) if file == body.id.file => is_of_time(body, value),
                _ => false,
            }
        }
        _ => false,
    }
}

/// The closers of a type: the methods whose name says that they end it.
pub(crate) const CLOSERS: [&str; 10] =
    ["Close", "Stop", "Shutdown", "Cancel", "Quit", "Terminate", "Destroy", "close", "stop", "shutdown"];

/// The type whose method starts the goroutine, or which its function gives.
pub(crate) fn subject<'w>(worker: &Worker<'w>) -> Option<(Type, Option<gostray_golang::types::FuncId>)> {
    let world = worker.spawner.program.world;
    let receiver = |body: &Body<'_>| -> Option<Type> {
        let function = body.declaration()?;
        let ast = body.ast();
        let gostray_golang::ast::DeclKind::Func(decl) = ast[function.decl].kind else { return None };
        let field = ast.at(decl.receiver?.fields, 0)?;
        let ident = ast.at(ast[field].names, 0)?;
        Some(body.tree.types.ty(ident).clone())
    };
    let ty = receiver(&worker.root).or_else(|| receiver(&worker.spawner.program.body(worker.spawner.outermost())));
    let ty = ty.or_else(|| {
        let outer = worker.spawner.program.body(worker.spawner.outermost());
        let signature = world.signature(outer.declaration()?);
        signature.results.first().cloned()
    })?;
    let Type::Named(..) = ty.pointed() else { return None };
    let closer = closer(world, &ty);
    Some((ty, closer))
}

/// The method that ends a value of a type, by its name.
pub(crate) fn closer(world: &gostray_golang::package::World, ty: &Type) -> Option<gostray_golang::types::FuncId> {
    CLOSERS.iter().find_map(|name| match world.select(ty, gostray_golang::Name::new(name))?.selected {
        gostray_golang::types::Selected::Method(function) => Some(function),
        _ => None,
    })
}

/// The statement that a break leaves, instead of the loop around it.
pub(crate) fn lost_break(body: &Body<'_>, select: StmtId) -> Option<StmtId> {
    let ast = body.ast();
    let StmtKind::Select(block) = ast[select].kind else { return None };
    let StmtKind::Block(clauses) = ast[block].kind else { return None };
    ast.list(clauses).find_map(|clause| {
        let StmtKind::Comm { body: stmts, .. } = ast[clause].kind else { return None };
        let last = ast.list(stmts).next_back()?;
        // After what never returns nothing is left.
        let never_returns = |stmt: StmtId| match ast[stmt].kind {
            StmtKind::Expr(call) => {
                gostray_golang::flow::ends(body.program.world, &body.tree.types, call, body.id.file).is_some()
            }
            _ => false,
        };
        if ast.list(stmts).any(never_returns) {
            return None;
        }
        match ast[last].kind {
            StmtKind::Branch { keyword: gostray_golang::Token::Break, label: None } => Some(last),
            // `if … { break }` as the last thing.
            StmtKind::If { then, otherwise: None, .. } => {
                let StmtKind::Block(inner) = ast[then].kind else { return None };
                let last = ast.list(inner).next_back()?;
                match ast[last].kind {
                    StmtKind::Branch { keyword: gostray_golang::Token::Break, label: None } => Some(last),
                    _ => None,
                }
            }
            _ => None,
        }
    })
}

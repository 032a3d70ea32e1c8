//! Who decides that a way is taken: what comes from outside, or the values that the function works with.
//!
//! Which of several things happens first, that a time is over, that a context ends, that the network or the disk fails:
//! all that can happen whatever the function was given, and a way that hangs on nothing else can be taken. Whether a
//! number is seven, a list is empty or a text can be parsed hangs on what is given, and often it never is so; that it can
//! be is no proof that it ever will.

use gostray_golang::Token;
use gostray_golang::ast::{ExprId, ExprKind, Node, StmtId, StmtKind, Walk};
use gostray_golang::flow::{BlockId, Edge, Step};
use gostray_golang::types::{Object, Type, VarId};

use super::failing::{can_fail, may_fail, source};
use super::never::context_of;
use super::silent::received_from;
use super::{Watch, Way, implied, search_without};
use crate::program::{Body, Callee, Cell, Event, Parent, Usage, What, is_named, names, usage};
use crate::worker::is_of_time;

/// So many ways are looked for, so that it can be said of one whether it hangs on values.
const MAX_SEARCHES: usize = 32;

/// Is it left to what comes from outside alone whether a way is taken, or another one like it, once something has begun?
pub(crate) fn is_open<W: Watch>(body: &Body<'_>, watch: &W, way: &Way, begins: &dyn Fn(&Event) -> bool) -> bool {
    open_way(body, watch, way, begins).is_some()
}

/// The same, with a way on which as little as can be hangs on values. Where a value decides, there must be a way on both sides.
pub(crate) fn open_way<W: Watch>(
    body: &Body<'_>,
    watch: &W,
    way: &Way,
    begins: &dyn Fn(&Event) -> bool,
) -> Option<Way> {
    let mut left = MAX_SEARCHES;
    open_without(body, watch, way, begins, &mut Vec::new(), &mut left)
}

fn open_without<W: Watch>(
    body: &Body<'_>,
    watch: &W,
    way: &Way,
    begins: &dyn Fn(&Event) -> bool,
    without: &mut Vec<(BlockId, Edge)>,
    left: &mut usize,
) -> Option<Way> {
    let mut open = None;
    for (block, edge) in decided_by_values(body, way, begins) {
        // The other side was looked at already.
        if without.iter().any(|(own, _)| *own == block) {
            continue;
        }
        if *left == 0 {
            return None;
        }
        *left -= 1;
        without.push((block, edge));
        let other = search_without(body, watch, without);
        let other = other.and_then(|other| open_without(body, watch, &other, begins, without, left));
        without.pop();
        open = Some(open.unwrap_or(other?));
    }
    Some(open.unwrap_or_else(|| way.clone()))
}

/// Does each error that is there on a way, once something has begun, come from what can fail whatever it is given? Of which
/// type an error is, its source says.
pub(crate) fn has_real_errors(body: &Body<'_>, way: &Way, begins: &dyn Fn(&Event) -> bool) -> bool {
    let flow = body.flow();
    let mut has_begun = false;
    way.edges.iter().enumerate().all(|(at, (block, edge))| {
        has_begun |= flow.events[block.index()].iter().any(begins);
        let choice = Choice { body, way, at, errors: Errors::OfTheWorld };
        !has_begun || choice.has_real_error(*block, *edge) && !is_of_type_switch(body, *edge)
    })
}

/// Does an edge lead into a case of a `switch x.(type)`?
fn is_of_type_switch(body: &Body<'_>, edge: Edge) -> bool {
    let Edge::Clause(clause) = edge else { return false };
    let Parent::Stmt(block) = body.tree.around_stmt(clause) else { return false };
    let around = [
        Some(block),
        match body.tree.around_stmt(block) {
            Parent::Stmt(stmt) => Some(stmt),
            _ => None,
        },
    ];
    around.into_iter().flatten().any(|stmt| matches!(body.ast()[stmt].kind, StmtKind::TypeSwitch { .. }))
}

/// Is a way left because a time is over, a context ends or something fails: is that the last that is decided on it?
pub(crate) fn is_cut_short(body: &Body<'_>, way: &Way) -> bool {
    let ends = |channel| context_of(body, channel).is_some() || is_of_time(body, channel);
    let last = way.edges.iter().enumerate().rev().find_map(|(at, (block, edge))| match edge {
        Edge::Clause(clause) => Some(received_from(body, *clause).is_some_and(ends)),
        Edge::True | Edge::False => {
            Some(Choice { body, way, at, errors: Errors::OfTheWorld }.errors(*block, *edge).next().is_some())
        }
        _ => None,
    });
    last == Some(true)
}

/// So many errors that can't be there are taken back.
const MAX_ERRORS: usize = 8;

/// Searches for a way on which each error, once something has begun, can be there.
pub(crate) fn search_possible<W: Watch>(body: &Body<'_>, watch: &W, begins: &dyn Fn(&Event) -> bool) -> Option<Way> {
    let flow = body.flow();
    let mut without = Vec::new();
    for _ in 0..MAX_ERRORS {
        let way = search_without(body, watch, &without)?;
        let mut has_begun = false;
        let impossible = way.edges.iter().enumerate().find(|(at, (block, edge))| {
            has_begun |= flow.events[block.index()].iter().any(begins);
            let choice = Choice { body, way: &way, at: *at, errors: Errors::Possible };
            has_begun && (!choice.has_real_error(*block, *edge) || choice.denies_a_type(*block, *edge))
        });
        match impossible {
            Some((_, edge)) => without.push(*edge),
            None => return Some(way),
        }
    }
    None
}

/// The steps of a way on which values decide, after something has begun.
fn decided_by_values(body: &Body<'_>, way: &Way, begins: &dyn Fn(&Event) -> bool) -> Vec<(BlockId, Edge)> {
    let flow = body.flow();
    let mut has_begun = false;
    let mut found = Vec::new();
    for (at, (block, edge)) in way.edges.iter().enumerate() {
        has_begun |= flow.events[block.index()].iter().any(begins);
        if has_begun && !(Choice { body, way, at, errors: Errors::OfTheWorld }).is_from_outside(*block, *edge) {
            found.push((*block, *edge));
        }
    }
    found
}

/// Which errors can be there?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errors {
    /// Those of what can fail at all, for something that it may be given.
    Possible,
    /// Those of what can fail whatever it is given, and none in a test: what is called there is there to work, and where it fails the test has failed.
    OfTheWorld,
}

/// A step of a way.
struct Choice<'c, 'p> {
    body: &'c Body<'p>,
    way: &'c Way,
    at: usize,
    errors: Errors,
}

impl Choice<'_, '_> {
    fn is_from_outside(&self, block: BlockId, edge: Edge) -> bool {
        let flow = self.body.flow();
        let ast = self.body.ast();
        match (edge, flow.graph.block(block).steps.last()) {
            (Edge::True | Edge::False, Some(Step::Expr(condition))) => {
                is_of_loop(self.body, *condition) || self.holds(*condition, edge == Edge::True)
            }
            (Edge::Clause(clause), _) => match ast[clause].kind {
                StmtKind::Case { values, .. } => {
                    self.is_of_outside_tag(clause)
                        || !values.is_empty() && ast.list(values).any(|value| self.is_of_outside(value, true))
                }
                _ => true,
            },
            _ => true,
        }
    }

    /// Is there no error that has to be there, or one that can be?
    fn has_real_error(&self, block: BlockId, edge: Edge) -> bool {
        self.errors(block, edge).all(|error| self.can_be_error(error))
    }

    /// The errors that an edge says are there.
    fn errors(&self, block: BlockId, edge: Edge) -> impl Iterator<Item = ExprId> {
        let flow = self.body.flow();
        let mut atoms = Vec::new();
        if let (Edge::True | Edge::False, Some(Step::Expr(condition))) = (edge, flow.graph.block(block).steps.last()) {
            implied(self.body, *condition, edge == Edge::True, &mut atoms);
        }
        let compared = |(atom, is_nil, _): (super::Atom, bool, _)| atom.compared_to_nil(self.body).filter(|_| !is_nil);
        let body = self.body;
        let errors: Vec<ExprId> = atoms.into_iter().filter_map(compared).filter(|of| is_error(body, *of)).collect();
        errors.into_iter()
    }

    /// Does an edge say that a container of the program holds something of another type than the one that is taken out:
    /// `job, ok := queue.Front().Value.(*Job)`?
    fn denies_a_type(&self, block: BlockId, edge: Edge) -> bool {
        let flow = self.body.flow();
        let mut atoms = Vec::new();
        if let (Edge::True | Edge::False, Some(Step::Expr(condition))) = (edge, flow.graph.block(block).steps.last()) {
            implied(self.body, *condition, edge == Edge::True, &mut atoms);
        }
        atoms.into_iter().any(|(atom, holds, _)| !holds && asks_type_of_contained(self.body, atom.expr))
    }

    /// Can a condition hold, or not, by what comes from outside alone?
    fn holds(&self, condition: ExprId, holds: bool) -> bool {
        let ast = self.body.ast();
        let condition = ast.unparen(condition);
        match ast[condition].kind {
            ExprKind::Unary { operator: Token::Not, x } => self.holds(x, !holds),
            ExprKind::Binary { operator: Token::LogicalAnd, x, y } if holds => {
                self.holds(x, true) && self.holds(y, true)
            }
            ExprKind::Binary { operator: Token::LogicalOr, x, y } if !holds => {
                self.holds(x, false) && self.holds(y, false)
            }
            ExprKind::Binary { operator: Token::LogicalAnd | Token::LogicalOr, x, y } => {
                self.holds(x, holds) || self.holds(y, holds)
            }
            _ => self.is_of_outside(condition, holds),
        }
    }

    fn is_of_outside(&self, condition: ExprId, holds: bool) -> bool {
        let (body, ast) = (self.body, self.body.ast());
        if let ExprKind::Binary { operator: operator @ (Token::Equal | Token::NotEqual), x, y } = ast[condition].kind {
            let is_equal = holds == (operator == Token::Equal);
            let is_nil = |expr: ExprId| matches!(body.tree.types.objects.get(&ast.unparen(expr)), Some(Object::Nil));
            let (of, is_nil) = if is_nil(y) { (x, true) } else { (y, is_nil(x)) };
            if is_nil && is_error(body, of) {
                return is_equal || self.can_be_error(of);
            }
        }
        self.is_received(condition) || is_of_clock(body, condition) || self.asks_what_error(condition, holds)
    }

    /// Can an error be there whatever was given?
    fn can_be_error(&self, error: ExprId) -> bool {
        let (body, ast) = (self.body, self.body.ast());
        let error = ast.unparen(error);
        if self.errors == Errors::OfTheWorld && body.source.is_test {
            return false;
        }
        if let ExprKind::Call { .. } = ast[error].kind {
            return self.can_give(error);
        }
        let Some(variable) = body.tree.types.variable(error) else { return self.is_received(error) };
        let Some(name) = self.assigned(variable) else { return true };
        match source(body, name) {
            Some(call) => self.can_give(call),
            None => true,
        }
    }

    fn can_give(&self, call: ExprId) -> bool {
        match self.errors {
            Errors::Possible => may_fail(self.body, call),
            Errors::OfTheWorld => can_fail(self.body, call),
        }
    }

    /// The last assignment to a variable on the way.
    fn assigned(&self, variable: VarId) -> Option<ExprId> {
        let flow = self.body.flow();
        let objects = &self.body.tree.types.objects;
        self.way.edges[..=self.at].iter().rev().find_map(|(block, _)| {
            flow.events[block.index()].iter().rev().find_map(|event| match event.what {
                What::Assign { name } if objects.get(&name) == Some(&Object::Var(variable)) => Some(name),
                _ => None,
            })
        })
    }

    /// `errors.Is(err, context.Canceled)`, and others that ask what an error is.
    fn asks_what_error(&self, condition: ExprId, holds: bool) -> bool {
        let (body, ast) = (self.body, self.body.ast());
        let asked = match ast[condition].kind {
            ExprKind::Call { .. } => match body.callee(condition) {
                Callee::Func(function)
                    if matches!(names(body.program.world, function), Some(("errors", None, "Is" | "As"))) =>
                {
                    body.arguments(condition).first().copied()
                }
                _ => None,
            },
            ExprKind::Binary { operator: Token::Equal | Token::NotEqual, x, y } => [x, y]
                .into_iter()
                .find(|expr| is_error(body, *expr) && body.tree.types.variable(ast.unparen(*expr)).is_some()),
            _ => None,
        };
        asked.is_some_and(|error| is_error(body, error) && (!holds || self.can_be_error(error)))
    }

    /// Is it asked for something that was received?
    fn is_received(&self, condition: ExprId) -> bool {
        let (body, ast) = (self.body, self.body.ast());
        let mut is_it = false;
        ast.walk(Node::Expr(condition), 0, &mut |node, _| {
            if let Node::Expr(expr) = node {
                is_it |= matches!(ast[expr].kind, ExprKind::Unary { operator: Token::Arrow, .. });
                is_it |= body.tree.types.variable(expr).is_some_and(|variable| holds_received(body, variable));
            }
            Walk::Into
        });
        is_it
    }

    /// Is it a clause of a `switch` over something that was received?
    fn is_of_outside_tag(&self, clause: StmtId) -> bool {
        let (body, ast) = (self.body, self.body.ast());
        let Parent::Stmt(block) = body.tree.around_stmt(clause) else { return false };
        let around = match body.tree.around_stmt(block) {
            Parent::Stmt(stmt) => stmt,
            _ => block,
        };
        let tag = [block, around].into_iter().find_map(|stmt| match ast[stmt].kind {
            StmtKind::Switch { tag, .. } => tag,
            _ => None,
        });
        tag.is_some_and(|tag| self.is_received(tag))
    }
}

/// Is it the condition of a loop? A loop ends some time, or goes on.
fn is_of_loop(body: &Body<'_>, condition: ExprId) -> bool {
    let ast = body.ast();
    let mut at = body.tree.directly_around(condition);
    while let Parent::Expr(outer) = at {
        at = body.tree.directly_around(outer);
    }
    matches!(at, Parent::Stmt(stmt) if matches!(ast[stmt].kind, StmtKind::For { .. }))
}

fn is_error(body: &Body<'_>, expr: ExprId) -> bool {
    // Of what a package gives that is not there, the type is not known.
    matches!(body.tree.types.ty(body.ast().unparen(expr)), Type::Error | Type::Unknown)
}

/// Does a variable hold what was received from a channel?
fn holds_received(body: &Body<'_>, variable: VarId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    tree.uses.get(&Cell::Var(variable)).into_iter().flatten().any(|name| match usage(ast, tree, *name) {
        Usage::Gets(Some(value)) => {
            matches!(ast[ast.unparen(value)].kind, ExprKind::Unary { operator: Token::Arrow, .. })
        }
        Usage::Gets(None) => match tree.around(ast, *name) {
            Parent::Stmt(stmt) => match ast[stmt].kind {
                StmtKind::Assign { right, .. } => ast.at(right, 0).is_some_and(|value| {
                    matches!(ast[ast.unparen(value)].kind, ExprKind::Unary { operator: Token::Arrow, .. })
                }),
                StmtKind::Range(range) => {
                    matches!(body.program.world.underlying(tree.types.ty(range.x)), Type::Chan(..))
                }
                _ => false,
            },
            _ => false,
        },
        _ => false,
    })
}

/// Is the time asked, or whether a context has ended?
fn is_of_clock(body: &Body<'_>, condition: ExprId) -> bool {
    let ast = body.ast();
    let world = body.program.world;
    let mut is_it = false;
    ast.walk(Node::Expr(condition), 0, &mut |node, _| {
        if let Node::Expr(expr) = node
            && let ExprKind::Call { .. } = ast[expr].kind
        {
            is_it |= match body.callee(expr) {
                Callee::Func(function) => matches!(
                    names(world, function),
                    Some(("time", None, "Now" | "Since" | "Until") | ("time", Some("Time"), "After" | "Before"))
                ),
                Callee::Abstract(of, name) => name == "Err" && is_named(world, &of, "context", "Context"),
                _ => false,
            };
        }
        Walk::Into
    });
    is_it
}

/// Is it the `ok` of a type assertion about what a container of the standard library gives?
fn asks_type_of_contained(body: &Body<'_>, ok: ExprId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let Some(variable @ VarId::Local { .. }) = tree.types.variable(ast.unparen(ok)) else { return false };
    tree.uses.get(&Cell::Var(variable)).into_iter().flatten().any(|name| {
        let Usage::Gets(None) = usage(ast, tree, *name) else { return false };
        let Parent::Stmt(stmt) = tree.around(ast, *name) else { return false };
        let StmtKind::Assign { right, .. } = ast[stmt].kind else { return false };
        let Some(value) = ast.at(right, 0).map(|value| ast.unparen(value)) else { return false };
        matches!(ast[value].kind, ExprKind::TypeAssert { x, .. } if is_contained(body, ast.unparen(x), 0))
    })
}

/// So many variables on it is looked where a value comes from.
const MAX_VARIABLES: u32 = 3;

/// Is it what a container gives: `element.Value`, `heap.Pop(h)`, `pool.Get()`, `values.Load(key)`?
fn is_contained(body: &Body<'_>, value: ExprId, depth: u32) -> bool {
    let (ast, tree, world) = (body.ast(), &body.tree, body.program.world);
    match ast[value].kind {
        ExprKind::Selector { x, selected } => {
            let of = tree.types.ty(x);
            ast.name(selected).is_some_and(|name| name == "Value")
                && (is_named(world, of, "container/list", "Element") || is_named(world, of, "container/ring", "Ring"))
        }
        ExprKind::Call { .. } => match body.callee(value) {
            Callee::Func(function) => matches!(
                names(world, function),
                Some(
                    ("container/heap", None, "Pop" | "Remove")
                        | ("sync", Some("Pool"), "Get")
                        | ("sync/atomic", Some("Value"), "Load")
                )
            ),
            _ => false,
        },
        ExprKind::Ident(_) if depth < MAX_VARIABLES => {
            let Some(variable @ VarId::Local { .. }) = tree.types.variable(value) else { return false };
            let mut names_of = tree.uses.get(&Cell::Var(variable)).into_iter().flatten();
            names_of.any(|name| match usage(ast, tree, *name) {
                Usage::Gets(Some(value)) => is_contained(body, ast.unparen(value), depth + 1),
                // `v, ok := values.Load(key)`
                Usage::Gets(None) => source(body, *name).is_some_and(|call| match body.callee(call) {
                    Callee::Func(function) => matches!(names(world, function), Some(("sync", Some("Map"), _))),
                    _ => false,
                }),
                _ => false,
            })
        }
        _ => false,
    }
}

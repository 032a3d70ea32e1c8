//! Comparisons of one integer with constants: some of them exclude each other.

use gostray_golang::Token;
use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::types::{Basic, Type, VarId};

use crate::program::{Body, Cell, Parent, Usage, usage};

/// How an integer is to be to a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    /// At most.
    Most,
    /// At least.
    Least,
}

/// A comparison of a variable of a function, an integer, with a constant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    pub(super) variable: VarId,
    relation: Relation,
    constant: i128,
}

impl Compared {
    /// The comparison that a condition is; that of `x != 1` is that of `x == 1`.
    pub(super) fn of(body: &Body<'_>, condition: ExprId) -> Option<Self> {
        let (ast, types) = (body.ast(), &body.tree.types);
        let ExprKind::Binary { operator, x, y } = ast[condition].kind else { return None };
        let integer = |expr| body.program.world.integer(types, body.id.file, expr);
        let variable = |expr: ExprId| {
            let expr = ast.unparen(expr);
            let variable = types.variable(expr).filter(|variable| matches!(variable, VarId::Local { .. }));
            variable.filter(|_| is_integer(&body.program.world.underlying(types.ty(expr))))
        };
        let (variable, constant, operator) = match (variable(x), variable(y)) {
            (Some(variable), None) => (variable, integer(y)?, operator),
            (None, Some(variable)) => (variable, integer(x)?, turned(operator)),
            _ => return None,
        };
        let (relation, constant) = match operator {
            Token::Equal | Token::NotEqual => (Relation::Equal, constant),
            Token::LessEqual => (Relation::Most, constant),
            Token::Less => (Relation::Most, constant.checked_sub(1)?),
            Token::GreaterEqual => (Relation::Least, constant),
            Token::Greater => (Relation::Least, constant.checked_add(1)?),
            _ => return None,
        };
        Some(Self { variable, relation, constant })
    }
}

/// Is it `n++` of a variable that is declared as zero, and after that only counts? Then it is more than zero.
pub(super) fn counts_up(body: &Body<'_>, name: ExprId) -> Option<VarId> {
    let (ast, tree) = (body.ast(), &body.tree);
    let variable @ VarId::Local { .. } = tree.types.variable(name)? else { return None };
    let change = |name: ExprId| match tree.around(ast, name) {
        Parent::Stmt(stmt) => match ast[stmt].kind {
            StmtKind::IncDec { operator, .. } => Some(operator),
            _ => None,
        },
        _ => None,
    };
    let integer = |value| body.program.world.integer(&tree.types, body.id.file, value);
    let counts = |name: &ExprId| match usage(ast, tree, *name) {
        Usage::Gets(Some(value)) => integer(value) == Some(0),
        Usage::Gets(None) => change(*name).is_some(),
        Usage::Declared => matches!(tree.around(ast, *name), Parent::Spec(_)),
        Usage::Address(_) => false,
        _ => true,
    };
    let is_counter = tree.uses.get(&Cell::Var(variable))?.iter().all(counts);
    (is_counter && change(name) == Some(Token::Inc)).then_some(variable)
}

impl Compared {
    /// Whether it holds of every integer that is more than zero; `None` if that depends.
    pub(super) fn of_positive(&self) -> Option<bool> {
        let positive = Self { variable: self.variable, relation: Relation::Least, constant: 1 };
        let excludes = |holds| contradict([(&positive, true), (self, holds)].into_iter());
        match (excludes(true), excludes(false)) {
            (true, false) => Some(false),
            (false, true) => Some(true),
            _ => None,
        }
    }
}

/// The operator with its sides changed.
fn turned(operator: Token) -> Token {
    match operator {
        Token::Less => Token::Greater,
        Token::LessEqual => Token::GreaterEqual,
        Token::Greater => Token::Less,
        Token::GreaterEqual => Token::LessEqual,
        same => same,
    }
}

fn is_integer(ty: &Type) -> bool {
    use Basic::{Int, Int8, Int16, Int32, Int64, Uint, Uint8, Uint16, Uint32, Uint64};
    matches!(ty, Type::Basic(Int | Int8 | Int16 | Int32 | Int64 | Uint | Uint8 | Uint16 | Uint32 | Uint64))
}

/// Is there no integer of which all that is true: comparisons, and whether each holds?
pub(super) fn contradict<'c>(said: impl Iterator<Item = (&'c Compared, bool)>) -> bool {
    let (mut least, mut most, mut others) = (i128::MIN, i128::MAX, Vec::new());
    for (Compared { relation, constant, .. }, holds) in said {
        match (relation, holds) {
            (Relation::Equal, true) => (least, most) = (least.max(*constant), most.min(*constant)),
            (Relation::Equal, false) => others.push(*constant),
            (Relation::Most, true) => most = most.min(*constant),
            (Relation::Most, false) => least = least.max(constant.saturating_add(1)),
            (Relation::Least, true) => least = least.max(*constant),
            (Relation::Least, false) => most = most.min(constant.saturating_sub(1)),
        }
    }
    while others.contains(&least) && least <= most {
        least = least.saturating_add(1);
    }
    while others.contains(&most) && least <= most {
        most = most.saturating_sub(1);
    }
    least > most
}

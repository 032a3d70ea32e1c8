//! What is done with a value where it is mentioned.

use gostray_golang::ast::{Ast, ExprId, ExprKind, RangeStmt, SpecKind, StmtId, StmtKind};
use gostray_golang::types::{Builtin, Object, Type};
use gostray_golang::{Name, Token};

use crate::program::tree::{Parent, Tree};

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Something is sent on it.
    Send(StmtId),
    /// Something is received from it: `<-x`.
    Receive(ExprId),
    /// `for … range x`
    Range(StmtId),
    /// `close(x)`
    Close(ExprId),
    /// `len(x)`, `cap(x)`
    Measure,
    /// It is compared, with nil for example.
    Compare,
    /// It is called.
    Call(ExprId),
    /// A method of it is called.
    Method { call: ExprId, name: Name },
    /// A method of it is taken as a value.
    MethodValue,
    /// A field of it is selected; what is done with the field is the field's.
    Base(ExprId),
    /// It is passed to a call.
    Argument { call: ExprId, at: usize },
    /// It becomes the value of something else.
    Becomes(ExprId),
    /// It gets a value; `None` where several come from one call, or it changes (`x++`).
    Gets(Option<ExprId>),
    /// It is declared without a value, or as a parameter.
    Declared,
    /// It is returned.
    Returned(StmtId),
    /// It becomes a part of a composite literal.
    Element { literal: ExprId, field: Option<Name> },
    /// It is sent on a channel.
    Sent(StmtId),
    /// Its address is taken.
    Address(ExprId),
    /// Its type is asked for: `x.(T)`.
    Assert(ExprId),
    /// It is converted.
    Converted(ExprId),
    /// Anything else.
    Other,
}

/// What is done with an expression where it stands.
pub(crate) fn usage(ast: &Ast, tree: &Tree, mut expr: ExprId) -> Usage {
    while let Parent::Expr(outer) = tree.directly_around(expr)
        && let ExprKind::Paren(_) = ast[outer].kind
    {
        expr = outer;
    }
    match tree.around(ast, expr) {
        Parent::Expr(outer) => in_expr(ast, tree, expr, outer),
        Parent::Stmt(stmt) => in_stmt(ast, expr, stmt),
        Parent::Spec(spec) => match ast[spec].kind {
            SpecKind::Value { names, values, .. } => {
                if let Some(at) = ast.list(values).position(|value| value == expr) {
                    return match ast.at(names, at) {
                        Some(name) if values.len() == names.len() => Usage::Becomes(name),
                        _ => Usage::Other,
                    };
                }
                match ast.list(names).position(|name| name == expr) {
                    Some(_) if values.is_empty() => Usage::Declared,
                    Some(at) if values.len() == names.len() => Usage::Gets(ast.at(values, at)),
                    Some(_) => Usage::Gets(None),
                    None => Usage::Other,
                }
            }
            _ => Usage::Other,
        },
        // The name of a parameter.
        Parent::Other => Usage::Declared,
        Parent::None => Usage::Other,
    }
}

fn in_expr(ast: &Ast, tree: &Tree, expr: ExprId, outer: ExprId) -> Usage {
    match ast[outer].kind {
        ExprKind::Unary { operator: Token::Arrow, .. } => Usage::Receive(outer),
        ExprKind::Unary { operator: Token::And, .. } => Usage::Address(outer),
        ExprKind::Binary { operator: Token::Equal | Token::NotEqual, .. } => Usage::Compare,
        ExprKind::Star(_) => Usage::Base(outer),
        ExprKind::Selector { x, selected } if ast.unparen(x) == expr => {
            if let Some(selection) = tree.types.selections.get(&outer)
                && matches!(selection.selected, gostray_golang::types::Selected::Field { .. })
            {
                return Usage::Base(outer);
            }
            match tree.around(ast, outer) {
                Parent::Expr(call) => match ast[call].kind {
                    ExprKind::Call { function, .. } if ast.unparen(function) == outer => {
                        ast.name(selected).map_or(Usage::Other, |name| Usage::Method { call, name })
                    }
                    _ => Usage::MethodValue,
                },
                _ => Usage::MethodValue,
            }
        }
        // The name in `x.name` is what the whole is.
        ExprKind::Selector { .. } => usage(ast, tree, outer),
        ExprKind::TypeAssert { x, .. } if ast.unparen(x) == expr => Usage::Assert(outer),
        ExprKind::Call { function, arguments, .. } => {
            let callee = ast.unparen(function);
            if callee == expr {
                return Usage::Call(outer);
            }
            let at = ast.list(arguments).position(|argument| ast.unparen(argument) == ast.unparen(expr));
            let Some(at) = at else { return Usage::Other };
            match tree.types.objects.get(&callee) {
                Some(Object::Builtin(Builtin::Close)) => Usage::Close(outer),
                Some(Object::Builtin(Builtin::Len | Builtin::Cap)) => Usage::Measure,
                Some(Object::Builtin(_)) => Usage::Other,
                Some(Object::Type(_)) => Usage::Converted(outer),
                _ if is_type(ast, callee) => Usage::Converted(outer),
                _ => Usage::Argument { call: outer, at },
            }
        }
        ExprKind::KeyValue { value, .. } if ast.unparen(value) == expr => match tree.directly_around(outer) {
            Parent::Expr(literal) => {
                let ExprKind::KeyValue { key, .. } = ast[outer].kind else { return Usage::Other };
                Usage::Element { literal, field: ast.name(key) }
            }
            _ => Usage::Other,
        },
        ExprKind::Composite { elements, .. } => {
            let at = ast.list(elements).position(|element| element == expr);
            let field = match tree.types.ty(outer).pointed() {
                Type::Struct(fields) => at.and_then(|at| fields.get(at)).map(|field| field.name),
                _ => None,
            };
            Usage::Element { literal: outer, field }
        }
        _ => Usage::Other,
    }
}

fn is_type(ast: &Ast, expr: ExprId) -> bool {
    matches!(
        ast[expr].kind,
        ExprKind::Chan { .. } | ExprKind::Array { .. } | ExprKind::Map { .. } | ExprKind::FuncType(_)
    )
}

fn in_stmt(ast: &Ast, expr: ExprId, stmt: StmtId) -> Usage {
    let is = |other: ExprId| ast.unparen(other) == ast.unparen(expr);
    match ast[stmt].kind {
        StmtKind::Send { channel, .. } if is(channel) => Usage::Send(stmt),
        StmtKind::Send { .. } => Usage::Sent(stmt),
        StmtKind::Return(_) => Usage::Returned(stmt),
        StmtKind::IncDec { .. } => Usage::Gets(None),
        StmtKind::Assign { left, right, operator } => {
            if let Some(at) = ast.list(left).position(is) {
                if !matches!(operator, Token::Assign | Token::Define) {
                    return Usage::Gets(None);
                }
                return Usage::Gets(if left.len() == right.len() { ast.at(right, at) } else { None });
            }
            match ast.list(right).position(is) {
                Some(at) if left.len() == right.len() => ast.at(left, at).map_or(Usage::Other, Usage::Becomes),
                _ => Usage::Other,
            }
        }
        StmtKind::Range(RangeStmt { key, value, x, .. }) => {
            if is(x) {
                return Usage::Range(stmt);
            }
            if key.is_some_and(is) || value.is_some_and(is) { Usage::Gets(None) } else { Usage::Other }
        }
        _ => Usage::Other,
    }
}

//! The calls that a function makes of declared functions, and what becomes of their results.

use gostray_golang::Token;
use gostray_golang::ast::{ExprId, SpecKind, StmtKind};

use crate::program::{Body, Callee, Parent, What, names};

/// What a call's results are assigned to, and whether they are declared by it.
pub(crate) fn targets(body: &Body<'_>, call: ExprId) -> Option<(Vec<ExprId>, bool)> {
    let ast = body.ast();
    match body.tree.around(ast, call) {
        Parent::Stmt(stmt) => match ast[stmt].kind {
            StmtKind::Assign { left, right, operator } if right.len() == 1 => {
                Some((ast.list(left).collect(), operator == Token::Define))
            }
            _ => None,
        },
        Parent::Spec(spec) => match ast[spec].kind {
            SpecKind::Value { names, values, .. } if values.len() == 1 => Some((ast.list(names).collect(), true)),
            _ => None,
        },
        _ => None,
    }
}

/// The calls of a function to declared functions, with the names of what they call.
pub(crate) type Named = (ExprId, (&'static str, Option<&'static str>, &'static str));

/// The calls that a function makes of declared functions.
pub(crate) fn calls(body: &Body<'_>) -> Vec<Named> {
    let flow = body.flow();
    let mut found: Vec<Named> = Vec::new();
    for (_, event) in flow.all() {
        let What::Call { call } = event.what else { continue };
        if found.iter().any(|(own, _)| *own == call) {
            continue;
        }
        if let Callee::Func(function) = body.callee(call)
            && let Some(names) = names(body.program.world, function)
        {
            found.push((call, names));
        }
    }
    found
}

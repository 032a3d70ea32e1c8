//! What is done only where the function has panicked: `if r := recover(); r != nil { errs <- fmt.Errorf("%v", r) }`.

use gostray_golang::Token;
use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::types::{Builtin, Object};

use crate::channel::story::Deed;
use crate::program::{Body, Callee, Parent, Program};

/// Is something done only after a panic, which came instead of the rest?
pub(super) fn is_of_panic<'p>(program: &'p Program<'p>, deed: &Deed) -> bool {
    let body = program.body(deed.operation.body);
    let (ast, tree) = (body.ast(), &body.tree);
    let place = ast[deed.operation.expr].span;
    let mut at = tree.around(ast, deed.operation.expr);
    loop {
        at = match at {
            Parent::Expr(outer) => tree.around(ast, outer),
            Parent::Stmt(stmt) => {
                if let StmtKind::If { condition, then, .. } = ast[stmt].kind
                    && ast[then].span.start <= place.start
                    && place.end <= ast[then].span.end
                    && says_that_it_panicked(&body, condition)
                {
                    return true;
                }
                tree.around_stmt(stmt)
            }
            _ => return false,
        };
    }
}

/// `recover() != nil`, or `r != nil` of what it gave.
fn says_that_it_panicked(body: &Body<'_>, condition: ExprId) -> bool {
    let ast = body.ast();
    let ExprKind::Binary { operator: Token::NotEqual, x, y } = ast[ast.unparen(condition)].kind else { return false };
    let is_nil = matches!(body.tree.types.objects.get(&ast.unparen(y)), Some(Object::Nil));
    let value = body.cell(x).and_then(|cell| body.program.single_value(cell)).map_or(x, |(_, value)| value);
    is_nil && body.callee(ast.unparen(value)) == Callee::Builtin(Builtin::Recover)
}

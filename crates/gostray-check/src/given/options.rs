//! Options: functions that a caller gives to set fields of what is made, `New(WithTimeout(time.Second))`.

use gostray_golang::ast::{ExprId, ExprKind, RangeStmt, StmtKind};
use gostray_golang::types::VarId;

use crate::given::value::{Function, Value};
use crate::given::{Given, Set, is_beside, is_set};
use crate::program::{Body, Callee, Cell, Parent, Usage, parameters, usage};

impl Given {
    /// What the options set of a variable that is given to each of them, itself or a pointer to it; `None` if it is not, or not
    /// known which they are, or what they do.
    pub(super) fn options(&self, body: &Body<'_>, used: Usage, depth: u32) -> Option<Vec<Set>> {
        let used = match used {
            Usage::Address(pointer) => usage(body.ast(), &body.tree, pointer),
            used => used,
        };
        let Usage::Argument { call, at } = used else { return None };
        let Callee::Variable(_) = body.callee(call) else { return None };
        let ExprKind::Call { function, .. } = body.ast()[call].kind else { return None };
        let options = ranged_over(body, function).unwrap_or(function);
        let functions = match self.value(body, options, depth) {
            Value::Functions(functions) => functions,
            Value::Zero => Vec::new(),
            _ => return None,
        };
        let mut all = Vec::new();
        for Function { body: inner, given } in functions {
            let inner = body.program.body(inner);
            let parameter = parameters(inner.ast(), inner.function().signature).get(at).copied().flatten()?;
            let (ast, tree) = (inner.ast(), &inner.tree);
            let cell = Cell::Var(VarId::Local { file: inner.id.file, ident: parameter });
            for mention in tree.uses.get(&cell).into_iter().flatten() {
                match usage(ast, tree, *mention) {
                    Usage::Declared | Usage::Compare => {}
                    Usage::Base(field) => {
                        let Some((name, value)) = is_set(&inner, field) else { continue };
                        let value = value.filter(|_| is_beside(&inner, parameter, field));
                        let value = value.map_or(Value::Unknown, |value| given.value(&inner, value, depth));
                        all.push(Set { name, value, at: options });
                    }
                    _ => return None,
                }
            }
        }
        Some(all)
    }
}

/// `options` of `for _, option := range options`.
fn ranged_over(body: &Body<'_>, option: ExprId) -> Option<ExprId> {
    let VarId::Local { ident, .. } = body.tree.types.variable(body.ast().unparen(option))? else { return None };
    let Parent::Stmt(stmt) = body.tree.around(body.ast(), ident) else { return None };
    match body.ast()[stmt].kind {
        StmtKind::Range(RangeStmt { value, x, .. }) if value == Some(ident) => Some(x),
        _ => None,
    }
}

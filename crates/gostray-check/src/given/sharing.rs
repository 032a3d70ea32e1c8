//! Who else may change what a variable holds.

use gostray_golang::ast::{DeclKind, ExprId, ExprKind};
use gostray_golang::types::{FuncId, Type};

use crate::program::{Body, Callee, Usage, usage};

/// Who else may change what a variable holds.
pub(super) enum Sharing {
    None,
    /// Functions that are declared, of the package of the type if of any.
    Seen,
    Unseen,
}

/// Who else may change what a variable holds because of a use of it.
pub(super) fn sharing(body: &Body<'_>, ident: ExprId, used: Usage) -> Sharing {
    let (ast, tree) = (body.ast(), &body.tree);
    let by = |call| match body.callee(call) {
        Callee::Func(_) => Sharing::Seen,
        _ => Sharing::Unseen,
    };
    let is_pointer = matches!(tree.types.ty(ident), Type::Pointer(_));
    match used {
        Usage::Address(pointer) => match usage(ast, tree, pointer) {
            Usage::Argument { call, .. } => by(call),
            Usage::Returned(_) | Usage::Element { .. } => Sharing::Seen,
            _ => Sharing::Unseen,
        },
        Usage::Method { call, .. } => match body.callee(call) {
            Callee::Func(method) if !is_pointer && !is_of_pointer(body, method) => Sharing::None,
            _ => by(call),
        },
        _ if !is_pointer => Sharing::None,
        Usage::Measure | Usage::Compare | Usage::Returned(_) => Sharing::None,
        Usage::Element { .. } | Usage::MethodValue => Sharing::Seen,
        Usage::Argument { call, .. } => by(call),
        _ => Sharing::Unseen,
    }
}

/// Has a method a pointer for a receiver?
fn is_of_pointer(body: &Body<'_>, method: FuncId) -> bool {
    let ast = body.program.ast(method.file);
    let DeclKind::Func(decl) = ast[method.decl].kind else { return true };
    let field = decl.receiver.and_then(|receiver| ast.at(receiver.fields, 0));
    field.is_none_or(|field| matches!(ast[ast.unparen(ast[field].ty)].kind, ExprKind::Star(_)))
}

//! What tests assert by calls of testify, whose source need not be on this machine.

use gostray_golang::ast::{ExprId, ExprKind};
use gostray_golang::types::Object;

use crate::program::{Body, Callee, names};

/// What is asserted by a call of testify, and of what: `assert.NoError(t, err)`.
pub(crate) fn asserted(body: &Body<'_>, call: ExprId) -> Option<(&'static str, Vec<ExprId>)> {
    let ExprKind::Call { .. } = body.ast()[call].kind else { return None };
    let (path, name) = match body.callee(call) {
        Callee::Func(function) => names(body.program.world, function).map(|(path, _, name)| (path, name)),
        _ => missing(body, call),
    }?;
    path.starts_with("github.com/stretchr/testify/").then(|| (name, body.arguments(call)))
}

/// What a call calls of a package that is imported and not on this machine: the path, and the name.
fn missing(body: &Body<'_>, call: ExprId) -> Option<(&'static str, &'static str)> {
    let ast = body.ast();
    let ExprKind::Call { function, .. } = ast[call].kind else { return None };
    let ExprKind::Selector { x, selected } = ast[ast.unparen(function)].kind else { return None };
    if !matches!(body.tree.types.objects.get(&x), Some(Object::Package(None))) {
        return None;
    }
    let package = ast.name(x)?;
    let import = body.source.imports.iter().find(|import| match import.name {
        Some(name) => name == package,
        None => import.path.as_str().rsplit('/').next() == Some(package.as_str()),
    })?;
    Some((import.path.as_str(), ast.name(selected)?.as_str()))
}

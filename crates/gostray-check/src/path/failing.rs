//! What can fail whatever it is given, because it has to do with the world outside.

use gostray_golang::ast::{ExprId, ExprKind, SpecKind, StmtKind};
use gostray_golang::types::Type;
use rustc_hash::FxHashSet;

use crate::program::{Body, BodyId, Callee, Parent, What, names};

/// So many functions are looked into.
const MAX_BODIES: usize = 256;

/// Packages of the standard library whose errors say something about what they were given.
const OF_VALUES: &[&str] = &[
    "bufio",
    "bytes",
    "cmp",
    "compress",
    "container",
    "crypto",
    "embed",
    "encoding",
    "errors",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "iter",
    "maps",
    "math",
    "mime",
    "path",
    "reflect",
    "regexp",
    "slices",
    "sort",
    "strconv",
    "strings",
    "sync",
    "text",
    "time",
    "unicode",
];

/// Does a function of the standard library fail because of what it was given, and of nothing else?
fn is_of_values(package: &str, receiver: Option<&str>, name: &str) -> bool {
    let first = package.split('/').next().unwrap_or(package);
    match (package, receiver, name) {
        ("net/url" | "net/netip", ..) => true,
        ("bytes" | "strings", ..) => true,
        ("crypto/rand" | "crypto/tls" | "mime/multipart", ..) => false,
        ("path/filepath", _, "Abs" | "EvalSymlinks" | "Glob" | "Walk" | "WalkDir") => false,
        ("fmt", _, name) if name.starts_with('F') || name.starts_with("Scan") => false,
        // They read from, or write to, what somebody else gives.
        (_, Some("Encoder" | "Decoder" | "Reader" | "Writer" | "ReadWriter" | "Scanner" | "Template"), _) => false,
        _ => OF_VALUES.contains(&first),
    }
}

/// Can a call fail whatever it is given? Where it is not known what it does, it can.
pub(super) fn can_fail(body: &Body<'_>, call: ExprId) -> bool {
    fails(body, call, &mut FxHashSet::default())
}

fn fails(body: &Body<'_>, call: ExprId, seen: &mut FxHashSet<BodyId>) -> bool {
    let program = body.program;
    let inner = match body.callee(call) {
        Callee::Func(function) => {
            if let Some((package, receiver, name)) = names(program.world, function)
                && is_of_standard_library(package)
            {
                return !is_of_values(package, receiver, name);
            }
            match program.any_body_of(function) {
                Some(inner) => inner,
                None => return true,
            }
        }
        Callee::Closure(id) => program.body(id),
        Callee::Abstract(..) | Callee::Variable(_) | Callee::Unknown => return true,
        Callee::Builtin(_) => return false,
    };
    if seen.len() >= MAX_BODIES || !seen.insert(inner.id) {
        return seen.len() >= MAX_BODIES;
    }
    let flow = inner.flow();
    flow.all().any(|(_, event)| match event.what {
        What::Call { call } | What::Deferred { call } => gives_error(&inner, call) && fails(&inner, call, seen),
        What::Receive { .. } | What::Range { .. } => true,
        _ => false,
    })
}

/// Is a package one of the standard library? Others have the name of a host.
fn is_of_standard_library(path: &str) -> bool {
    !path.split('/').next().unwrap_or(path).contains('.')
}

/// Is an error among what a call gives, as far as is known?
fn gives_error(body: &Body<'_>, call: ExprId) -> bool {
    let is_error = |ty: &Type| matches!(ty, Type::Error | Type::Unknown);
    match body.tree.types.ty(call) {
        Type::Tuple(all) => all.iter().any(is_error),
        ty => is_error(ty),
    }
}

/// The one call that names are assigned from.
pub(super) fn source(body: &Body<'_>, name: ExprId) -> Option<ExprId> {
    let ast = body.ast();
    let values = match body.tree.around(ast, name) {
        Parent::Stmt(stmt) => match ast[stmt].kind {
            StmtKind::Assign { right, .. } => right,
            _ => return None,
        },
        Parent::Spec(spec) => match ast[spec].kind {
            SpecKind::Value { values, .. } => values,
            _ => return None,
        },
        _ => return None,
    };
    let value = ast.unparen(ast.at(values, 0).filter(|_| values.len() == 1)?);
    matches!(ast[value].kind, ExprKind::Call { .. }).then_some(value)
}

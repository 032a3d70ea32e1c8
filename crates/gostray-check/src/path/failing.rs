//! What can fail whatever it is given, because it has to do with the world outside.

use gostray_golang::ast::{ExprId, ExprKind, SpecKind, StmtId, StmtKind};
use gostray_golang::module::Origin;
use gostray_golang::types::{Object, Type, VarId};
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

/// Which failures count?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failures {
    /// Those that can be whatever is given.
    OfTheWorld,
    /// Those for some of what may be given, too.
    OfValues,
}

/// Can a call fail whatever it is given? Where it is not known what it does, it can.
pub(super) fn can_fail(body: &Body<'_>, call: ExprId) -> bool {
    fails(body, call, Failures::OfTheWorld, &mut FxHashSet::default())
}

/// Can a call fail at all? Not if it gives no error on any way, or if it is given only what is written there, and works.
pub(super) fn may_fail(body: &Body<'_>, call: ExprId) -> bool {
    fails(body, call, Failures::OfValues, &mut FxHashSet::default())
}

fn fails(body: &Body<'_>, call: ExprId, which: Failures, seen: &mut FxHashSet<BodyId>) -> bool {
    let program = body.program;
    let inner = match body.callee(call) {
        Callee::Func(function) => {
            if let Some((package, receiver, name)) = names(program.world, function)
                && program.package(function.file.package).origin == Origin::Std
            {
                let is_given = || body.arguments(call).into_iter().any(|argument| !is_written(body, argument));
                return !is_of_values(package, receiver, name)
                    || which == Failures::OfValues && (makes_error(package, name) || receiver.is_some() || is_given());
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
        What::Call { call } | What::Deferred { call } => gives_error(&inner, call) && fails(&inner, call, which, seen),
        What::Receive { .. } | What::Range { .. } => true,
        What::Return { stmt } => which == Failures::OfValues && names_error(&inner, stmt),
        _ => false,
    })
}

fn makes_error(package: &str, name: &str) -> bool {
    matches!((package, name), ("errors", "New" | "Join") | ("fmt", "Errorf"))
}

/// Is it a value that is written there: `"https://example.com"`, `10`?
fn is_written(body: &Body<'_>, expr: ExprId) -> bool {
    let ast = body.ast();
    matches!(ast[ast.unparen(expr)].kind, ExprKind::Literal(_))
        || body.program.world.integer(&body.tree.types, body.id.file, expr).is_some()
}

/// Is an error returned that is no result of a call: `return ErrClosed`, `return &Error{…}`?
fn names_error(body: &Body<'_>, stmt: StmtId) -> bool {
    let (ast, types) = (body.ast(), &body.tree.types);
    let StmtKind::Return(results) = ast[stmt].kind else { return false };
    let Some(last) = ast.list(results).next_back().map(|last| ast.unparen(last)) else { return false };
    match ast[last].kind {
        ExprKind::Composite { .. } | ExprKind::Unary { .. } => true,
        // A variable of the package, or a field.
        ExprKind::Ident(_) | ExprKind::Selector { .. } => {
            !matches!(types.objects.get(&last), Some(Object::Nil))
                && !matches!(types.variable(last), Some(VarId::Local { .. }))
        }
        _ => false,
    }
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

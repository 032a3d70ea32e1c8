//! Which functions a test calls to see a leak.

use gostray_golang::Span;
use gostray_golang::ast::{Ast, DeclKind, ExprKind, FieldList, FuncDecl, SpecKind};
use gostray_golang::package::SourceFile;

use crate::finding::{Finding, Place};

/// A function that can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// As Go names its value: `fetch`, `(*Pool).Run`, `merge[int]`.
    pub(super) expression: String,
    /// Where it is, in a file of the package.
    pub(super) file: usize,
    pub(super) span: Span,
}

/// The functions around what a finding is about: where the goroutine is started, where it is reported, where it is mended.
pub(super) fn of(finding: &Finding, package: &[SourceFile]) -> Vec<Target> {
    let at = |place: &Place| around(package, &place.file, place.start);
    let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
    let mut targets: Vec<Target> = Vec::new();
    let all = [at(&finding.place), finding.spawned_at.as_ref().and_then(at), finding.blocks_at.as_ref().and_then(at)];
    for target in all.into_iter().chain(edits.map(|edit| around(package, &edit.file, edit.start))).flatten() {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

/// The declared function around a byte of a file.
fn around(package: &[SourceFile], path: &std::path::Path, byte: u32) -> Option<Target> {
    let (file, source) = package.iter().enumerate().find(|(_, source)| source.path == path)?;
    let ast = &source.file.ast;
    source.file.decls.iter().find_map(|decl| {
        let span = ast[*decl].span;
        let DeclKind::Func(function) = ast[*decl].kind else { return None };
        if byte < span.start || span.end <= byte {
            return None;
        }
        Some(Target { expression: expression(ast, &function)?, file, span })
    })
}

/// How Go names the value of a function; nothing where it has none.
pub(super) fn expression(ast: &Ast, function: &FuncDecl) -> Option<String> {
    let name = ast.name(function.name)?;
    match function.receiver {
        None if name == "main" || name == "init" || name.is_blank() => None,
        None => Some(format!("{name}{}", instance(ast, ast[function.signature].type_parameters))),
        Some(receiver) => {
            let field = ast.at(receiver.fields, 0)?;
            let mut ty = ast.unparen(ast[field].ty);
            let mut star = "";
            if let ExprKind::Star(inner) = ast[ty].kind {
                (ty, star) = (ast.unparen(inner), "*");
            }
            let (of, count) = match ast[ty].kind {
                ExprKind::Index { x, indices } => (ast.name(x)?, indices.len()),
                _ => (ast.name(ty)?, 0),
            };
            (!name.is_blank()).then(|| format!("({star}{of}{}).{name}", integers(count)))
        }
    }
}

/// What is generic is so in integers: what fits no integer does not compile, and has no witness.
fn instance(ast: &Ast, parameters: Option<FieldList>) -> String {
    let count = |fields: FieldList| ast.list(fields.fields).map(|field| ast[field].names.len()).sum();
    integers(parameters.map_or(0, count))
}

fn integers(count: usize) -> String {
    if count == 0 { String::new() } else { format!("[{}]", vec!["int"; count].join(", ")) }
}

/// Functions that give something new, by their names: a receiver is made as the program makes it.
pub(super) fn makers(package: &[SourceFile]) -> Vec<String> {
    let mut makers = Vec::new();
    for source in package {
        let ast = &source.file.ast;
        for decl in &source.file.decls {
            let DeclKind::Func(function) = ast[*decl].kind else { continue };
            let is_plain = function.receiver.is_none() && ast[function.signature].type_parameters.is_none();
            let name = ast.name(function.name).map(gostray_golang::Name::as_str).unwrap_or_default();
            if is_plain && ["New", "new", "Open", "open", "Make", "make"].iter().any(|start| name.starts_with(start)) {
                makers.push(name.to_owned());
            }
        }
    }
    makers
}

/// The types that the package declares, but for those that are generic.
pub(super) fn types(package: &[SourceFile]) -> Vec<String> {
    let mut types = Vec::new();
    for source in package {
        let ast = &source.file.ast;
        for decl in &source.file.decls {
            let DeclKind::Gen(of) = ast[*decl].kind else { continue };
            for spec in ast.list(of.specs) {
                let SpecKind::Type { name, parameters: None, is_alias: false, .. } = ast[spec].kind else { continue };
                types.extend(ast.name(name).filter(|name| !name.is_blank()).map(|name| name.as_str().to_owned()));
            }
        }
    }
    types
}

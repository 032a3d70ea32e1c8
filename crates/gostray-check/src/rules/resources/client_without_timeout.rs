//! An HTTP client or server without a time limit.
//!
//! ## What it finds
//!
//! `http.Client{}` without `Timeout`, and `http.ListenAndServe`, which has none: a peer that does not answer, or
//! does not read, keeps a goroutine for as long as it likes.
//!
//! ## Example
//!
//! ```go
//! var client = &http.Client{}
//! ```
//!
//! Use instead:
//!
//! ```go
//! var client = &http.Client{Timeout: 10 * time.Second}
//! ```
//!
//! ## When it is wrong
//!
//! When every request has a context with a deadline.
//!
//! ## Fix
//!
//! Shown only: how long to wait is for the author to say.

use gostray_golang::ast::ExprKind;
use gostray_golang::package::PackageId;

use crate::finding::{Finding, Tier};
use crate::program::{BodyId, Program, is_named};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS504",
    name: "client-without-timeout",
    tier: Tier::Hygiene,
    text: include_str!("client_without_timeout.rs"),
    chinese: include_str!("client_without_timeout.zh-CN.md"),
    check: Check::Package(check),
};

fn check(program: &Program<'_>, package: PackageId, found: &mut Vec<Finding>) {
    for (file, source) in program.package(package).files() {
        if !source.imports.iter().any(|import| import.path == "net/http") {
            continue;
        }
        let (ast, tree) = (program.ast(file), program.tree(file));
        for (id, expr) in ast.exprs() {
            let ExprKind::Composite { elements, .. } = expr.kind else { continue };
            if !is_named(program.world, tree.types.ty(id), "net/http", "Client") {
                continue;
            }
            let has_timeout = ast.list(elements).any(|element| match ast[element].kind {
                ExprKind::KeyValue { key, .. } => ast.name(key).is_some_and(|name| name == "Timeout"),
                _ => true,
            });
            if has_timeout {
                continue;
            }
            // What is made for a variable of the package belongs to none of its functions.
            let Some(at) = tree.owner(id).or_else(|| (!tree.functions.is_empty()).then_some(0)) else { continue };
            let body = program.body(BodyId { file, at });
            let message = "this client waits for as long as its peer likes".to_owned();
            let mut finding = finding(&RULE, Tier::Hygiene, &body, expr.span, message);
            finding.why = "a peer that does not answer keeps a goroutine for ever".to_owned();
            finding.path.push(step(&body, expr.span, "Timeout is missing"));
            found.push(finding);
        }
    }
}

//! A loop over a channel that nobody closes.
//!
//! ## What it finds
//!
//! `for … range ch` ends when the channel is closed, and nobody closes it. When all values were sent, who
//! ranges waits for ever. It is *likely* where a field keeps the channel, and its value has a `Close` or `Stop`: that
//! does not reach the goroutine.
//!
//! ## Example
//!
//! ```go
//! func process(items []int) {
//! 	ch := make(chan int)
//! 	go func() {
//! 		for v := range ch { // never ends
//! 			use(v)
//! 		}
//! 	}()
//! 	for _, item := range items {
//! 		ch <- item
//! 	}
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	defer close(ch) // in the only function that sends
//! ```
//!
//! ## When it is wrong
//!
//! When the goroutine is meant to live as long as the process: say so with `//gostray:background`.
//!
//! ## Fix
//!
//! Unsafe: with several senders, a close too early makes a send panic.

use gostray_golang::Token;
use gostray_golang::ast::{ExprId, Node, StmtId, StmtKind, Walk};
use gostray_golang::types::Type;

use crate::channel::{Kept, Shape, Stranded};
use crate::finding::{Finding, Tier};
use crate::program::{Body, Cell, Parent, Program, Usage, names};
use crate::rules::channels::peer_gone::is_goroutine;
use crate::rules::{Check, Rule, Told, finding, step};
use crate::worker::closer;

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS108",
    name: "range-unclosed",
    tier: Tier::Proven,
    text: include_str!("range_unclosed.rs"),
    chinese: include_str!("range_unclosed.zh-CN.md"),
    check: Check::Stranded(&[Shape::Unclosed], tell),
};

fn tell(s: &Stranded<'_, '_>) -> Told {
    Told {
        message: format!("this loop never ends: nobody closes {}", s.story.name()),
        why: "when all values were received it waits for the next one, for ever".to_owned(),
        fix: crate::channel::close_after(s),
    }
}

/// A goroutine of a value ranges over a channel that nobody closes, though the value can be closed.
pub(super) fn of_kept(program: &Program<'_>, kept: &Kept) -> Option<Finding> {
    let Cell::Field(owner, _) = kept.cell else { return None };
    if kept.closes().next().is_some() {
        return None;
    }
    let closer = closer(program.world, &Type::Named(owner, [].into()))?;
    let (_, _, closer) = names(program.world, closer)?;
    let (range, body, stmt) = kept.receives().find_map(|operation| {
        let Usage::Range(stmt) = operation.usage else { return None };
        let body = program.body(operation.body);
        (is_goroutine(program, &body) && !leaves_when_told(&body, stmt)).then_some((operation, body, stmt))
    })?;
    let name = body.text_of(range.expr);
    let owner = program.world.type_name(owner);
    let span = gostray_golang::Span { start: body.ast()[stmt].span.start, end: body.ast()[range.expr].span.end };
    let message = format!("this loop never ends: nobody closes {name}, {owner}.{closer} neither");
    let mut finding = finding(&RULE, Tier::Likely, &body, span, message);
    finding.why = "every value of the type leaves a goroutine behind".to_owned();
    finding.blocks_at = Some(body.place(span));
    finding.path.push(step(&body, span, "it waits here for the next value, for ever"));
    Some(finding)
}

/// Is a loop left because of what was received, so that a value may mean the end?
fn leaves_when_told(body: &Body<'_>, stmt: StmtId) -> bool {
    let (ast, tree) = (body.ast(), &body.tree);
    let StmtKind::Range(range) = ast[stmt].kind else { return true };
    let Some(received) = range.key.and_then(|key| tree.types.variable(key)) else { return false };
    let asks = |condition: ExprId| {
        let mut is_asked = false;
        ast.walk(Node::Expr(condition), 0, &mut |node, _| {
            is_asked |= matches!(node, Node::Expr(expr) if tree.types.variable(expr) == Some(received));
            Walk::Into
        });
        is_asked
    };
    let mut is_told = false;
    ast.walk(Node::Stmt(range.body), 0, &mut |node, _| {
        let Node::Stmt(inner) = node else { return Walk::Into };
        let leaves = matches!(
            ast[inner].kind,
            StmtKind::Return(_) | StmtKind::Branch { keyword: Token::Break | Token::Goto, .. }
        );
        let mut around = tree.around_stmt(inner);
        while let Parent::Stmt(outer) = around
            && leaves
            && outer != stmt
        {
            is_told |= match ast[outer].kind {
                StmtKind::If { condition, .. } => asks(condition),
                // A switch may ask for anything.
                StmtKind::Case { .. } | StmtKind::Comm { .. } => true,
                _ => false,
            };
            around = tree.around_stmt(outer);
        }
        Walk::Into
    });
    is_told
}

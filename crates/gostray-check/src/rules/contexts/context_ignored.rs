//! A goroutine has a context, and sends without it on a channel that is given to a caller.
//!
//! ## What it finds
//!
//! A function gets a context, starts a goroutine that sends on a new channel, and returns the channel. Whoever
//! receives may leave when the context ends, or before; the send does not hear of that and waits for ever. Where
//! every caller is seen and receives to the end, nothing is reported; in tests, only with `--hygiene`.
//!
//! ## Example
//!
//! ```go
//! func list(ctx context.Context, keys []string) <-chan item {
//! 	out := make(chan item)
//! 	go func() {
//! 		defer close(out)
//! 		for _, key := range keys {
//! 			out <- get(ctx, key) // waits for ever when the reader has left
//! 		}
//! 	}()
//! 	return out
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 			select {
//! 			case out <- get(ctx, key):
//! 			case <-ctx.Done():
//! 				return
//! 			}
//! ```
//!
//! ## When it is wrong
//!
//! When all callers, also those of other modules, receive until the channel is closed.
//!
//! ## Fix
//!
//! Unsafe: the send is given up when the context ends, and the goroutine returns. The caller has to end the context.

use gostray_golang::ast::{ExprId, ExprKind, Node, StmtKind, Walk};
use gostray_golang::{Name, Token};

use crate::channel::{Act, MANY, Room, Story, indent, stories};
use crate::finding::{Edit, Finding, Fix, Safety, Tier};
use crate::program::{Body, Cell, Usage, is_named, parameters, usage};
use crate::rules::{Check, Rule, finding, spawn_span, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS403",
    name: "context-ignored",
    tier: Tier::Likely,
    text: include_str!("context_ignored.rs"),
    chinese: include_str!("context_ignored.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    let Some(context) = context(body) else { return };
    for story in stories(body) {
        if !is_returned(&story) || is_received_to_the_end(body) {
            continue;
        }
        let Room::Values(room) = story.room else { continue };
        let sent = story.goroutines.iter().find_map(|goroutine| {
            // Where there is room for all of them, none waits.
            let sends = story.most(goroutine, Act::Send);
            let send = story.first_certain(goroutine, Act::Send)?;
            (u64::from(sends) > room && (room == 0 || sends >= MANY)).then_some((goroutine, send))
        });
        let Some((goroutine, send)) = sent else { continue };
        let Usage::Send(stmt) = send.operation.usage else { continue };
        let root = body.program.body(send.operation.body);
        let span = root.ast()[stmt].span;
        let message = format!(
            "this send does not hear of {}: when whoever receives from {} has left, it waits for ever",
            body.text_of(context),
            story.name()
        );
        // What a test gives to the code under test is mostly received to the end.
        let tier = if root.source.is_test { Tier::Hygiene } else { Tier::Likely };
        let mut finding = finding(&RULE, tier, &root, span, message);
        finding.why = "the goroutine stays, with all that it holds".to_owned();
        let (spawner, call) = goroutine.spawn();
        let spawner = body.program.body(spawner);
        let spawn = spawn_span(&spawner, call);
        finding.spawned_at = Some(spawner.place(spawn));
        finding.blocks_at = Some(root.place(span));
        finding.path.push(step(&spawner, spawn, "the goroutine is started here"));
        finding.path.push(step(&root, span, "it waits here for whoever got the channel, and for nothing else"));
        let has_results = root.ast()[root.function().signature].results.is_some();
        if root.is_within(body.id) && !has_results {
            let indent = indent(&root, span.start);
            let name = body.text_of(context);
            let send = root.text(span);
            let text =
                format!("select {{\n{indent}case {send}:\n{indent}case <-{name}.Done():\n{indent}\treturn\n{indent}}}");
            finding.fix = Some(Fix {
                safety: Safety::Unsafe,
                title: format!("give the send up when {name} ends"),
                edits: vec![Edit { file: root.source.path.clone(), start: span.start, end: span.end, text }],
            });
        }
        found.push(finding);
    }
}

/// The context that a function gets.
fn context(body: &Body<'_>) -> Option<ExprId> {
    let ast = body.ast();
    parameters(ast, body.function().signature).into_iter().flatten().find(|parameter| {
        is_named(body.program.world, body.tree.types.ty(*parameter), "context", "Context")
            && !ast.name(*parameter).is_some_and(Name::is_blank)
    })
}

/// Does the function return the channel that it made?
fn is_returned(story: &Story<'_>) -> bool {
    let owner = &story.owner;
    let (ast, tree) = (owner.ast(), &owner.tree);
    let Usage::Becomes(target) = usage(ast, tree, story.make) else { return false };
    let uses = owner.cell(target).and_then(|cell| tree.uses.get(&cell));
    uses.into_iter()
        .flatten()
        .any(|name| matches!(usage(ast, tree, *name), Usage::Returned(_)) && tree.owner(*name) == Some(owner.id.at))
}

/// Are all callers seen, and do all receive until the channel is closed: `for … range f(…)`, never left?
fn is_received_to_the_end(body: &Body<'_>) -> bool {
    let program = body.program;
    let Some(function) = body.declaration().filter(|function| program.is_seen_whole(Cell::Func(*function))) else {
        return false;
    };
    let mut calls = 0;
    for (file, mention) in program.uses(Cell::Func(function)) {
        let (ast, tree) = (program.ast(file), program.tree(file));
        let (Usage::Call(call) | Usage::Method { call, .. }) = usage(ast, &tree, mention) else { continue };
        calls += 1;
        let Usage::Range(stmt) = usage(ast, &tree, call) else { return false };
        let mut leaves = false;
        ast.walk(Node::Stmt(stmt), 0, &mut |node, _| {
            match node {
                Node::Stmt(inner) => match ast[inner].kind {
                    StmtKind::Return(_) => leaves = true,
                    StmtKind::Branch { keyword, .. } => leaves |= matches!(keyword, Token::Break | Token::Goto),
                    _ => {}
                },
                Node::Expr(inner) if matches!(ast[inner].kind, ExprKind::Func { .. }) => return Walk::Over,
                _ => {}
            }
            Walk::Into
        });
        if leaves {
            return false;
        }
    }
    calls > 0
}

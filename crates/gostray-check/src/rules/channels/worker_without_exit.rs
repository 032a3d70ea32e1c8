//! A goroutine that has no way to end.
//!
//! ## What it finds
//!
//! A goroutine loops for ever and waits in its loop: there is no `return`, no way out. It is *proven* where it
//! waits for channels alone that the function which starts it made, keeps to itself and is done with when it
//! returns. It is *likely* where it belongs to a value of a type that has a `Close` or `Stop`, which does not
//! reach it, or is started for every request.
//!
//! ## Example
//!
//! ```go
//! func serve(items []int) {
//! 	work := make(chan int)
//! 	go func() {
//! 		for {
//! 			select {
//! 			case n := <-work:
//! 				use(n)
//! 			}
//! 		}
//! 	}()
//! 	for _, item := range items {
//! 		work <- item
//! 	}
//! }
//! ```
//!
//! Use instead:
//!
//! ```go
//! 			case <-ctx.Done():
//! 				return
//! ```
//!
//! ## When it is wrong
//!
//! When the goroutine is meant to live as long as the process: say so with `//gostray:background`. What `main`, `init` or
//! the `Run` of a command alone calls in its package is known to.
//!
//! ## Fix
//!
//! Unsafe where a context is in sight: a case for it is added. Otherwise it is only said.

use gostray_golang::ast::{ExprId, ExprKind, StmtKind};
use gostray_golang::flow::Exit;
use gostray_golang::types::VarId;

use crate::channel::{Act, Story, indent, stories};
use crate::finding::{Edit, Finding, Fix, Safety, Tier};
use crate::program::{Body, Cell, Usage, is_named, names, usage};
use crate::rules::{Check, Rule, finding, spawn_span, step};
use crate::worker::{Worker, subject, workers};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS116",
    name: "worker-without-exit",
    tier: Tier::Proven,
    text: include_str!("worker_without_exit.rs"),
    chinese: include_str!("worker_without_exit.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    let all = workers(body);
    if all.is_empty() {
        return;
    }
    for worker in all {
        let Some(first) = worker.waits.first() else { continue };
        // Its break means to leave the loop, or it waits for a clock: other rules.
        let has_lost_break = worker
            .waits
            .iter()
            .any(|wait| wait.select.is_some_and(|select| crate::worker::lost_break(&worker.root, select).is_some()));
        if has_lost_break || worker.waits.len() == 1 && worker.ticker().is_some() {
            continue;
        }
        let Some((tier, message, why)) = judge(body, &worker) else { continue };
        let spawn = spawn_span(body, worker.call);
        let mut finding = finding(&RULE, tier, body, spawn, message);
        finding.why = why;
        finding.spawned_at = Some(body.place(spawn));
        finding.blocks_at = Some(worker.root.place(first.span));
        finding.path.push(step(body, spawn, "the goroutine is started here"));
        finding.path.push(step(&worker.root, first.span, "it waits here, and never returns"));
        finding.fix = fix(&worker);
        found.push(finding);
    }
}

fn judge(body: &Body<'_>, worker: &Worker<'_>) -> Option<(Tier, String, String)> {
    let outer = body.program.body(body.outermost());
    if outer.is_main() || worker.is_of_the_process() {
        return None;
    }
    if is_abandoned(body, worker) {
        let why = "when the function has returned, nobody can send to it any more";
        return Some((
            Tier::Proven,
            "this goroutine never ends: what it waits for is out of reach".to_owned(),
            why.to_owned(),
        ));
    }
    if crate::rules::contexts::context_dropped::request(body).is_some() {
        let why = "every request adds one";
        return Some((Tier::Likely, "this goroutine has no way to end".to_owned(), why.to_owned()));
    }
    if let Some(keeper) = keeper(body, worker) {
        let why = format!("{keeper} keeps what it waits for, and every call adds one");
        return Some((Tier::Likely, "this goroutine has no way to end".to_owned(), why));
    }
    let (ty, closer) = subject(worker)?;
    let closer = closer?;
    // A type that is ended, and this goroutine is not.
    let (_, _, name) = names(body.program.world, closer)?;
    let text = ty.pointed().display(body.program.world).to_string();
    let text = text.rsplit('/').next().unwrap_or(&text).to_owned();
    let message = format!("this goroutine has no way to end: {text}.{name} does not reach it");
    Some((Tier::Likely, message, "every value of the type leaves one behind".to_owned()))
}

/// Does it wait for channels alone that the function made, and that nobody else sends on for ever?
fn is_abandoned(body: &Body<'_>, worker: &Worker<'_>) -> bool {
    if !body.flow().graph.exits().contains(&Exit::Return) {
        return false;
    }
    let own = stories(body);
    worker.waits.iter().all(|wait| {
        let Some(cell) = worker.root.cell(wait.channel) else { return false };
        let Some(story) = own.iter().find(|story| is_of(story, worker, wait.channel)) else { return false };
        matches!(cell, Cell::Var(_)) && story.is_local() && !story.has(Act::Close) && others_end(story, worker)
    })
}

/// Is it the story of a channel that a goroutine waits for?
fn is_of(story: &Story<'_>, worker: &Worker<'_>, channel: ExprId) -> bool {
    let ast = worker.root.ast();
    story
        .deeds
        .iter()
        .any(|deed| deed.operation.body == worker.root.id && ast.unparen(deed.operation.expr) == ast.unparen(channel))
}

/// The variable of the package, a map or slice, that keeps a channel which the goroutine waits for.
fn keeper(body: &Body<'_>, worker: &Worker<'_>) -> Option<String> {
    let own = stories(body);
    let ast = body.ast();
    worker.waits.iter().find_map(|wait| {
        let story = own.iter().find(|story| is_of(story, worker, wait.channel))?;
        story.trail.escapes.iter().filter(|escape| escape.file == body.id.file).find_map(|escape| {
            let Usage::Becomes(target) = usage(ast, &body.tree, escape.at) else { return None };
            let ExprKind::Index { x, .. } = ast[ast.unparen(target)].kind else { return None };
            let kept = matches!(body.cell(x)?, Cell::Var(VarId::Global { .. }) | Cell::Field(..));
            kept.then(|| body.text_of(x).to_owned())
        })
    })
}

/// Do all other goroutines of a channel end?
fn others_end(story: &Story<'_>, worker: &Worker<'_>) -> bool {
    story.goroutines.iter().all(|goroutine| {
        goroutine.root() == worker.root.id
            || story.owner.program.body(goroutine.root()).flow().graph.exits().contains(&Exit::Return)
    })
}

/// A case for the context, where there is one in sight.
fn fix(worker: &Worker<'_>) -> Option<Fix> {
    let root = &worker.root;
    let ast = root.ast();
    let select = worker.waits.iter().find_map(|wait| wait.select)?;
    let mut names: Vec<(u32, &str)> = Vec::new();
    for (cell, uses) in &root.tree.uses {
        let Cell::Var(VarId::Local { ident, .. }) = cell else { continue };
        let Some(owner) = root.tree.owner(*ident) else { continue };
        let owner = crate::program::BodyId { file: root.id.file, at: owner };
        if !uses.is_empty()
            && root.is_within(owner)
            && ast[*ident].span.start < ast[select].span.start
            && is_named(root.program.world, root.tree.types.ty(*ident), "context", "Context")
        {
            names.push((ast[*ident].span.start, root.text_of(*ident)));
        }
    }
    names.sort_unstable();
    let (_, name) = names.last()?;
    let StmtKind::Select(block) = ast[select].kind else { return None };
    let end = ast[block].span.end - 1;
    let indent = indent(root, ast[select].span.start);
    let text = format!("case <-{name}.Done():\n{indent}\treturn\n{indent}");
    Some(Fix {
        safety: Safety::Unsafe,
        title: format!("end it with {name}"),
        edits: vec![Edit { file: root.source.path.clone(), start: end, end, text }],
    })
}

//! The `stop` function of `iter.Pull` is not called on some way out.
//!
//! ## What it finds
//!
//! `iter.Pull` runs the sequence in a coroutine, which stays suspended until the sequence is used up or `stop`
//! is called.
//!
//! ## Example
//!
//! ```go
//! 	next, stop := iter.Pull(seq)
//! 	first, ok := next()
//! 	return first, ok // the rest of seq stays suspended
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	next, stop := iter.Pull(seq)
//! 	defer stop()
//! ```
//!
//! ## When it is wrong
//!
//! When the sequence is used up on that way: `stop` does no harm then.
//!
//! ## Fix
//!
//! Safe.

use crate::channel::{insert_after, statement};
use crate::finding::{Finding, Fix, Safety, Tier};
use crate::obligation::{Obligation, Release};
use crate::program::{Body, calls, targets};
use crate::rules::{Check, Rule, finding, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS406",
    name: "iter-pull",
    tier: Tier::Likely,
    text: include_str!("iter_pull.rs"),
    chinese: include_str!("iter_pull.zh-CN.md"),
    check: Check::Body(check),
};

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for (call, names) in calls(body) {
        if !matches!(names, ("iter", None, "Pull" | "Pull2")) {
            continue;
        }
        let span = body.ast()[call].span;
        let is_thrown_away = targets(body, call).is_some_and(|(left, _)| {
            left.get(1).is_some_and(|stop| body.ast().name(*stop).is_some_and(gostray_golang::Name::is_blank))
        });
        if is_thrown_away {
            let mut finding =
                finding(&RULE, Tier::Likely, body, span, "the stop function of the iterator is thrown away".to_owned());
            finding.why = "the sequence stays suspended, with all that it holds".to_owned();
            finding.path.push(step(body, span, "the sequence is started here"));
            found.push(finding);
            continue;
        }
        let Some(obligation) = Obligation::of(body, call, 1, Release::Use) else { continue };
        let Some(way) = obligation.missed() else { continue };
        let name = body.text_of(obligation.ident);
        let message = format!("{name} is not called on every way out: the sequence stays suspended");
        let mut finding = finding(&RULE, Tier::Likely, body, span, message);
        finding.why = "a suspended sequence is a goroutine that never ends".to_owned();
        finding.path.push(step(body, span, "the sequence is started here"));
        finding.path.extend(way.steps(body, Some(span), "this way out does not stop it"));
        finding.fix = statement(body, call).map(|stmt| Fix {
            safety: Safety::Safe,
            title: format!("call {name} however the function ends"),
            edits: vec![insert_after(body, stmt, &format!("defer {name}()"))],
        });
        found.push(finding);
    }
}

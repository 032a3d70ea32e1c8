//! The rules, one file each. What a file says of itself is what `gostray rule` shows.
#![allow(clippy::tabs_in_doc_comments, reason = "Go is written with tabs")]

mod channels;
mod contexts;
mod edits;
mod groups;
mod locks;
mod resources;
mod spawning;

use gostray_golang::Span;

use crate::channel::{Shape, Stranded};
use crate::finding::{Finding, Fix, Step, Tier};
use crate::program::{Body, Program};

/// A rule.
pub struct Rule {
    /// `GS101`
    pub code: &'static str,
    /// `early-return-send`
    pub name: &'static str,
    /// How sure it is at best.
    pub tier: Tier,
    /// Its file, whose first comment is its documentation.
    text: &'static str,
    /// Its documentation in Chinese.
    chinese: &'static str,
    pub(crate) check: Check,
}

/// What a rule looks at.
pub(crate) enum Check {
    /// Whoever is left behind at a channel in one of these shapes.
    Stranded(&'static [Shape], fn(&Stranded<'_, '_>) -> Told),
    /// A function.
    Body(fn(&Body<'_>, &mut Vec<Finding>)),
    /// A package.
    Package(fn(&Program<'_>, gostray_golang::package::PackageId, &mut Vec<Finding>)),
}

/// What is told of somebody who is left behind.
pub(crate) struct Told {
    pub(crate) message: String,
    pub(crate) why: String,
    pub(crate) fix: Option<Fix>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.name)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Rule {}

impl Rule {
    /// Its documentation, Markdown: what it finds, why that is bad, an example, what to do instead, when it
    /// is wrong, how safe its fix is.
    #[must_use]
    pub fn documentation(&self) -> String {
        let lines = self.text.lines().take_while(|line| line.starts_with("//!"));
        let lines = lines.map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The same in Chinese.
    #[must_use]
    pub fn chinese(&self) -> &'static str {
        self.chinese
    }

    /// The first line of its documentation.
    #[must_use]
    pub fn summary(&self) -> String {
        self.documentation().lines().next().unwrap_or_default().to_owned()
    }
}

/// All rules, by code.
pub static RULES: &[Rule] = &[
    channels::early_return_send::RULE,
    channels::timeout_abandon::RULE,
    channels::first_wins::RULE,
    channels::partial_collect::RULE,
    channels::send_no_receiver::RULE,
    channels::receive_never::RULE,
    channels::close_missed_path::RULE,
    channels::range_unclosed::RULE,
    channels::full_buffer::RULE,
    channels::send_in_defer::RULE,
    channels::nil_channel::RULE,
    channels::empty_select::RULE,
    channels::double_close::RULE,
    channels::stuck_producer::RULE,
    channels::break_in_select::RULE,
    channels::worker_without_exit::RULE,
    channels::peer_gone::RULE,
    channels::end_ignored::RULE,
    locks::recursive_lock::RULE,
    locks::missing_unlock::RULE,
    locks::lock_order::RULE,
    locks::lock_across_channel::RULE,
    locks::cond_no_signal::RULE,
    groups::wg_mismatch::RULE,
    groups::wg_add_inside::RULE,
    groups::wg_wait_in_loop::RULE,
    channels::wait_before_drain::RULE,
    groups::errgroup_misuse::RULE,
    contexts::lost_cancel::RULE,
    contexts::context_dropped::RULE,
    contexts::context_ignored::RULE,
    contexts::ticker_loop::RULE,
    contexts::after_in_loop::RULE,
    contexts::iter_pull::RULE,
    contexts::signal_notify::RULE,
    contexts::after_func::RULE,
    resources::body_not_closed::RULE,
    resources::resource_not_closed::RULE,
    resources::client_without_timeout::RULE,
    spawning::infinite_loop::RULE,
    spawning::handler_spawn::RULE,
    spawning::unbounded_spawn::RULE,
    spawning::test_fatal::RULE,
];

/// A rule by its code or name.
#[must_use]
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code.eq_ignore_ascii_case(name) || rule.name == name)
}

/// A finding of a rule at a place of a function.
pub(crate) fn finding(rule: &'static Rule, tier: Tier, body: &Body<'_>, span: Span, message: String) -> Finding {
    let statement: String = body.text(span).split_whitespace().collect::<Vec<_>>().join(" ");
    let statement: String = statement.chars().take(200).collect();
    let function = body.program.body(body.outermost()).name();
    let package = body.program.package(body.id.file.package).path;
    let fingerprint = fingerprint(&[rule.code, package.as_str(), &function, &statement]);
    Finding {
        rule,
        tier,
        place: body.place(span),
        message,
        why: String::new(),
        function: body.name(),
        spawned_at: None,
        blocks_at: None,
        path: Vec::new(),
        fix: None,
        fingerprint,
        given_by: None,
        is_never_given_back: false,
        live: 0,
    }
}

/// FNV-1a: the same on every machine and in every version.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash ^= u64::from(byte);
            hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

pub(crate) fn step(body: &Body<'_>, span: Span, note: &str) -> Step {
    Step { place: body.place(span), note: note.to_owned() }
}

/// The finding of somebody who is left behind.
pub(crate) fn stranded(rule: &'static Rule, stranded: &Stranded<'_, '_>, told: Told) -> Finding {
    let program = stranded.story.owner.program;
    let deed = stranded.deed;
    let body = program.body(deed.operation.body);
    let span = span_of(&body, stranded);
    // Where there is room, and nobody knows how much is sent, it may be enough.
    let has_room = !matches!(stranded.story.room, crate::channel::Room::Values(0));
    // In a test what is given, and when, is chosen so that it works: whether a way is ever taken there is hard to say.
    let is_test = body.source.is_test || stranded.way.as_ref().is_some_and(|(through, _)| through.source.is_test);
    let is_proven = stranded.is_certain && (stranded.way.is_none() || !is_test);
    let tier = match is_proven {
        true => rule.tier,
        false if has_room && stranded.sends >= crate::channel::MANY => Tier::Hygiene,
        // Whom a test waits for is there to do its work; where it can't, the test hangs, and is seen to. And who takes from a
        // producer there knows how much it gives.
        false
            if body.source.is_test
                && !stranded.is_certain
                && matches!(stranded.shape, Shape::CloseMissed | Shape::StuckProducer) =>
        {
            Tier::Hygiene
        }
        false => rule.tier.max(Tier::Likely),
    };
    let mut finding = finding(rule, tier, &body, span, told.message);
    finding.why = told.why;
    finding.fix = told.fix;
    if let Some(goroutine) = stranded.goroutine {
        let (spawner, call) = goroutine.spawn();
        let spawner = program.body(spawner);
        let place = spawn_span(&spawner, call);
        finding.spawned_at = Some(spawner.place(place));
        finding.path.push(step(&spawner, place, "the goroutine is started here"));
    }
    finding.blocks_at = Some(body.place(span));
    finding.path.push(step(&body, span, "it waits here, for ever"));
    if let Some((through, way)) = &stranded.way {
        let after = stranded
            .goroutine
            .filter(|goroutine| goroutine.links[0].body == through.id)
            .map(|goroutine| through.ast()[goroutine.call()].span);
        let end = if way.before.is_some() { "this waits for the goroutine" } else { "this way out leaves it" };
        finding.path.extend(way.steps(through, after, end));
    }
    finding
}

/// From `go` to the end of what is called, without the body of a closure.
pub(crate) fn spawn_span(body: &Body<'_>, call: gostray_golang::ast::ExprId) -> Span {
    use gostray_golang::ast::ExprKind;
    let ast = body.ast();
    let start = match body.tree.around(ast, call) {
        crate::program::Parent::Stmt(stmt) => ast[stmt].span.start,
        _ => ast[call].span.start,
    };
    let ExprKind::Call { function, .. } = ast[call].kind else { return ast[call].span };
    let end = match ast[ast.unparen(function)].kind {
        ExprKind::Func { ty, .. } => ast[ty].span.end,
        _ => {
            let closure = body.arguments(call).into_iter().find_map(|argument| match ast[argument].kind {
                ExprKind::Func { ty, .. } => Some(ast[ty].span.end),
                _ => None,
            });
            closure.unwrap_or(ast[call].span.end)
        }
    };
    Span { start, end }
}

fn span_of(body: &Body<'_>, stranded: &Stranded<'_, '_>) -> Span {
    use crate::program::Usage;
    let ast = body.ast();
    match stranded.deed.operation.usage {
        Usage::Send(stmt) => ast[stmt].span,
        Usage::Receive(expr) => ast[expr].span,
        Usage::Range(stmt) => Span { start: ast[stmt].span.start, end: ast[stranded.deed.operation.expr].span.end },
        _ => ast[stranded.deed.operation.expr].span,
    }
}

//! A wait group is added to more often than it is done for.
//!
//! ## What it finds
//!
//! `Wait` returns when `Done` was called as often as `Add` counted. The rule finds a goroutine with a way out
//! that misses `Done`, and a way on which more is added than goroutines are started that are done.
//!
//! ## Example
//!
//! ```go
//! 	wg.Add(1)
//! 	go func() {
//! 		if err := work(); err != nil {
//! 			return // Done is missed
//! 		}
//! 		wg.Done()
//! 	}()
//! ```
//!
//! Use instead:
//!
//! ```go
//! 	go func() {
//! 		defer wg.Done()
//! 		…
//! 	}()
//! 	// or, since Go 1.25: wg.Go(func() { … })
//! ```
//!
//! ## When it is wrong
//!
//! When the way out can't be taken for a reason that the code does not show.
//!
//! ## Fix
//!
//! Safe where the goroutine calls `Done` in one place, as the last thing it does: it becomes
//! `defer wg.Done()` at its start.

use gostray_golang::ast::{ExprId, ExprKind, StmtId, StmtKind};
use gostray_golang::flow::{BlockId, Edge, Exit, Step};
use gostray_golang::types::VarId;

use crate::actor::{Link, Manner, links, loop_around};
use crate::channel::{insert_first, statement};
use crate::finding::{Finding, Fix, Safety, Tier};
use crate::path::{Atom, Watch, comes_straight, is_inside, is_open, search};
use crate::program::{Body, BodyId, Cell, Event, Known, Operation, Program, Usage, What, follow_cell};
use crate::rules::{Check, Rule, finding, spawn_span, step};

pub(in crate::rules) const RULE: Rule = Rule {
    code: "GS301",
    name: "wg-mismatch",
    // That what is added is not done for each may be what is counted on.
    tier: Tier::Likely,
    text: include_str!("wg_mismatch.rs"),
    chinese: include_str!("wg_mismatch.zh-CN.md"),
    check: Check::Body(check),
};

/// What is done with a wait group.
pub(super) struct Deed {
    pub(super) known: Known,
    pub(super) operation: Operation,
    pub(super) links: Vec<crate::actor::Link>,
}

/// A wait group that a function declares, and all that is done with it.
pub(super) struct Group {
    pub(super) deeds: Vec<Deed>,
}

/// The wait groups that a function declares and keeps in sight.
pub(super) fn groups(body: &Body<'_>) -> Vec<Group> {
    let declared = body.tree.groups.iter().filter(|ident| body.tree.owner(**ident) == Some(body.id.at));
    let mut groups = Vec::new();
    for ident in declared.copied() {
        let cell = Cell::Var(VarId::Local { file: body.id.file, ident });
        // A parameter is somebody else's.
        let block = body.ast()[body.function().block].span;
        if body.ast()[ident].span.start < block.start {
            continue;
        }
        let trail = follow_cell(body.program, body.id.file, cell);
        if !trail.is_whole() || trail.is_mixed || trail.is_shared {
            continue;
        }
        let mut deeds = Vec::new();
        let mut is_clear = true;
        for operation in trail.operations {
            let owner = body.program.body(operation.body);
            let known = match operation.usage {
                Usage::Method { call, .. } => owner.known(call),
                _ => None,
            };
            match (known, links(body, &operation)) {
                (Some(known), Some(ways)) => {
                    for links in ways {
                        deeds.push(Deed { known, operation: operation.clone(), links });
                    }
                }
                _ => is_clear = false,
            }
        }
        if is_clear {
            groups.push(Group { deeds });
        }
    }
    groups
}

impl Group {
    pub(super) fn has(&self, known: Known) -> bool {
        self.deeds.iter().any(|deed| deed.known == known)
    }
}

fn check(body: &Body<'_>, found: &mut Vec<Finding>) {
    for group in groups(body) {
        if !group.has(Known::Wait) {
            continue;
        }
        missed(body, &group, found);
        unequal(body, &group, found);
        skipped(body, &group, found);
    }
}

/// Is a deed done at an event of a function that so many links lead to?
fn is_at(body: &Body<'_>, event: &Event, deed: &Deed, depth: usize) -> bool {
    let call = match event.what {
        What::Call { call } | What::Deferred { call } | What::Go { call } => call,
        _ => return false,
    };
    match deed.links.get(depth) {
        None => {
            deed.operation.body == body.id
                && matches!(deed.operation.usage, Usage::Method { call: own, .. } if own == call)
        }
        Some(link) => {
            link.body == body.id
                && link.call == call
                && match event.what {
                    What::Deferred { .. } => link.manner == Manner::Deferred,
                    What::Go { .. } => link.manner == Manner::Spawned,
                    _ => link.manner != Manner::Deferred,
                }
        }
    }
}

struct WithoutDone<'g, 'p> {
    group: &'g Group,
    body: Body<'p>,
    depth: usize,
}

impl Watch for WithoutDone<'_, '_> {
    type State = ();

    fn start(&self) {}

    fn event(&self, (): (), event: &Event) -> Option<()> {
        let is_done =
            self.group.deeds.iter().any(|deed| deed.known == Known::Done && is_at(&self.body, event, deed, self.depth));
        (!is_done).then_some(())
    }

    fn fact(&self, (): (), atom: &Atom, holds: bool) -> Option<()> {
        // The group is there: it is not nil.
        let is_it = |expr| {
            self.body.cell(expr).is_some_and(|cell| {
                self.group.deeds.iter().any(|deed| {
                    deed.operation.body == self.body.id && self.body.cell(deed.operation.expr) == Some(cell)
                })
            })
        };
        (!(holds && atom.compared_to_nil(&self.body).is_some_and(is_it))).then_some(())
    }

    fn is_found(&self, (): &(), exit: Exit) -> bool {
        exit == Exit::Return
    }
}

/// A goroutine with a way out that misses `Done`.
fn missed(body: &Body<'_>, group: &Group, found: &mut Vec<Finding>) {
    let mut roots: Vec<(BodyId, usize)> = Vec::new();
    for deed in group.deeds.iter().filter(|deed| deed.known == Known::Done) {
        let Some(last) = deed.links.iter().rposition(|link| link.manner == Manner::Spawned) else { continue };
        let root = deed.links[last].callee;
        if roots.iter().any(|(own, _)| *own == root) {
            continue;
        }
        roots.push((root, last + 1));
        let root = body.program.body(root);
        // Done for each of several things: how many there are is another question.
        let is_looped = group.deeds.iter().any(|deed| {
            deed.known == Known::Done
                && deed.links.get(last).is_some_and(|link| link.callee == root.id)
                && (loop_around(&body.program.body(deed.operation.body), deed.operation.expr).is_some()
                    || deed.links[last + 1..].iter().any(|link| is_in_loop(body.program, link)))
        });
        if is_looped || !is_counted(body.program, group, &deed.links[..=last]) {
            continue;
        }
        let watch = WithoutDone { group, body: root.clone(), depth: last + 1 };
        let Some(way) = search(&root, &watch) else { continue };
        let wait = group.deeds.iter().find(|deed| deed.known == Known::Wait);
        let Some(wait) = wait else { continue };
        let waiter = body.program.body(wait.operation.body);
        let Usage::Method { call, .. } = wait.operation.usage else { continue };
        let span = waiter.ast()[call].span;
        let name = body.program.body(deed.operation.body).text_of(deed.operation.expr);
        let message = format!("this goroutine can end without {name}.Done(): Wait waits for ever");
        let spawner = body.program.body(deed.links[last].body);
        let spawn = spawn_span(&spawner, deed.links[last].call);
        // Who has to do with the goroutine before it waits may not come to wait.
        let starts = |event: &Event| is_at(&waiter, event, deed, 0);
        let waits = |event: &Event| matches!(event.what, What::Call { call: own } if own == call);
        let is_straight = deed.links[0].body == waiter.id && comes_straight(&waiter, &starts, &waits);
        let is_certain = is_straight && !way.says_that_it_fails(&root) && is_open(&root, &watch, &way, &|_| true);
        // Whom a test waits for is there to do its work; where it can't, the test hangs, and is seen to.
        let tier = if is_certain || !root.source.is_test { Tier::Likely } else { Tier::Hygiene };
        let mut finding = finding(&RULE, tier, &spawner, spawn, message);
        finding.why = "whoever waits for the group never goes on".to_owned();
        finding.spawned_at = Some(spawner.place(spawn));
        finding.blocks_at = Some(waiter.place(span));
        finding.path.push(step(&spawner, spawn, "the goroutine is started here"));
        finding.path.extend(way.steps(&root, None, "this way out misses Done"));
        finding.path.push(step(&waiter, span, "this waits for it, for ever"));
        finding.fix = fix(&root, deed);
        found.push(finding);
    }
}

fn is_in_loop(program: &Program<'_>, link: &Link) -> bool {
    loop_around(&program.body(link.body), link.call).is_some()
}

/// Is one added for each goroutine that is started by these links? Where it is started in a loop, `Add` must be in it, or
/// say how often it runs.
fn is_counted(program: &Program<'_>, group: &Group, links: &[Link]) -> bool {
    group.deeds.iter().filter(|deed| deed.known == Known::Add && links.starts_with(&deed.links)).any(|add| {
        let depth = add.links.len();
        let Some(link) = links.get(depth) else { return false };
        let Usage::Method { call, .. } = add.operation.usage else { return false };
        let spawner = program.body(link.body);
        let is_each = match loop_around(&spawner, link.call) {
            Some(around) => {
                is_inside(spawner.ast(), spawner.ast()[call].span, around) || is_number_of(&spawner, call, around)
            }
            None => true,
        };
        is_each && !links[depth + 1..].iter().any(|link| is_in_loop(program, link))
    })
}

/// Does `Add` count the rounds of a loop?
fn is_number_of(body: &Body<'_>, add: ExprId, around: StmtId) -> bool {
    let ast = body.ast();
    let Some(count) = body.arguments(add).first().copied() else { return false };
    let of = match ast[around].kind {
        StmtKind::Range(range) => range.x,
        StmtKind::For { condition: Some(condition), .. } => match ast[ast.unparen(condition)].kind {
            ExprKind::Binary { y, .. } => y,
            _ => return false,
        },
        _ => return false,
    };
    let number = |expr| body.program.world.integer(&body.tree.types, body.id.file, expr);
    let (count_text, of_text) = (body.text_of(count), body.text_of(of));
    count_text == of_text
        || count_text.strip_prefix("len(").and_then(|text| text.strip_suffix(')')) == Some(of_text)
        || number(count).is_some_and(|count| Some(count) == number(of))
}

/// `defer wg.Done()` first, in the stead of the one at the end.
fn fix(root: &Body<'_>, deed: &Deed) -> Option<Fix> {
    let ast = root.ast();
    let Usage::Method { call, .. } = deed.operation.usage else { return None };
    if deed.operation.body != root.id {
        return None;
    }
    let text = root.text_of(call);
    let title = format!("call {text} however the goroutine ends");
    let stmt = statement(root, call)?;
    let end = ast[stmt].span.end;
    let is_last = matches!(ast[stmt].kind, StmtKind::Expr(_))
        && loop_around(root, call).is_none()
        && root.flow().all().all(|(_, event)| {
            event.span.start < end
                || !matches!(event.what, What::Call { .. } | What::Send { .. } | What::Receive { .. })
        });
    let others = root
        .flow()
        .all()
        .filter(|(_, event)| matches!(event.what, What::Call { call } if root.known(call) == Some(Known::Done)))
        .count();
    if !is_last || others != 1 {
        return Some(Fix { safety: Safety::Display, title, edits: Vec::new() });
    }
    let edits = vec![insert_first(root, &format!("defer {text}")), crate::rules::edits::remove_line(root, stmt)];
    Some(Fix { safety: Safety::Safe, title, edits })
}

/// Looks for a round of a loop in which nothing is started that is done.
struct Round<'g, 'p> {
    group: &'g Group,
    body: Body<'p>,
    head: BlockId,
}

impl Watch for Round<'_, '_> {
    /// Is it in a round?
    type State = Option<bool>;

    fn start(&self) -> Self::State {
        Some(false)
    }

    fn event(&self, state: Self::State, event: &Event) -> Option<Self::State> {
        let is_done =
            self.group.deeds.iter().any(|deed| deed.known == Known::Done && is_at(&self.body, event, deed, 0));
        Some(if is_done { Some(false) } else { state })
    }

    fn edge(&self, state: Self::State, from: BlockId, edge: Edge) -> Option<Self::State> {
        if from != self.head {
            return Some(state);
        }
        match (state, edge) {
            // A round came back without anything that is done.
            (Some(true), Edge::Element | Edge::Done) => Some(None),
            (None, _) => Some(None),
            (_, Edge::Element) => Some(Some(true)),
            _ => Some(Some(false)),
        }
    }

    fn is_found(&self, _state: &Self::State, _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, state: &Self::State, event: &Event) -> bool {
        state.is_none()
            && self
                .group
                .deeds
                .iter()
                .any(|deed| deed.known == Known::Wait && deed.links.is_empty() && is_at(&self.body, event, deed, 0))
    }
}

/// How sure it is. Where a value says in a test that less is done, it has said before that less is added.
fn tier(body: &Body<'_>, is_open: bool) -> Tier {
    if is_open || !body.source.is_test { Tier::Likely } else { Tier::Hygiene }
}

/// Is it this call?
fn is_call(call: ExprId) -> impl Fn(&Event) -> bool {
    move |event| matches!(event.what, What::Call { call: own } if own == call)
}

/// As many are added as there are elements, and a round of the loop over them starts nothing.
fn skipped(body: &Body<'_>, group: &Group, found: &mut Vec<Finding>) {
    let adds: Vec<&Deed> = group.deeds.iter().filter(|deed| deed.known == Known::Add).collect();
    let [add] = adds.as_slice() else { return };
    let Usage::Method { call, .. } = add.operation.usage else { return };
    let Some(count) = body.arguments(call).first().copied().filter(|_| add.links.is_empty()) else { return };
    let Some(of) = body.text_of(count).strip_prefix("len(").and_then(|text| text.strip_suffix(')')) else { return };
    let ast = body.ast();
    let flow = body.flow();
    for deed in group.deeds.iter().filter(|deed| deed.known == Known::Done) {
        let Some(link) = deed.links.first().filter(|link| link.manner == Manner::Spawned) else { continue };
        let Some(around) = loop_around(body, link.call) else { continue };
        let StmtKind::Range(range) = ast[around].kind else { continue };
        if body.text_of(range.x) != of {
            continue;
        }
        let head = flow.graph.blocks().find(|(_, block)| block.steps.last() == Some(&Step::Stmt(around)));
        let Some((head, _)) = head else { continue };
        let watch = Round { group, body: body.clone(), head };
        let Some(way) = search(body, &watch) else { continue };
        let tier = tier(body, is_open(body, &watch, &way, &is_call(call)));
        let Some(event) = way.before else { continue };
        let span = ast[call].span;
        let name = body.text_of(add.operation.expr);
        let message = format!("one is added to {name} for each of {of}, and not each is done: Wait waits for ever");
        let mut finding = finding(&RULE, tier, body, span, message);
        finding.why = "whoever waits for the group never goes on".to_owned();
        finding.blocks_at = Some(body.place(event.span));
        finding.path.push(step(body, span, "this is added"));
        finding.path.extend(way.steps(body, Some(span), "this waits for it, for ever"));
        found.push(finding);
        return;
    }
}

/// How much was added, and how often it was, or will be, done.
struct Balance<'g, 'p> {
    group: &'g Group,
    body: Body<'p>,
}

const UNKNOWN: u8 = u8::MAX;

impl Watch for Balance<'_, '_> {
    type State = (u8, u8);

    fn start(&self) -> (u8, u8) {
        (0, 0)
    }

    fn event(&self, (mut added, mut done): (u8, u8), event: &Event) -> Option<(u8, u8)> {
        let mut spawned: Vec<&[crate::actor::Link]> = Vec::new();
        for deed in self.group.deeds.iter().filter(|deed| is_at(&self.body, event, deed, 0)) {
            match deed.known {
                Known::Add => {
                    if !deed.links.is_empty() {
                        return None;
                    }
                    let Usage::Method { call, .. } = deed.operation.usage else { return None };
                    let count = self.body.arguments(call).first().and_then(|argument| {
                        self.body.program.world.integer(&self.body.tree.types, self.body.id.file, *argument)
                    });
                    // How much is added is not known: nothing can be said of this way.
                    let count = count.and_then(|count| u8::try_from(count).ok())?;
                    added = added.checked_add(count).filter(|added| *added < UNKNOWN)?;
                }
                Known::Done => match deed.links.iter().position(|link| link.manner == Manner::Spawned) {
                    // A goroutine is done once, however many ways it has.
                    Some(at) => {
                        if !spawned.contains(&&deed.links[..=at]) {
                            spawned.push(&deed.links[..=at]);
                            done = done.saturating_add(1);
                        } else {
                            return None;
                        }
                    }
                    None => done = done.saturating_add(1),
                },
                Known::Wait | Known::WaitGo => {}
                _ => return None,
            }
        }
        // As many rounds as matter.
        if added > 8 {
            return None;
        }
        Some((added, done))
    }

    fn is_found(&self, _state: &(u8, u8), _exit: Exit) -> bool {
        false
    }

    fn is_found_before(&self, (added, done): &(u8, u8), event: &Event) -> bool {
        added > done
            && self
                .group
                .deeds
                .iter()
                .any(|deed| deed.known == Known::Wait && deed.links.is_empty() && is_at(&self.body, event, deed, 0))
    }
}

/// A way on which more is added than will be done.
fn unequal(body: &Body<'_>, group: &Group, found: &mut Vec<Finding>) {
    // Goroutines that are done more than once, or in a loop, are not counted.
    let is_simple = group.deeds.iter().all(|deed| match deed.known {
        Known::Done => {
            let owner = body.program.body(deed.operation.body);
            loop_around(&owner, deed.operation.expr).is_none()
                && deed.links.iter().skip(1).all(|link| loop_around(&body.program.body(link.body), link.call).is_none())
        }
        Known::Add => deed.links.is_empty(),
        _ => true,
    });
    // What is added in one loop and started in another may be as much.
    let is_apart = |add: &Deed| {
        let around = loop_around(body, add.operation.expr).filter(|_| add.operation.body == body.id);
        around.is_some_and(|around| {
            !group.deeds.iter().any(|deed| {
                deed.known == Known::Done
                    && deed.links.first().is_some_and(|link| {
                        link.body == body.id && is_inside(body.ast(), body.ast()[link.call].span, around)
                    })
            })
        })
    };
    if !is_simple || group.deeds.iter().any(|deed| deed.known == Known::Add && is_apart(deed)) {
        return;
    }
    let watch = Balance { group, body: body.clone() };
    let Some(way) = search(body, &watch) else { return };
    let Some(event) = way.before else { return };
    let add = group.deeds.iter().find(|deed| deed.known == Known::Add && deed.links.is_empty());
    let Some(add) = add else { return };
    let Usage::Method { call, .. } = add.operation.usage else { return };
    let span = body.ast()[call].span;
    let name = body.text_of(add.operation.expr);
    let message = format!("more is added to {name} than is done: Wait waits for ever");
    let tier = tier(body, is_open(body, &watch, &way, &is_call(call)));
    let mut finding = finding(&RULE, tier, body, span, message);
    finding.why = "whoever waits for the group never goes on".to_owned();
    finding.blocks_at = Some(body.place(event.span));
    finding.path.push(step(body, span, "this is added"));
    finding.path.extend(way.steps(body, Some(span), "this waits for it, for ever"));
    found.push(finding);
}

//! Who receives, and nobody sends or closes any more.

use gostray_golang::ast::ExprId;
use gostray_golang::flow::{BlockId, Edge, Exit};

use super::given::given;
use super::{Shape, Stranded, Supply, head, is_start, starts};
use crate::actor::loop_around;
use crate::channel::count::MANY;
use crate::channel::story::{Act, Deed, Goroutine, Story};
use crate::path::{Atom, Watch, Way, comes_straight, is_open, search};
use crate::program::{Body, Event, Usage, What, usage};

/// Looks for a way on which a goroutine that receives is left waiting.
struct Receivers<'s, 'p> {
    supply: Supply<'s, 'p>,
    spawn: ExprId,
    /// How many values the goroutine waits for; a loop over the channel waits for its close.
    needs: u8,
}

impl Watch for Receivers<'_, '_> {
    /// Started, how many were sent, closed.
    type State = (bool, u8, bool);

    fn start(&self) -> Self::State {
        (false, 0, false)
    }

    fn event(&self, (mut is_started, mut sent, mut is_closed): Self::State, event: &Event) -> Option<Self::State> {
        is_started |= is_start(event, self.spawn);
        let effect = self.supply.effect(event);
        sent = sent.saturating_add(effect.sends.max(effect.offers)).min(MANY);
        is_closed |= effect.closes;
        Some((is_started, sent, is_closed))
    }

    fn is_found(&self, (is_started, sent, is_closed): &Self::State, exit: Exit) -> bool {
        exit == Exit::Return && *is_started && !is_closed && (self.needs >= MANY || *sent < self.needs)
    }
}

/// Goroutines, or the owner, that receive and nobody sends to.
pub(crate) fn stranded_receivers<'s, 'p>(story: &'s Story<'p>) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    let certain = |goroutine: &'s Goroutine| {
        story.first_certain(goroutine, Act::Range).or_else(|| story.first_certain(goroutine, Act::Receive))
    };
    let receiver = story.goroutines.iter().find_map(|g| Some((g, certain(g)?)));
    if !story.is_local() {
        let given = given(story).filter(|given| !given.is_empty());
        if let (Some(given), Some((goroutine, deed))) = (given, receiver)
            && let Some(left) = left_before_given(story, goroutine, deed, given)
        {
            return Some(left);
        }
    }
    if !story.is_whole() {
        return None;
    }
    if !story.has(Act::Send) && !story.has(Act::Close) {
        return match receiver {
            Some((goroutine, deed)) => Some(Stranded {
                story,
                shape: Shape::NoSender,
                goroutine: Some(goroutine),
                deed,
                way: None,
                sends: 0,
                is_certain: true,
            }),
            None => {
                // To wait for ever on purpose is what main may do, and who waits for what was just made: `<-make(chan T)`.
                // In a goroutine it is left behind all the same.
                let is_declared = owner.declaration().is_some();
                if is_declared && let Usage::Receive(_) = usage(owner.ast(), &owner.tree, story.make) {
                    return None;
                }
                let own = story.own(Act::Receive).chain(story.own(Act::Range)).find(|deed| deed.is_certain)?;
                (!owner.is_main()).then_some(Stranded {
                    story,
                    shape: Shape::NoSender,
                    goroutine: None,
                    deed: own,
                    way: None,
                    sends: 0,
                    // Who makes a channel and waits for it in the same breath may mean to wait for ever.
                    is_certain: !own.links.is_empty() || story.deeds.len() > 1,
                })
            }
        };
    }
    if story.trail.is_shared {
        return None;
    }
    if let Some((goroutine, deed)) = receiver {
        return left_receiver(story, goroutine, deed);
    }
    missed_supplier(story)
}

/// On a way out on which nobody else has got the channel, and the owner neither sends nor closes.
fn left_before_given<'s, 'p>(
    story: &'s Story<'p>,
    goroutine: &'s Goroutine,
    deed: &'s Deed,
    given: Vec<ExprId>,
) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    let supplies = |other: &Goroutine| {
        story.of_goroutine(other, Act::Send).chain(story.of_goroutine(other, Act::Close)).next().is_some()
    };
    let is_left_otherwise = deed.act == Act::Range && leaves_otherwise(&owner.program.body(deed.operation.body), deed);
    if owner.is_main() || goroutine.is_many || is_left_otherwise || story.goroutines.iter().any(supplies) {
        return None;
    }
    let needs = if deed.act == Act::Range { MANY } else { story.most(goroutine, Act::Receive) };
    let supply = Supply { given, ..Supply::of(story) };
    let way = search(owner, &Receivers { supply, spawn: goroutine.call(), needs })?;
    Some(unsupplied(story, Shape::CloseMissed, goroutine, deed, way, false))
}

/// A goroutine that receives, and a way through the owner on which nobody sends or closes.
fn unsupplied<'s, 'p>(
    story: &'s Story<'p>,
    shape: Shape,
    goroutine: &'s Goroutine,
    deed: &'s Deed,
    way: Way,
    is_certain: bool,
) -> Stranded<'s, 'p> {
    let way = Some((story.owner.clone(), way));
    Stranded { story, shape, goroutine: Some(goroutine), deed, way, sends: 0, is_certain }
}

fn left_receiver<'s, 'p>(story: &'s Story<'p>, goroutine: &'s Goroutine, deed: &'s Deed) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    if owner.is_main() {
        return None;
    }
    let needs = if deed.act == Act::Range { MANY } else { story.most(goroutine, Act::Receive) };
    let supplied_elsewhere = story.goroutines.iter().any(|other| {
        other.links != goroutine.links
            && story.of_goroutine(other, Act::Send).chain(story.of_goroutine(other, Act::Close)).next().is_some()
    });
    let own_supply = story.of_goroutine(goroutine, Act::Send).chain(story.of_goroutine(goroutine, Act::Close));
    if own_supply.count() > 0 {
        return None;
    }
    if deed.act == Act::Range && !story.has(Act::Close) {
        // Those who send end, so that one day nobody sends any more.
        let ends = |body: &Body<'_>| body.flow().graph.exits().contains(&Exit::Return);
        let senders_end = story
            .goroutines
            .iter()
            .filter(|other| story.of_goroutine(other, Act::Send).next().is_some())
            .all(|other| ends(&owner.program.body(other.root())));
        // A loop that is left in another way ends by itself.
        let root = owner.program.body(deed.operation.body);
        let leaves = leaves_otherwise(&root, deed);
        if !ends(owner) || !senders_end || leaves {
            return None;
        }
        let watch = Receivers { supply: Supply::of(story), spawn: goroutine.call(), needs };
        let way = search(owner, &watch)?;
        let is_certain = is_open(owner, &watch, &way, &starts(goroutine));
        return Some(unsupplied(story, Shape::Unclosed, goroutine, deed, way, is_certain));
    }
    if supplied_elsewhere && let Some(missed) = missed_by_other(story, goroutine, deed) {
        return Some(missed);
    }
    if supplied_elsewhere || goroutine.is_many || deed.act == Act::Receive && needs >= MANY {
        return None;
    }
    let watch = Receivers { supply: Supply::of(story), spawn: goroutine.call(), needs };
    let way = search(owner, &watch)?;
    let root = owner.program.body(deed.operation.body);
    if deed.act == Act::Range && leaves_otherwise(&root, deed) {
        return None;
    }
    // Which case of a select is chosen, and how often a loop runs, may have to do with the channel.
    let is_certain = !way.chooses(owner)
        && is_open(owner, &watch, &way, &starts(goroutine))
        && story
            .own(Act::Send)
            .chain(story.own(Act::Close))
            .all(|deed| deed.links.is_empty() && loop_around(owner, deed.operation.expr).is_none());
    Some(unsupplied(story, Shape::CloseMissed, goroutine, deed, way, is_certain))
}

/// Can a loop over a channel be left before the channel is closed?
fn leaves_otherwise(body: &Body<'_>, deed: &Deed) -> bool {
    struct Leaves<'b, 'p> {
        body: &'b Body<'p>,
        deed: &'b Deed,
        head: Option<BlockId>,
    }
    impl Watch for Leaves<'_, '_> {
        type State = bool;

        fn start(&self) -> bool {
            false
        }

        fn event(&self, state: bool, event: &Event) -> Option<bool> {
            let is_head = matches!(event.what, What::Range { channel }
                if self.body.ast().unparen(channel) == self.body.ast().unparen(self.deed.operation.expr));
            Some(state || is_head)
        }

        fn edge(&self, state: bool, from: BlockId, edge: Edge) -> Option<bool> {
            if Some(from) == self.head && edge == Edge::Done { None } else { Some(state) }
        }

        fn is_found(&self, state: &bool, exit: Exit) -> bool {
            *state && exit != Exit::Process
        }
    }
    let crate::program::Usage::Range(stmt) = deed.operation.usage else { return false };
    search(body, &Leaves { body, deed, head: head(body, stmt) }).is_some()
}

/// Looks for a way of a supplier on which it neither sends nor closes.
struct Misses<'s, 'p> {
    story: &'s Story<'p>,
    body: Body<'p>,
    depth: usize,
    /// Only a close will do.
    wants_close: bool,
}

impl Watch for Misses<'_, '_> {
    type State = bool;

    fn start(&self) -> bool {
        false
    }

    fn event(&self, state: bool, event: &Event) -> Option<bool> {
        let is_supply = self.story.deeds.iter().any(|deed| {
            (deed.act == Act::Close || deed.act == Act::Send && !self.wants_close)
                && Story::is_done_at(&self.body, event, deed, self.depth)
        });
        // Supplied: of no interest any more.
        if state || is_supply { None } else { Some(false) }
    }

    fn fact(&self, state: bool, atom: &Atom, holds: bool) -> Option<bool> {
        // The channel was made: it is not nil.
        let is_it = |expr: ExprId| {
            self.body.cell(expr).is_some_and(|cell| {
                self.story.deeds.iter().any(|deed| {
                    deed.operation.body == self.body.id && self.body.cell(deed.operation.expr) == Some(cell)
                })
            })
        };
        let is_nil = atom.compared_to_nil(&self.body).is_some_and(is_it);
        (!(is_nil && holds)).then_some(state)
    }

    fn is_found(&self, _state: &bool, exit: Exit) -> bool {
        exit == Exit::Return
    }
}

/// A goroutine waits for the close, or the value, of another one, which has a way that misses it.
fn missed_by_other<'s, 'p>(story: &'s Story<'p>, goroutine: &'s Goroutine, deed: &'s Deed) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    let wants_close = deed.act == Act::Range;
    let supplies = |other: &Goroutine| {
        let closes = story.of_goroutine(other, Act::Close).next().is_some();
        closes || !wants_close && story.of_goroutine(other, Act::Send).next().is_some()
    };
    let mut suppliers = story.goroutines.iter().filter(|other| other.links != goroutine.links && supplies(other));
    let (supplier, None) = (suppliers.next()?, suppliers.next()) else { return None };
    let own = story.own(Act::Close).next().is_some() || !wants_close && story.own(Act::Send).next().is_some();
    let needs = if wants_close { MANY } else { story.most(goroutine, Act::Receive) };
    let is_left_otherwise = wants_close && leaves_otherwise(&owner.program.body(deed.operation.body), deed);
    if supplier.is_many || goroutine.is_many || own || is_left_otherwise || !wants_close && needs != 1 {
        return None;
    }
    let root = owner.program.body(supplier.root());
    let watch = Misses { story, body: root.clone(), depth: supplier.links.len(), wants_close };
    let way = search(&root, &watch)?;
    let is_certain = !way.chooses(&root) && !says_something(&root, &way) && is_open(&root, &watch, &way, &|_| true);
    Some(Stranded {
        story,
        shape: Shape::CloseMissed,
        goroutine: Some(goroutine),
        deed,
        way: Some((root, way)),
        sends: 0,
        is_certain,
    })
}

/// Is something sent, or closed, on a way?
fn says_something(body: &Body<'_>, way: &Way) -> bool {
    let flow = body.flow();
    let blocks = way.edges.iter().map(|(block, _)| *block).chain([way.last]);
    blocks.flat_map(|block| &flow.events[block.index()]).any(|event| match event.what {
        What::Send { .. } | What::Close { .. } => true,
        What::Deferred { call } => {
            matches!(body.callee(call), crate::program::Callee::Builtin(gostray_golang::types::Builtin::Close))
        }
        _ => false,
    })
}

/// The owner receives what a goroutine, on one of its ways, neither sends nor closes.
fn missed_supplier<'s, 'p>(story: &'s Story<'p>) -> Option<Stranded<'s, 'p>> {
    let owner = &story.owner;
    let own = story.own(Act::Range).chain(story.own(Act::Receive)).find(|deed| deed.is_certain)?;
    if !own.links.is_empty() || story.own(Act::Send).chain(story.own(Act::Close)).next().is_some() {
        return None;
    }
    let [goroutine] = story.goroutines.as_slice() else { return None };
    if goroutine.is_many {
        return None;
    }
    let wants_close = own.act == Act::Range;
    let root = owner.program.body(goroutine.root());
    if wants_close && !story.has(Act::Close) {
        if leaves_otherwise(owner, own) || !root.flow().graph.exits().contains(&Exit::Return) {
            return None;
        }
        return Some(Stranded {
            story,
            shape: Shape::Unclosed,
            goroutine: None,
            deed: own,
            way: None,
            sends: 0,
            is_certain: true,
        });
    }
    if wants_close && leaves_otherwise(owner, own) {
        return None;
    }
    let is_looped = |deed: &Deed| loop_around(&owner.program.body(deed.operation.body), deed.operation.expr).is_some();
    if !wants_close && (is_looped(own) || story.of_goroutine(goroutine, Act::Send).any(is_looped)) {
        return None;
    }
    let watch = Misses { story, body: root.clone(), depth: goroutine.links.len(), wants_close };
    let way = search(&root, &watch)?;
    // What is done in a loop may be done in its first round, always; and who says something else on the way
    // out may say why.
    let is_started = |event: &Event| matches!(event.what, What::Go { call } if call == goroutine.call());
    let waits = |event: &Event| Story::is_done_at(owner, event, own, 0);
    let is_certain = !way.chooses(&root)
        && is_open(&root, &watch, &way, &|_| true)
        && !says_something(&root, &way)
        && comes_straight(owner, &is_started, &waits)
        && !story.of_goroutine(goroutine, Act::Send).chain(story.of_goroutine(goroutine, Act::Close)).any(is_looped);
    Some(Stranded {
        story,
        shape: Shape::CloseMissed,
        goroutine: None,
        deed: own,
        way: Some((root, way)),
        sends: 0,
        is_certain,
    })
}

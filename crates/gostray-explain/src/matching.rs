//! A group of goroutines → the finding that is about it.

use gostray_check::{Account, Finding, Place, Tier};
use gostray_model::FunctionName;

use crate::source::Located;

/// Where goroutines wait, and where they were started, as far as the source has it.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Where they wait.
    pub blocked: Option<Located>,
    /// The `go` statement.
    pub created: Option<Located>,
    /// The function, or closure, that runs without waiting for anything that could wake it.
    pub function: Option<Place>,
}

/// The finding about something that a dependency gave, and started goroutines for: they are not in the source, what was
/// not given back is. `started` is the function that started them, and `is_busy` says that they wait as those do whose
/// user has gone away.
#[must_use]
pub fn of_dependency<'f>(findings: &'f [Finding], started: &str, is_busy: bool) -> Option<&'f Finding> {
    let started = FunctionName::new(started);
    let given = |finding: &Finding| finding.given_by.clone().filter(|_| finding.tier != Tier::Hygiene);
    let same_function = |finding: &&Finding| {
        given(finding).is_some_and(|given| FunctionName::new(&given).normalised() == started.normalised())
    };
    // Within a dependency one function calls another; that a connection is idle says nothing of its user.
    let same_package = |finding: &&Finding| {
        is_busy && given(finding).is_some_and(|given| FunctionName::new(&given).package() == started.package())
    };
    let surest = |test: &dyn Fn(&&Finding) -> bool| findings.iter().filter(test).min_by_key(|finding| finding.tier);
    surest(&same_function).or_else(|| surest(&same_package))
}

/// The finding that is about goroutines at these places, the surest first: one that says that they wait there; then one
/// about what they wait for. One that says that they wait elsewhere is about others.
#[must_use]
pub fn find<'f>(findings: &'f [Finding], places: &Places, accounts: &[Account]) -> Option<&'f Finding> {
    let is_at = |place: &Place, wanted: &Option<Located>| {
        wanted.as_ref().is_some_and(|wanted| place.position.line == wanted.line && place.file == wanted.file)
    };
    let same_line = |a: &Place, b: &Place| a.file == b.file && a.position.line == b.position.line;
    // The runtime names the line of a `select`, a finding that of the case.
    let is_case = |place: &Place| accounts.iter().any(|account| same_line(place, &account.place));
    let blocks = |finding: &Finding| {
        finding.blocks_at.as_ref().is_some_and(|place| is_at(place, &places.blocked) || is_case(place))
    };
    let spawned = |finding: &Finding| finding.spawned_at.as_ref().is_some_and(|place| is_at(place, &places.created));
    let reported = |finding: &Finding| is_at(&finding.place, &places.blocked);
    let on_the_way = |finding: &Finding| finding.path.iter().any(|step| is_at(&step.place, &places.blocked));
    // A finding about the thing that is waited for: where it is made, locked or added to.
    let things = || accounts.iter().flat_map(|account| account.made.iter().chain(&account.takers));
    let about = |finding: &Finding| {
        things().any(|thing| {
            same_line(thing, &finding.place) || finding.path.iter().any(|step| same_line(thing, &step.place))
        })
    };
    // It goes on in a loop, or sleeps: what is wrong with the loop is near.
    let near = |finding: &Finding| {
        let within = |function: &Place, place: &Place| {
            function.file == place.file && function.start <= place.start && place.end <= function.end
        };
        places.function.as_ref().is_some_and(|own| {
            within(own, &finding.place) && finding.blocks_at.as_ref().is_none_or(|place| within(own, place))
        })
    };
    let elsewhere = |finding: &Finding| finding.blocks_at.is_some() && places.blocked.is_some() && !blocks(finding);
    // Who waits for itself with a lock keeps it from all others.
    let holds = |finding: &Finding| about(finding) && finding.rule.code == "GS201";
    let tests: [&dyn Fn(&Finding) -> bool; 9] = [
        &|finding| blocks(finding) && spawned(finding),
        &blocks,
        &reported,
        // Who waits at a lock is told about rather by who keeps it than by what they would do with it.
        &|finding| about(finding) && !elsewhere(finding) && finding.tier != Tier::Hygiene,
        &on_the_way,
        &holds,
        // What only makes leaks easy may be said of any `go` statement.
        &|finding| spawned(finding) && !elsewhere(finding) && finding.tier != Tier::Hygiene,
        &|finding| about(finding) && !elsewhere(finding),
        &near,
    ];
    tests.iter().find_map(|test| findings.iter().filter(|finding| test(finding)).min_by_key(|finding| finding.tier))
}

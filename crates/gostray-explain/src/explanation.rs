//! What there is to say of each group of goroutines that leaks.

use std::path::PathBuf;

use gostray_check::{Account, Finding, Owner, Waiting, Witness, accounts, function_at};
use gostray_golang::package::{PackageId, World};
use gostray_model::{Frame, FunctionName, Group, Operation, Snapshot, blocked_frame};

use crate::matching::{Places, find, of_dependency};
use crate::source::{Located, Misfit, Sources};

/// Why goroutines wait for ever.
#[derive(Debug, Clone)]
pub enum Cause {
    /// A rule knows.
    Finding(Box<Finding>),
    /// None does: who could wake them.
    Accounts(Vec<Account>),
    /// The source says nothing of it, and why.
    Unknown(String),
}

/// How far a fix was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The files parse with it.
    Parses,
    /// `go build` and `go vet` of its packages pass; there are no tests, or they were not asked for.
    Builds,
    /// Their tests pass, too.
    Tested,
    /// A generated test fails without it and passes with it, too.
    Witnessed(Witness),
    /// There is no such test.
    NoWitness {
        /// How far it was verified otherwise.
        below: Box<Verified>,
        /// Why there is none.
        why: String,
    },
    /// The command that fails with it.
    Fails(&'static str),
}

impl std::fmt::Display for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Parses => f.write_str("the file parses with it; it was neither built nor tested"),
            Self::Builds => f.write_str("go build and go vet pass with it"),
            Self::Tested => f.write_str("go build, go vet and the tests of its package pass with it"),
            Self::Witnessed(witness) => write!(f, "{witness}"),
            Self::NoWitness { below, why } => write!(f, "{below}; no witness: {why}"),
            Self::Fails(command) => write!(f, "{command} fails with it"),
        }
    }
}

/// What there is to say of a group of goroutines.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Where they wait and were started, in the source.
    pub places: Places,
    /// Why.
    pub cause: Cause,
    /// What does not fit between the binary and the source.
    pub misfits: Vec<String>,
    /// The function of a dependency that started them, where the cause is about what that gave.
    pub started_by: Option<String>,
    /// How far the fix of the finding was verified, if it has one that can be made.
    pub verified: Option<Verified>,
}

impl Explanation {
    /// What of the binary does not fit the source, where that is not the whole answer anyway.
    pub fn doubts(&self) -> impl Iterator<Item = &str> {
        let is_all = matches!(self.cause, Cause::Unknown(_));
        self.misfits.iter().filter(move |_| !is_all).map(String::as_str)
    }
}

/// The folders of packages that groups of goroutines lead to. One that a dependency started leads to all of `every`: any
/// of them may have asked for it.
#[must_use]
pub fn folders_of(snapshot: &Snapshot, groups: &[&Group], sources: &Sources, every: &[PathBuf]) -> Vec<PathBuf> {
    let tables = &snapshot.tables;
    let is_foreign = |group: &&&Group| {
        let (places, _) = locate(snapshot, group, sources);
        places.blocked.is_none() && places.created.is_none() && group.created_at(tables).is_some()
    };
    if groups.iter().any(|group| is_foreign(&group)) {
        return every.to_vec();
    }
    let mut folders: Vec<PathBuf> = groups
        .iter()
        .flat_map(|group| {
            let stack = group.stack(tables);
            tables.visible(stack).chain(group.created_at(tables))
        })
        .filter(|frame| !FunctionName::new(&frame.function).is_std())
        .filter_map(|frame| Some(sources.locate(frame).ok()?.file.parent()?.to_owned()))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Explains groups of goroutines. `findings` are those of `packages`, whatever their tier.
#[must_use]
pub fn explain(
    snapshot: &Snapshot,
    groups: &[&Group],
    sources: &Sources,
    world: &World,
    packages: &[PackageId],
    owners: &[Owner],
    findings: &[Finding],
) -> Vec<Explanation> {
    let located: Vec<(Places, Vec<String>)> = groups.iter().map(|group| locate(snapshot, group, sources)).collect();
    let wanted: Vec<(PathBuf, u32)> =
        located.iter().filter_map(|(places, _)| places.blocked.as_ref()).map(|at| (at.file.clone(), at.line)).collect();
    let mut all = accounts(world, packages, owners, &wanted).into_iter();
    let mut explanations = Vec::new();
    for (group, (mut places, mut misfits)) in groups.iter().zip(located) {
        let accounts = if places.blocked.is_some() { all.next().unwrap_or_default() } else { Vec::new() };
        let is_empty = accounts.iter().all(|account| account.waiting == Waiting::Call);
        if matches!(group.operation, Operation::Sleep | Operation::Run | Operation::Syscall) {
            places.function = places.blocked.as_ref().and_then(|at| function_at(world, packages, &at.file, at.line));
        }
        if let Some(at) = &places.blocked
            && is_empty
            && waits_itself(snapshot, group, at)
        {
            misfits.push(format!(
                "the source is not that of the binary: nothing at {}:{} waits as the goroutine does ({})",
                at.file.display(),
                at.line,
                group.state(&snapshot.tables)
            ));
        }
        if places.blocked.is_none()
            && places.created.is_none()
            && let Some(started) = group.created_at(&snapshot.tables)
            && let Some(finding) = of_dependency(findings, &started.function, group.operation != Operation::Io)
        {
            let started_by = Some(FunctionName::new(&started.function).short());
            let cause = Cause::Finding(Box::new(finding.clone()));
            explanations.push(Explanation { places, cause, misfits: Vec::new(), started_by, verified: None });
            continue;
        }
        let cause = if misfits.is_empty() || places.blocked.is_some() && !accounts.is_empty() {
            match find(findings, &places, &accounts) {
                Some(finding) => Cause::Finding(Box::new(finding.clone())),
                None if !accounts.is_empty() => Cause::Accounts(accounts),
                None => Cause::Unknown(unknown(snapshot, group)),
            }
        } else {
            Cause::Unknown(misfits.join("; "))
        };
        explanations.push(Explanation { places, cause, misfits, started_by: None, verified: None });
    }
    explanations
}

/// Where the source has them: of the stack, the innermost frame that it has.
fn locate(snapshot: &Snapshot, group: &Group, sources: &Sources) -> (Places, Vec<String>) {
    let tables = &snapshot.tables;
    let stack = group.stack(tables);
    let is_own = |frame: &&Frame| !FunctionName::new(&frame.function).is_std();
    let mut misfits = Vec::new();
    let mut blocked = None;
    for frame in tables.visible(stack).filter(is_own) {
        match sources.locate(frame) {
            Ok(located) => {
                blocked = Some(located);
                break;
            }
            // What is not in the source is another module's; what does not fit is another version's.
            Err(misfit @ Misfit::OtherFunction { .. }) => {
                misfits.push(misfit.to_string());
                break;
            }
            Err(_) => {}
        }
    }
    let created = group.created_at(tables).filter(is_own).and_then(|frame| match sources.locate(frame) {
        Ok(located) => Some(located),
        Err(misfit @ Misfit::OtherFunction { .. }) => {
            misfits.push(misfit.to_string());
            None
        }
        Err(_) => None,
    });
    if blocked.is_none() && created.is_none() && misfits.is_empty() {
        let frame = blocked_frame(tables, stack).filter(is_own);
        misfits.extend(frame.and_then(|frame| sources.locate(frame).err()).map(|misfit| misfit.to_string()));
    }
    (Places { blocked, created, function: None }, misfits)
}

/// Does the statement at a place itself wait, rather than something that it calls?
fn waits_itself(snapshot: &Snapshot, group: &Group, at: &Located) -> bool {
    let tables = &snapshot.tables;
    let stack = group.stack(tables);
    let is_wait =
        matches!(group.operation, Operation::ChanSend | Operation::ChanReceive | Operation::Chan | Operation::Select);
    // `select {}` has nothing to say.
    let is_wait = is_wait && !group.state(tables).contains("no cases");
    let first = tables.visible(stack).find(|frame| !frame.function.starts_with("runtime."));
    // It may wait in a dependency, and be in the source only where that was called.
    let is_there = |frame: &Frame| {
        frame.line == at.line && at.file.file_name().is_some_and(|name| frame.file.ends_with(&*name.to_string_lossy()))
    };
    is_wait && first.is_some_and(|frame| !FunctionName::new(&frame.function).is_std() && is_there(frame))
}

fn unknown(snapshot: &Snapshot, group: &Group) -> String {
    let tables = &snapshot.tables;
    match group.blocked_at(tables) {
        Some(frame) if FunctionName::new(&frame.function).is_std() => {
            format!("it waits in {}, which the source does not call directly", frame.function)
        }
        Some(frame) => format!("no rule knows why {} waits there ({})", frame.function, group.state(tables)),
        None => "its stack is not known".to_owned(),
    }
}

//! A look: what is known already, what has to be looked at, what is kept of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gostray_golang::Name;
use gostray_golang::module::Origin;
use gostray_golang::package::{Digest, Digester, FileStamp, Note, World};
use gostray_golang::pool;
use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::check::{Failed, Options, Part, of_part, parts};
use crate::contained::contained;
use crate::finding::Finding;
use crate::kept::{Cache, Facts, Folder, Found, Graph, Kept, endings_of, identity, is_same};
use crate::program::{Program, Sight};

/// A look at the folders that are worked on. What is by folder has their order.
pub(crate) struct Look<'a> {
    world: &'a World,
    options: &'a Options,
    paths: Vec<PathBuf>,
    pub(crate) facts: Vec<Facts>,
    /// The files of folders that are as they were.
    same: Vec<Option<Vec<FileStamp>>>,
    memory: Option<Memory<'a>>,
    pub(crate) failed: Vec<Failed>,
}

/// What is only there if something is kept.
struct Memory<'a> {
    cache: &'a Cache,
    kept: Kept,
    graph: Graph,
    found: Vec<Option<Found>>,
}

impl<'a> Look<'a> {
    /// Reads what has changed, or all.
    pub(crate) fn new(world: &'a World, options: &'a Options, cache: Option<&'a Cache>) -> Self {
        let kept = cache.map(|cache| (cache, Kept::read(cache, identity(cache, world, options), world)));
        let paths: Vec<PathBuf> = world.folders().map(|(_, path)| path.to_owned()).collect();
        let known = |path: &PathBuf| kept.as_ref()?.1.folders.get(path).filter(|known| known.facts.is_clean);
        let same = |path: &PathBuf| is_same(path, &known(path)?.stamps, world, options.tests);
        let same: Vec<_> = pool().install(|| paths.par_iter().map(same).collect());
        let changed: Vec<usize> = (0..paths.len()).filter(|at| same[*at].is_none()).collect();
        world.read(&changed, &|| {});
        let facts = |(at, path): (usize, &PathBuf)| match known(path).filter(|_| same[at].is_some()) {
            Some(known) => known.facts.clone(),
            None => Facts::of(world, at, options.tests, &options.config.check.background),
        };
        let facts: Vec<Facts> = pool().install(|| paths.par_iter().enumerate().map(facts).collect());
        let memory = kept.map(|(cache, kept)| {
            let graph = Graph::of(world, &facts, &kept.back);
            Memory { cache, kept, graph, found: vec![None; paths.len()] }
        });
        Self { world, options, paths, facts, same, memory, failed: Vec::new() }
    }

    /// All that is found: what is known, and what has to be looked for.
    pub(crate) fn findings(&mut self, progress: &(dyn Fn() + Sync)) -> Vec<Finding> {
        self.endings();
        let keys = self.memory.as_ref().map(|memory| self.keys(&memory.graph)).unwrap_or_default();
        let known: Vec<Option<&Found>> = (0..self.paths.len()).map(|at| self.known(at, &keys)).collect();
        let unknown: Vec<usize> = (0..self.paths.len()).filter(|at| known[*at].is_none()).collect();
        let known: Vec<Option<Found>> = known.into_iter().map(Option::<&Found>::cloned).collect();
        self.world.infer(&unknown);
        let program = Program::new(self.world, &self.options.config.check.owners);
        let work: Vec<(usize, Part)> = unknown
            .iter()
            .flat_map(|at| {
                progress();
                parts(self.world, *at, self.options).into_iter().map(|part| (*at, part))
            })
            .collect();
        let found: Vec<_> = pool().install(|| {
            work.into_par_iter().map(|(at, part)| (at, part, contained(|| of_part(&program, part)))).collect()
        });
        let mut findings: Vec<Finding> = known.iter().flatten().flat_map(|found| found.findings.clone()).collect();
        let mut by_folder: BTreeMap<usize, (Vec<Finding>, Sight)> =
            unknown.into_iter().map(|at| (at, Default::default())).collect();
        let mut failed = FxHashSet::default();
        for (at, part, found) in found {
            match found {
                Ok((found, sight)) => {
                    findings.extend(found.iter().cloned());
                    let of_folder = by_folder.entry(at).or_default();
                    of_folder.0.extend(found);
                    of_folder.1.extend(sight);
                }
                Err(why) => {
                    failed.insert(at);
                    self.failed.push(Failed { path: part.path(self.world), why });
                }
            }
        }
        if let Some(memory) = &mut self.memory {
            memory.found = known;
            for (at, (findings, sight)) in by_folder {
                let others = sight.into_iter().filter(|other| *other != at);
                let sight = others.map(|other| (self.paths[other].clone(), self.facts[other].content)).collect();
                // What is not whole is looked for again the next time.
                memory.found[at] = (!failed.contains(&at)).then_some(Found { key: keys[at], sight, findings });
            }
        }
        findings
    }

    /// Finds which functions never return. It is looked for in what has changed; where that gives something else than
    /// before, all that may call it is looked into again.
    fn endings(&mut self) {
        let Some(memory) = &self.memory else { return };
        let kept = &memory.kept.folders;
        let is_told = |at: usize| self.same[at].is_some() && !memory.graph.has_cycle;
        let mut unknown: Vec<usize> = (0..self.paths.len()).filter(|at| !is_told(*at)).collect();
        for at in (0..self.paths.len()).filter(|at| is_told(*at)) {
            self.world.tell_endings(at, self.facts[at].told());
        }
        let mut endings = self.endings_of(&unknown);
        // Folders whose functions end otherwise than before, or which mean others by what they import.
        let now: FxHashSet<&PathBuf> = self.paths.iter().collect();
        let gone: FxHashSet<String> = kept
            .keys()
            .filter(|path| !now.contains(path))
            .filter_map(|path| self.world.workspace.import_path(path))
            .collect();
        let is_other = |at: usize| match kept.get(&self.paths[at]) {
            None => true,
            Some(before) => {
                endings.get(&at).is_some_and(|now| *now != before.facts.endings)
                    || !gone.is_empty() && self.facts[at].all_imports().any(|path| gone.contains(path))
            }
        };
        let others: Vec<usize> = (0..self.paths.len()).filter(|at| is_other(*at)).collect();
        let may_call = |from: usize| others.iter().any(|to| memory.graph.reaches(from, *to));
        let again: Vec<usize> = (0..self.paths.len()).filter(|at| is_told(*at) && may_call(*at)).collect();
        if !again.is_empty() {
            unknown.extend(again);
            self.world.forget_endings(unknown.iter().copied());
            self.world.read(&unknown, &|| {});
            endings = self.endings_of(&unknown);
        }
        for (at, endings) in endings {
            self.facts[at].endings = endings;
        }
    }

    fn endings_of(
        &self,
        folders: &[usize],
    ) -> BTreeMap<usize, Vec<(Option<String>, String, gostray_golang::flow::Ending)>> {
        self.world.infer(folders);
        pool().install(|| folders.par_iter().map(|at| (*at, endings_of(self.world, *at))).collect())
    }

    /// For every folder, a digest of what its findings depend on, but for the functions elsewhere that are looked into.
    fn keys(&self, graph: &Graph) -> Vec<Digest> {
        let seen: Vec<Digest> = self.facts.iter().zip(&self.paths).map(|(facts, path)| facts.seen(path)).collect();
        let key = |at: usize| {
            let mut digest = Digester::default();
            digest.digest(self.facts[at].content);
            graph.digest(at, &seen, &mut digest);
            digest.finish()
        };
        pool().install(|| (0..self.paths.len()).into_par_iter().map(key).collect())
    }

    /// What is known of a folder, if it still holds.
    fn known(&self, at: usize, keys: &[Digest]) -> Option<&Found> {
        let memory = self.memory.as_ref().filter(|memory| !memory.graph.has_cycle)?;
        let found = memory.kept.folders.get(&self.paths[at])?.found.as_ref()?;
        let is_as_it_was = |(path, content): &(PathBuf, Digest)| {
            // Folders are in order.
            self.paths.binary_search(path).is_ok_and(|at| self.facts[at].content == *content)
        };
        (self.facts[at].is_clean && found.key == keys[at] && found.sight.iter().all(is_as_it_was)).then_some(found)
    }

    /// Keeps what was found, if all is known that it depends on. Gives the packages that are missing.
    pub(crate) fn keep(&mut self) -> BTreeSet<String> {
        let mut missing = self.missing();
        let is_whole = self.is_whole(&missing);
        if let Some(memory) = self.memory.take()
            && is_whole
            && !memory.graph.has_cycle
        {
            let outside = self.world.outside();
            let mut kept = Kept { identity: memory.kept.identity, missing: missing.clone(), ..Kept::default() };
            kept.outside.clone_from(&memory.kept.outside);
            kept.outside.extend(outside.folders);
            kept.back = memory.kept.back.union(&outside.back).cloned().collect();
            // What was found leads back to more than was known before.
            let keys =
                (kept.back != memory.kept.back).then(|| self.keys(&Graph::of(self.world, &self.facts, &kept.back)));
            for (at, mut found) in memory.found.into_iter().enumerate() {
                if let (Some(keys), Some(found)) = (&keys, &mut found) {
                    found.key = keys[at];
                }
                let stamps = self.same[at].take().or_else(|| Some(self.world.stamps(at)?.to_vec())).unwrap_or_default();
                let folder = Folder { stamps, facts: self.facts[at].clone(), found };
                kept.folders.insert(self.paths[at].clone(), folder);
            }
            if kept != memory.kept {
                memory.cache.write(&kept);
            }
        }
        missing.extend(self.lazily_missing());
        missing
    }

    /// The packages that the folders import, and which are not on this machine.
    fn missing(&self) -> BTreeSet<String> {
        let kept = self.memory.as_ref().map(|memory| &memory.kept);
        let known: FxHashSet<&String> = kept
            .into_iter()
            .flat_map(|kept| kept.folders.values())
            .flat_map(|folder| folder.facts.all_imports())
            .collect();
        let all: BTreeSet<&String> = self.facts.iter().flat_map(Facts::all_imports).collect();
        let is_missing = |path: &&&String| match kept.filter(|_| known.contains(*path)) {
            Some(kept) => kept.missing.contains(**path),
            None => {
                self.world.folder_by_import(Name::new(path)).is_none()
                    && self.world.workspace.find(path, Origin::Own).is_none()
            }
        };
        all.iter().filter(is_missing).map(|path| (*path).clone()).collect()
    }

    /// The packages that something was asked of, and which are not on this machine.
    fn lazily_missing(&self) -> BTreeSet<String> {
        let notes = self.world.notes().into_iter();
        notes
            .filter_map(|note| match note {
                Note::MissingPackage(path) if path != "C" => Some(path.to_string()),
                _ => None,
            })
            .collect()
    }

    /// Is all known that the findings depend on? Not if something else than what the folders import is missing, or
    /// if they changed meanwhile.
    fn is_whole(&self, missing: &BTreeSet<String>) -> bool {
        let is_own = |path: &PathBuf| self.paths.binary_search(path).is_ok();
        let is_read = |note: &Note| match note {
            Note::Unread(path, _) => is_own(path) || path.parent().is_some_and(|folder| is_own(&folder.to_owned())),
            Note::MissingPackage(_) => true,
        };
        let is_steady = |at: usize| match (&self.same[at], self.world.stamps(at)) {
            (Some(before), Some(now)) => before.iter().map(|file| file.digest).eq(now.iter().map(|file| file.digest)),
            _ => true,
        };
        self.paths.is_sorted()
            && self.lazily_missing().is_subset(missing)
            && self.world.notes().iter().all(is_read)
            && (0..self.paths.len()).all(is_steady)
    }
}

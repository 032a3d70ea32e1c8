//! Which folders can matter to which: those that are reached by imports.

use std::collections::BTreeSet;
use std::path::PathBuf;

use gostray_golang::Name;
use gostray_golang::package::{Digest, Digester, World};

use crate::kept::Facts;

/// For every folder, those that it reaches, itself included.
pub(crate) struct Graph {
    reached: Vec<Vec<u64>>,
    /// Does a folder reach itself through what its packages import, which Go does not allow?
    pub(crate) has_cycle: bool,
}

impl Graph {
    /// That of the folders that are worked on; every one may reach those that packages elsewhere lead `back` to.
    pub(crate) fn of(world: &World, facts: &[Facts], back: &BTreeSet<PathBuf>) -> Self {
        let edges = |imports: &dyn Fn(&Facts) -> Vec<&String>| -> Vec<Vec<usize>> {
            let to = |path: &String| world.folder_by_import(Name::new(path));
            facts.iter().map(|facts| imports(facts).into_iter().filter_map(to).collect()).collect()
        };
        let of_packages = close(&edges(&|facts| facts.imports.iter().collect()));
        let has_cycle = of_packages.iter().enumerate().any(|(at, reached)| has(reached, at));
        // Tests may lead back: what they import is built without them.
        let mut all = edges(&|facts| facts.all_imports().collect());
        let back: Vec<usize> = world.folders().filter(|(_, path)| back.contains(*path)).map(|(at, _)| at).collect();
        all.iter_mut().for_each(|edges| edges.extend(&back));
        let mut reached = close(&all);
        for (at, reached) in reached.iter_mut().enumerate() {
            reached[at / 64] |= 1 << (at % 64);
        }
        Self { reached, has_cycle }
    }

    pub(crate) fn reaches(&self, from: usize, to: usize) -> bool {
        has(&self.reached[from], to)
    }

    /// Of what is seen of all folders that one reaches.
    pub(crate) fn digest(&self, from: usize, seen: &[Digest], digest: &mut Digester) {
        seen.iter().enumerate().filter(|(at, _)| self.reaches(from, *at)).for_each(|(_, seen)| digest.digest(*seen));
    }
}

fn has(set: &[u64], at: usize) -> bool {
    set[at / 64] >> (at % 64) & 1 == 1
}

/// What is reached in one step or more.
fn close(edges: &[Vec<usize>]) -> Vec<Vec<u64>> {
    let mut reached = vec![vec![0u64; edges.len().div_ceil(64)]; edges.len()];
    let mut is_changed = true;
    while std::mem::take(&mut is_changed) {
        for (from, edges) in edges.iter().enumerate() {
            let mut own = std::mem::take(&mut reached[from]);
            for to in edges {
                let before = own[to / 64];
                own[to / 64] |= 1 << (to % 64);
                is_changed |= before != own[to / 64];
                if *to == from {
                    continue;
                }
                for (own, other) in own.iter_mut().zip(&reached[*to]) {
                    is_changed |= *other & !*own != 0;
                    *own |= other;
                }
            }
            reached[from] = own;
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_is_found_whatever_the_order() {
        let reached = close(&[vec![], vec![0], vec![3], vec![1, 4], vec![3]]);
        let all: Vec<Vec<usize>> = reached.iter().map(|set| (0..5).filter(|at| has(set, *at)).collect()).collect();
        assert_eq!(all, [vec![], vec![0], vec![0, 1, 3, 4], vec![0, 1, 3, 4], vec![0, 1, 3, 4]]);
    }
}

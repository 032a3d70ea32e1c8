//! The ids of stacks, without asking the store each time.

use std::collections::HashMap;
use std::sync::Arc;

use crate::scrape::Counted;
use crate::store::{Samples, Stack, StackId, StoreError};

/// So many stacks are remembered; then it begins anew.
const MAX: usize = 300_000;

/// Stacks and their counts.
type Counts = Vec<(StackId, u32)>;
/// Stacks that were not known before.
type New = Vec<(StackId, Arc<Stack>)>;

/// Knows the ids of stacks.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    ids: HashMap<Arc<Stack>, StackId>,
}

impl Stacks {
    /// The ids and counts of what was counted in a service, and the stacks that were not known before.
    ///
    /// The store gives one id to many stacks where a service has too many; those are not remembered, as
    /// whoever makes stacks up makes up new ones each time.
    pub(crate) fn ids(
        &mut self,
        samples: &dyn Samples,
        service: &str,
        counts: &[Counted],
    ) -> Result<(Counts, New), StoreError> {
        let unknown: Vec<Stack> =
            counts.iter().filter(|one| !self.ids.contains_key(&one.stack)).map(|one| one.stack.clone()).collect();
        let mut new: HashMap<StackId, Arc<Stack>> = HashMap::new();
        let mut shared: HashMap<&Stack, StackId> = HashMap::new();
        if !unknown.is_empty() {
            if self.ids.len() + unknown.len() > MAX {
                self.ids.clear();
            }
            let ids = samples.intern_for(service, &unknown)?;
            for (id, kept) in ids.iter().zip(samples.stacks(&ids)?) {
                if let Some(kept) = kept {
                    new.entry(*id).or_insert_with(|| Arc::new(kept));
                }
            }
            for (id, stack) in ids.into_iter().zip(&unknown) {
                match new.get(&id).filter(|kept| ***kept == *stack) {
                    Some(kept) => drop(self.ids.insert(kept.clone(), id)),
                    None => drop(shared.insert(stack, id)),
                }
            }
        }
        let mut sums: HashMap<StackId, u32> = HashMap::with_capacity(counts.len());
        for one in counts {
            if let Some(id) = self.ids.get(&one.stack).or_else(|| shared.get(&one.stack)) {
                let sum = sums.entry(*id).or_default();
                *sum = sum.saturating_add(one.count);
            }
        }
        let mut ids: Counts = sums.into_iter().collect();
        ids.sort_unstable();
        Ok((ids, new.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Frame;
    use crate::store::sqlite::{Settings, Sqlite};

    fn counted(function: &str, count: u32) -> Counted {
        let frames = vec![Frame { function: function.to_owned(), file: "f.go".to_owned(), line: 1 }];
        let stack = Stack { signature: "00000000000000aa".to_owned(), operation: "select".to_owned(), frames };
        Counted { stack, count, is_synchronisation: true }
    }

    #[test]
    fn a_service_with_too_many_stacks_costs_no_memory_and_loses_no_goroutine() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings { stacks_per_service: 10, ..Settings::default() };
        let store = Sqlite::open(folder.path(), settings).expect("a store");
        let mut stacks = Stacks::default();
        for scrape in 0..20 {
            let counts: Vec<Counted> = (0..50).map(|n| counted(&format!("made.up{scrape}x{n}"), 2)).collect();
            let (ids, new) = stacks.ids(&store, "evil", &counts).expect("ids");
            assert_eq!(ids.iter().map(|(_, count)| count).sum::<u32>(), 100);
            assert!(new.len() <= 11, "{}", new.len());
        }
        assert!(stacks.ids.len() <= 10, "{}", stacks.ids.len());
        let (ids, new) = stacks.ids(&store, "good", &[counted("main.f", 3)]).expect("ids");
        assert_eq!((ids[0].1, new.len()), (3, 1), "others are not affected");
        assert!(stacks.ids(&store, "good", &[counted("main.f", 3)]).expect("ids").1.is_empty(), "it is known now");
    }
}

//! The ids of stacks, without asking the store each time.

use std::collections::HashMap;
use std::sync::Arc;

use crate::scrape::Counted;
use crate::store::{Samples, Stack, StackId, StoreError};

/// So many stacks are remembered; then it begins anew.
const MAX: usize = 500_000;

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
    /// The ids and counts of what was counted, and the stacks that were not known before.
    pub(crate) fn ids(
        &mut self,
        samples: &dyn Samples,
        service: &str,
        counts: &[Counted],
    ) -> Result<(Counts, New), StoreError> {
        let unknown: Vec<Stack> =
            counts.iter().filter(|one| !self.ids.contains_key(&one.stack)).map(|one| one.stack.clone()).collect();
        let mut new = Vec::new();
        if !unknown.is_empty() {
            if self.ids.len() + unknown.len() > MAX {
                self.ids.clear();
            }
            for (id, stack) in samples.intern_for(service, &unknown)?.into_iter().zip(unknown) {
                let stack = Arc::new(stack);
                self.ids.insert(stack.clone(), id);
                new.push((id, stack));
            }
        }
        // The store may give one id to several stacks where a service has too many.
        let mut sums: HashMap<StackId, u32> = HashMap::with_capacity(counts.len());
        for one in counts {
            if let Some(id) = self.ids.get(&one.stack) {
                let sum = sums.entry(*id).or_default();
                *sum = sum.saturating_add(one.count);
            }
        }
        let mut ids: Vec<(StackId, u32)> = sums.into_iter().collect();
        ids.sort_unstable();
        Ok((ids, new))
    }
}

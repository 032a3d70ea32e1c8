//! Blocks that may overlap, as one: where two have the same time, the later layer holds.

use super::Block;
use crate::Millis;
use crate::store::StackId;

/// A scrape: its time, and the counts that are not 0, in order of stack.
pub(crate) type Row = (Millis, Vec<(StackId, u32)>);

/// Blocks of one run of a process, those that hold over others last.
#[derive(Debug, Default)]
pub(crate) struct Layers(pub(crate) Vec<Block>);

impl Layers {
    /// Where each time in `from..to` is: the time, its layer, its index there. In order of time.
    fn places(&self, from: Millis, to: Millis) -> Vec<(Millis, usize, usize)> {
        let mut places = Vec::new();
        for (layer, block) in self.0.iter().enumerate() {
            let begin = block.times.partition_point(|time| *time < from);
            let within = block.times[begin..].iter().take_while(|time| **time < to);
            places.extend(within.enumerate().map(|(index, time)| (*time, layer, begin + index)));
        }
        places.sort_unstable();
        // The last of equal times is kept: dedup keeps the first, so it goes from the end.
        places.reverse();
        places.dedup_by_key(|(time, ..)| *time);
        places.reverse();
        places
    }

    fn stacks(&self) -> Vec<StackId> {
        let mut stacks: Vec<_> =
            self.0.iter().flat_map(|block| block.columns.iter().map(|(stack, _)| *stack)).collect();
        stacks.sort_unstable();
        stacks.dedup();
        stacks
    }

    /// The series of each stack that has a count other than 0 in `from..to`.
    pub(crate) fn series(&self, from: Millis, to: Millis) -> Vec<(StackId, Vec<(Millis, u32)>)> {
        let places = self.places(from, to);
        let mut all = Vec::new();
        for stack in self.stacks() {
            let columns: Vec<_> = self.0.iter().map(|block| block.column(stack).unwrap_or_default()).collect();
            let count = |layer: usize, index: usize| columns[layer].get(index).copied().unwrap_or(0);
            if places.iter().any(|(_, layer, index)| count(*layer, *index) > 0) {
                all.push((stack, places.iter().map(|(time, layer, index)| (*time, count(*layer, *index))).collect()));
            }
        }
        all
    }

    /// The scrapes in `from..to`, in order of time.
    pub(crate) fn rows(&self, from: Millis, to: Millis) -> Vec<Row> {
        let counts = |(time, layer, index): (Millis, usize, usize)| {
            let columns = self.0[layer].columns.iter();
            (time, columns.map(|(stack, counts)| (*stack, counts[index])).filter(|(_, count)| *count > 0).collect())
        };
        self.places(from, to).into_iter().map(counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(rows: &[(Millis, &[(i64, u32)])]) -> Block {
        let rows: Vec<Row> =
            rows.iter().map(|(at, counts)| (*at, counts.iter().map(|(id, n)| (StackId(*id), *n)).collect())).collect();
        Block::from_rows(&rows)
    }

    #[test]
    fn a_later_layer_replaces_whole_scrapes() {
        let old = block(&[(10, &[(1, 5), (2, 7)]), (20, &[(1, 6)])]);
        let new = block(&[(10, &[(1, 9)]), (15, &[(3, 1)])]);
        let layers = Layers(vec![old, new]);
        assert_eq!(
            layers.series(0, 100),
            [
                (StackId(1), vec![(10, 9), (15, 0), (20, 6)]),
                // Stack 2 was only in the scrape that was replaced.
                (StackId(3), vec![(10, 0), (15, 1), (20, 0)]),
            ]
        );
        assert_eq!(layers.rows(10, 20), [(10, vec![(StackId(1), 9)]), (15, vec![(StackId(3), 1)])]);
        assert_eq!(layers.rows(21, 100), []);
    }
}

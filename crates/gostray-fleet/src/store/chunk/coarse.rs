//! Old samples, made coarser: of each bucket of 30 minutes (counted from 1970, UTC) two rows remain.
//! The first stands at the time of the bucket's first scrape and has the *least* count of each stack;
//! the second is the bucket's last scrape, as it was. Growth is judged by the least counts of such
//! buckets; the last is a real profile. A bucket with one scrape keeps it as it is. Doing it again
//! changes nothing.

use super::layers::Row;
use crate::Millis;
use crate::store::StackId;

/// The width of a bucket.
pub(crate) const BUCKET: Millis = 30 * 60 * 1000;

/// Two rows a bucket of these (in order of time).
pub(crate) fn coarsen(rows: &[Row]) -> Vec<Row> {
    let mut coarse = Vec::new();
    for bucket in rows.chunk_by(|a, b| a.0.div_euclid(BUCKET) == b.0.div_euclid(BUCKET)) {
        let [first, .., last] = bucket else {
            coarse.extend_from_slice(bucket);
            continue;
        };
        coarse.push((first.0, least(bucket)));
        coarse.push(last.clone());
    }
    coarse
}

/// The least count of each stack: 0 as soon as it is absent once.
fn least(bucket: &[Row]) -> Vec<(StackId, u32)> {
    let Some(((_, first), others)) = bucket.split_first() else { return Vec::new() };
    let mut least = first.clone();
    for (_, counts) in others {
        least.retain_mut(|(stack, count)| match counts.binary_search_by_key(stack, |(stack, _)| *stack) {
            Ok(found) => {
                *count = (*count).min(counts[found].1);
                true
            }
            Err(_) => false,
        });
    }
    least
}

/// Is the row at this index of coarse times a scrape as it was taken?
pub(crate) fn is_real(times: &[Millis], index: usize) -> bool {
    let bucket = |index: usize| times.get(index).map(|time| time.div_euclid(BUCKET));
    bucket(index) != bucket(index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    fn row(at: Millis, counts: &[(i64, u32)]) -> Row {
        (at, counts.iter().map(|(stack, count)| (StackId(*stack), *count)).collect())
    }

    #[test]
    fn the_least_and_the_last_of_a_bucket_remain() {
        let rows = [
            row(0, &[(1, 5), (2, 3)]),
            row(60_000, &[(1, 4), (2, 9), (3, 1)]),
            row(120_000, &[(1, 6), (3, 2)]),
            row(BUCKET, &[(1, 7)]),
        ];
        let coarse = coarsen(&rows);
        assert_eq!(coarse, [row(0, &[(1, 4)]), row(120_000, &[(1, 6), (3, 2)]), row(BUCKET, &[(1, 7)])]);
        let times: Vec<_> = coarse.iter().map(|(at, _)| *at).collect();
        assert_eq!([0, 1, 2].map(|index| is_real(&times, index)), [false, true, true]);
    }

    proptest! {
        #[test]
        fn minima_of_buckets_survive_and_doing_it_again_changes_nothing(
            rows in btree_map(-5 * BUCKET..5 * BUCKET, vec(0_u32..5, 3), 0..40)
        ) {
            let rows: Vec<Row> = rows.into_iter()
                .map(|(at, n)| (at, (0..).map(StackId).zip(n).filter(|(_, n)| *n > 0).collect()))
                .collect();
            let coarse = coarsen(&rows);
            prop_assert_eq!(&coarsen(&coarse), &coarse);
            prop_assert!(coarse.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let minima = |rows: &[Row]| rows
                .chunk_by(|a, b| a.0.div_euclid(BUCKET) == b.0.div_euclid(BUCKET))
                .map(least).collect::<Vec<_>>();
            prop_assert_eq!(minima(&coarse), minima(&rows));
            prop_assert_eq!(coarse.last(), rows.last());
        }
    }
}

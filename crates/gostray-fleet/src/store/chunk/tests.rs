//! What a chunk promises.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

fn scrapes() -> impl Strategy<Value = Vec<(Millis, Vec<(StackId, u32)>)>> {
    let counts =
        btree_map(any::<i64>().prop_map(StackId), any::<u32>(), 0..8).prop_map(|counts| counts.into_iter().collect());
    btree_map(any::<i64>(), counts, 0..20).prop_map(|rows| rows.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in scrapes()) {
        let block = Block::from_rows(&rows);
        let chunk = block.encode().unwrap();
        prop_assert_eq!(&Block::decode(&chunk, &[])?, &block);
        for (at, counts) in &rows {
            let time = block.times.binary_search(at).unwrap();
            for (stack, count) in counts {
                prop_assert_eq!(block.column(*stack).map_or(0, |counts| counts[time]), *count);
            }
        }
    }

    #[test]
    fn only_what_is_wanted_is_read(rows in scrapes()) {
        let block = Block::from_rows(&rows);
        let wanted: Vec<StackId> = block.columns.iter().step_by(2).map(|(stack, _)| *stack).collect();
        prop_assume!(!wanted.is_empty());
        let read = Block::decode(&block.encode().unwrap(), &wanted)?;
        prop_assert_eq!(read.columns.iter().map(|(stack, _)| *stack).collect::<Vec<_>>(), wanted);
        prop_assert!(read.columns.iter().all(|(stack, counts)| block.column(*stack) == Some(counts)));
    }

    #[test]
    fn a_scrape_is_read_as_it_was_written(counts in btree_map(any::<i64>().prop_map(StackId), 1_u32.., 0..30)) {
        let counts: Vec<_> = counts.into_iter().collect();
        let (row, samples) = row::encode(&counts);
        prop_assert_eq!(samples, counts.len() as u64);
        prop_assert_eq!(row::decode(&row)?, counts);
    }

    #[test]
    fn any_bytes_are_an_error_or_a_chunk(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Block::decode(&bytes, &[]);
        let _ = row::decode(&bytes);
        let _ = Block::read(Reader(&bytes), &[]);
    }

    #[test]
    fn any_body_is_bounded(times in 1_u64..3, rest in vec(any::<u8>(), 0..60)) {
        let mut body = Vec::new();
        put(&mut body, times);
        body.extend(rest);
        if let Ok(block) = Block::read(Reader(&body), &[]) {
            prop_assert!(block.times.len() * block.columns.len() <= MAX_CELLS);
        }
    }

    #[test]
    fn a_flipped_bit_is_found(rows in scrapes(), bit in any::<prop::sample::Index>()) {
        let block = Block::from_rows(&rows);
        let mut chunk = block.encode().unwrap();
        let bit = bit.index(chunk.len() * 8);
        chunk[bit / 8] ^= 1 << (bit % 8);
        // Some bits of a zstd frame's header mean nothing to a decoder; then nothing may change.
        if let Ok(read) = Block::decode(&chunk, &[]) {
            prop_assert_eq!(read, block);
        }
    }

    #[test]
    fn a_cut_chunk_is_an_error(rows in scrapes(), cut in any::<prop::sample::Index>()) {
        let chunk = Block::from_rows(&rows).encode().unwrap();
        prop_assert!(Block::decode(&chunk[..cut.index(chunk.len())], &[]).is_err());
    }
}

#[test]
fn a_stack_that_is_named_twice_is_added_up_and_zeros_are_left_out() {
    let (row, samples) =
        row::encode(&[(StackId(9), 1), (StackId(2), 0), (StackId(4), u32::MAX), (StackId(9), 2), (StackId(4), 7)]);
    assert_eq!(samples, 2);
    assert_eq!(row::decode(&row).unwrap(), [(StackId(4), u32::MAX), (StackId(9), 3)]);
}

/// Three scrapes, a minute apart but for 20 ms: one stack that grows, one that comes and goes, one
/// that stands.
fn golden() -> Block {
    Block::from_rows(&[
        (1_767_225_600_000, vec![(StackId(3), 10), (StackId(700), 1)]),
        (1_767_225_660_020, vec![(StackId(3), 12), (StackId(4), 300), (StackId(700), 1)]),
        (1_767_225_720_000, vec![(StackId(3), 14), (StackId(700), 1)]),
    ])
}

const GOLDEN: &str = "011f28b52ffd0400f900000380a0d5edee66f4d4034f030601b80503140404060000d804d704030200015438b58c";

/// Chunks are on the disks of others: these bytes must be read for ever. A new format gets a new
/// version and a second test, beside this one.
#[test]
fn a_chunk_of_version_1_is_still_read() {
    let bytes: Vec<u8> =
        (0..GOLDEN.len()).step_by(2).map(|at| u8::from_str_radix(&GOLDEN[at..at + 2], 16).unwrap()).collect();
    assert_eq!(Block::decode(&bytes, &[]).unwrap(), golden());
}

#[test]
fn a_scrape_of_version_1_is_still_read() {
    assert_eq!(
        row::decode(&[3, 6, 1, 0xb8, 5, 12, 0xac, 2, 1]).unwrap(),
        [(StackId(3), 12), (StackId(4), 300), (StackId(700), 1)]
    );
}

#[test]
fn a_bomb_is_an_error() {
    // 4 million times of 1 byte each would be followed by 100 columns of one run each.
    let mut body = Vec::new();
    put(&mut body, 4_000_000);
    body.extend(std::iter::repeat_n(1, 2).chain(std::iter::repeat_n(0, 3_999_998)));
    put(&mut body, 100);
    body.extend(std::iter::repeat_n(2, 1).chain(std::iter::repeat_n(1, 99)));
    for _ in 0..100 {
        body.push(5);
        put(&mut body, 0);
        put(&mut body, 3_999_999);
    }
    assert_eq!(Block::read(Reader(&body), &[]), Err(Corrupt("a chunk has too many counts")));
    let mut huge = vec![VERSION];
    put(&mut huge, u64::MAX);
    assert_eq!(Block::decode(&huge, &[]), Err(Corrupt("a chunk says that it is too large")));
}

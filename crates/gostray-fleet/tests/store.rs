//! The store, from outside: what goes in comes out, whatever the order, packed or not, and after a
//! restart.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails says where, and a measurement what")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gostray_fleet::store::sqlite::{Settings, Sqlite};
use gostray_fleet::store::{GenerationId, Query, Samples, Scrape, Series, StackId, StoreError};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

mod shop;

use shop::{generation, stack};

const HOUR: i64 = 3_600_000;

fn settings() -> Settings {
    // Nothing is made coarser here.
    Settings { fine_for: Duration::from_secs(365 * 86_400), maintain_for: Duration::MAX, ..Settings::default() }
}

fn open(folder: &Path) -> (Sqlite, Vec<GenerationId>, Vec<StackId>) {
    let store = Sqlite::open(folder, settings()).unwrap();
    let generations = (0..3).map(|target| store.generation(&generation(target)).unwrap()).collect();
    let stacks: Vec<_> = (0..5).map(stack).collect();
    let stacks = store.intern_for("shop", &stacks).unwrap();
    (store, generations, stacks)
}

fn everything() -> Query {
    Query { from: i64::MIN, to: i64::MAX, ..Query::default() }
}

/// A scrape of a run: its time and counts of stacks.
type Taken = (usize, i64, BTreeMap<usize, u32>);

fn taken() -> impl Strategy<Value = Vec<Taken>> {
    // Few times, so that some come twice; over several hours, in any order.
    let time = prop_oneof![-30_i64..30, 0_i64..600].prop_map(|step| step * 60_000);
    vec((0..3_usize, time, btree_map(0..5_usize, prop_oneof![0_u32..4, any::<u32>()], 0..5)), 0..60)
}

/// What a store must say to a query: the contract, written down again in the simplest way.
fn expected(taken: &[Taken], generations: &[GenerationId], stacks: &[StackId], query: &Query) -> Vec<Series> {
    let mut last: BTreeMap<(GenerationId, i64), &BTreeMap<usize, u32>> = BTreeMap::new();
    for (generation, at, counts) in taken {
        last.insert((generations[*generation], *at), counts);
    }
    let mut all = Vec::new();
    for generation in generations {
        for (index, stack) in stacks.iter().enumerate() {
            let asked = (query.generations.is_empty() || query.generations.contains(generation))
                && (query.stacks.is_empty() || query.stacks.contains(stack));
            let rows = last.iter().filter(|((of, at), _)| of == generation && (query.from..query.to).contains(at));
            let points: Vec<_> =
                rows.map(|((_, at), counts)| (*at, counts.get(&index).copied().unwrap_or(0))).collect();
            if asked && points.iter().any(|(_, count)| *count > 0) {
                all.push(Series { generation: *generation, stack: *stack, points });
            }
        }
    }
    all
}

/// The same for the last scrape of a run.
fn expected_last(
    taken: &[Taken],
    run: usize,
    at: i64,
    generations: &[GenerationId],
    stacks: &[StackId],
) -> Option<Scrape> {
    let before = taken.iter().filter(|(of, time, _)| *of == run && *time <= at);
    // Of equal times, `max_by_key` gives the last.
    let (_, at, counts) = before.max_by_key(|(_, time, _)| *time)?;
    let counts =
        counts.iter().filter(|(_, count)| **count > 0).map(|(index, count)| (stacks[*index], *count)).collect();
    Some(Scrape { generation: generations[run], at: *at, counts })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out(
        taken in taken(),
        batch in 1..20_usize,
        (from, length) in (-40_i64..600, 0_i64..700),
        (some_runs, some_stacks) in (vec(0..3_usize, 0..3), vec(0..5_usize, 0..4)),
        packed_after in 0..10_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (store, generations, stacks) = open(folder.path());
        let query = Query {
            from: from * 60_000,
            to: (from + length) * 60_000,
            generations: some_runs.iter().map(|index| generations[*index]).collect(),
            stacks: some_stacks.iter().map(|index| stacks[*index]).collect(),
        };
        let check = |store: &Sqlite| {
            for query in [&query, &everything()] {
                prop_assert_eq!(store.series(query).unwrap(), expected(&taken, &generations, &stacks, query));
            }
            let last = expected_last(&taken, 0, query.from, &generations, &stacks);
            prop_assert_eq!(store.scrape(generations[0], query.from).unwrap(), last);
            Ok(())
        };
        for (index, part) in taken.chunks(batch).enumerate() {
            let scrapes: Vec<_> = part.iter().map(|(generation, at, counts)| Scrape {
                generation: generations[*generation],
                at: *at,
                counts: counts.iter().map(|(index, count)| (stacks[*index], *count)).collect(),
            }).collect();
            store.append(&scrapes).unwrap();
            if index == packed_after {
                store.maintain(7 * HOUR).unwrap();
            }
        }
        check(&store)?;
        store.maintain(20 * HOUR).unwrap();
        check(&store)?;
        prop_assert_eq!(store.check().unwrap().fresh, 0);
        drop(store);
        check(&Sqlite::open(folder.path(), settings()).unwrap())?;
    }
}

/// Readers, a writer and maintenance at the same time: each read sees whole batches, and all of what
/// was there before.
#[test]
fn readers_see_whole_batches_while_others_write_and_pack() {
    let folder = tempfile::tempdir().unwrap();
    let (store, generations, stacks) = open(folder.path());
    let batches = 300_usize;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for minute in 0..batches as i64 {
                let scrape = |generation: &GenerationId| Scrape {
                    generation: *generation,
                    at: minute * 60_000,
                    counts: vec![(stacks[0], 7)],
                };
                store.append(&generations.iter().map(scrape).collect::<Vec<_>>()).unwrap();
            }
        });
        let mut seen = 0;
        while seen < batches {
            let finished = writer.is_finished();
            store.maintain(seen as i64 * 60_000).unwrap();
            let lengths: Vec<_> =
                store.series(&everything()).unwrap().iter().map(|series| series.points.len()).collect();
            assert!(lengths.windows(2).all(|pair| pair[0] == pair[1]), "{lengths:?}");
            let now = lengths.first().copied().unwrap_or(0);
            assert!(now >= seen, "{now} after {seen}");
            seen = now;
            assert!(seen == batches || !finished, "only {seen} of {batches}");
        }
    });
    // A writer that was faster than the packing left all of it to be packed now.
    store.maintain(batches as i64 * 60_000).unwrap();
    assert!(store.check().unwrap().chunks > 0);
}

#[cfg(target_os = "linux")]
struct Mount(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// On a file system of its own that is really full. Needs the right to mount one; without it, the
/// test inside the crate that limits the database's pages is what there is.
#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
        .arg(folder.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: no right to mount a file system");
        return;
    }
    let mount = Mount(folder);
    let place = mount.0.path().join("store");
    let (store, generations, stacks) = open(&place);
    let counts: Vec<_> = stacks.iter().map(|stack| (*stack, u32::MAX)).collect();
    let scrapes = |from: i64| -> Vec<_> {
        (from..from + 1_000).map(|at| Scrape { generation: generations[0], at, counts: counts.clone() }).collect()
    };
    let ballast = mount.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 12 << 20]).unwrap();
    let mut kept = 0;
    let error = loop {
        match store.append(&scrapes(kept)) {
            Ok(()) => kept += 1_000,
            Err(error) => break error,
        }
        assert!(kept < 1_000_000, "it never became full");
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(store.series(&everything()).unwrap()[0].points.len() as i64, kept);
    std::fs::remove_file(&ballast).unwrap();
    store.append(&scrapes(kept)).unwrap();
    store.maintain(20 * HOUR).unwrap();
    assert_eq!(store.series(&everything()).unwrap()[0].points.len() as i64, kept + 1_000);
    store.check().unwrap();
    drop(store);
    open(&place).0.check().unwrap();
}

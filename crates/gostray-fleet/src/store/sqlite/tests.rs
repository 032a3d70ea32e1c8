//! What the store promises, from inside: with connections of its own, to break what can break.

use rand::{RngCore as _, SeedableRng as _};

use super::*;
use crate::store::testing::generation;
use crate::store::{Change, Evidence, Frame, GenerationId, Ledger, Query, Samples, Scrape, Stack, StackId};

mod trouble;

fn everything() -> Settings {
    Settings { maintain_for: Duration::MAX, ..Settings::default() }
}

fn stack(service: &str, line: u32) -> Stack {
    let frame = Frame { function: format!("{service}.work"), file: format!("/src/{service}.go"), line };
    Stack { signature: format!("{line:016x}"), operation: "chan send".to_owned(), frames: vec![frame] }
}

/// A store with one run and so many stacks.
fn store(folder: &Path, settings: Settings, stacks: u32) -> (Sqlite, GenerationId, Vec<StackId>) {
    let store = Sqlite::open(folder, settings).unwrap();
    let generation = store.generation(&generation(u64::MAX)).unwrap();
    let stacks: Vec<_> = (0..stacks).map(|line| stack("shop", line)).collect();
    let ids = store.intern_for("shop", &stacks).unwrap();
    (store, generation, ids)
}

fn scrape(generation: GenerationId, at: Millis, counts: &[(StackId, u32)]) -> Scrape {
    Scrape { generation, at, counts: counts.to_vec() }
}

const ALL: Query = Query { from: Millis::MIN, to: Millis::MAX, generations: Vec::new(), stacks: Vec::new() };

#[cfg(unix)]
#[test]
fn a_run_keeps_its_id_and_its_last_word() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, id, ids) = store(folder.path(), everything(), 1);
    let mut renamed = generation(u64::MAX);
    renamed.instance = "shop-a".to_owned();
    assert_eq!(opened.generation(&renamed).unwrap(), id);
    assert_ne!(opened.generation(&generation(7)).unwrap(), id);
    opened.append(&[scrape(id, 90_000, &[(ids[0], 1)]), scrape(id, 60_000, &[])]).unwrap();
    renamed.last_seen = 90_000;
    assert_eq!(opened.generations(2_000).unwrap(), [(id, renamed)]);
    assert_eq!(opened.generations(0).unwrap().len(), 2);
}

#[test]
fn a_scrape_of_an_unknown_run_is_refused_with_its_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (store, generation, ids) = store(folder.path(), everything(), 1);
    let batch = [scrape(generation, 1, &[(ids[0], 1)]), scrape(GenerationId(77), 1, &[(ids[0], 1)])];
    let error = store.append(&batch).unwrap_err();
    assert!(error.to_string().contains("run 77 is not known"), "{error}");
    assert_eq!(store.series(&ALL).unwrap(), []);
}

#[test]
fn stacks_are_interned_by_content_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _, ids) = store(folder.path(), everything(), 3);
    assert_eq!(opened.intern_for("shop", &[stack("shop", 2), stack("shop", 0)]).unwrap(), [ids[2], ids[0]]);
    assert_eq!(opened.intern_for("other", &[stack("shop", 1)]).unwrap(), [ids[1]]);
    drop(opened);
    let opened = Sqlite::open(folder.path(), everything()).unwrap();
    assert_eq!(opened.intern(&[stack("shop", 1)]).unwrap(), [ids[1]]);
    assert_eq!(opened.intern_for("shop", &[stack("shop", 9), stack("shop", 2)]).unwrap()[1], ids[2]);
    assert_eq!(opened.stacks(&[ids[1], StackId(999)]).unwrap(), [Some(stack("shop", 1)), None]);
    assert_eq!(opened.with_signature("0000000000000002").unwrap(), [ids[2]]);
}

#[test]
fn a_service_that_makes_up_stacks_gets_one_an_operation() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { stacks_per_service: 5, ..everything() };
    let (opened, generation, first) = store(folder.path(), settings, 5);
    let made_up: Vec<_> = (100..1_100).map(|line| stack("shop", line)).collect();
    let ids = opened.intern_for("shop", &made_up).unwrap();
    assert!(ids.iter().all(|id| *id == ids[0]), "one stack for all");
    let stands_for = opened.stacks(&ids[..1]).unwrap().remove(0).unwrap();
    assert_eq!(stands_for, stacks::overflow("chan send"));
    assert_eq!(stands_for.operation, "chan send");
    let counts: Vec<_> = ids.iter().map(|id| (*id, 2)).collect();
    opened.append(&[scrape(generation, 5, &counts)]).unwrap();
    assert_eq!(opened.series(&ALL).unwrap()[0].points, [(5, 2_000)], "the sum is right");
    assert_eq!(opened.check().unwrap().stacks, 6);
    // Known ones are still themselves, also after a restart; other services are not affected.
    drop(opened);
    let opened = Sqlite::open(folder.path(), settings).unwrap();
    assert_eq!(opened.intern_for("shop", &[stack("shop", 3), stack("shop", 200)]).unwrap(), [first[3], ids[0]]);
    assert_ne!(opened.intern_for("other", &[stack("shop", 200)]).unwrap(), [ids[0]]);
}

#[test]
fn an_absent_stack_is_0_and_a_missing_scrape_is_no_point() {
    let folder = tempfile::tempdir().unwrap();
    let (store, generation, ids) = store(folder.path(), everything(), 3);
    let batch = [
        scrape(generation, 60_000, &[(ids[0], 4)]),
        scrape(generation, 120_000, &[(ids[1], 5), (ids[0], 6)]),
        scrape(generation, 300_000, &[]),
    ];
    store.append(&batch).unwrap();
    let points = |query: &Query| -> Vec<_> {
        store.series(query).unwrap().into_iter().map(|series| (series.stack, series.points)).collect()
    };
    for _ in 0..2 {
        let first = (ids[0], vec![(60_000, 4), (120_000, 6), (300_000, 0)]);
        let second = (ids[1], vec![(60_000, 0), (120_000, 5), (300_000, 0)]);
        assert_eq!(points(&ALL), [first, second.clone()]);
        assert_eq!(points(&Query { stacks: vec![ids[2], ids[1]], ..ALL }), [second]);
        assert_eq!(
            points(&Query { from: 120_000, to: 300_000, stacks: vec![ids[0]], ..ALL }),
            [(ids[0], vec![(120_000, 6)])]
        );
        assert_eq!(points(&Query { from: 200_000, ..ALL }), []);
        assert_eq!(points(&Query { generations: vec![GenerationId(99)], ..ALL }), []);
        assert_eq!(
            store.scrape(generation, 130_000).unwrap(),
            Some(scrape(generation, 120_000, &[(ids[0], 6), (ids[1], 5)]))
        );
        assert_eq!(store.scrape(generation, i64::MAX).unwrap(), Some(scrape(generation, 300_000, &[])));
        assert_eq!(store.scrape(generation, 59_999).unwrap(), None);
        store.maintain(10 * HOUR).unwrap();
    }
    assert_eq!(store.check().unwrap().chunks, 1);
}

#[test]
fn a_clock_that_goes_back_is_no_matter() {
    let folder = tempfile::tempdir().unwrap();
    let (store, generation, ids) = store(folder.path(), everything(), 1);
    let at = |at: Millis, count: u32| scrape(generation, at, &[(ids[0], count)]);
    store.append(&[at(5_000, 1), at(6_000, 2), at(5_000, 3)]).unwrap();
    store.maintain(10 * HOUR).unwrap();
    // The same hour again, after it was packed: again what comes last holds.
    store.append(&[at(4_000, 4), at(6_000, 5)]).unwrap();
    let points = vec![(4_000, 4), (5_000, 3), (6_000, 5)];
    assert_eq!(store.series(&ALL).unwrap()[0].points, points);
    assert_eq!(store.scrape(generation, 6_000).unwrap(), Some(at(6_000, 5)));
    store.maintain(10 * HOUR).unwrap();
    assert_eq!(store.series(&ALL).unwrap()[0].points, points);
    assert_eq!(store.scrape(generation, 6_500).unwrap(), Some(at(6_000, 5)));
    assert_eq!(store.check().unwrap().fresh, 0);
    // Far ahead, before 1970, and at the ends of time.
    for far in [1 << 50, -1, -(1 << 50), Millis::MAX - 1, Millis::MIN] {
        store.append(&[at(far, 7)]).unwrap();
        store.maintain(10 * HOUR).unwrap();
        assert_eq!(store.scrape(generation, far).unwrap().map_or(far, |scrape| scrape.at), far);
        store.series(&ALL).unwrap();
        store.check().unwrap();
    }
}

#[test]
fn old_days_are_made_coarser_then_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (store, generation, ids) = store(folder.path(), everything(), 3);
    // A day, a sample a minute: one that grows with a saw on it, one only in the first hour.
    let scrapes: Vec<_> = (0..24 * 60_u32)
        .map(|minute| {
            let brief = u32::from(minute < 60);
            scrape(generation, i64::from(minute) * 60_000, &[(ids[0], 100 + minute + minute % 7), (ids[1], brief)])
        })
        .collect();
    store.append(&scrapes).unwrap();
    let fine = store.series(&ALL).unwrap();
    store.maintain(2 * DAY).unwrap();
    assert_eq!(store.series(&ALL).unwrap(), fine, "packing changes nothing");
    store.maintain(4 * DAY - 1).unwrap();
    assert_eq!(store.series(&ALL).unwrap(), fine, "not yet old enough");

    store.maintain(4 * DAY).unwrap();
    let coarse = store.series(&ALL).unwrap();
    assert_eq!(coarse[0].points.len(), 2 * 48);
    let minima = |points: &[(Millis, u32)]| -> Vec<u32> {
        points
            .chunk_by(|a, b| a.0 / 1_800_000 == b.0 / 1_800_000)
            .map(|bucket| bucket.iter().map(|p| p.1).min().unwrap())
            .collect()
    };
    assert_eq!(minima(&coarse[0].points), minima(&fine[0].points));
    assert_eq!(coarse[0].points.last(), fine[0].points.last());
    // The least of a bucket is no scrape: the one before it is given.
    assert_eq!(store.scrape(generation, 30 * 60_000 + 5).unwrap(), Some(scrapes[29].clone()));
    assert_eq!(store.scrape(generation, 59 * 60_000).unwrap(), Some(scrapes[59].clone()));
    assert_eq!(store.check().unwrap().chunks, 1);

    // What comes late is taken up.
    store.append(&[scrape(generation, 30 * 60_000 + 1, &[(ids[0], 1)])]).unwrap();
    store.maintain(4 * DAY).unwrap();
    assert_eq!(minima(&store.series(&ALL).unwrap()[0].points)[1], 1);
    assert_eq!(store.check().unwrap().chunks, 1);

    // The retention counts from the newest sample.
    store.maintain(400 * DAY).unwrap();
    assert_eq!(store.check().unwrap().chunks, 1);
    store.append(&[scrape(generation, 40 * DAY, &[(ids[2], 1)])]).unwrap();
    store.maintain(41 * DAY).unwrap();
    let left = store.series(&ALL).unwrap();
    assert_eq!(left.iter().map(|series| (series.stack, series.points.len())).collect::<Vec<_>>(), [(ids[2], 1)]);
    assert_eq!(store.size().unwrap().samples, 1);
    store.check().unwrap();
}

#[test]
fn what_nothing_speaks_of_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (store, gone, ids) = store(folder.path(), everything(), 2);
    let now = stacks::today() * DAY;
    let stays = store.generation(&generation(1)).unwrap();
    store.append(&[scrape(gone, now, &[(ids[0], 1)]), scrape(stays, now, &[(ids[1], 1)])]).unwrap();
    store.maintain(now + 10 * HOUR).unwrap();
    let later = now + 60 * DAY;
    store.append(&[scrape(stays, later, &[(ids[1], 1)])]).unwrap();
    store.maintain(later + 1).unwrap();
    assert_eq!(store.stacks(&ids).unwrap(), [None, Some(stack("shop", 1))], "a fresh scrape still has the second");
    assert_eq!(store.generations(0).unwrap().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [stays]);
    store.check().unwrap();
    // What was forgotten can come back.
    let again = store.intern_for("shop", &[stack("shop", 0)]).unwrap();
    assert_eq!(store.stacks(&again).unwrap(), [Some(stack("shop", 0))]);
}

#[test]
fn documents_are_written_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let opened = Sqlite::open(folder.path(), everything()).unwrap();
    let change = |key: &str, document: Option<serde_json::Value>| Change {
        kind: "leak".to_owned(),
        key: key.to_owned(),
        document,
    };
    let one = serde_json::json!({"state": "open", "name": "Größe"});
    opened.write(&[change("b", Some(one.clone())), change("a", Some(1.into()))]).unwrap();
    assert_eq!(opened.documents("leak").unwrap(), [("a".to_owned(), 1.into()), ("b".to_owned(), one.clone())]);
    Ledger::write(
        &opened,
        &[change("a", None), change("gone", None), change("b", Some(2.into())), change("b", Some(3.into()))],
    )
    .unwrap();
    drop(opened);
    let opened = Sqlite::open(folder.path(), everything()).unwrap();
    assert_eq!(opened.documents("leak").unwrap(), [("b".to_owned(), 3.into())]);
    assert_eq!(opened.documents("delivery").unwrap(), []);
}

#[test]
fn evidence_lasts_as_long_as_its_leak() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), everything()).unwrap();
    let evidence = |leak: &str, at: Millis| Evidence {
        leak: leak.to_owned(),
        at,
        instance: "shop-1".to_owned(),
        kind: "goroutine?debug=2".to_owned(),
        bytes: format!("goroutine {at} [chan send]:\n").repeat(1000).into_bytes(),
    };
    let late = store.keep_evidence(&evidence("kept", 9)).unwrap();
    let early = store.keep_evidence(&evidence("kept", 5)).unwrap();
    let orphan = store.keep_evidence(&evidence("gone", 7)).unwrap();
    let change = Change { kind: "leak".to_owned(), key: "kept".to_owned(), document: Some(1.into()) };
    store.write(&[change]).unwrap();
    let listed = store.evidence_of("kept").unwrap();
    assert_eq!(listed.iter().map(|(id, evidence)| (*id, evidence.at)).collect::<Vec<_>>(), [(early, 5), (late, 9)]);
    assert!(listed[0].1.bytes.is_empty());
    assert_eq!(store.evidence(late).unwrap(), Some(evidence("kept", 9).bytes));
    store.maintain(HOUR).unwrap();
    assert!(store.evidence(orphan).unwrap().is_some(), "a day's grace");
    store.maintain(3 * DAY).unwrap();
    assert_eq!(store.evidence(orphan).unwrap(), None);
    assert!(store.evidence(late).unwrap().is_some());
    assert_eq!(store.check().unwrap().evidence, 2);
}

#[test]
fn a_backup_is_a_store_of_one_instant() {
    let folder = tempfile::tempdir().unwrap();
    let (store, generation, ids) = store(&folder.path().join("a"), everything(), 1);
    store.append(&[scrape(generation, 1, &[(ids[0], 1)])]).unwrap();
    let other = folder.path().join("b");
    std::fs::create_dir(&other).unwrap();
    store.backup(&other.join("gostray.db")).unwrap();
    store.append(&[scrape(generation, 2, &[(ids[0], 2)])]).unwrap();
    let beside: Vec<_> = std::fs::read_dir(&other).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(beside, ["gostray.db"], "one file is the whole of it");
    let copy = Sqlite::open(&other, everything()).unwrap();
    assert_eq!(copy.series(&ALL).unwrap()[0].points, [(1, 1)]);
    copy.check().unwrap();
    let error = store.backup(&other.join("gostray.db")).unwrap_err();
    assert!(error.to_string().contains("new file"), "{error}");
    assert!(store.backup(&folder.path().join("nowhere/x.db")).is_err());
}

#[test]
fn what_was_dropped_is_given_back_to_the_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let (store, generation, ids) = store(folder.path(), everything(), 1);
    // Bytes that do not compress, as evidence of a leak that is gone.
    let mut random = rand::rngs::StdRng::seed_from_u64(1);
    for at in 0..10 {
        let mut bytes = vec![0; 1 << 20];
        random.fill_bytes(&mut bytes);
        let (leak, instance, kind) = ("gone".to_owned(), String::new(), "memory".to_owned());
        store.keep_evidence(&Evidence { leak, at, instance, kind, bytes }).unwrap();
    }
    store.append(&[scrape(generation, 1, &[(ids[0], 1)])]).unwrap();
    let pages =
        || store.reading(|t| Ok(t.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))?)).unwrap();
    let before = pages();
    store.maintain(3 * DAY).unwrap();
    assert!(pages() < before / 2, "{} of {before} pages", pages());
    store.check().unwrap();
}

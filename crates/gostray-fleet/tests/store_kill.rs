//! `kill -9` at random moments: whatever the store said is kept is there when it is opened again.
//!
//! The test runs itself as a child that appends, writes documents and packs as fast as it can, and
//! says on its standard output what was acknowledged. It is killed; what it said must be there.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails says where, and a measurement what")]
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gostray_fleet::store::sqlite::{Settings, Sqlite};
use gostray_fleet::store::{Change, Evidence, GenerationId, Ledger, Query, Samples, Scrape};
use rand::{Rng as _, SeedableRng as _};

mod shop;

use shop::{generation, stack};

const FOLDER: &str = "GOSTRAY_TEST_STORE";
const FIRST: &str = "GOSTRAY_TEST_FIRST";
const KILLS: u32 = 110;

fn open(folder: &Path) -> Sqlite {
    let years = Duration::from_secs(3_650 * 86_400);
    Sqlite::open(folder, Settings { fine_for: years, retention: years, ..Settings::default() }).unwrap()
}

fn runs(store: &Sqlite) -> Vec<GenerationId> {
    (0..3).map(|target| store.generation(&generation(target)).unwrap()).collect()
}

/// The counts of batch `n`, by line: line 0 always, and another that changes.
fn counts(n: i64) -> [(u32, u32); 2] {
    [(0, n as u32 + 1), (1 + (n % 7) as u32, 5)]
}

#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let first: i64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = open(Path::new(&folder));
    let runs = runs(&store);
    let newest = AtomicI64::new(first);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                store.maintain(newest.load(Ordering::Relaxed) * 60_000).unwrap();
            }
        });
        for n in first.. {
            keep(&store, &runs, n);
            newest.store(n, Ordering::Relaxed);
            std::io::stdout().write_all(format!("\nkept {n}\n").as_bytes()).unwrap();
        }
    });
}

/// Batch `n`: a scrape a run, a document, and sometimes evidence.
fn keep(store: &Sqlite, runs: &[GenerationId], n: i64) {
    let [one, two] = counts(n);
    let ids = store.intern_for("shop", &[stack(one.0), stack(two.0)]).unwrap();
    let counts = vec![(ids[0], one.1), (ids[1], two.1)];
    let scrape = |run: &GenerationId| Scrape { generation: *run, at: n * 60_000, counts: counts.clone() };
    store.append(&runs.iter().map(scrape).collect::<Vec<_>>()).unwrap();
    let leak = (n % 10).to_string();
    store.write(&[Change { kind: "leak".to_owned(), key: leak.clone(), document: Some(n.into()) }]).unwrap();
    if n % 5 == 0 {
        let (instance, kind) = ("a".to_owned(), "goroutineleak".to_owned());
        store.keep_evidence(&Evidence { leak, at: n, instance, kind, bytes: vec![n as u8; 9000] }).unwrap();
    }
}

/// Checks that all of `0..acknowledged` is there, and nothing of half a batch.
fn verify(store: &Sqlite, acknowledged: i64) {
    store.check().unwrap();
    let series = store.series(&Query { from: 0, to: i64::MAX, ..Query::default() }).unwrap();
    let mut written = None;
    for run in runs(store) {
        let of_run: Vec<_> = series.iter().filter(|series| series.generation == run).collect();
        let times = of_run.first().map_or(0, |series| series.points.len()) as i64;
        assert!(times >= acknowledged, "{times} of {acknowledged} acknowledged are there");
        assert_eq!(*written.get_or_insert(times), times, "a batch is whole");
        let mut stacks = vec![0; times as usize];
        for series in of_run {
            let line = store.stacks(&[series.stack]).unwrap().remove(0).unwrap().frames[0].line;
            for (n, point) in (0..).zip(&series.points) {
                let count = counts(n).iter().find(|(of, _)| *of == line).map_or(0, |(_, count)| *count);
                assert_eq!(*point, (n * 60_000, count));
                stacks[n as usize] += i32::from(count > 0);
            }
        }
        assert!(stacks.iter().all(|stacks| *stacks == 2));
    }
    let documents: BTreeMap<_, _> = store.documents("leak").unwrap().into_iter().collect();
    for n in (acknowledged - 10).max(0)..acknowledged {
        let kept = documents.get(&(n % 10).to_string()).and_then(serde_json::Value::as_i64);
        assert!(kept >= Some(n), "document {n} was acknowledged, {kept:?} is there");
    }
    let evidence: usize = (0..10).map(|leak| store.evidence_of(&leak.to_string()).unwrap().len()).sum();
    assert!(evidence as i64 >= (acknowledged + 4) / 5);
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut next = 0;
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(FIRST, next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        // Mostly under load, now and then while it opens.
        if random.random_bool(0.9) {
            while !text.contains("kept") && said.read_line(&mut text).unwrap() > 0 {}
            assert!(text.contains("kept"), "the child ended by itself: {text}");
        }
        std::thread::sleep(Duration::from_micros(random.random_range(0..40_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        said.read_to_string(&mut text).unwrap();
        // A line is only said when it is whole: the kill may have cut the last.
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let kept = lines.filter_map(|line| line.strip_prefix("kept ")?.parse::<i64>().ok()).max();
        // Whatever was not acknowledged is written again.
        next = kept.map_or(next, |n| n + 1);
        verify(&open(folder.path()), next);
    }
    println!("{KILLS} kills, {next} batches");
    assert!(next > i64::from(KILLS / 2), "the child got to write between kills");
}

//! What is exported is read back with the parquet crate's own reader.

use std::fs::File;
use std::time::Duration;

use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;

use super::*;
use crate::store::Scrape;
use crate::store::sqlite::{Settings, Sqlite};
use crate::store::testing::generation;

fn stack(function: &str) -> Stack {
    let frame = |function: &str| Frame { function: function.to_owned(), file: "/src/x.go".to_owned(), line: 3 };
    let frames = ["runtime.gopark", "sync.(*Mutex).Lock", function].map(frame).to_vec();
    Stack { signature: "00000000000000ab".to_owned(), operation: "sync.Mutex.Lock".to_owned(), frames }
}

fn store(folder: &std::path::Path, minutes: i64) -> Sqlite {
    let ever = Duration::MAX;
    let store = Sqlite::open(folder, Settings { retention: ever, fine_for: ever, ..Settings::default() }).unwrap();
    let stacks = store.intern_for("shop", &[stack("shop.(*Cart).add"), stack("shop.pay")]).unwrap();
    for target in 0..2 {
        let generation = Generation {
            instance: format!("größe-{target}"),
            started_at: 1_700_000_000_000,
            last_seen: 1_700_000_000_000,
            ..generation(target)
        };
        let generation = store.generation(&generation).unwrap();
        let scrape = |minute: i64| Scrape {
            generation,
            at: 1_700_000_000_000 + minute * 60_000,
            counts: if minute == 1 {
                vec![(stacks[0], 1)]
            } else {
                vec![(stacks[0], minute as u32 + 1), (stacks[1], 5)]
            },
        };
        store.append(&(0..minutes).map(scrape).collect::<Vec<_>>()).unwrap();
    }
    store
}

fn export(store: &Sqlite, query: &Query) -> (u64, SerializedFileReader<File>) {
    let file = tempfile::tempfile().unwrap();
    let rows = write(store, query, file.try_clone().unwrap()).unwrap();
    (rows, SerializedFileReader::new(file).unwrap())
}

#[test]
fn every_sample_is_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    let (rows, file) = export(&store, &Query { from: 0, to: i64::MAX, ..Query::default() });
    assert_eq!(rows, 12);
    let table: Vec<_> = file
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let text = |column: usize| row.get_string(column).unwrap().clone();
            assert_eq!([1, 3, 4, 5].map(text), ["shop", "v1", "00000000000000ab", "sync.Mutex.Lock"]);
            let minute = (row.get_timestamp_millis(0).unwrap() - 1_700_000_000_000) / 60_000;
            (minute, text(2), text(6), row.get_long(7).unwrap())
        })
        .collect();
    let row = |minute, instance: &str, function: &str, count| (minute, instance.to_owned(), function.to_owned(), count);
    assert_eq!(
        table[..6],
        [
            row(0, "größe-0", "shop.(*Cart).add", 1),
            row(1, "größe-0", "shop.(*Cart).add", 1),
            row(2, "größe-0", "shop.(*Cart).add", 3),
            row(0, "größe-0", "shop.pay", 5),
            row(1, "größe-0", "shop.pay", 0),
            row(2, "größe-0", "shop.pay", 5),
        ]
    );
}

#[test]
fn only_what_is_asked_for_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 10);
    let from = 1_700_000_000_000 + 120_000;
    let (second, _) = store.generations(0).unwrap().remove(1);
    let stack = store.with_signature("00000000000000ab").unwrap()[1];
    let query = Query { from, to: from + 180_000, generations: vec![second], stacks: vec![stack] };
    assert_eq!(export(&store, &query).0, 3);
    let (none, file) = export(&store, &Query { from: i64::MIN, to: 0, ..Query::default() });
    assert_eq!((none, file.get_row_iter(None).unwrap().count()), (0, 0));
    assert_eq!(export(&store, &Query { from: i64::MIN, to: i64::MAX, ..Query::default() }).0, 40);
}

#[test]
fn row_groups_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 30_000);
    let (rows, file) = export(&store, &Query { from: 0, to: i64::MAX, ..Query::default() });
    assert_eq!(rows, 120_000);
    let groups: Vec<_> = file.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(groups, [100_000, 20_000]);
}

#[test]
fn a_writer_that_fails_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    let query = Query { from: 0, to: i64::MAX, ..Query::default() };
    assert!(matches!(write(&store, &query, Full), Err(ParquetExportError::Write(_))));
}

/// A clock that was wrong once must not make an export go through all the days between.
#[test]
fn gaps_are_skipped_whatever_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    let (run, _) = store.generations(0).unwrap().remove(0);
    let stack = store.with_signature("00000000000000ab").unwrap()[0];
    let times = [-(1 << 60), -1, 1_600_000_000_000, 1 << 60];
    store.append(&times.map(|at| Scrape { generation: run, at, counts: vec![(stack, 9)] })).unwrap();
    let everything = Query { from: i64::MIN, to: i64::MAX, generations: vec![run], stacks: vec![stack] };
    for _ in 0..2 {
        let windows = windows(&store, run, everything.from, everything.to).unwrap();
        assert!(windows.windows(2).all(|pair| pair[0].1 == pair[1].0), "{windows:?}");
        assert!(windows.len() < 8, "{windows:?}");
        assert_eq!(export(&store, &everything).0, 7);
        store.maintain(1_800_000_000_000).unwrap();
    }
}

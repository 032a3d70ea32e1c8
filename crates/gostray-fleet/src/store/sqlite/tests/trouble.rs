//! Others, newer stores, damage and full disks.

use super::*;

#[test]
fn one_gostray_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = Sqlite::open(folder.path(), everything()).unwrap();
    assert!(matches!(Sqlite::open(folder.path(), everything()), Err(StoreError::InUse { .. })));
    drop(first);
    Sqlite::open(folder.path(), everything()).unwrap();
}

#[test]
fn what_it_holds_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("var/gostray");
    let (store, generation, ids) = store(&folder, everything(), 1);
    store.append(&[scrape(generation, 1, &[(ids[0], 1)])]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in ["gostray.db", "gostray.db-wal", "gostray.db-shm", "gostray.lock"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(Sqlite::open(folder.path(), everything()).unwrap());
    let database = Connection::open(folder.path().join("gostray.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let error = Sqlite::open(folder.path(), everything()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, known: 1, .. }), "{error}");
}

#[test]
fn damage_is_found_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, generation, ids) = store(folder.path(), everything(), 50);
    for minute in 0..500 {
        let counts: Vec<_> = ids.iter().map(|id| (*id, minute + 1)).collect();
        opened.append(&[scrape(generation, i64::from(minute) * 60_000, &counts)]).unwrap();
    }
    drop(opened);
    let path = folder.path().join("gostray.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 3000].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(Sqlite::open(folder.path(), everything()), Err(StoreError::Damaged { .. })));
    std::fs::write(&path, "this is no database, but it is long enough to be taken for one".repeat(100)).unwrap();
    assert!(matches!(Sqlite::open(folder.path(), everything()), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_damaged_chunk_is_said_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, generation, ids) = store(folder.path(), everything(), 1);
    for hour in 0..3 {
        store.append(&[scrape(generation, hour * 30 * HOUR, &[(ids[0], 1)])]).unwrap();
    }
    store.maintain(70 * HOUR).unwrap();
    let corrupt = "UPDATE chunk SET data = CAST(data || x'00' AS BLOB) WHERE id = 1";
    store.writing(|transaction| Ok(transaction.execute(corrupt, [])?)).unwrap();
    assert!(matches!(store.series(&ALL), Err(StoreError::Damaged { .. })));
    assert!(matches!(store.check(), Err(StoreError::Damaged { .. })));
    let error = store.maintain(30 * DAY).unwrap_err();
    assert!(error.to_string().contains("chunk 1: "), "{error}");
    let levels = store.reading(|t| {
        Ok(t.query_row("SELECT group_concat(level) FROM (SELECT level FROM chunk ORDER BY start)", [], |row| {
            row.get::<_, String>(0)
        })?)
    });
    assert_eq!(levels.unwrap(), "0,1,1");
    // It goes with its age.
    store.append(&[scrape(generation, 32 * DAY, &[(ids[0], 1)])]).unwrap();
    assert!(store.maintain(32 * DAY).is_err(), "said once more before it is dropped");
    store.maintain(32 * DAY).unwrap();
    store.check().unwrap();
}

#[test]
fn a_full_disk_is_said_and_nothing_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, generation, ids) = store(folder.path(), everything(), 200);
    let counts: Vec<_> = ids.iter().map(|id| (*id, u32::MAX)).collect();
    let pages = |pages: i64| {
        lock(&opened.writer).pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    pages(100);
    let mut kept = 0;
    let error = loop {
        let batch: Vec<_> = (0..10).map(|at| scrape(generation, kept * 10 + at, &counts)).collect();
        match opened.append(&batch) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 10_000, "the disk never became full");
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains("storage.retention"), "{error}");
    let change = Change { kind: "leak".to_owned(), key: "a".to_owned(), document: Some("x".repeat(100_000).into()) };
    assert!(matches!(opened.write(std::slice::from_ref(&change)), Err(StoreError::Full { .. })));
    let points = opened.series(&ALL).unwrap()[0].points.len() as i64;
    assert_eq!(points, kept * 10, "whole batches, and reading works");
    assert_eq!(opened.documents("leak").unwrap(), []);
    pages(100_000);
    opened.append(&[scrape(generation, -1, &counts)]).unwrap();
    opened.write(&[change]).unwrap();
    assert_eq!(opened.check().unwrap().fresh as i64, kept * 10 + 1);
}

//! Which requests a target gets, in which order, and what the snapshot says of them.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod server;

use gostray_endpoint::{Address, EndpointError, Options, Step, take};
use gostray_model::{NoteKind, Snapshot, TargetKind};
use server::{Reply, Server};

const INDEX: &str = "";
const COUNTS: &str = "goroutine?debug=0";
const DUMP: &str = "goroutine?debug=2";
const LEAKS: &str = "goroutineleak?debug=0";

fn ok(body: impl Into<Vec<u8>>) -> Reply {
    Reply::Body(200, body.into())
}

fn index(goroutines: u64, has_leak_profile: bool) -> Reply {
    let row = |n, name| format!("<tr><td>{n}</td><td><a href='{name}?debug=1'>{name}</a></td></tr>\n");
    let leaks = if has_leak_profile { row(0, "goroutineleak") } else { String::new() };
    ok(format!("<html><table>{}{leaks}</table>", row(goroutines, "goroutine")))
}

/// A count profile of goroutines that send in `main.send`, called in `main.f`.
fn counts(profile: &str, senders: u64) -> Reply {
    let stack = "#\t0x10\tmain.send[go.shape.int]+0x1\t/s/a.go:10\n#\t0x20\tmain.f+0x1\t/s/a.go:20\n";
    ok(format!("{profile} profile: total {senders}\n{senders} @ 0x10 0x20\n{stack}\n"))
}

/// A dump of the same; the given ones are marked leaked.
fn dump(ids: &[u64], leaked: &[u64]) -> Reply {
    let one = |id: &u64| {
        let status = if leaked.contains(id) { "chan send (leaked)" } else { "chan send, 7 minutes" };
        let frames = "main.send[...](...)\n\t/s/a.go:10\nmain.f(0x1)\n\t/s/a.go:20 +0x1";
        format!("goroutine {id} [{status}]:\n{frames}\ncreated by main.main in goroutine 1\n\t/s/a.go:3 +0x1\n")
    };
    ok(ids.iter().map(one).collect::<Vec<_>>().join("\n"))
}

async fn ask(server: &Server, options: &Options) -> (Result<Snapshot, EndpointError>, Vec<Step>) {
    let mut steps = Vec::new();
    let address = Address::parse(&server.address).unwrap();
    let result = take(&address, options, &mut |step| steps.push(step)).await;
    (result, steps)
}

fn has_note(snapshot: &Snapshot, kind: NoteKind, text: &str) -> bool {
    let found = snapshot.notes.iter().any(|note| note.kind == kind && note.text.contains(text));
    assert!(found, "no {kind:?} with {text:?} among {:#?}", snapshot.notes);
    found
}

fn leaked_ids(snapshot: &Snapshot) -> Vec<u64> {
    snapshot.records.iter().filter(|r| snapshot.tables.status(r.status).leaked).map(|r| r.id).collect()
}

#[tokio::test]
async fn the_dump_comes_before_the_leak_profile_which_erases_ages() {
    let server = Server::start(&[
        (INDEX, index(3, true)),
        (COUNTS, counts("goroutine", 3)),
        (DUMP, dump(&[5, 6, 7], &[])),
        (LEAKS, counts("goroutineleak", 3)),
        (DUMP, dump(&[5, 6, 7], &[5, 6, 7])),
    ])
    .await;
    let (snapshot, steps) = ask(&server, &Options::default()).await;
    let snapshot = snapshot.unwrap();
    assert_eq!(server.paths(), [INDEX, COUNTS, DUMP, LEAKS, DUMP]);
    let dump = Step::Dump { goroutines: 3 };
    assert_eq!(steps, [Step::Index, Step::Profile, dump, Step::LeakProfile, Step::LeakedIds]);
    assert_eq!(snapshot.target.kind, TargetKind::Url);
    assert_eq!(snapshot.target.name, format!("http://{}/debug/pprof/", server.address));
    assert!(snapshot.taken_at.is_some() && snapshot.is_complete());
    assert_eq!(leaked_ids(&snapshot), [5, 6, 7]);
    assert!(snapshot.records.iter().all(|r| r.age.known().is_some_and(|age| age.as_secs() == 420)));
    has_note(&snapshot, NoteKind::Source, "ids, states, ages and creators: goroutine?debug=2");
    has_note(&snapshot, NoteKind::Source, "leaks: goroutineleak?debug=0 (3 leaked)");
}

#[tokio::test]
async fn a_second_dump_tells_which_of_several_are_leaked() {
    let server = Server::start(&[
        (INDEX, index(3, true)),
        (COUNTS, counts("goroutine", 3)),
        (DUMP, dump(&[5, 6, 7], &[])),
        (DUMP, dump(&[5, 6, 9], &[6, 9])),
        (LEAKS, counts("goroutineleak", 2)),
    ])
    .await;
    let snapshot = ask(&server, &Options::default()).await.0.unwrap();
    assert_eq!(server.paths(), [INDEX, COUNTS, DUMP, LEAKS, DUMP]);
    assert_eq!(leaked_ids(&snapshot), [6]);
    has_note(&snapshot, NoteKind::Warning, "1 leaked goroutine appeared after");
}

#[tokio::test]
async fn where_no_dump_tells_which_it_says_so() {
    let server = Server::start(&[
        (INDEX, index(3, true)),
        (COUNTS, counts("goroutine", 3)),
        (DUMP, dump(&[5, 6, 7], &[])),
        (LEAKS, counts("goroutineleak", 1)),
    ])
    .await;
    let snapshot = ask(&server, &Options::default()).await.0.unwrap();
    assert_eq!(snapshot.leaked(), 1);
    assert!(snapshot.records.iter().all(|r| r.id == 0), "nobody is accused by name");
    has_note(&snapshot, NoteKind::Warning, "the ids of 3 goroutines are left out");

    let few = Options { max_dump: 2, ..Options::default() };
    let snapshot = ask(&server, &few).await.0.unwrap();
    assert_eq!((snapshot.goroutines(), snapshot.leaked(), snapshot.records.len()), (3, 1, 2));
    has_note(&snapshot, NoteKind::Warning, "ids and ages not taken: 3 goroutines are more than --max-dump 2");
}

#[tokio::test]
async fn many_goroutines_are_only_counted() {
    let server = Server::start(&[(INDEX, index(60_000, true)), (COUNTS, counts("goroutine", 60_000))]).await;
    let options = Options { max_dump: 1_000_000, force: true, ..Options::default() };
    let snapshot = ask(&server, &options).await.0.unwrap();
    assert_eq!(server.paths(), [INDEX, COUNTS]);
    assert_eq!(snapshot.goroutines(), 60_000);
    has_note(&snapshot, NoteKind::Warning, "60000 goroutines are more than 50000");
    has_note(&snapshot, NoteKind::Warning, "leak profile was not taken");
}

#[tokio::test]
async fn very_many_are_left_alone_unless_forced() {
    let server = Server::start(&[(INDEX, index(300_000, true)), (COUNTS, counts("goroutine", 300_001))]).await;
    let error = ask(&server, &Options::default()).await.0.unwrap_err();
    assert!(matches!(error, EndpointError::TooManyGoroutines { count: 300_000 }), "{error:?}");
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!(server.paths(), [INDEX]);
    let forced = Options { force: true, ..Options::default() };
    assert_eq!(ask(&server, &forced).await.0.unwrap().goroutines(), 300_001);
    assert_eq!(server.paths(), [INDEX, INDEX, COUNTS]);
}

#[tokio::test]
async fn an_older_go_has_no_leak_profile() {
    let replies = [(INDEX, index(3, false)), (COUNTS, counts("goroutine", 3)), (DUMP, dump(&[5, 6, 7], &[]))];
    let server = Server::start(&replies).await;
    let snapshot = ask(&server, &Options::default()).await.0.unwrap();
    assert_eq!(server.paths(), [INDEX, COUNTS, DUMP]);
    has_note(&snapshot, NoteKind::Source, "no goroutineleak profile");

    // Without an index page only asking tells.
    let server = Server::start(&replies[1..]).await;
    let snapshot = ask(&server, &Options::default()).await.0.unwrap();
    assert_eq!(server.paths(), [INDEX, COUNTS, DUMP, LEAKS]);
    has_note(&snapshot, NoteKind::Source, "no goroutineleak profile");
}

#[tokio::test]
async fn later_failures_are_notes() {
    // A router that answers every profile with the goroutine profile, and a broken dump.
    let server = Server::start(&[
        (COUNTS, counts("goroutine", 3)),
        (DUMP, Reply::Body(500, b"no\n".to_vec())),
        (LEAKS, counts("goroutine", 3)),
    ])
    .await;
    let snapshot = ask(&server, &Options::default()).await.0.unwrap();
    assert_eq!((snapshot.goroutines(), snapshot.leaked()), (3, 0));
    has_note(&snapshot, NoteKind::Warning, "ids and ages not taken: ");
    has_note(&snapshot, NoteKind::Warning, "another profile than goroutineleak");
}

#[tokio::test]
async fn a_target_that_the_leak_profile_could_crash_is_spared() {
    let gopark = "goroutine 5 [select]:\ngvisor.dev/gvisor/pkg/sync.Gopark(...)\n\t/g/sync.go:10\n\
        main.f(0x1)\n\t/s/a.go:20 +0x1\ncreated by main.main in goroutine 1\n\t/s/a.go:3 +0x1\n";
    let server = Server::start(&[
        (INDEX, index(1, true)),
        (COUNTS, counts("goroutine", 1)),
        (DUMP, ok(gopark)),
        (LEAKS, counts("goroutineleak", 1)),
    ])
    .await;
    let snapshot = ask(&server, &Options { force: true, ..Options::default() }).await.0.unwrap();
    assert_eq!(server.paths(), [INDEX, COUNTS, DUMP]);
    has_note(&snapshot, NoteKind::Warning, "gvisor.dev/gvisor/pkg/sync.Gopark");
}

#[tokio::test]
async fn the_leak_profile_can_be_declined() {
    let server = Server::start(&[
        (INDEX, index(2, true)),
        (COUNTS, counts("goroutine", 2)),
        (DUMP, dump(&[5, 6], &[6])),
        (LEAKS, counts("goroutineleak", 2)),
    ])
    .await;
    let options = Options { leak_profile: false, ..Options::default() };
    let snapshot = ask(&server, &options).await.0.unwrap();
    assert_eq!(server.paths(), [INDEX, COUNTS, DUMP]);
    assert_eq!(leaked_ids(&snapshot), [6]);
    has_note(&snapshot, NoteKind::Source, "an earlier goroutineleak profile");
}

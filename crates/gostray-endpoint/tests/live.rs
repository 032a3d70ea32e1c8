//! Against a real Go process, which leaks in known ways.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gostray_endpoint::{Address, Options, take};
use gostray_model::{NoteKind, Snapshot, TargetKind, groups};
use gostray_toolchain::{Request, Toolchain, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running shop; it is killed with the test, and ends with its standard input in any case.
struct Shop {
    process: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Shop {
    fn start() -> Self {
        let request = Request::Exactly(Version { minor: 27, patch: 3 });
        let go = Toolchain::find(request, &mut |_| {}).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("shop");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/shop");
        go.build(&source, &binary, [""; 0]).unwrap();
        let mut process = Command::new(&binary)
            .arg("-exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, address, _dir: dir }
    }

    async fn get(&self, path: &str) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    }

    async fn snapshot(&self, options: &Options) -> Snapshot {
        take(&Address::parse(&self.address).unwrap(), options, &mut |_| {}).await.unwrap()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many goroutines started in this function are marked leaked, and how many there are.
fn leaked_of(snapshot: &Snapshot, function: &str) -> (u64, u64) {
    let tables = &snapshot.tables;
    let is_its = |frame: Option<&gostray_model::Frame>| frame.is_some_and(|f| f.function.contains(function));
    let all: Vec<_> = groups(snapshot).into_iter().filter(|group| is_its(group.started_with(tables))).collect();
    let count = |leaked: bool| all.iter().filter(|g| g.leaked || !leaked).map(|g| g.count).sum();
    (count(true), count(false))
}

#[tokio::test]
async fn leaks_are_marked_with_and_without_ids() {
    let shop = Shop::start();
    for _ in 0..5 {
        shop.get("/search?q=x").await;
    }
    // Two of three senders of each search are left over, once they have their answers.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;

    let snapshot = shop.snapshot(&Options::default()).await;
    let notes = &snapshot.notes;
    assert_eq!(leaked_of(&snapshot, "search"), (10, 10), "{notes:#?}");
    assert!(snapshot.has_ids() && snapshot.is_complete(), "{notes:#?}");
    assert!(notes.iter().all(|note| note.kind == NoteKind::Source), "{notes:#?}");
    assert_eq!(snapshot.target.kind, TargetKind::Url);
    assert!(snapshot.target.build_id.is_some() && snapshot.taken_at.is_some());

    let counted = shop.snapshot(&Options { max_dump: 0, ..Options::default() }).await;
    assert_eq!(leaked_of(&counted, "search"), (10, 10), "{:#?}", counted.notes);
    assert!(counted.records.iter().all(|r| r.id == 0));

    let signatures = |snapshot: &Snapshot| -> Vec<_> {
        let mut all: Vec<_> = groups(snapshot).iter().filter(|g| g.leaked).map(|g| g.signature).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(signatures(&snapshot), signatures(&counted));
}

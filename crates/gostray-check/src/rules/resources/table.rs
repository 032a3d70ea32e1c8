//! Types that own goroutines, or keep those of others: what gives one, and what ends it.

/// What gives a resource.
#[derive(Debug)]
pub(super) struct Resource {
    /// The package, and the function or method that gives it.
    pub(super) package: &'static str,
    pub(super) receiver: Option<&'static str>,
    pub(super) functions: &'static [&'static str],
    /// What ends it.
    pub(super) closers: &'static [&'static str],
    /// What it keeps.
    pub(super) keeps: &'static str,
    /// The minor version of Go since which the collector ends it.
    pub(super) until: Option<u32>,
}

const fn of(
    package: &'static str,
    receiver: Option<&'static str>,
    functions: &'static [&'static str],
    closers: &'static [&'static str],
    keeps: &'static str,
) -> Resource {
    Resource { package, receiver, functions, closers, keeps, until: None }
}

/// The resources that are known by name. Those of a user's own are found by what their constructors do.
pub(super) const RESOURCES: &[Resource] = &[
    of("github.com/fsnotify/fsnotify", None, &["NewWatcher", "NewBufferedWatcher"], &["Close"], "its reader goroutine"),
    of(
        "google.golang.org/grpc",
        None,
        &["Dial", "DialContext", "NewClient"],
        &["Close"],
        "its connections and their goroutines",
    ),
    of("go.etcd.io/etcd/client/v3", None, &["New", "NewFromURL"], &["Close"], "its connections and their goroutines"),
    of(
        "go.etcd.io/etcd/client/v3/concurrency",
        None,
        &["NewSession"],
        &["Close", "Orphan"],
        "its keep-alive goroutine",
    ),
    of(
        "database/sql",
        Some("DB"),
        &["Query", "QueryContext"],
        &["Close"],
        "its connection, and a goroutine with a context",
    ),
    of(
        "database/sql",
        Some("Tx"),
        &["Query", "QueryContext"],
        &["Close"],
        "its connection, and a goroutine with a context",
    ),
    of(
        "database/sql",
        Some("Stmt"),
        &["Query", "QueryContext"],
        &["Close"],
        "its connection, and a goroutine with a context",
    ),
    of("database/sql", Some("DB"), &["Begin", "BeginTx"], &["Commit", "Rollback"], "its connection, and a goroutine"),
    of("cloud.google.com/go/pubsub", None, &["NewClient"], &["Close"], "its connections and their goroutines"),
    of(
        "github.com/redis/go-redis/v9",
        Some("Client"),
        &["Subscribe", "PSubscribe"],
        &["Close"],
        "its reader goroutine",
    ),
    of("github.com/nats-io/nats.go", None, &["Connect"], &["Close", "Drain"], "its connection and two goroutines"),
    of("github.com/segmentio/kafka-go", None, &["NewReader"], &["Close"], "its fetching goroutines"),
    of("net/http/httptest", None, &["NewServer", "NewTLSServer"], &["Close"], "its listener and a goroutine"),
    Resource {
        until: Some(23),
        ..of("time", None, &["NewTicker"], &["Stop"], "its timer, which the runtime keeps before Go 1.23,")
    },
    of("io", None, &["Pipe"], &["Close", "CloseWithError"], "whoever writes to it"),
];

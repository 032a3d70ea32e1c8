//! Many Go processes that are not there: goroutine profiles as a fleet would give them.
//!
//! One server on one port answers for all: each target is an address of its own in 127.0.0.0/8, so that
//! each has its own connection, as real ones do. Profiles have about fifty stacks, with counts that follow
//! a load; some services leak.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gostray_model::{Age, Frame, LabelsId, Record, Snapshot, Stack, Status};

/// Instances of a service.
pub(super) const INSTANCES: u32 = 10;
/// Stacks of a process.
const STACKS: u32 = 50;

/// The address of a target.
pub(super) fn address(target: u32) -> IpAddr {
    let [_, high, middle, low] = (target + 1).to_be_bytes();
    IpAddr::from([127, 64 + high, middle, low])
}

fn target(address: IpAddr) -> u32 {
    let IpAddr::V4(address) = address else { return 0 };
    let [_, high, middle, low] = address.octets();
    u32::from_be_bytes([0, high.saturating_sub(64), middle, low]).saturating_sub(1)
}

/// Serves until it is killed.
pub(super) fn serve(port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("0.0.0.0", port)).await.context("the load generator")?;
        println!("listening at {}", listener.local_addr()?);
        let router = Router::new()
            .route("/debug/pprof/{profile}", get(profile))
            .with_state(Arc::new(Instant::now()))
            .into_make_service_with_connect_info::<Local>();
        axum::serve(listener, router).await?;
        Ok(())
    })
}

/// The address that a client connected to.
#[derive(Clone, Copy)]
struct Local(IpAddr);

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, tokio::net::TcpListener>> for Local {
    fn connect_info(stream: axum::serve::IncomingStream<'_, tokio::net::TcpListener>) -> Self {
        Self(stream.io().local_addr().map_or(IpAddr::from([127, 0, 0, 1]), |address: SocketAddr| address.ip()))
    }
}

async fn profile(
    State(started): State<Arc<Instant>>,
    axum::extract::ConnectInfo(Local(address)): axum::extract::ConnectInfo<Local>,
    Path(name): Path<String>,
    Query(_): Query<std::collections::HashMap<String, String>>,
    _uri: Uri,
) -> Response {
    if name != "goroutine" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut body = Vec::new();
    match gostray_profile::write_pprof(&goroutines(target(address), started.elapsed().as_secs()), &mut body) {
        Ok(()) => body.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What a process has after so many seconds.
fn goroutines(target: u32, seconds: u64) -> Snapshot {
    let (service, instance) = (target / INSTANCES, target % INSTANCES);
    let minutes = u32::try_from(seconds / 60).unwrap_or(u32::MAX);
    let mut snapshot = Snapshot::default();
    for kind in 0..STACKS {
        // Most kinds of goroutines are workers and watchers, whose number never changes.
        let noise = noise(u64::from(target) << 32 | u64::from(kind), seconds / 60);
        let count = match kind {
            0..35 => 1 + (kind * 7 + service) % 16,
            35..45 => 4 + (kind + service) % 20 + noise % 5,
            45..49 => 10 + noise % (20 + 10 * (service % 4)),
            // One service in twenty leaks.
            _ if service.is_multiple_of(20) => 5 + minutes * (1 + service / 20 % 5),
            _ => 3 + noise % 3,
        };
        let name =
            |depth: u32| format!("example.com/fleet/service{service}/part{}.(*Worker{kind}).step{depth}", kind % 9);
        let depth = 6 + kind % 9;
        let mut frames = Vec::new();
        let wait =
            ["runtime.chanrecv", "runtime.selectgo", "runtime.chansend", "runtime.netpollblock"][kind as usize % 4];
        for hidden in ["runtime.gopark", wait] {
            frames.push(snapshot.tables.add_frame(frame(hidden, "/usr/local/go/src/runtime/proc.go", 462)));
        }
        for depth in 0..depth {
            let file = format!("/src/service{service}/part{}/worker{kind}.go", kind % 9);
            frames.push(snapshot.tables.add_frame(frame(&name(depth), &file, 20 + depth * 13)));
        }
        if (45..49).contains(&kind) {
            frames.push(snapshot.tables.add_frame(frame(
                "net/http.(*conn).serve",
                "/usr/local/go/src/net/http/server.go",
                2102,
            )));
        }
        let stack = snapshot.tables.add_stack(Stack { frames, ..Stack::default() });
        let status = snapshot.tables.add_status(Status::new("waiting"));
        let labels = LabelsId::NONE;
        snapshot.records.push(Record { id: 0, creator_id: 0, count, age: Age::UNKNOWN, stack, status, labels });
    }
    let build = format!("{service:08x}{instance:08x}");
    snapshot.target.build_id = Some(build[..8].to_owned());
    snapshot
}

fn frame(function: &str, file: &str, line: u32) -> Frame {
    Frame { function: function.into(), file: file.into(), line }
}

/// A number that looks random, and is the same for the same input.
fn noise(seed: u64, step: u64) -> u32 {
    let mut x = seed ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 33) as u32
}

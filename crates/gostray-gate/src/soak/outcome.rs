//! What there is to say of a load test.

use std::time::Duration;

use gostray_model::Snapshot;
use gostray_verdict::Judged;

use super::estimate::Rate;
use super::load::Answers;

/// A part of the test.
#[derive(Debug, Clone)]
pub struct Phase {
    /// What happens in it.
    pub name: String,
    /// When it begins, from the start of the test.
    pub start: Duration,
    /// When it ends.
    pub end: Duration,
}

/// How many goroutines there were, over time.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// From the start of the test, and how many.
    pub points: Vec<(Duration, u64)>,
    /// What happened meanwhile.
    pub phases: Vec<Phase>,
}

/// Goroutines of one kind that an endpoint leaves behind.
#[derive(Debug, Clone)]
pub struct Growth {
    /// How many per request.
    pub rate: Rate,
    /// Those of the kind that are there at the end, and what is thought of them.
    pub judged: Judged,
    /// So many of them can never run again.
    pub proven: u64,
    /// The part of those that came which was still there at the end.
    pub stayed: f64,
    /// Bytes that each of them keeps, where that was measured.
    pub bytes: Option<u64>,
}

/// What one endpoint does.
#[derive(Debug, Clone, Default)]
pub struct EndpointOutcome {
    /// Its request.
    pub name: String,
    /// Which request that is; another test of it has the same.
    pub request: usize,
    /// Clients hang up before they have the answer.
    pub hangs_up: bool,
    /// What became of the requests.
    pub answers: Answers,
    /// What it leaves behind.
    pub growths: Vec<Growth>,
    /// What became more while it was driven alone, and no more after that: pools, caches, what ends late.
    pub levelled_off: u64,
    /// Why nothing can be said of it.
    pub trouble: Option<String>,
}

impl EndpointOutcome {
    /// Goroutines per request, of all kinds.
    #[must_use]
    pub fn per_request(&self) -> f64 {
        self.growths.iter().map(|growth| growth.rate.mean).sum()
    }
}

/// What a load test showed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By endpoint; those whose clients hang up after the others.
    pub endpoints: Vec<EndpointOutcome>,
    /// All endpoints together.
    pub mixed: Answers,
    /// How many goroutines there were.
    pub curve: Curve,
    /// Goroutines before anything was sent.
    pub before: u64,
    /// Goroutines at the end.
    pub after: u64,
    /// What there was at the end.
    pub snapshot: Snapshot,
    /// Requests a second.
    pub rate: f64,
    /// It was interrupted.
    pub interrupted: bool,
    /// Why it ended before its time.
    pub failed: Option<String>,
}

impl Outcome {
    /// Does an endpoint leave something behind?
    #[must_use]
    pub fn has_leaks(&self) -> bool {
        self.endpoints.iter().any(|endpoint| !endpoint.growths.is_empty())
    }

    /// What a test of an endpoint shows that no test before it has shown of the same endpoint.
    pub fn news<'a>(&'a self, endpoint: &'a EndpointOutcome) -> impl Iterator<Item = &'a Growth> {
        let before = self.endpoints.iter().take_while(|other| !std::ptr::eq(*other, endpoint));
        let known: Vec<_> = before
            .filter(|other| other.request == endpoint.request)
            .flat_map(|other| &other.growths)
            .map(|growth| growth.judged.group.signature)
            .collect();
        endpoint.growths.iter().filter(move |growth| !known.contains(&growth.judged.group.signature))
    }

    /// Is there something that it could not find out?
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.interrupted || self.failed.is_some() || self.endpoints.iter().any(|endpoint| endpoint.trouble.is_some())
    }
}

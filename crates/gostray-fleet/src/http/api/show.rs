//! Leaks, stacks and instances as the API shows them.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::store::Frame;
use crate::watch::{Leak, LeakState, Seen, Spark, State};
use crate::{Millis, TargetId};

/// A place in a program.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FrameJson {
    /// The function, with its package's path.
    pub(crate) function: String,
    /// The file, as the binary has it.
    pub(crate) file: String,
    /// The line, from 1; 0 where unknown.
    pub(crate) line: u32,
}

impl From<&Frame> for FrameJson {
    fn from(frame: &Frame) -> Self {
        Self { function: frame.function.clone(), file: frame.file.clone(), line: frame.line }
    }
}

/// A fact that a verdict rests on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EvidenceJson {
    /// `proof`, `age`, `growth`, `static`, `peer`, …
    pub(crate) kind: String,
    /// The fact in a sentence.
    pub(crate) detail: String,
}

/// How far a leak has spread.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SpreadJson {
    affected: u32,
    instances: u32,
    goroutines: u64,
    per_hour: f64,
    /// Memory that they keep, estimated, in bytes.
    bytes: u64,
    /// When the worst instance will have no memory left, where its limit is known.
    limit_at: Option<Millis>,
    worst_instance: String,
}

/// Why a leak is no matter.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AcceptedJson {
    reason: String,
    by: String,
    until: Option<Millis>,
}

/// A leak in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LeakSummary {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) signature: String,
    /// `open`, `confirmed`, `accepted` or `resolved`.
    pub(crate) state: String,
    /// `proven`, `likely` or `suspect`.
    pub(crate) verdict: String,
    pub(crate) evidence: Vec<EvidenceJson>,
    pub(crate) operation: String,
    pub(crate) blocked_at: Option<FrameJson>,
    pub(crate) started_at: Option<FrameJson>,
    pub(crate) spread: SpreadJson,
    pub(crate) first_seen: Millis,
    pub(crate) last_seen: Millis,
    pub(crate) since_build: String,
    pub(crate) is_since_build_sure: bool,
    pub(crate) resolved_build: Option<String>,
    pub(crate) accepted: Option<AcceptedJson>,
    /// Goroutines over all instances in the last 24 hours, 48 values.
    pub(crate) spark: Vec<Option<u64>>,
}

/// The word for a state.
pub(crate) fn state_word(state: LeakState) -> &'static str {
    match state {
        LeakState::Open => "open",
        LeakState::Confirmed => "confirmed",
        LeakState::Accepted => "accepted",
        LeakState::Resolved => "resolved",
    }
}

impl LeakSummary {
    pub(crate) fn of(leak: &Leak, state: &State, now: Millis) -> Self {
        let spread = &leak.spread;
        Self {
            id: leak.id.clone(),
            service: leak.service.clone(),
            signature: leak.signature.clone(),
            state: state_word(leak.state).to_owned(),
            verdict: leak.verdict.clone(),
            evidence: leak
                .evidence
                .iter()
                .map(|e| EvidenceJson { kind: e.kind.clone(), detail: e.detail.clone() })
                .collect(),
            operation: leak.operation.clone(),
            blocked_at: leak.blocked().map(FrameJson::from),
            started_at: leak.stack.last().map(FrameJson::from),
            spread: SpreadJson {
                affected: spread.affected,
                instances: spread.instances,
                goroutines: spread.goroutines,
                per_hour: spread.per_hour,
                bytes: spread.bytes,
                limit_at: spread.limit_at,
                worst_instance: spread.worst_instance.clone(),
            },
            first_seen: leak.first_seen,
            last_seen: leak.last_seen,
            since_build: leak.since_build.clone(),
            is_since_build_sure: leak.is_since_build_sure,
            resolved_build: leak.resolved_build.clone(),
            accepted: leak.accepted.as_ref().map(|a| AcceptedJson {
                reason: a.reason.clone(),
                by: a.by.clone(),
                until: a.until,
            }),
            spark: state.leak_sparks.get(&leak.id).map_or_else(|| vec![None; 48], |spark| spark.values(now)),
        }
    }
}

/// An instance in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InstanceSummary {
    pub(crate) id: String,
    pub(crate) job: String,
    pub(crate) service: String,
    pub(crate) instance: String,
    pub(crate) labels: std::collections::BTreeMap<String, String>,
    pub(crate) build: String,
    pub(crate) up: bool,
    /// Why the last scrape failed, or what was missing from it.
    pub(crate) error: Option<String>,
    pub(crate) last_scrape: Option<Millis>,
    pub(crate) scrape_ms: Option<u64>,
    pub(crate) started_at: Millis,
    pub(crate) goroutines: u64,
    pub(crate) spark: Vec<Option<u64>>,
}

impl InstanceSummary {
    pub(crate) fn of(id: TargetId, seen: &Seen, now: Millis) -> Self {
        let target = &seen.target;
        let missing = (!seen.missing.is_empty()).then(|| format!("incomplete: {}", seen.missing.join("; ")));
        Self {
            id: id.to_string(),
            job: target.job.clone(),
            service: target.service().to_owned(),
            instance: target.instance().to_owned(),
            labels: target.labels.clone(),
            build: seen.build.clone(),
            up: seen.is_up == Some(true),
            error: seen.error.clone().or(missing),
            last_scrape: seen.answered_at,
            scrape_ms: seen.answered_at.map(|_| seen.took_ms),
            started_at: seen.started_at,
            goroutines: seen.goroutines,
            spark: seen.spark.values(now),
        }
    }
}

/// The sum of the sparks of instances.
pub(crate) fn sum_of_sparks<'a>(sparks: impl Iterator<Item = &'a Spark>, now: Millis) -> Vec<Option<u64>> {
    let mut sum = vec![None; 48];
    for spark in sparks {
        Spark::add(&mut sum, &spark.values(now));
    }
    sum
}

/// The instance that a path names by `{id}`.
pub(crate) struct OfInstance(pub(crate) TargetId);

impl<S: Send + Sync> FromRequestParts<S> for OfInstance {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let target = (id.len() == 16).then(|| u64::from_str_radix(&id, 16).ok().map(TargetId)).flatten();
        target.map(Self).ok_or_else(|| ApiError::not_found("instance", &id).into_response())
    }
}

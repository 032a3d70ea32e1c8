//! Instances, and the goroutines of one as they were last seen.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use gostray_model::{Age, LabelsId, Record, Snapshot, Status, group_by};
use gostray_verdict::{Policy, judge_all};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Millis;
use crate::http::App;
use crate::http::api::blocking;
use crate::http::api::show::{EvidenceJson, FrameJson, InstanceSummary, OfInstance};
use crate::http::error::ApiError;
use crate::scrape::now;
use crate::store::{Stack, StackId};
use crate::watch::leak_id;

const HOUR: Millis = 3_600_000;
/// How far back runs of a process are listed.
const RUNS: Millis = 30 * 24 * HOUR;

/// Instances.
#[derive(Serialize, ToSchema)]
pub(crate) struct Instances {
    instances: Vec<InstanceSummary>,
}

/// All instances.
#[utoipa::path(get, path = "/api/v1/instances", responses((status = 200, body = Instances), (status = 401, body = ApiError)))]
pub(crate) async fn list(State(app): State<App>) -> Json<Instances> {
    let state = app.shared.read();
    let now = now();
    Json(Instances { instances: state.targets.iter().map(|(id, seen)| InstanceSummary::of(*id, seen, now)).collect() })
}

/// An instance with its goroutines.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstanceJson {
    #[serde(flatten)]
    summary: InstanceSummary,
    generations: Vec<GenerationJson>,
    groups: Vec<GroupRow>,
}

#[derive(Serialize, ToSchema)]
struct GenerationJson {
    build: String,
    started_at: Millis,
    last_seen: Millis,
}

/// Goroutines of one signature.
#[derive(Serialize, ToSchema)]
struct GroupRow {
    signature: String,
    operation: String,
    count: u64,
    /// Against an hour ago.
    delta: i64,
    verdict: String,
    evidence: Vec<EvidenceJson>,
    blocked_at: Option<FrameJson>,
    started_at: Option<FrameJson>,
    frames: Vec<FrameJson>,
    /// The leak that they are of.
    leak: Option<String>,
}

/// An instance with its goroutines as they were last seen.
#[utoipa::path(get, path = "/api/v1/instances/{id}", params(("id" = String, Path)),
    responses((status = 200, body = InstanceJson), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn one(
    State(app): State<App>,
    OfInstance(target): OfInstance,
) -> Result<Json<InstanceJson>, ApiError> {
    let unknown = || ApiError::not_found("instance", &target.to_string());
    let generation = app.shared.read().targets.get(&target).ok_or_else(unknown)?.generation;
    let samples = app.samples.clone();
    let now = now();
    let (generations, earlier) = blocking(move || {
        let mut generations = samples.generations(now - RUNS)?;
        generations.retain(|(_, one)| one.target == target);
        let earlier = match generation {
            Some(generation) => samples.scrape(generation, now - HOUR)?,
            None => None,
        };
        Ok((generations, earlier))
    })
    .await?;
    let earlier: HashMap<StackId, u32> = earlier.map(|scrape| scrape.counts.into_iter().collect()).unwrap_or_default();
    let state = app.shared.read();
    let seen = state.targets.get(&target).ok_or_else(unknown)?;
    let counts: Vec<(&Stack, u32)> =
        seen.counts.iter().filter_map(|(id, count)| Some((&**state.stacks.get(id)?, *count))).collect();
    let mut before: BTreeMap<&str, i64> = BTreeMap::new();
    for (id, count) in &earlier {
        if let Some(stack) = state.stacks.get(id) {
            *before.entry(&stack.signature).or_default() += i64::from(*count);
        }
    }
    let service = seen.target.service().to_owned();
    let groups = rows(&counts, |signature| {
        let leak = leak_id(&service, signature);
        let verdict = state.leaks.get(&leak).filter(|leak| leak.is_firing());
        let evidence = |e: &crate::watch::LeakEvidence| EvidenceJson { kind: e.kind.clone(), detail: e.detail.clone() };
        let told =
            verdict.map(|leak| (leak.id.clone(), leak.verdict.clone(), leak.evidence.iter().map(evidence).collect()));
        // Before there was anything to compare with, nothing has grown.
        let before = (!earlier.is_empty()).then(|| before.get(signature).copied().unwrap_or(0));
        (told, before)
    });
    let mut generations: Vec<GenerationJson> = generations
        .into_iter()
        .map(|(_, one)| GenerationJson { build: one.build, started_at: one.started_at, last_seen: one.last_seen })
        .collect();
    generations.sort_by_key(|one| std::cmp::Reverse(one.started_at));
    Ok(Json(InstanceJson { summary: InstanceSummary::of(target, seen, now), generations, groups }))
}

/// What a leak says of a signature: its id, verdict and evidence.
type Told = (String, String, Vec<EvidenceJson>);

/// Groups and judges counts as `inspect` would; a leak that is known of a signature says more.
fn rows(counts: &[(&Stack, u32)], of: impl Fn(&str) -> (Option<Told>, Option<i64>)) -> Vec<GroupRow> {
    let snapshot = snapshot(counts);
    let judged = judge_all(&snapshot, group_by(&snapshot, &gostray_model::Grouping::Signature), &Policy::default());
    let tables = &snapshot.tables;
    let place = |frame: &gostray_model::Frame| FrameJson {
        function: frame.function.to_string(),
        file: frame.file.to_string(),
        line: frame.line,
    };
    let mut rows: Vec<GroupRow> = judged
        .into_iter()
        .map(|judged| {
            let group = &judged.group;
            let signature = group.signature.to_string();
            let (told, before) = of(&signature);
            let own = || {
                let evidence = judged.judgement.evidence.iter();
                evidence.map(|e| EvidenceJson { kind: e.kind.as_str().to_owned(), detail: e.detail.clone() }).collect()
            };
            let (leak, verdict, evidence) = match told {
                Some((leak, verdict, evidence)) => (Some(leak), verdict, evidence),
                None => (None, judged.judgement.verdict.as_str().to_owned(), own()),
            };
            let count = i64::try_from(group.count).unwrap_or(i64::MAX);
            GroupRow {
                operation: group.operation.reason().to_owned(),
                count: group.count,
                delta: before.map_or(0, |before| count - before),
                verdict,
                evidence,
                blocked_at: group.blocked_at(tables).map(place),
                started_at: group.started_with(tables).map(place),
                frames: tables.visible(group.stack(tables)).map(place).collect(),
                leak,
                signature,
            }
        })
        .collect();
    let order = |verdict: &str| ["proven", "likely", "suspect", "unknown", "normal"].iter().position(|v| *v == verdict);
    rows.sort_by_key(|row| (order(&row.verdict), std::cmp::Reverse(row.count)));
    rows
}

/// Stored counts as a snapshot, to be judged and shown as any other.
pub(crate) fn snapshot(counts: &[(&Stack, u32)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (stack, count) in counts {
        let tables = &mut snapshot.tables;
        let frames = stack
            .frames
            .iter()
            .map(|frame| {
                tables.add_frame(gostray_model::Frame {
                    function: frame.function.as_str().into(),
                    file: frame.file.as_str().into(),
                    line: frame.line,
                })
            })
            .collect();
        let kept = tables.add_stack(gostray_model::Stack { frames, ..gostray_model::Stack::default() });
        let status = tables.add_status(Status { derived: true, ..Status::new(stack.operation.clone()) });
        snapshot.records.push(Record {
            id: 0,
            creator_id: 0,
            count: *count,
            age: Age::UNKNOWN,
            stack: kept,
            status,
            labels: LabelsId::NONE,
        });
    }
    snapshot
}

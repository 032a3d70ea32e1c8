//! Snapshots: as stored, as taken now, as evidence, and as somebody brings them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use gostray_model::{NoteKind, Snapshot, TargetKind, groups};
use gostray_profile::Limits;
use gostray_report::{Detail, Format, Report};
use gostray_verdict::{Policy, judge_all};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Millis;
use crate::http::App;
use crate::http::api::blocking;
use crate::http::api::flame::{FlameNode, tree};
use crate::http::api::instances;
use crate::http::api::show::OfInstance;
use crate::http::error::ApiError;
use crate::http::extract::{Path, Query};
use crate::scrape::{Observation, now};

/// Distinct frames and stacks of an upload.
const MAX_DISTINCT: usize = 200_000;
/// Stacks of a snapshot that are drawn.
const MAX_STACKS: usize = 10_000;

/// A snapshot, judged, with its stacks as a tree.
#[derive(Serialize, ToSchema)]
pub(crate) struct SnapshotAnswer {
    /// `gostray.snapshot/v1`.
    #[schema(value_type = Object)]
    snapshot: serde_json::Value,
    flame: FlameNode,
}

fn answer(snapshot: &Snapshot) -> Result<SnapshotAnswer, ApiError> {
    let judged = judge_all(snapshot, groups(snapshot), &Policy::default());
    let mut json = Vec::new();
    let written =
        Report { snapshot, judged: &judged }.write(Format::Json, &Detail { goroutines: false, width: None }, &mut json);
    let value = written.ok().and_then(|()| serde_json::from_slice(&json).ok());
    let value = value.ok_or_else(|| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the snapshot can't be shown"))?;
    let kept = Observation::of(snapshot, MAX_STACKS);
    let flame = tree(kept.counts.iter().map(|one| (&one.stack, 0.0, f64::from(one.count))));
    Ok(SnapshotAnswer { snapshot: value, flame })
}

/// When.
#[derive(Deserialize, IntoParams)]
pub(crate) struct At {
    /// The last scrape at or before this time; the last one where absent.
    at: Option<Millis>,
}

/// An instance's goroutines as they were stored.
#[utoipa::path(get, path = "/api/v1/instances/{id}/snapshot", params(("id" = String, Path), At),
    responses((status = 200, body = SnapshotAnswer), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn stored(
    State(app): State<App>,
    OfInstance(target): OfInstance,
    Query(at): Query<At>,
) -> Result<Json<SnapshotAnswer>, ApiError> {
    let at = at.at.unwrap_or_else(now);
    let samples = app.samples.clone();
    let name = app.shared.read().targets.get(&target).map(|seen| seen.target.instance().to_owned());
    blocking(move || {
        let mut generations = samples.generations(0)?;
        generations.retain(|(_, one)| one.target == target && one.started_at <= at);
        generations.sort_by_key(|(_, one)| std::cmp::Reverse(one.started_at));
        for (generation, about) in generations.into_iter().take(16) {
            let Some(scrape) = samples.scrape(generation, at)? else { continue };
            let ids: Vec<_> = scrape.counts.iter().map(|(id, _)| *id).collect();
            let stacks = samples.stacks(&ids)?;
            let counts: Vec<_> =
                stacks.iter().zip(&scrape.counts).filter_map(|(s, (_, count))| Some((s.as_ref()?, *count))).collect();
            let mut snapshot = instances::snapshot(&counts);
            snapshot.target.kind = TargetKind::Url;
            snapshot.target.name = name.unwrap_or(about.instance);
            snapshot.taken_at = jiff::Timestamp::from_millisecond(scrape.at).ok();
            snapshot.note(NoteKind::Source, "as stored: stacks and counts, without ids and ages");
            return answer(&snapshot);
        }
        Err(ApiError::new(StatusCode::NOT_FOUND, "nothing was scraped from it at that time: choose a later one"))
    })
    .await
    .map(Json)
}

/// An instance's goroutines as they are now. Where it has few, with ids and ages, for which it stands
/// still for some milliseconds.
#[utoipa::path(post, path = "/api/v1/instances/{id}/snapshot", params(("id" = String, Path), ("X-Gostray" = String, Header)),
    responses((status = 200, body = SnapshotAnswer), (status = 401, body = ApiError), (status = 403, body = ApiError),
        (status = 404, body = ApiError), (status = 429, body = ApiError), (status = 502, body = ApiError)))]
pub(crate) async fn taken_now(
    State(app): State<App>,
    OfInstance(target): OfInstance,
) -> Result<Json<SnapshotAnswer>, ApiError> {
    if !app.snapshots.take(now()) {
        return Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many snapshots at once: try again in some seconds",
        ));
    }
    let asked = app.scraper.lock().await.snapshot(target);
    let asked = asked.ok_or_else(|| ApiError::not_found("instance", &target.to_string()))?;
    let snapshot = asked.await.map_err(|error| ApiError::new(StatusCode::BAD_GATEWAY, error.to_string()))?.snapshot;
    blocking(move || answer(&snapshot)).await.map(Json)
}

/// Reads a dump or profile that is brought: any of Go's formats. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/snapshots", params(("X-Gostray" = String, Header)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = SnapshotAnswer), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 403, body = ApiError), (status = 413)))]
pub(crate) async fn uploaded(body: Bytes) -> Result<Json<SnapshotAnswer>, ApiError> {
    blocking(move || {
        let limits = Limits { distinct: MAX_DISTINCT, ..Limits::default() };
        let read = gostray_profile::read(&body[..], &limits);
        let mut snapshot = read.map_err(|error| ApiError::bad(error.to_string()))?.snapshot;
        snapshot.target.kind = TargetKind::File;
        "an uploaded file".clone_into(&mut snapshot.target.name);
        answer(&snapshot)
    })
    .await
    .map(Json)
}

/// A snapshot that is evidence of a leak.
#[utoipa::path(get, path = "/api/v1/evidence/{id}", params(("id" = i64, Path)),
    responses((status = 200, body = SnapshotAnswer), (status = 400, body = ApiError), (status = 401, body = ApiError),
        (status = 404, body = ApiError)))]
pub(crate) async fn evidence(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<SnapshotAnswer>, ApiError> {
    let bytes = bytes_of(&app, id).await?;
    blocking(move || {
        let read = gostray_profile::read(&bytes[..], &Limits::default());
        answer(&read.map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?.snapshot)
    })
    .await
    .map(Json)
}

/// The same as a file for `go tool pprof` and `gostray inspect`.
#[utoipa::path(get, path = "/api/v1/evidence/{id}/file", params(("id" = i64, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 400, body = ApiError),
        (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn evidence_file(State(app): State<App>, Path(id): Path<i64>) -> Result<Response, ApiError> {
    let bytes = bytes_of(&app, id).await?;
    let name = format!("attachment; filename=\"goroutines-{id}.pb.gz\"");
    Ok(([(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response())
}

async fn bytes_of(app: &App, evidence: i64) -> Result<Vec<u8>, ApiError> {
    let ledger = app.ledger.clone();
    let bytes = blocking(move || Ok(ledger.evidence(evidence)?)).await?;
    bytes.ok_or_else(|| ApiError::not_found("evidence", &evidence.to_string()))
}

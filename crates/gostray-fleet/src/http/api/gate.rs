//! Does a build leak? For canaries, rollouts and health pages.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Millis;
use crate::http::App;
use crate::http::api::blocking;
use crate::http::api::show::LeakSummary;
use crate::http::error::ApiError;
use crate::http::extract::Query;
use crate::scrape::now;

/// Runs of a build count if they were seen within this time.
const RECENT: Millis = 14 * 24 * 3_600_000;
/// A build is called clean once one of its processes was watched for so long.
const LONG_ENOUGH: Millis = 3_600_000;

/// Which build of which service.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Which {
    service: String,
    /// The build; any where absent.
    build: Option<String>,
    /// How long one of its processes must have been watched for `clean`, in milliseconds (an hour
    /// where absent).
    watched: Option<Millis>,
}

/// What is thought of a build.
#[derive(Serialize, ToSchema)]
pub(crate) struct Gate {
    service: String,
    build: Option<String>,
    /// `clean`, `leaking` or `unknown`.
    verdict: &'static str,
    /// Why.
    reason: String,
    /// For how long the process of it that was watched longest was, in milliseconds.
    watched_ms: Millis,
    /// Processes of it that were seen.
    instances: usize,
    /// Leaks that began with it, or where that is not known, are seen in it.
    leaks: Vec<LeakSummary>,
    /// Leaks that an earlier build had, too.
    older: Vec<LeakSummary>,
}

/// Does a build leak?
#[utoipa::path(get, path = "/api/v1/gate", params(Which),
    responses((status = 200, body = Gate), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(crate) async fn gate(State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Gate>, ApiError> {
    let now = now();
    let samples = app.samples.clone();
    let generations = blocking(move || Ok(samples.generations(now - RECENT)?)).await?;
    let is_it = |build: &str| which.build.as_ref().is_none_or(|wanted| wanted == build);
    let runs: Vec<_> = generations
        .iter()
        .map(|(_, run)| run)
        .filter(|run| run.service == which.service && is_it(&run.build))
        .collect();
    let watched_ms = runs.iter().map(|run| (run.last_seen - run.started_at).max(0)).max().unwrap_or(0);
    let instances = runs.iter().map(|run| run.target).collect::<HashSet<_>>().len();
    let state = app.shared.read();
    let (mut leaks, mut older) = (Vec::new(), Vec::new());
    for leak in state.leaks.values().filter(|leak| leak.service == which.service && leak.is_firing()) {
        let has_it =
            state.of_service(&which.service).any(|(_, s)| is_it(&s.build) && state.count_of(s, &leak.signature) > 0);
        let summary = LeakSummary::of(leak, &state, now);
        if is_it(&leak.since_build) || (has_it && !leak.is_since_build_sure) {
            leaks.push(summary);
        } else if has_it {
            older.push(summary);
        }
    }
    let enough = which.watched.unwrap_or(LONG_ENOUGH);
    let (verdict, reason) = if !leaks.is_empty() {
        (
            "leaking",
            format!("{} began with this build or can't be told from those that did", plural(leaks.len(), "leak")),
        )
    } else if runs.is_empty() {
        ("unknown", "no process of this service and build was seen: check the names, and that it is scraped".to_owned())
    } else if watched_ms < enough {
        ("unknown", format!("watched for {} of {} minutes so far", watched_ms / 60_000, enough / 60_000))
    } else {
        (
            "clean",
            format!("no leak began with it in {} minutes on {}", watched_ms / 60_000, plural(instances, "instance")),
        )
    };
    Ok(Json(Gate { service: which.service, build: which.build, verdict, reason, watched_ms, instances, leaks, older }))
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

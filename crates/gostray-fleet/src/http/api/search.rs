//! One field that finds leaks, services and instances.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::api::leaks::is_about;
use crate::http::error::ApiError;
use crate::http::extract::Query;

/// So many of each kind are given.
const MAX: usize = 20;

/// What is looked for.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Text {
    /// Part of a function, file, service, instance, build or label.
    q: String,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct Results {
    results: Vec<Found>,
}

#[derive(Serialize, ToSchema)]
struct Found {
    /// `leak`, `service` or `instance`.
    kind: &'static str,
    id: String,
    title: String,
    detail: String,
}

/// Finds leaks, services and instances.
#[utoipa::path(get, path = "/api/v1/search", params(Text),
    responses((status = 200, body = Results), (status = 400, body = ApiError), (status = 401, body = ApiError)))]
pub(crate) async fn search(State(app): State<App>, Query(text): Query<Text>) -> Json<Results> {
    let text = text.q.trim().to_lowercase();
    let mut results = Vec::new();
    if text.is_empty() {
        return Json(Results { results });
    }
    let state = app.shared.read();
    for leak in state.leaks.values().filter(|leak| is_about(leak, &text)).take(MAX) {
        results.push(Found {
            kind: "leak",
            id: leak.id.clone(),
            title: leak.blocked().map_or_else(String::new, |frame| frame.function.clone()),
            detail: format!("{} in {}: {} goroutines", leak.verdict, leak.service, leak.spread.goroutines),
        });
    }
    let services: BTreeSet<&str> = state.targets.values().map(|seen| seen.target.service()).collect();
    for service in services.into_iter().filter(|service| service.to_lowercase().contains(&text)).take(MAX) {
        let instances = state.of_service(service).count();
        results.push(Found {
            kind: "service",
            id: service.to_owned(),
            title: service.to_owned(),
            detail: format!("{instances} instances"),
        });
    }
    let is_about = |seen: &&crate::watch::Seen| {
        let labels = seen.target.labels.values();
        labels.chain([&seen.build]).any(|value| value.to_lowercase().contains(&text))
    };
    for (id, seen) in state.targets.iter().filter(|(_, seen)| is_about(seen)).take(MAX) {
        results.push(Found {
            kind: "instance",
            id: id.to_string(),
            title: seen.target.instance().to_owned(),
            detail: format!("{}: {} goroutines", seen.target.service(), seen.goroutines),
        });
    }
    Json(Results { results })
}

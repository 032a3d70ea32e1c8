//! Services, and what is watched, for others to discover.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::api::blocking;
use crate::http::api::show::{InstanceSummary, sum_of_sparks};
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::scrape::now;
use crate::target::Place;
use crate::watch::{Seen, State as Known};
use crate::{Millis, TargetId};

/// How far back builds are listed.
const BUILDS: Millis = 14 * 24 * 3_600_000;

/// A service in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceSummary {
    name: String,
    instances: usize,
    up: usize,
    goroutines: u64,
    /// Open and confirmed ones.
    leaks: usize,
    builds: Vec<String>,
    spark: Vec<Option<u64>>,
}

/// Services.
#[derive(Serialize, ToSchema)]
pub(crate) struct Services {
    services: Vec<ServiceSummary>,
}

impl ServiceSummary {
    fn of(name: &str, seen: &[(&TargetId, &Seen)], state: &Known, now: Millis) -> Self {
        let builds: BTreeSet<&String> =
            seen.iter().map(|(_, one)| &one.build).filter(|build| !build.is_empty()).collect();
        Self {
            name: name.to_owned(),
            instances: seen.len(),
            up: seen.iter().filter(|(_, one)| one.is_up == Some(true)).count(),
            goroutines: seen.iter().map(|(_, one)| one.goroutines).sum(),
            leaks: state.leaks.values().filter(|leak| leak.service == name && leak.is_firing()).count(),
            builds: builds.into_iter().cloned().collect(),
            spark: sum_of_sparks(seen.iter().map(|(_, one)| &one.spark), now),
        }
    }
}

/// All services.
#[utoipa::path(get, path = "/api/v1/services", responses((status = 200, body = Services), (status = 401, body = ApiError)))]
pub(crate) async fn list(State(app): State<App>) -> Json<Services> {
    let state = app.shared.read();
    let mut services: BTreeMap<&str, Vec<(&TargetId, &Seen)>> = BTreeMap::new();
    for (id, seen) in &state.targets {
        services.entry(seen.target.service()).or_default().push((id, seen));
    }
    let now = now();
    let services = services.iter().map(|(name, seen)| ServiceSummary::of(name, seen, &state, now)).collect();
    Json(Services { services })
}

/// A service with its instances and builds.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceJson {
    #[serde(flatten)]
    summary: ServiceSummary,
    instance_list: Vec<InstanceSummary>,
    build_list: Vec<BuildJson>,
}

#[derive(Serialize, ToSchema)]
struct BuildJson {
    build: String,
    first_seen: Millis,
    last_seen: Millis,
    instances: usize,
    /// Leaks that began with it.
    leaks: usize,
}

/// A service with its instances and builds.
#[utoipa::path(get, path = "/api/v1/services/{name}", params(("name" = String, Path)),
    responses((status = 200, body = ServiceJson), (status = 401, body = ApiError), (status = 404, body = ApiError)))]
pub(crate) async fn one(State(app): State<App>, Path(name): Path<String>) -> Result<Json<ServiceJson>, ApiError> {
    let samples = app.samples.clone();
    let now = now();
    let generations = blocking(move || Ok(samples.generations(now - BUILDS)?)).await?;
    let state = app.shared.read();
    let seen: Vec<_> = state.of_service(&name).collect();
    if seen.is_empty() {
        return Err(ApiError::not_found("service", &name));
    }
    let mut builds: BTreeMap<&str, (Millis, Millis, BTreeSet<TargetId>)> = BTreeMap::new();
    for (_, generation) in generations.iter().filter(|(_, g)| g.service == name && !g.build.is_empty()) {
        let build =
            builds.entry(&generation.build).or_insert((generation.started_at, generation.last_seen, BTreeSet::new()));
        build.0 = build.0.min(generation.started_at);
        build.1 = build.1.max(generation.last_seen);
        build.2.insert(generation.target);
    }
    let began = |build: &str| state.leaks.values().filter(|l| l.service == name && l.since_build == build).count();
    let mut build_list: Vec<BuildJson> = builds
        .into_iter()
        .map(|(build, (first_seen, last_seen, instances))| BuildJson {
            build: build.to_owned(),
            first_seen,
            last_seen,
            instances: instances.len(),
            leaks: began(build),
        })
        .collect();
    build_list.sort_by_key(|build| std::cmp::Reverse(build.first_seen));
    Ok(Json(ServiceJson {
        summary: ServiceSummary::of(&name, &seen, &state, now),
        instance_list: seen.iter().map(|(id, one)| InstanceSummary::of(**id, one, now)).collect(),
        build_list,
    }))
}

/// Targets as Prometheus's `http_sd_configs` reads them.
#[derive(Serialize, ToSchema)]
pub(crate) struct TargetGroup {
    targets: Vec<String>,
    labels: BTreeMap<String, String>,
}

/// What is watched, for `http_sd_configs` of Prometheus and others.
#[utoipa::path(get, path = "/api/v1/sd", responses((status = 200, body = Vec<TargetGroup>), (status = 401, body = ApiError)))]
pub(crate) async fn discovery(State(app): State<App>) -> Json<Vec<TargetGroup>> {
    let state = app.shared.read();
    let groups = state.targets.values().filter_map(|seen| {
        let Place::Url(url) = &seen.target.place else { return None };
        let address = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
        let mut labels = seen.target.labels.clone();
        labels.insert("job".to_owned(), seen.target.job.clone());
        labels.insert("__scheme__".to_owned(), url.scheme().to_owned());
        Some(TargetGroup { targets: vec![address], labels })
    });
    Json(groups.collect())
}

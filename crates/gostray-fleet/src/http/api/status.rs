//! How gostray itself is.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Millis;
use crate::http::App;
use crate::http::api::blocking;
use crate::http::auth::{Role, User};
use crate::http::error::ApiError;

/// How gostray itself is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    version: &'static str,
    started_at: Millis,
    role: Role,
    user: String,
    authentication: bool,
    targets: TargetCounts,
    store: Store,
    /// What is not as it should be.
    warnings: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct TargetCounts {
    total: usize,
    up: usize,
    down: usize,
}

#[derive(Serialize, ToSchema)]
struct Store {
    bytes: u64,
    samples: u64,
    error: Option<String>,
}

/// How gostray itself is: its targets, its store, and what is not as it should be.
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = Status), (status = 401, body = ApiError)))]
pub(crate) async fn status(State(app): State<App>, Extension(user): Extension<User>) -> Result<Json<Status>, ApiError> {
    let samples = app.samples.clone();
    let size = blocking(move || Ok(samples.size())).await?;
    let discovery: Vec<String> = {
        let status = app.discovery.borrow();
        let failed = status.iter().flat_map(|sd| {
            let of = format!("{} of job {:?} gives no new targets", sd.mechanism, sd.job.job.job_name);
            sd.errors.iter().take(5).map(move |error| format!("{of}: {error}"))
        });
        failed.chain(status.iter().flat_map(|sd| sd.wrong.iter().take(5).cloned())).collect()
    };
    let state = app.shared.read();
    let up = state.targets.values().filter(|seen| seen.is_up == Some(true)).count();
    let down = state.targets.values().filter(|seen| seen.is_up == Some(false)).count();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: app.started_at,
        role: user.role,
        user: user.name,
        authentication: app.authentication.is_on(),
        targets: TargetCounts { total: state.targets.len(), up, down },
        store: Store {
            bytes: size.as_ref().map_or(0, |size| size.bytes),
            samples: size.as_ref().map_or(0, |size| size.samples),
            error: size.err().map(|error| error.to_string()).or_else(|| state.store_error.clone()),
        },
        warnings: state.warnings.values().cloned().chain(discovery).collect(),
    }))
}

//! The API that pages and programs use. What it says is described in OpenAPI, from the same types.

mod explanation;
mod flame;
mod gate;
mod instances;
mod leaks;
mod search;
mod series;
mod services;
mod show;
mod snapshots;
mod status;
mod targets;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::error::ApiError;

#[derive(OpenApi)]
#[openapi(info(
    title = "gostray serve",
    description = "Goroutine leaks of a fleet. Times are milliseconds since 1970 (UTC). Requests that change something carry the header `X-Gostray: 1`."
))]
struct Description;

fn described() -> (axum::Router<App>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(status::status))
        .routes(routes!(leaks::list))
        .routes(routes!(leaks::one))
        .routes(routes!(leaks::accept))
        .routes(routes!(leaks::reopen))
        .routes(routes!(explanation::explanation))
        .routes(routes!(series::of_leak))
        .routes(routes!(series::leak_diff))
        .routes(routes!(series::of_instance))
        .routes(routes!(series::instance_diff))
        .routes(routes!(series::of_service))
        .routes(routes!(services::list))
        .routes(routes!(services::one))
        .routes(routes!(services::discovery))
        .routes(routes!(targets::list))
        .routes(routes!(instances::list))
        .routes(routes!(instances::one))
        .routes(routes!(snapshots::stored, snapshots::taken_now))
        .routes(routes!(snapshots::uploaded))
        .routes(routes!(snapshots::evidence))
        .routes(routes!(snapshots::evidence_file))
        .routes(routes!(search::search))
        .routes(routes!(gate::gate))
        .split_for_parts()
}

pub(crate) fn routes() -> axum::Router<App> {
    let (router, description) = described();
    router.route("/api/v1/openapi.json", axum::routing::get(move || async move { Json(description) }))
}

/// The description of the API, OpenAPI 3.1 as JSON.
#[must_use]
pub fn openapi() -> String {
    described().1.to_pretty_json().unwrap_or_default() + "\n"
}

/// Ready once the store can be read.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let samples = app.samples.clone();
    match tokio::task::spawn_blocking(move || samples.size()).await {
        Ok(Ok(_)) => "gostray is ready\n".into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "gostray's store can't be read\n").into_response(),
    }
}

/// Reads the configuration again; whether it was any good, the log and `/api/v1/status` say.
pub(crate) async fn reload(State(app): State<App>) -> Response {
    app.reload.notify_one();
    (StatusCode::ACCEPTED, "reading the configuration again\n").into_response()
}

pub(crate) use show::state_word;

/// Runs what blocks where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await?
}

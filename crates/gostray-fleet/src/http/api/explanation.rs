//! What causes a leak, in the source of its service.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::explain::{ExplainError, Question};
use crate::http::App;
use crate::http::api::blocking;
use crate::http::error::ApiError;
use crate::http::extract::Path;

/// What causes a leak.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// As `gostray explain` says it in a terminal: the cause, lines of source, and what mends it.
    text: String,
}

/// What causes a leak, in the source that the configuration names for its service.
#[utoipa::path(get, path = "/api/v1/leaks/{id}/explanation", params(("id" = String, Path)),
    responses((status = 200, body = Explanation), (status = 401, body = ApiError), (status = 404, body = ApiError),
        (status = 502, body = ApiError), (status = 503, body = ApiError)))]
pub(crate) async fn explanation(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Explanation>, ApiError> {
    let (service, function) = {
        let state = app.shared.read();
        let leak = state.leaks.get(&id).ok_or_else(|| ApiError::not_found("leak", &id))?;
        (leak.service.clone(), leak.blocked().map(|frame| frame.function.clone()).unwrap_or_default())
    };
    let not_found = |text: String| ApiError::new(StatusCode::NOT_FOUND, text);
    if !app.explainer.has_source(&service) {
        return Err(not_found(ExplainError::NoSource(service).to_string()));
    }
    let (ledger, leak) = (app.ledger.clone(), id.clone());
    let newest = blocking(move || {
        let Some((id, _)) = ledger.evidence_of(&leak)?.pop() else { return Ok(None) };
        Ok(ledger.evidence(id)?.map(|profile| (id, profile)))
    });
    let Some((evidence, profile)) = newest.await? else {
        return Err(not_found(
            "no goroutines of it are kept as evidence yet: they are once it is confirmed".to_owned(),
        ));
    };
    let question = Question { leak: id, service, function, evidence, profile };
    match app.explainer.explain(&question).await {
        Ok(text) => Ok(Json(Explanation { text })),
        Err(error @ ExplainError::NoSource(_)) => Err(not_found(error.to_string())),
        Err(error) => Err(ApiError::new(StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

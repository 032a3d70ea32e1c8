//! The web UI: files that were built into the program.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::http::error::ApiError;

#[derive(RustEmbed)]
#[folder = "../../ui/dist/"]
struct Files;

/// A file of the UI; any other path is a page, which `index.html` shows.
pub(crate) async fn file(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || path.starts_with("-/") {
        return ApiError::not_found("page", uri.path()).into_response();
    }
    if let Some(file) = Files::get(path).filter(|_| !path.is_empty()) {
        // Names of assets have a hash of what is in them.
        let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        return answer(file, cache);
    }
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) && path.starts_with("assets/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match Files::get("index.html") {
        Some(page) => answer(page, "no-cache"),
        None => ApiError::new(StatusCode::NOT_FOUND, "this gostray was built without its web UI").into_response(),
    }
}

fn answer(file: EmbeddedFile, cache: &'static str) -> Response {
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let kind = kind.unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let mut response = Response::new(Body::from(file.data.into_owned()));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

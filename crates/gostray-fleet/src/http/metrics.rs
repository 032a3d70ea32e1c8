//! stub
use axum::response::Response;
pub(crate) async fn own() -> Response { unimplemented!() }
pub(crate) async fn probe() -> Response { unimplemented!() }

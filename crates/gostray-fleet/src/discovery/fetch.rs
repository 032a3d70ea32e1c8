//! Answers of whoever lists targets, bounded.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;

use crate::target::Access;

/// Bytes of a list of targets.
pub(super) const MAX_LIST: usize = 32 << 20;

/// Begins a request, with the credentials that its files hold now.
pub(super) fn get(client: &Client, url: &str, access: &Access, longest: Duration) -> Result<RequestBuilder, String> {
    let mut request = client.get(url).timeout(longest).header("Accept", "application/json");
    if let Some(authorization) = &access.authorization {
        let value = authorization.header().map_err(|error| format!("the credentials can't be read: {error}"))?;
        request = request.header("Authorization", value);
    }
    Ok(request)
}

/// Sends it, and reads its JSON. No error says the URL, which may hold a secret.
pub(super) async fn json<T: DeserializeOwned>(
    request: RequestBuilder,
) -> Result<(T, reqwest::header::HeaderMap), String> {
    let mut response = request.send().await.map_err(|error| said(&error.without_url()))?;
    if !response.status().is_success() {
        return Err(format!("it answers {}", response.status()));
    }
    let headers = response.headers().clone();
    let body = body(&mut response).await?;
    let value = serde_json::from_slice(&body).map_err(|error| format!("the answer can't be understood: {error}"))?;
    Ok((value, headers))
}

async fn body(response: &mut Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| said(&error.without_url()))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_LIST {
            return Err("it answers more than 32 MiB".to_owned());
        }
    }
    Ok(body)
}

/// An error with what is behind it: `error sending request` alone helps nobody.
pub(super) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

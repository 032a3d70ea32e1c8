//! Asking a gostray server.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::AUTHORIZATION;

use crate::cli::Server;

/// Bytes of an answer.
const MAX_ANSWER: usize = 16 << 20;
/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks for a part of the API, like `gate`; what it answers, as text.
pub(crate) async fn ask(server: &Server, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<String> {
    gostray_endpoint::prepare_tls();
    let name = &server.server;
    let mut url = url::Url::parse(&format!("{}/api/v1", name.trim_end_matches('/')))
        .with_context(|| format!("{name:?}: --server is a URL, like http://localhost:7117"))?;
    match url.path_segments_mut() {
        Ok(mut segments) => drop(segments.extend(path)),
        Err(()) => bail!("{name:?}: --server is a URL, like http://localhost:7117"),
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let mut request = client.get(url);
    if let Some(path) = &server.token_file {
        let token = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.trim()));
    }
    let mut response = request
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("can't reach {name}: check the address, and that `gostray serve` runs there"))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            bail!("{name} answers more than {} MiB", MAX_ANSWER >> 20);
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    if status == reqwest::StatusCode::UNAUTHORIZED {
        bail!("{name} wants to know who asks: give a token with --token-file");
    }
    if !status.is_success() {
        bail!("{name} answers {status}: {}", text.lines().next().unwrap_or_default());
    }
    Ok(text)
}

/// A place in a program, as a server names it.
#[derive(serde::Deserialize)]
pub(crate) struct Place {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// Where a leak is shown.
pub(crate) fn page(server: &Server, leak: &str) -> String {
    format!("{}/leaks/{leak}", server.server.trim_end_matches('/'))
}

/// Reads what a server answered.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(server: &Server, text: &str) -> anyhow::Result<T> {
    serde_json::from_str(text)
        .with_context(|| format!("{} answers something else than a gostray server does", server.server))
}

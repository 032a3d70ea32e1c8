//! Targets from an HTTP endpoint, as `http_sd_configs` names it.

use std::time::Duration;

use reqwest::Client;

use crate::config::StaticConfig;
use crate::discovery::fetch;
use crate::target::Access;

/// Asks once.
pub(super) async fn ask(
    client: &Client,
    url: &str,
    access: &Access,
    interval: Duration,
) -> Result<Vec<StaticConfig>, String> {
    let request = fetch::get(client, url, access, Duration::from_secs(30).min(interval.max(Duration::from_secs(5))))?
        .header("X-Prometheus-Refresh-Interval-Seconds", interval.as_secs_f64().to_string());
    let (mut groups, _): (Vec<StaticConfig>, _) = fetch::json(request).await?;
    for group in &mut groups {
        group.labels.insert("__meta_url".to_owned(), shown(url));
    }
    Ok(groups)
}

/// A URL without what may be a secret.
fn shown(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return String::new() };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

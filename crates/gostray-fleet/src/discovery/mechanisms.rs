//! How each mechanism finds addresses, once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use serde::Deserialize;

use crate::config::{ConsulSd, DnsSd, DnsType, StaticConfig};

/// Bytes of a list of targets.
const MAX_LIST: usize = 32 << 20;

/// Files with targets: all that match, sorted.
pub(super) fn files(patterns: &[PathBuf], base: &Path) -> Result<Vec<StaticConfig>, String> {
    let mut groups = Vec::new();
    for pattern in patterns {
        for path in matching(&base.join(pattern))? {
            let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
            let size = match std::fs::metadata(&path) {
                Ok(about) => about.len(),
                // As in Prometheus: a file that is not there has no targets.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&error)),
            };
            if size > MAX_LIST as u64 {
                return Err(failed(&"it is larger than 32 MiB"));
            }
            let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
            let own: Vec<StaticConfig> = match path.extension().and_then(|e| e.to_str()) {
                Some("json") => serde_json::from_str(&text).map_err(|error| failed(&error))?,
                _ => serde_saphyr::from_str(&text).map_err(|error| failed(&error))?,
            };
            groups.extend(own.into_iter().map(|mut group| {
                group.labels.insert("__meta_filepath".to_owned(), path.display().to_string());
                group
            }));
        }
    }
    Ok(groups)
}

/// The files that a path with `*` in its last part names.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.contains('*') {
        return Ok(vec![pattern.to_owned()]);
    }
    let expression = name.split('*').map(regex::escape).collect::<Vec<_>>().join(".*");
    let expression = regex::Regex::new(&format!("^{expression}$")).map_err(|error| error.to_string())?;
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| expression.is_match(name)))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

/// A list from an HTTP endpoint, and how soon it wants to be asked again.
pub(super) async fn http(client: &reqwest::Client, url: &str) -> Result<(Vec<StaticConfig>, Option<Duration>), String> {
    let request = client.get(url).timeout(Duration::from_secs(30)).header("Accept", "application/json");
    let (body, headers) = bounded(request).await?;
    let wanted = headers.get("X-Prometheus-Refresh-Interval-Seconds").and_then(|v| v.to_str().ok()?.parse().ok());
    let mut groups: Vec<StaticConfig> =
        serde_json::from_slice(&body).map_err(|error| format!("the answer is no list of targets: {error}"))?;
    for group in &mut groups {
        group.labels.insert("__meta_url".to_owned(), shown(url));
    }
    Ok((groups, wanted.map(Duration::from_secs)))
}

/// A URL without what may be a secret.
fn shown(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return String::new() };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

async fn bounded(request: reqwest::RequestBuilder) -> Result<(Vec<u8>, reqwest::header::HeaderMap), String> {
    let mut response = request.send().await.map_err(|error| error.without_url().to_string())?;
    if !response.status().is_success() {
        return Err(format!("it answers {}", response.status()));
    }
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_LIST {
            return Err("it answers more than 32 MiB".to_owned());
        }
    }
    Ok((body, headers))
}

/// Records of DNS.
pub(super) async fn dns(resolver: &TokioResolver, config: &DnsSd) -> Result<Vec<StaticConfig>, String> {
    let mut groups = Vec::new();
    for name in &config.names {
        let kind = match config.kind {
            DnsType::Srv => RecordType::SRV,
            DnsType::A => RecordType::A,
            DnsType::Aaaa => RecordType::AAAA,
        };
        let answer = resolver.lookup(name.as_str(), kind).await.map_err(|error| format!("{name}: {error}"))?;
        for record in answer.record_iter() {
            let mut labels = BTreeMap::from([("__meta_dns_name".to_owned(), name.clone())]);
            let port = config.port.unwrap_or_default();
            let address = match record.data() {
                RData::A(a) => SocketAddr::from((a.0, port)).to_string(),
                RData::AAAA(a) => SocketAddr::from((a.0, port)).to_string(),
                RData::SRV(srv) => {
                    let host = srv.target().to_string();
                    let host = host.trim_end_matches('.').to_owned();
                    labels.insert("__meta_dns_srv_record_target".to_owned(), format!("{host}."));
                    labels.insert("__meta_dns_srv_record_port".to_owned(), srv.port().to_string());
                    format!("{host}:{}", srv.port())
                }
                _ => continue,
            };
            groups.push(StaticConfig { targets: vec![address], labels });
        }
    }
    Ok(groups)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulEntry {
    node: ConsulNode,
    service: ConsulService,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulNode {
    node: String,
    address: String,
    #[serde(default)]
    datacenter: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulService {
    #[serde(rename = "ID")]
    id: String,
    service: String,
    #[serde(default)]
    address: String,
    port: u16,
    tags: Option<Vec<String>>,
    meta: Option<BTreeMap<String, String>>,
}

/// Services of Consul.
pub(super) async fn consul(client: &reqwest::Client, config: &ConsulSd) -> Result<Vec<StaticConfig>, String> {
    let base = format!("{}://{}/v1", config.scheme, config.server);
    let get = |path: String| {
        let escaped = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let datacenter = config.datacenter.as_deref().map(|dc| format!("?dc={}", escaped(dc))).unwrap_or_default();
        let mut request = client.get(format!("{base}{path}{datacenter}")).timeout(Duration::from_secs(30));
        if let Some(token) = &config.token {
            request = request.header("X-Consul-Token", token);
        }
        request
    };
    let services: Vec<String> = if config.services.is_empty() {
        let (body, _) = bounded(get("/catalog/services".to_owned())).await?;
        let all: BTreeMap<String, Vec<String>> = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        all.into_iter()
            .filter(|(_, tags)| config.tags.iter().all(|tag| tags.contains(tag)))
            .map(|(name, _)| name)
            .collect()
    } else {
        config.services.clone()
    };
    let mut groups = Vec::new();
    for service in services {
        let escaped: String = url::form_urlencoded::byte_serialize(service.as_bytes()).collect();
        let (body, _) = bounded(get(format!("/health/service/{escaped}"))).await?;
        let entries: Vec<ConsulEntry> = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        for ConsulEntry { node, service } in entries {
            let tags = service.tags.unwrap_or_default();
            if !config.tags.iter().all(|tag| tags.contains(tag)) {
                continue;
            }
            let host = if service.address.is_empty() { &node.address } else { &service.address };
            let mut labels = BTreeMap::from([
                ("__meta_consul_node".to_owned(), node.node.clone()),
                ("__meta_consul_address".to_owned(), node.address.clone()),
                ("__meta_consul_dc".to_owned(), node.datacenter.clone()),
                ("__meta_consul_service".to_owned(), service.service.clone()),
                ("__meta_consul_service_id".to_owned(), service.id),
                ("__meta_consul_service_address".to_owned(), service.address.clone()),
                ("__meta_consul_service_port".to_owned(), service.port.to_string()),
                ("__meta_consul_tags".to_owned(), format!(",{},", tags.join(","))),
            ]);
            for (key, value) in service.meta.unwrap_or_default() {
                let key: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                labels.insert(format!("__meta_consul_service_metadata_{key}"), value);
            }
            groups.push(StaticConfig { targets: vec![format!("{host}:{}", service.port)], labels });
        }
    }
    Ok(groups)
}

/// The Go processes of this machine.
pub(super) fn processes() -> Vec<StaticConfig> {
    let own = std::process::id();
    gostray_process::processes()
        .into_iter()
        .filter(|process| process.pid != own)
        .map(|process| {
            let module = process.build.module.clone();
            let service =
                module.rsplit('/').find(|part| !part.is_empty() && !is_version(part)).unwrap_or("process").to_owned();
            let labels = BTreeMap::from([
                ("__pid__".to_owned(), process.pid.to_string()),
                ("__meta_process_module".to_owned(), module),
                ("instance".to_owned(), format!("pid:{}", process.pid)),
                ("service_name".to_owned(), service),
            ]);
            StaticConfig { targets: vec![format!("pid:{}", process.pid)], labels }
        })
        .collect()
}

/// `v2` at the end of a module's path.
fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
}

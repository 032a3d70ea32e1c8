//! How targets are found: `*_sd_configs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::config::values::{AuthorizationConfig, BasicAuthConfig, Span, TlsConfig, access, secret};
use crate::discovery::{Consul, Mechanism};

/// Targets in files, YAML or JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSd {
    files: Vec<PathBuf>,
    refresh_interval: Option<Span>,
}

/// Targets from an HTTP endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSd {
    url: String,
    refresh_interval: Option<Span>,
    authorization: Option<AuthorizationConfig>,
    basic_auth: Option<BasicAuthConfig>,
    tls_config: Option<TlsConfig>,
}

/// Which records of DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsType {
    /// Hosts with their ports.
    #[default]
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

/// Targets from DNS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsSd {
    /// The names that are asked for.
    pub names: Vec<String>,
    /// Which records.
    #[serde(rename = "type", default)]
    pub kind: DnsType,
    /// The port, where records have none.
    pub port: Option<u16>,
    refresh_interval: Option<Span>,
}

/// Targets from Consul's catalogue.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsulSd {
    #[serde(default = "local_consul")]
    server: String,
    #[serde(default)]
    path_prefix: String,
    #[serde(default = "http")]
    scheme: String,
    token: Option<String>,
    token_file: Option<PathBuf>,
    datacenter: Option<String>,
    namespace: Option<String>,
    partition: Option<String>,
    tag_separator: Option<String>,
    username: Option<String>,
    password: Option<String>,
    allow_stale: Option<bool>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    node_meta: BTreeMap<String, String>,
    filter: Option<String>,
    health_filter: Option<String>,
    refresh_interval: Option<Span>,
    authorization: Option<AuthorizationConfig>,
    basic_auth: Option<BasicAuthConfig>,
    tls_config: Option<TlsConfig>,
}

impl std::fmt::Debug for ConsulSd {
    /// Without its token and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsulSd")
            .field("server", &self.server)
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}

fn local_consul() -> String {
    "localhost:8500".to_owned()
}

fn http() -> String {
    "http".to_owned()
}

/// How often; never more often than once a second.
pub(super) fn every(span: Option<Span>, seconds: u64) -> Duration {
    span.map_or(Duration::from_secs(seconds), |span| span.0).max(Duration::from_secs(1))
}

impl FileSd {
    pub(super) fn check(&self, base: &Path) -> Result<Mechanism, String> {
        for file in &self.files {
            let is_list = file.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
                ["json", "yml", "yaml"].iter().any(|known| extension.eq_ignore_ascii_case(known))
            });
            let has_star_in_folder = file.parent().is_some_and(|folder| folder.to_string_lossy().contains('*'));
            if !is_list || has_star_in_folder {
                return Err(format!(
                    "file_sd_configs: {:?} must end in .json, .yml or .yaml, and have `*` in its last part only",
                    file.display()
                ));
            }
        }
        // Looked at often, as if the system told: reading some files costs nothing.
        let interval = every(self.refresh_interval, 5);
        Ok(Mechanism::Files { patterns: self.files.iter().map(|file| base.join(file)).collect(), interval })
    }
}

impl HttpSd {
    pub(super) fn check(&self, base: &Path) -> Result<Mechanism, String> {
        let wrong = |why: &str| format!("http_sd_configs: {why}");
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return Err(wrong("url begins with http:// or https://"));
        }
        let access = access(self.authorization.as_ref(), self.basic_auth.as_ref(), self.tls_config.as_ref(), base);
        let access = Arc::new(access.map_err(|why| wrong(&why))?);
        Ok(Mechanism::Http { url: self.url.clone(), access, interval: every(self.refresh_interval, 60) })
    }
}

impl DnsSd {
    pub(super) fn check(&self) -> Result<Mechanism, String> {
        if self.names.is_empty() {
            return Err("dns_sd_configs: names is empty".to_owned());
        }
        if self.kind != DnsType::Srv && self.port.is_none() {
            return Err(format!("dns_sd_configs of {:?}: records of this type have no port: add one", self.names));
        }
        Ok(Mechanism::Dns { config: self.clone(), interval: every(self.refresh_interval, 30) })
    }
}

impl ConsulSd {
    pub(super) fn check(&self, base: &Path) -> Result<Mechanism, String> {
        let consul = self.consul(base).map_err(|why| format!("consul_sd_configs: {why}"))?;
        Ok(Mechanism::Consul(consul))
    }

    fn consul(&self, base: &Path) -> Result<Consul, String> {
        let own = self.username.as_ref().map(|username| BasicAuthConfig {
            username: username.clone(),
            password: self.password.clone(),
            password_file: None,
        });
        if own.is_some() && self.basic_auth.is_some() {
            return Err("username and basic_auth: give one of them".to_owned());
        }
        let basic = self.basic_auth.as_ref().or(own.as_ref());
        let access = access(self.authorization.as_ref(), basic, self.tls_config.as_ref(), base)?;
        let token = secret(self.token.as_ref(), self.token_file.as_ref(), base, "token")?;
        if token.is_some() && self.authorization.is_some() {
            return Err("token and authorization: give one of them".to_owned());
        }
        let url = format!("{}://{}/{}", self.scheme, self.server, self.path_prefix.trim_matches('/'));
        let parsed =
            url::Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if parsed.is_none() || self.server.contains('/') {
            return Err("server is host:port, and scheme http or https".to_owned());
        }
        let mut query = Vec::new();
        query.extend(self.namespace.iter().map(|namespace| ("ns", namespace.clone())));
        query.extend(self.partition.iter().map(|partition| ("partition", partition.clone())));
        query.extend(self.node_meta.iter().map(|(name, value)| ("node-meta", format!("{name}:{value}"))));
        // As Prometheus: what is a little old costs Consul much less.
        if self.allow_stale.unwrap_or(true) {
            query.push(("stale", String::new()));
        }
        Ok(Consul {
            url: url.trim_end_matches('/').to_owned(),
            access: Arc::new(access),
            token,
            datacenter: self.datacenter.clone().filter(|datacenter| !datacenter.is_empty()),
            query,
            services: self.services.clone(),
            tags: self.tags.clone(),
            tag_separator: self.tag_separator.clone().unwrap_or_else(|| ",".to_owned()),
            filter: self.filter.clone(),
            health_filter: self.health_filter.clone(),
            interval: every(self.refresh_interval, 30),
        })
    }
}

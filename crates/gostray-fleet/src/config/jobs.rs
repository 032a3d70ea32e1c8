//! `scrape_configs`, and how targets are found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::config::file::Global;
use crate::config::values::{AuthorizationConfig, BasicAuthConfig, Size, Span, authorization};
use crate::discovery::relabel::Rule;
use crate::target::Access;

/// A job: targets that are found and reached in the same way.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its name.
    pub job_name: String,
    /// How often each target is asked.
    pub scrape_interval: Option<Span>,
    /// How long one request may take.
    pub scrape_timeout: Option<Span>,
    /// `http` or `https`.
    #[serde(default = "http")]
    pub scheme: String,
    #[serde(default)]
    profiling_config: Profiling,
    /// Parameters of each request.
    #[serde(default)]
    pub params: BTreeMap<String, Vec<String>>,
    authorization: Option<AuthorizationConfig>,
    basic_auth: Option<BasicAuthConfig>,
    #[serde(default)]
    tls_config: TlsConfig,
    #[serde(default)]
    follow_redirects: bool,
    body_size_limit: Option<Size>,
    /// Up to how many goroutines a target is asked for their ids, to confirm a leak.
    max_dump: Option<u64>,
    /// What is done to labels of targets.
    #[serde(default)]
    pub relabel_configs: Vec<RelabelConfig>,
    /// Targets that are written here.
    #[serde(default)]
    pub static_configs: Vec<StaticConfig>,
    /// Targets in files.
    #[serde(default)]
    pub file_sd_configs: Vec<FileSd>,
    /// Targets from an HTTP endpoint.
    #[serde(default)]
    pub http_sd_configs: Vec<HttpSd>,
    /// Targets from DNS.
    #[serde(default)]
    pub dns_sd_configs: Vec<DnsSd>,
    /// Targets from Consul.
    #[serde(default)]
    pub consul_sd_configs: Vec<ConsulSd>,
    /// Targets from Kubernetes: not in this build.
    #[serde(default)]
    kubernetes_sd_configs: Vec<serde_json::Value>,
    /// The Go processes of this machine.
    pub local_processes: Option<LocalProcesses>,
}

fn http() -> String {
    "http".to_owned()
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profiling {
    /// What stands before `/debug/pprof`.
    #[serde(default)]
    path_prefix: String,
    #[serde(default)]
    pprof_config: PprofConfig,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PprofConfig {
    goroutineleak: Option<OneProfile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneProfile {
    enabled: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsConfig {
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    server_name: Option<String>,
    #[serde(default)]
    insecure_skip_verify: bool,
}

/// Targets that are written down, with labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticConfig {
    /// `host:port`.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Labels of all of them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Targets in files, YAML or JSON.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSd {
    /// Paths, with `*` in the last part.
    pub files: Vec<PathBuf>,
    /// How often they are looked at.
    pub refresh_interval: Option<Span>,
}

/// Targets from an HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSd {
    /// Where.
    pub url: String,
    /// How often it is asked.
    pub refresh_interval: Option<Span>,
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
    /// How often they are asked for.
    pub refresh_interval: Option<Span>,
}

/// Targets from Consul's catalog.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsulSd {
    /// Where it is (`localhost:8500`).
    #[serde(default = "consul")]
    pub server: String,
    /// `http` or `https`.
    #[serde(default = "http")]
    pub scheme: String,
    /// Its token.
    pub token: Option<String>,
    /// The services; all where empty.
    #[serde(default)]
    pub services: Vec<String>,
    /// With all of these tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Of this data centre.
    pub datacenter: Option<String>,
    /// How often it is asked.
    pub refresh_interval: Option<Span>,
}

impl std::fmt::Debug for ConsulSd {
    /// Without its token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsulSd")
            .field("server", &self.server)
            .field("services", &self.services)
            .field("tags", &self.tags)
            .field("datacenter", &self.datacenter)
            .finish_non_exhaustive()
    }
}

fn consul() -> String {
    "localhost:8500".to_owned()
}

/// The Go processes of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalProcesses {
    /// How often they are looked for.
    pub refresh_interval: Option<Span>,
}

/// One step of relabelling; see Prometheus's `relabel_config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelabelConfig {
    /// Labels whose values are put together.
    #[serde(default)]
    pub source_labels: Vec<String>,
    /// What stands between them (`;`).
    pub separator: Option<String>,
    /// The label that is set.
    pub target_label: Option<String>,
    /// What the value must match, from beginning to end (`(.*)`).
    pub regex: Option<String>,
    /// For `hashmod`.
    pub modulus: Option<u64>,
    /// What is set (`$1`).
    pub replacement: Option<String>,
    /// `replace`, `keep`, `drop`, `keepequal`, `dropequal`, `hashmod`, `labelmap`, `labeldrop`, `labelkeep`,
    /// `lowercase` or `uppercase`.
    pub action: Option<String>,
}

/// A job that has been checked.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The job.
    pub job: Job,
    /// How often each target is asked.
    pub interval: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// How targets are reached.
    pub access: Arc<Access>,
    /// What is done to labels.
    pub rules: Vec<Rule>,
    /// What stands before `/debug/pprof`.
    pub path_prefix: String,
}

impl Job {
    /// Checks what the types don't.
    pub(super) fn check(self, global: &Global, base: &Path, errors: &mut Vec<String>) -> Option<Checked> {
        let before = errors.len();
        let name = self.job_name.clone();
        let mut wrong = |what: String| errors.push(format!("scrape_configs, job {name:?}: {what}"));
        let interval = self.scrape_interval.or(global.scrape_interval).map_or(Duration::from_secs(60), |span| span.0);
        let timeout =
            self.scrape_timeout.or(global.scrape_timeout).map_or(Duration::from_secs(10), |span| span.0).min(interval);
        if interval < Duration::from_secs(1) {
            wrong("scrape_interval is at least 1s".to_owned());
        }
        if self.scrape_timeout.is_some_and(|own| own.0 > interval) {
            wrong("scrape_timeout is longer than scrape_interval".to_owned());
        }
        if !matches!(self.scheme.as_str(), "http" | "https") {
            wrong(format!("scheme {:?}: http or https", self.scheme));
        }
        if !self.kubernetes_sd_configs.is_empty() {
            wrong("kubernetes_sd_configs: this gostray has no discovery in Kubernetes; use http_sd_configs with a service that lists pods".to_owned());
        }
        let authorization = authorization(self.authorization.as_ref(), self.basic_auth.as_ref(), base)
            .map_err(&mut wrong)
            .unwrap_or_default();
        let tls = &self.tls_config;
        let client_certificate = match (&tls.cert_file, &tls.key_file) {
            (Some(cert), Some(key)) => Some((base.join(cert), base.join(key))),
            (None, None) => None,
            _ => {
                wrong("tls_config: cert_file and key_file belong together".to_owned());
                None
            }
        };
        if tls.server_name.is_some() {
            wrong(
                "tls_config.server_name can't be set in this gostray: name the target as its certificate does"
                    .to_owned(),
            );
        }
        let rules = self
            .relabel_configs
            .iter()
            .enumerate()
            .filter_map(|(at, one)| Rule::new(one).map_err(|what| wrong(format!("relabel_configs[{at}]: {what}"))).ok())
            .collect();
        for names in self.dns_sd_configs.iter().filter(|dns| dns.kind != DnsType::Srv && dns.port.is_none()) {
            wrong(format!("dns_sd_configs of {:?}: records of this type have no port: add one", names.names));
        }
        for sd in &self.http_sd_configs {
            if !sd.url.starts_with("http://") && !sd.url.starts_with("https://") {
                wrong("http_sd_configs: url begins with http:// or https://".to_owned());
            }
        }
        let access = Access {
            authorization,
            ca_file: tls.ca_file.as_ref().map(|file| base.join(file)),
            client_certificate,
            insecure_skip_verify: tls.insecure_skip_verify,
            follow_redirects: self.follow_redirects,
            body_size_limit: self.body_size_limit.map_or(8 << 20, |size| size.0),
            leak_profile: self.profiling_config.pprof_config.goroutineleak.as_ref().is_none_or(|own| own.enabled),
            max_dump: self.max_dump.unwrap_or(2_000),
        };
        let prefix = self.profiling_config.path_prefix.trim_matches('/');
        let path_prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let is_good = errors.len() == before;
        is_good.then(|| Checked { interval, timeout, access: Arc::new(access), rules, path_prefix, job: self })
    }
}

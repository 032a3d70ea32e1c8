//! `scrape_configs`, and how targets are found.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::config::file::Global;
#[cfg(feature = "kubernetes")]
use crate::config::kubernetes::KubernetesSd;
use crate::config::sd::{ConsulSd, DnsSd, FileSd, HttpSd, every};
use crate::config::values::{AuthorizationConfig, BasicAuthConfig, Size, Span, TlsConfig, access};
use crate::discovery::Mechanism;
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
    tls_config: Option<TlsConfig>,
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
    file_sd_configs: Vec<FileSd>,
    /// Targets from an HTTP endpoint.
    #[serde(default)]
    http_sd_configs: Vec<HttpSd>,
    /// Targets from DNS.
    #[serde(default)]
    dns_sd_configs: Vec<DnsSd>,
    /// Targets from Consul.
    #[serde(default)]
    consul_sd_configs: Vec<ConsulSd>,
    /// Targets from Kubernetes.
    #[cfg(feature = "kubernetes")]
    #[serde(default)]
    kubernetes_sd_configs: Vec<KubernetesSd>,
    /// Targets from Kubernetes: not in this build.
    #[cfg(not(feature = "kubernetes"))]
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
    /// What stands before the path of the profile.
    pub path_prefix: String,
    /// How targets are found.
    pub mechanisms: Vec<Mechanism>,
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
        let reached = access(self.authorization.as_ref(), self.basic_auth.as_ref(), self.tls_config.as_ref(), base)
            .map_err(&mut wrong)
            .unwrap_or_default();
        let rules = self
            .relabel_configs
            .iter()
            .enumerate()
            .filter_map(|(at, one)| Rule::new(one).map_err(|what| wrong(format!("relabel_configs[{at}]: {what}"))).ok())
            .collect();
        let mechanisms = self.mechanisms(base, &mut wrong);
        let access = Access {
            follow_redirects: self.follow_redirects,
            body_size_limit: self.body_size_limit.map_or(8 << 20, |size| size.0),
            leak_profile: self.profiling_config.pprof_config.goroutineleak.as_ref().is_none_or(|own| own.enabled),
            max_dump: self.max_dump.unwrap_or(2_000),
            ..reached
        };
        let prefix = self.profiling_config.path_prefix.trim_matches('/');
        let path_prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let is_good = errors.len() == before;
        is_good.then(|| Checked {
            interval,
            timeout,
            access: Arc::new(access),
            rules,
            path_prefix,
            mechanisms,
            job: self,
        })
    }

    /// How its targets are found.
    fn mechanisms(&self, base: &Path, wrong: &mut impl FnMut(String)) -> Vec<Mechanism> {
        let mut found = Vec::new();
        if !self.static_configs.is_empty() {
            found.push(Ok(Mechanism::Static(self.static_configs.clone())));
        }
        found.extend(self.file_sd_configs.iter().map(|sd| sd.check(base)));
        found.extend(self.http_sd_configs.iter().map(|sd| sd.check(base)));
        found.extend(self.dns_sd_configs.iter().map(DnsSd::check));
        found.extend(self.consul_sd_configs.iter().map(|sd| sd.check(base)));
        #[cfg(feature = "kubernetes")]
        found.extend(self.kubernetes_sd_configs.iter().map(|sd| sd.check(base)));
        #[cfg(not(feature = "kubernetes"))]
        if !self.kubernetes_sd_configs.is_empty() {
            found
                .push(Err("kubernetes_sd_configs: this gostray was built without the feature `kubernetes`".to_owned()));
        }
        found.extend(
            self.local_processes.iter().map(|sd| Ok(Mechanism::Processes { interval: every(sd.refresh_interval, 10) })),
        );
        found.into_iter().filter_map(|one| one.map_err(&mut *wrong).ok()).collect()
    }
}

//! One way to find targets, on a task of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use tokio::sync::mpsc;

use crate::config::{DnsSd, StaticConfig};
#[cfg(feature = "kubernetes")]
use crate::discovery::kubernetes;
use crate::discovery::{consul, dns, files, http, processes};
use crate::scrape::Clients;
use crate::target::Access;

/// How targets of a job are found.
#[derive(Debug, Clone)]
pub enum Mechanism {
    /// They are written in the configuration.
    Static(Vec<StaticConfig>),
    /// Files list them.
    Files {
        /// Paths, with `*` in their last part.
        patterns: Vec<PathBuf>,
        /// How often they are looked at.
        interval: Duration,
    },
    /// An HTTP endpoint lists them.
    Http {
        /// Where.
        url: String,
        /// How it is reached.
        access: Arc<Access>,
        /// How often it is asked.
        interval: Duration,
    },
    /// DNS knows them.
    Dns {
        /// What is asked.
        config: DnsSd,
        /// How often.
        interval: Duration,
    },
    /// Consul knows them, and tells of changes.
    Consul(consul::Consul),
    /// Kubernetes knows them, and tells of changes.
    #[cfg(feature = "kubernetes")]
    Kubernetes(kubernetes::Kubernetes),
    /// They are the Go processes of this machine.
    Processes {
        /// How often they are looked for.
        interval: Duration,
    },
}

/// What a mechanism found.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// All groups, or none where those of before are still to hold.
    pub(super) groups: Option<Vec<StaticConfig>>,
    /// What is not as it should be.
    pub(super) errors: Vec<String>,
}

impl From<Result<Vec<StaticConfig>, String>> for Given {
    fn from(result: Result<Vec<StaticConfig>, String>) -> Self {
        match result {
            Ok(groups) => Self { groups: Some(groups), errors: Vec::new() },
            Err(why) => Self { groups: None, errors: vec![why] },
        }
    }
}

/// Takes what a mechanism found.
#[derive(Clone)]
pub(super) struct Give {
    pub(super) number: usize,
    pub(super) to: mpsc::Sender<(usize, Given)>,
}

impl Give {
    /// Gives; `false` once nobody takes it any more.
    pub(super) async fn give(&self, given: Given) -> bool {
        self.to.send((self.number, given)).await.is_ok()
    }
}

/// What a part of a mechanism found before: a label says which part.
pub(super) fn of_before<'a>(
    last: &'a [StaticConfig],
    label: &'a str,
    value: &'a str,
) -> impl Iterator<Item = StaticConfig> + 'a {
    last.iter().filter(move |group| group.labels.get(label).is_some_and(|own| own == value)).cloned()
}

/// `host:port`, with brackets around an IPv6 address.
pub(super) fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A key as a part of a label's name.
pub(super) fn sanitized(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

impl Mechanism {
    /// Its name, as pages and messages say it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::Files { .. } => "file",
            Self::Http { .. } => "http",
            Self::Dns { .. } => "dns",
            Self::Consul(_) => "consul",
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(_) => "kubernetes",
            Self::Processes { .. } => "local_processes",
        }
    }

    /// Finds targets until nobody takes them; `last` is what was found before.
    pub(super) async fn keep_finding(self, mut last: Vec<StaticConfig>, give: Give) {
        let clients = Clients::default();
        let resolver = TokioResolver::builder_tokio().map(hickory_resolver::ResolverBuilder::build);
        loop {
            let (given, interval) = match &self {
                Self::Static(groups) => {
                    // The receiver is gone when all ends.
                    let _ = give.give(Ok(groups.clone()).into()).await;
                    return;
                }
                Self::Consul(consul) => return consul.watch(last, give).await,
                #[cfg(feature = "kubernetes")]
                Self::Kubernetes(kubernetes) => return kubernetes.watch(give).await,
                Self::Files { patterns, interval } => {
                    let (patterns, before) = (patterns.clone(), last.clone());
                    let read = tokio::task::spawn_blocking(move || files::read(&patterns, &before)).await;
                    (read.unwrap_or_else(|error| Err(error.to_string()).into()), *interval)
                }
                Self::Http { url, access, interval } => {
                    let found = match clients.of(access) {
                        Ok(client) => http::ask(&client, url, access, *interval).await,
                        Err(error) => Err(error.to_string()),
                    };
                    (found.into(), *interval)
                }
                Self::Dns { config, interval } => {
                    let given = match &resolver {
                        Ok(resolver) => dns::ask(resolver, config, &last).await,
                        Err(error) => Err(error.to_string()).into(),
                    };
                    (given, *interval)
                }
                Self::Processes { interval } => {
                    let found = tokio::task::spawn_blocking(processes::find).await;
                    (found.map_err(|error| error.to_string()).into(), *interval)
                }
            };
            if let Some(groups) = &given.groups {
                last.clone_from(groups);
            }
            if !give.give(given).await {
                return;
            }
            tokio::time::sleep(interval).await;
        }
    }
}

//! Services of Consul, as `consul_sd_configs` names them: blocking queries tell of each change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::config::StaticConfig;
use crate::discovery::fetch;
use crate::discovery::mechanism::{Give, Given, host_and_port, sanitized};
use crate::scrape::Clients;
use crate::target::{Access, Secret};

/// How long Consul may wait for a change.
const WAIT: Duration = Duration::from_secs(120);
/// How long after a failure it is asked again.
const RETRY: Duration = Duration::from_secs(15);
const SERVICE: &str = "__meta_consul_service";

/// What is asked of Consul.
#[derive(Debug, Clone)]
pub struct Consul {
    /// `http://localhost:8500`, with a prefix of its path if it has one.
    pub url: String,
    /// How it is reached.
    pub access: Arc<Access>,
    /// Its token.
    pub token: Option<Secret>,
    /// The data centre; that of the agent where absent.
    pub datacenter: Option<String>,
    /// What goes along with each query: `ns`, `partition`, `stale`, `node-meta`.
    pub query: Vec<(&'static str, String)>,
    /// The services; all where empty.
    pub services: Vec<String>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// What stands between tags.
    pub tag_separator: String,
    /// A filter of the catalogue.
    pub filter: Option<String>,
    /// A filter of what a service has.
    pub health_filter: Option<String>,
    /// The least time between two queries for the same.
    pub interval: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Agent {
    config: AgentConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AgentConfig {
    datacenter: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    node: Node,
    service: Service,
    checks: Option<Vec<Check>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    node: String,
    address: String,
    meta: Option<BTreeMap<String, String>>,
    tagged_addresses: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    address: String,
    port: u16,
    tags: Option<Vec<String>>,
    meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    partition: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(rename = "CheckID")]
    check_id: String,
    status: String,
}

/// What the query for a service gave.
type Told = (String, Result<Vec<StaticConfig>, String>);

impl Consul {
    /// Watches until nobody takes what it finds.
    pub(super) async fn watch(&self, last: Vec<StaticConfig>, give: Give) {
        let access = self.access.clone();
        let client = loop {
            match Clients::default().of(&access) {
                Ok(client) => break client,
                Err(error) => {
                    if !give.give(Err(error.to_string()).into()).await {
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        let datacenter = loop {
            match self.datacenter(&client).await {
                Ok(datacenter) => break datacenter,
                Err(why) => {
                    if !give.give(Err(why).into()).await {
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        Watch::new(self.clone(), client, datacenter, last, give).run().await;
    }

    async fn datacenter(&self, client: &Client) -> Result<String, String> {
        match &self.datacenter {
            Some(datacenter) => Ok(datacenter.clone()),
            None => {
                let (agent, _): (Agent, _) = fetch::json(self.request(client, "/agent/self", &[], 0)?).await?;
                Ok(agent.config.datacenter)
            }
        }
    }

    fn request(
        &self,
        client: &Client,
        path: &str,
        more: &[(&'static str, String)],
        index: u64,
    ) -> Result<reqwest::RequestBuilder, String> {
        let mut url = url::Url::parse(&format!("{}/v1{path}", self.url)).map_err(|error| error.to_string())?;
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(&self.query).extend_pairs(more);
            if let Some(datacenter) = &self.datacenter {
                query.append_pair("dc", datacenter);
            }
            if index > 0 {
                query.append_pair("index", &index.to_string());
                query.append_pair("wait", &format!("{}ms", WAIT.as_millis()));
            }
        }
        let request = fetch::get(client, url.as_str(), &self.access, WAIT + RETRY)?;
        match &self.token {
            None => Ok(request),
            Some(token) => {
                let token = token.read().map_err(|error| format!("the token can't be read: {error}"))?;
                Ok(request.header("X-Consul-Token", token))
            }
        }
    }

    /// Asks for what has changed since an index; waits for that if there is one. Nothing if nothing has.
    async fn blocking<T: DeserializeOwned>(
        &self,
        client: &Client,
        path: &str,
        more: &[(&'static str, String)],
        index: &mut u64,
    ) -> Result<Option<T>, String> {
        let since = std::mem::take(index);
        // After a failure all is asked for: the answer comes at once, and says that all is well again.
        let (found, headers) = fetch::json(self.request(client, path, more, since)?).await?;
        let new = headers.get("X-Consul-Index").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        // One that goes backwards is that of another history: it is begun anew.
        *index = if new < since { 0 } else { new };
        if new == since && new > 0 {
            return Ok(None);
        }
        Ok(Some(found))
    }

    /// Do all services have to be asked for, to know which there are?
    fn needs_catalog(&self) -> bool {
        self.services.is_empty() || !self.tags.is_empty() || self.filter.is_some()
    }

    async fn catalog(&self, client: &Client, index: &mut u64) -> Result<Option<Vec<String>>, String> {
        let filter: Vec<_> = self.filter.iter().map(|filter| ("filter", filter.clone())).collect();
        let all: Option<BTreeMap<String, Vec<String>>> =
            self.blocking(client, "/catalog/services", &filter, index).await?;
        let is_wanted = |name: &String, tags: &[String]| {
            (self.services.is_empty() || self.services.contains(name)) && self.tags.iter().all(|tag| tags.contains(tag))
        };
        Ok(all.map(|all| all.into_iter().filter(|(name, tags)| is_wanted(name, tags)).map(|(name, _)| name).collect()))
    }

    async fn service(
        &self,
        client: &Client,
        name: &str,
        datacenter: &str,
        index: &mut u64,
    ) -> Result<Option<Vec<StaticConfig>>, String> {
        let mut more: Vec<_> = self.tags.iter().map(|tag| ("tag", tag.clone())).collect();
        more.extend(self.health_filter.iter().map(|filter| ("filter", filter.clone())));
        // A name may have a slash.
        let path = format!("/health/service/{}", escaped(name));
        let entries: Option<Vec<Entry>> = self.blocking(client, &path, &more, index).await?;
        Ok(entries.map(|entries| entries.into_iter().map(|entry| self.group(name, datacenter, entry)).collect()))
    }

    /// A target of a service, with labels as Prometheus gives them.
    fn group(&self, name: &str, datacenter: &str, entry: Entry) -> StaticConfig {
        let Entry { node, service, checks } = entry;
        let host = if service.address.is_empty() { &node.address } else { &service.address };
        let target = host_and_port(host, service.port);
        let separator = &self.tag_separator;
        let tags = service.tags.unwrap_or_default().join(separator);
        let mut labels = BTreeMap::from([(SERVICE.to_owned(), name.to_owned())]);
        let mut label = |name: &str, value: String| labels.insert(format!("__meta_consul_{name}"), value);
        for (key, value) in node.meta.unwrap_or_default() {
            label(&format!("metadata_{}", sanitized(&key)), value);
        }
        for (key, value) in service.meta.unwrap_or_default() {
            label(&format!("service_metadata_{}", sanitized(&key)), value);
        }
        for (key, value) in node.tagged_addresses.unwrap_or_default() {
            label(&format!("tagged_address_{}", sanitized(&key)), value);
        }
        label("node", node.node);
        label("address", node.address);
        label("dc", datacenter.to_owned());
        label("service_id", service.id);
        label("service_address", service.address);
        label("service_port", service.port.to_string());
        label("namespace", service.namespace);
        label("partition", service.partition);
        label("tags", format!("{separator}{tags}{separator}"));
        label("health", health(&checks.unwrap_or_default()).to_owned());
        StaticConfig { targets: vec![target], labels }
    }
}

fn escaped(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The worst of what is checked.
fn health(checks: &[Check]) -> &'static str {
    let is_maintenance =
        |check: &Check| check.check_id == "_node_maintenance" || check.check_id.starts_with("_service_maintenance:");
    let any = |status: &str| checks.iter().any(|check| !is_maintenance(check) && check.status == status);
    let is_known = |check: &Check| {
        is_maintenance(check) || matches!(check.status.as_str(), "passing" | "warning" | "critical" | "maintenance")
    };
    match () {
        () if !checks.iter().all(is_known) => "",
        () if checks.iter().any(is_maintenance) => "maintenance",
        () if any("critical") => "critical",
        () if any("warning") => "warning",
        () => "passing",
    }
}

/// The watched services: a task for each.
struct Watch {
    consul: Arc<Consul>,
    client: Client,
    datacenter: Arc<str>,
    found: BTreeMap<String, Vec<StaticConfig>>,
    errors: BTreeMap<String, String>,
    catalog_error: Option<String>,
    tasks: JoinSet<()>,
    running: HashMap<String, tokio::task::AbortHandle>,
    give: Give,
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
}

impl Watch {
    fn new(consul: Consul, client: Client, datacenter: String, last: Vec<StaticConfig>, give: Give) -> Self {
        let mut found: BTreeMap<String, Vec<StaticConfig>> = BTreeMap::new();
        for group in last {
            found.entry(group.labels.get(SERVICE).cloned().unwrap_or_default()).or_default().push(group);
        }
        let (tell, told) = mpsc::channel(16);
        Self {
            consul: Arc::new(consul),
            client,
            datacenter: datacenter.into(),
            found,
            errors: BTreeMap::new(),
            catalog_error: None,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            give,
            tell,
            told,
        }
    }

    async fn run(mut self) {
        let (tell, mut catalogs) = mpsc::channel(1);
        if self.consul.needs_catalog() {
            let (consul, client) = (self.consul.clone(), self.client.clone());
            self.tasks.spawn(async move {
                let mut index = 0;
                let mut tick = ticks(consul.interval);
                loop {
                    tick.tick().await;
                    let failed = match consul.catalog(&client, &mut index).await {
                        Ok(None) => continue,
                        Ok(Some(names)) => tell.send(Ok(names)).await.is_err(),
                        Err(why) => {
                            let is_over = tell.send(Err(why)).await.is_err();
                            tokio::time::sleep(RETRY).await;
                            is_over
                        }
                    };
                    if failed {
                        return;
                    }
                }
            });
        } else {
            self.take_catalog(self.consul.services.clone());
        }
        loop {
            tokio::select! {
                Some(catalog) = catalogs.recv() => match catalog {
                    Ok(names) => self.take_catalog(names),
                    Err(why) => self.catalog_error = Some(why),
                },
                Some(told) = self.told.recv() => {
                    self.take(told);
                    // Many come at once in the beginning.
                    while let Ok(told) = self.told.try_recv() {
                        self.take(told);
                    }
                }
            }
            let errors = self.catalog_error.iter().cloned();
            let errors = errors.chain(self.errors.iter().map(|(name, why)| format!("service {name}: {why}"))).collect();
            let groups = Some(self.found.values().flatten().cloned().collect());
            if !self.give.give(Given { groups, errors }).await {
                return;
            }
        }
    }

    fn take(&mut self, (name, result): Told) {
        // It may have been told just before the service was gone.
        if !self.running.contains_key(&name) {
            return;
        }
        match result {
            Ok(groups) => {
                self.errors.remove(&name);
                self.found.insert(name, groups);
            }
            Err(why) => {
                self.errors.insert(name, why);
            }
        }
    }

    fn take_catalog(&mut self, names: Vec<String>) {
        self.catalog_error = None;
        self.running.retain(|name, task| {
            let stays = names.contains(name);
            if !stays {
                task.abort();
            }
            stays
        });
        self.found.retain(|name, _| names.contains(name));
        self.errors.retain(|name, _| names.contains(name));
        for name in names {
            if !self.running.contains_key(&name) {
                let service = follow(
                    self.consul.clone(),
                    self.client.clone(),
                    self.datacenter.clone(),
                    name.clone(),
                    self.tell.clone(),
                );
                self.running.insert(name, self.tasks.spawn(service));
            }
        }
    }
}

/// Follows a service.
async fn follow(consul: Arc<Consul>, client: Client, datacenter: Arc<str>, name: String, tell: mpsc::Sender<Told>) {
    let mut index = 0;
    let mut tick = ticks(consul.interval);
    loop {
        tick.tick().await;
        let result = match consul.service(&client, &name, &datacenter, &mut index).await {
            Ok(None) => continue,
            Ok(Some(groups)) => Ok(groups),
            Err(why) => Err(why),
        };
        let has_failed = result.is_err();
        if tell.send((name.clone(), result)).await.is_err() {
            return;
        }
        if has_failed {
            tokio::time::sleep(RETRY).await;
        }
    }
}

fn ticks(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

//! Objects of Kubernetes, as `kubernetes_sd_configs` names them: listed once, and watched from there.
//!
//! Labels are those that Prometheus gives. What was found stays while the API can't be reached.
//!
//! | module | subject |
//! |---|---|
//! | `api` | how the API is reached |
//! | `follow` | the objects of one kind, as they are now |
//! | `meta` | labels that all objects have |
//! | `pod`, `service`, `node`, `endpoints`, `slice` | a role: its objects → targets |

mod api;
mod endpoints;
mod follow;
mod meta;
mod node;
mod pod;
mod service;
mod slice;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Endpoints, Namespace, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Client;

use crate::config::StaticConfig;
use crate::discovery::kubernetes::follow::{Following, Objects};
use crate::discovery::kubernetes::meta::Attached;
use crate::discovery::mechanism::{Give, Given};

pub use api::Server;

/// How long after a failure to begin it is tried again.
const RETRY: Duration = Duration::from_secs(15);
/// Changes are gathered for so long: in a deploy many come at once.
const GATHER: Duration = Duration::from_secs(1);

/// What is asked of Kubernetes.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    /// What targets are made of.
    pub role: Role,
    /// How the API is reached.
    pub server: Server,
    /// Only in these namespaces; in all where empty.
    pub namespaces: Vec<String>,
    /// Also in the namespace that gostray runs in.
    pub own_namespace: bool,
    /// Which objects of a role.
    pub selectors: Vec<Selector>,
    /// Add labels and annotations of the node.
    pub attach_node: bool,
    /// Add labels and annotations of the namespace.
    pub attach_namespace: bool,
}

/// What targets are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Each port of each container.
    Pod,
    /// Each port of each service.
    Service,
    /// Each address of each service.
    Endpoints,
    /// The same, from slices.
    EndpointSlice,
    /// Each node.
    Node,
}

/// Which objects.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Of which kind.
    pub role: Role,
    /// By their labels.
    pub label: Option<String>,
    /// By their fields.
    pub field: Option<String>,
}

/// All that is followed for a role.
struct Sources {
    pods: Option<Objects<Pod>>,
    services: Option<Objects<Service>>,
    endpoints: Option<Objects<Endpoints>>,
    slices: Option<Objects<EndpointSlice>>,
    nodes: Option<Objects<Node>>,
    namespaces: Option<Objects<Namespace>>,
}

impl Kubernetes {
    /// Watches until nobody takes what it finds.
    pub(in crate::discovery) async fn watch(&self, give: Give) {
        let (client, own_namespace) = loop {
            match self.server.connect().await {
                Ok(connected) => break connected,
                Err(why) => {
                    if !give.give(Err(why).into()).await {
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        let mut following = Following::default();
        let sources = self.follow(&client, own_namespace, &mut following);
        // Whoever sees only half of a service would lose targets for a moment.
        following.begun(&give).await;
        loop {
            let groups = Some(self.groups(&sources));
            if !give.give(Given { groups, errors: following.errors() }).await {
                return;
            }
            following.changed().await;
            tokio::time::sleep(GATHER).await;
        }
    }

    fn follow(&self, client: &Client, own_namespace: String, following: &mut Following) -> Sources {
        let mut spaces: Vec<Option<String>> = self.namespaces.iter().cloned().map(Some).collect();
        if self.own_namespace {
            spaces.push(Some(own_namespace));
        }
        if spaces.is_empty() {
            spaces.push(None);
        }
        let selector = |role| self.selectors.iter().find(|selector| selector.role == role);
        let is = |roles: &[Role]| roles.contains(&self.role);
        let by_service = is(&[Role::Endpoints, Role::EndpointSlice]);
        let pods = is(&[Role::Pod]) || by_service;
        let services = is(&[Role::Service]) || by_service;
        let nodes = is(&[Role::Node]) || (self.attach_node && !is(&[Role::Service]));
        let namespaces = self.attach_namespace && !is(&[Role::Node]);
        Sources {
            pods: pods.then(|| following.in_namespaces(client, &spaces, selector(Role::Pod))),
            services: services.then(|| following.in_namespaces(client, &spaces, selector(Role::Service))),
            endpoints: is(&[Role::Endpoints])
                .then(|| following.in_namespaces(client, &spaces, selector(Role::Endpoints))),
            slices: is(&[Role::EndpointSlice])
                .then(|| following.in_namespaces(client, &spaces, selector(Role::EndpointSlice))),
            nodes: nodes.then(|| following.of_cluster(client, selector(Role::Node))),
            namespaces: namespaces.then(|| following.of_cluster(client, None)),
        }
    }

    fn groups(&self, sources: &Sources) -> Vec<StaticConfig> {
        let pods = sources.pods.as_ref().map(Objects::by_name).unwrap_or_default();
        let services = sources.services.as_ref().map(Objects::by_name).unwrap_or_default();
        let nodes = sources.nodes.as_ref().map(Objects::by_name);
        let namespaces = sources.namespaces.as_ref().map(Objects::by_name);
        let attached = Attached { nodes: nodes.as_ref().filter(|_| self.attach_node), namespaces: namespaces.as_ref() };
        match self.role {
            Role::Pod => pods.values().flat_map(|pod| pod::targets(pod, &attached)).collect(),
            Role::Service => services.values().flat_map(|service| service::targets(service, &attached)).collect(),
            Role::Node => nodes.iter().flat_map(|nodes| nodes.values()).filter_map(|node| node::target(node)).collect(),
            Role::Endpoints => all(sources.endpoints.as_ref())
                .iter()
                .flat_map(|one| endpoints::targets(one, &services, &pods, &attached))
                .collect(),
            Role::EndpointSlice => all(sources.slices.as_ref())
                .iter()
                .flat_map(|one| slice::targets(one, &services, &pods, &attached))
                .collect(),
        }
    }
}

fn all<K: follow::Followed>(objects: Option<&Objects<K>>) -> Vec<Arc<K>> {
    objects.map(Objects::all).unwrap_or_default()
}

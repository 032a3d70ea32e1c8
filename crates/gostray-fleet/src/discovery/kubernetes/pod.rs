//! Pods → targets: one for each port of each container.

use k8s_openapi::api::core::v1::{Container, ContainerPort, ObjectReference, Pod, PodStatus};

use crate::config::StaticConfig;
use crate::discovery::kubernetes::follow::{ByName, key};
use crate::discovery::kubernetes::meta::{Attached, Labels, address};

/// The targets of a pod.
pub(super) fn targets(pod: &Pod, attached: &Attached<'_>) -> Vec<StaticConfig> {
    let Some(ip) = ip(pod) else { return Vec::new() };
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    // A node that is not there was left out by a selector.
    if attached.nodes.is_some_and(|nodes| !nodes.contains_key(node.unwrap_or_default())) {
        return Vec::new();
    }
    let mut labels = labels(pod);
    labels.namespace(&pod.metadata, attached);
    labels.node(node, attached);
    let status = pod.status.clone().unwrap_or_default();
    let mut found = Vec::new();
    for (container, is_init) in containers(pod) {
        let mut own = Labels::default();
        own.set("pod_container_id", id(&status, container, is_init));
        if container.ports.iter().flatten().next().is_none() {
            name(&mut own, container, is_init);
            found.push(labels.with(own).target(ip.to_owned()));
            continue;
        }
        for port in container.ports.iter().flatten() {
            self::port(&mut own, container, port, is_init);
            found.push(labels.with(own.clone()).target(address(ip, Some(port.container_port))));
        }
    }
    found
}

/// The containers of a pod, and whether they only prepare it.
fn containers(pod: &Pod) -> impl Iterator<Item = (&Container, bool)> {
    let spec = pod.spec.as_ref();
    let own = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
    own.iter().map(|container| (container, false)).chain(init.iter().map(|container| (container, true)))
}

fn ip(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.pod_ip.as_deref().filter(|ip| !ip.is_empty())
}

fn id(status: &PodStatus, container: &Container, is_init: bool) -> String {
    let all = if is_init { &status.init_container_statuses } else { &status.container_statuses };
    let own = all.iter().flatten().find(|own| own.name == container.name);
    own.and_then(|own| own.container_id.clone()).unwrap_or_default()
}

fn name(labels: &mut Labels, container: &Container, is_init: bool) {
    labels.set("pod_container_name", container.name.clone());
    labels.set("pod_container_image", container.image.clone().unwrap_or_default());
    labels.set("pod_container_init", is_init.to_string());
}

fn port(labels: &mut Labels, container: &Container, port: &ContainerPort, is_init: bool) {
    name(labels, container, is_init);
    labels.set("pod_container_port_number", port.container_port.to_string());
    labels.set("pod_container_port_name", port.name.clone().unwrap_or_default());
    // The API fills it in; who does not ask the API has it empty.
    labels.set("pod_container_port_protocol", port.protocol.clone().unwrap_or_default());
}

/// What is said of a pod itself.
fn labels(pod: &Pod) -> Labels {
    let mut labels = Labels::default();
    labels.object("pod", &pod.metadata);
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let ready = conditions.iter().flat_map(|all| all.iter()).find(|one| one.type_ == "Ready");
    labels.set("pod_ready", ready.map_or_else(|| "unknown".to_owned(), |ready| ready.status.to_lowercase()));
    labels.maybe("pod_ip", status.and_then(|status| status.pod_ip.clone()));
    labels.maybe("pod_phase", status.and_then(|status| status.phase.clone()));
    labels.maybe("pod_host_ip", status.and_then(|status| status.host_ip.clone()));
    labels.maybe("pod_node_name", pod.spec.as_ref().and_then(|spec| spec.node_name.clone()));
    labels.maybe("pod_uid", pod.metadata.uid.clone());
    let owners = pod.metadata.owner_references.iter().flatten();
    if let Some(owner) = owners.into_iter().find(|owner| owner.controller == Some(true)) {
        labels.set("pod_controller_kind", owner.kind.clone());
        labels.set("pod_controller_name", owner.name.clone());
    }
    labels
}

/// The pods behind the addresses of a service, and which of their ports these had.
#[derive(Default)]
pub(super) struct Behind<'a> {
    seen: Vec<(&'a Pod, Vec<i32>)>,
}

impl<'a> Behind<'a> {
    /// Adds what is said of the pod behind an address. `protocol` is that of the address, where it counts more than
    /// that of the container.
    pub(super) fn add(
        &mut self,
        labels: &mut Labels,
        to: Option<&ObjectReference>,
        number: Option<i32>,
        protocol: Option<&str>,
        pods: &'a ByName<Pod>,
    ) {
        let to = to.filter(|to| to.kind.as_deref() == Some("Pod"));
        let name = to.map(|to| key(to.namespace.as_deref(), to.name.as_deref().unwrap_or_default()));
        let Some(pod) = name.and_then(|name| pods.get(&name)) else { return };
        *labels = labels.with(self::labels(pod));
        for (container, is_init) in containers(pod) {
            let same = container.ports.iter().flatten().find(|port| Some(port.container_port) == number);
            if let Some(same) = same {
                port(labels, container, same, is_init);
                if let Some(protocol) = protocol {
                    labels.set("pod_container_port_protocol", protocol);
                }
            }
        }
        match self.seen.iter_mut().find(|(seen, _)| std::ptr::eq(*seen, &**pod)) {
            Some((_, ports)) => ports.extend(number),
            None => self.seen.push((pod, number.into_iter().collect())),
        }
    }

    /// Ports of these pods that the service does not name.
    pub(super) fn others(&self, group: &Labels) -> Vec<StaticConfig> {
        let mut found = Vec::new();
        for (pod, ports) in &self.seen {
            let Some(ip) = ip(pod) else { continue };
            for (container, is_init) in containers(pod) {
                let others = container.ports.iter().flatten().filter(|port| !ports.contains(&port.container_port));
                for other in others {
                    let mut own = labels(pod);
                    port(&mut own, container, other, is_init);
                    found.push(group.with(own).target(address(ip, Some(other.container_port))));
                }
            }
        }
        found
    }
}

//! Endpoints → targets: one for each address and port of a service, and for the other ports of the pods behind it.

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, Endpoints, Pod, Service};

use crate::config::StaticConfig;
use crate::discovery::kubernetes::follow::ByName;
use crate::discovery::kubernetes::meta::{Attached, Labels, address};
use crate::discovery::kubernetes::pod::Behind;
use crate::discovery::kubernetes::service;

/// The targets of an object.
pub(super) fn targets(
    endpoints: &Endpoints,
    services: &ByName<Service>,
    pods: &ByName<Pod>,
    attached: &Attached<'_>,
) -> Vec<StaticConfig> {
    let meta = &endpoints.metadata;
    let mut group = Labels::default();
    service::add(&mut group, meta.namespace.as_deref(), meta.name.as_deref(), services);
    group.object("endpoints", meta);
    group.namespace(meta, attached);
    let mut behind = Behind::default();
    let mut found = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        for port in subset.ports.iter().flatten() {
            let ready = subset.addresses.iter().flatten().map(|one| (one, true));
            let all = ready.chain(subset.not_ready_addresses.iter().flatten().map(|one| (one, false)));
            for (one, is_ready) in all {
                let mut own = labels(one, port, is_ready, attached);
                let protocol = port.protocol.as_deref().unwrap_or_default();
                behind.add(&mut own, one.target_ref.as_ref(), Some(port.port), Some(protocol), pods);
                found.push(group.with(own).target(address(&one.ip, Some(port.port))));
            }
        }
    }
    found.extend(behind.others(&group));
    found
}

fn labels(one: &EndpointAddress, port: &EndpointPort, is_ready: bool, attached: &Attached<'_>) -> Labels {
    let mut labels = Labels::default();
    labels.maybe("endpoint_port_name", port.name.clone());
    labels.maybe("endpoint_port_protocol", port.protocol.clone());
    labels.set("endpoint_ready", is_ready.to_string());
    let to = one.target_ref.as_ref();
    labels.maybe("endpoint_address_target_kind", to.and_then(|to| to.kind.clone()));
    labels.maybe("endpoint_address_target_name", to.and_then(|to| to.name.clone()));
    labels.maybe("endpoint_node_name", one.node_name.clone());
    labels.maybe("endpoint_hostname", one.hostname.clone());
    let is_node = |kind: &Option<String>| kind.as_deref() == Some("Node");
    let node = one.node_name.as_deref().or_else(|| to.filter(|to| is_node(&to.kind))?.name.as_deref());
    labels.node(node, attached);
    labels
}

//! Slices of endpoints → targets: one for each address and port of a service, and for the other ports of the pods
//! behind it.

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};

use crate::config::StaticConfig;
use crate::discovery::kubernetes::follow::ByName;
use crate::discovery::kubernetes::meta::{Attached, Labels, address};
use crate::discovery::kubernetes::pod::Behind;
use crate::discovery::kubernetes::service;
use crate::discovery::mechanism::sanitized;

/// The targets of a slice.
pub(super) fn targets(
    slice: &EndpointSlice,
    services: &ByName<Service>,
    pods: &ByName<Pod>,
    attached: &Attached<'_>,
) -> Vec<StaticConfig> {
    let meta = &slice.metadata;
    let mut group = Labels::default();
    group.set("endpointslice_address_type", slice.address_type.clone());
    group.object("endpointslice", meta);
    let name = meta.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/service-name"));
    let service = service::add(&mut group, meta.namespace.as_deref(), name.map(String::as_str), services);
    group.namespace(meta, attached);
    if service.is_some_and(|service| is_second(slice, service)) {
        return Vec::new();
    }
    let mut behind = Behind::default();
    let mut found = Vec::new();
    for endpoint in &slice.endpoints {
        for port in slice.ports.iter().flatten() {
            for host in &endpoint.addresses {
                let mut own = labels(endpoint, port, attached);
                behind.add(&mut own, endpoint.target_ref.as_ref(), port.port, None, pods);
                found.push(group.with(own).target(address(host, port.port)));
            }
        }
    }
    found.extend(behind.others(&group));
    found
}

/// Of a service with addresses of two families, one slice says the same again.
fn is_second(slice: &EndpointSlice, service: &Service) -> bool {
    let Some(spec) = &service.spec else { return false };
    let is_dual = matches!(spec.ip_family_policy.as_deref(), Some("PreferDualStack" | "RequireDualStack"));
    let first = spec.ip_families.as_ref().and_then(|families| families.first());
    is_dual && first.is_some_and(|first| *first != slice.address_type)
}

fn labels(endpoint: &Endpoint, port: &EndpointPort, attached: &Attached<'_>) -> Labels {
    let mut labels = Labels::default();
    labels.maybe("endpointslice_port_name", port.name.clone());
    labels.maybe("endpointslice_port_protocol", port.protocol.clone());
    labels.maybe("endpointslice_port", port.port.map(|port| port.to_string()));
    labels.maybe("endpointslice_port_app_protocol", port.app_protocol.clone());
    let conditions = endpoint.conditions.as_ref();
    for (name, value) in [
        ("ready", conditions.and_then(|all| all.ready)),
        ("serving", conditions.and_then(|all| all.serving)),
        ("terminating", conditions.and_then(|all| all.terminating)),
    ] {
        labels.maybe(&format!("endpointslice_endpoint_conditions_{name}"), value.map(|value| value.to_string()));
    }
    labels.maybe("endpointslice_endpoint_hostname", endpoint.hostname.clone());
    let to = endpoint.target_ref.as_ref();
    labels.maybe("endpointslice_address_target_kind", to.and_then(|to| to.kind.clone()));
    labels.maybe("endpointslice_address_target_name", to.and_then(|to| to.name.clone()));
    labels.maybe("endpointslice_endpoint_node_name", endpoint.node_name.clone());
    labels.maybe("endpointslice_endpoint_zone", endpoint.zone.clone());
    for (key, value) in endpoint.deprecated_topology.iter().flatten() {
        let key = sanitized(key);
        labels.set(&format!("endpointslice_endpoint_topology_{key}"), value.clone());
        labels.set(&format!("endpointslice_endpoint_topology_present_{key}"), "true");
    }
    let own_node = to.filter(|to| to.kind.as_deref() == Some("Node")).and_then(|to| to.name.as_deref());
    labels.node(own_node.or(endpoint.node_name.as_deref()), attached);
    labels
}

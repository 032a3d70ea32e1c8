//! Nodes → targets: the kubelet of each.

use k8s_openapi::api::core::v1::Node;

use crate::config::StaticConfig;
use crate::discovery::kubernetes::meta::{Labels, address};
use crate::discovery::mechanism::sanitized;

/// Which address counts, if there are several.
const KINDS: [&str; 6] = ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];

/// The target of a node; none if it has no address.
pub(super) fn target(node: &Node) -> Option<StaticConfig> {
    let mut labels = Labels::default();
    labels.object("node", &node.metadata);
    labels.maybe("node_provider_id", node.spec.as_ref().and_then(|spec| spec.provider_id.clone()));
    let status = node.status.as_ref()?;
    for condition in status.conditions.iter().flatten() {
        let name = format!("node_condition_{}", sanitized(&condition.type_.to_lowercase()));
        labels.set(&name, condition.status.to_lowercase());
    }
    let addresses = status.addresses.clone().unwrap_or_default();
    let of = |kind: &str| addresses.iter().find(|one| one.type_ == kind).map(|one| one.address.as_str());
    // The first of each kind.
    for one in addresses.iter().rev() {
        labels.set(&format!("node_address_{}", sanitized(&one.type_)), one.address.clone());
    }
    labels.instance(node.metadata.name.as_deref().unwrap_or_default());
    let host = KINDS.iter().find_map(|kind| of(kind))?;
    let kubelet = status.daemon_endpoints.as_ref().and_then(|all| all.kubelet_endpoint.as_ref());
    Some(labels.target(address(host, Some(kubelet.map_or(0, |kubelet| kubelet.port)))))
}

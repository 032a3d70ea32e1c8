//! Services → targets: one for each port.

use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use crate::config::StaticConfig;
use crate::discovery::kubernetes::follow::{ByName, key};
use crate::discovery::kubernetes::meta::{Attached, Labels, address};

/// The targets of a service.
pub(super) fn targets(service: &Service, attached: &Attached<'_>) -> Vec<StaticConfig> {
    let mut labels = Labels::default();
    labels.object("service", &service.metadata);
    labels.namespace(&service.metadata, attached);
    let Some(spec) = &service.spec else { return Vec::new() };
    let kind = spec.type_.clone().unwrap_or_default();
    if kind == "ExternalName" {
        labels.maybe("service_external_name", spec.external_name.clone());
    } else {
        labels.maybe("service_cluster_ip", spec.cluster_ip.clone());
    }
    if kind == "LoadBalancer" {
        labels.set("service_loadbalancer_ip", load_balancer(service, spec));
    }
    labels.set("service_type", kind);
    let meta = &service.metadata;
    let host =
        format!("{}.{}.svc", meta.name.as_deref().unwrap_or_default(), meta.namespace.as_deref().unwrap_or_default());
    let ports = spec.ports.iter().flatten().map(|port| {
        let mut own = Labels::default();
        own.maybe("service_port_name", port.name.clone());
        own.set("service_port_number", port.port.to_string());
        own.maybe("service_port_protocol", port.protocol.clone());
        labels.with(own).target(address(&host, Some(port.port)))
    });
    ports.collect()
}

fn load_balancer(service: &Service, spec: &ServiceSpec) -> String {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
    let ips: Vec<&str> = status.iter().flat_map(|all| all.iter()).filter_map(|one| one.ip.as_deref()).collect();
    if ips.is_empty() { spec.load_balancer_ip.clone().unwrap_or_default() } else { ips.join(",") }
}

/// Adds what is said of the service that has addresses.
pub(super) fn add<'a>(
    labels: &mut Labels,
    namespace: Option<&str>,
    name: Option<&str>,
    services: &'a ByName<Service>,
) -> Option<&'a Service> {
    let service = services.get(&key(namespace, name?))?;
    labels.object("service", &service.metadata);
    Some(service)
}

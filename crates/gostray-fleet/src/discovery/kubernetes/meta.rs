//! Labels that all objects have.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::config::StaticConfig;
use crate::discovery::kubernetes::follow::ByName;
use crate::discovery::mechanism::sanitized;

/// Labels that become those of a target.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels(BTreeMap<String, String>);

/// What else is added to a target.
pub(super) struct Attached<'a> {
    pub(super) nodes: Option<&'a ByName<Node>>,
    pub(super) namespaces: Option<&'a ByName<Namespace>>,
}

impl Labels {
    /// Sets `__meta_kubernetes_…`.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(format!("__meta_kubernetes_{name}"), value.into());
    }

    /// Sets it where there is a value.
    pub(super) fn maybe(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Sets `instance`.
    pub(super) fn instance(&mut self, name: &str) {
        self.0.insert("instance".to_owned(), name.to_owned());
    }

    /// The name of an object, its labels and annotations.
    pub(super) fn object(&mut self, kind: &str, meta: &ObjectMeta) {
        self.set(&format!("{kind}_name"), meta.name.clone().unwrap_or_default());
        self.marks(kind, meta);
    }

    /// The labels and annotations of an object.
    fn marks(&mut self, kind: &str, meta: &ObjectMeta) {
        for (what, marks) in [("label", &meta.labels), ("annotation", &meta.annotations)] {
            for (key, value) in marks.iter().flatten() {
                let key = sanitized(key);
                self.set(&format!("{kind}_{what}_{key}"), value.clone());
                self.set(&format!("{kind}_{what}present_{key}"), "true");
            }
        }
    }

    /// The namespace, with its labels and annotations where these are wanted.
    pub(super) fn namespace(&mut self, meta: &ObjectMeta, attached: &Attached<'_>) {
        let namespace = meta.namespace.clone().unwrap_or_default();
        if let Some(own) = attached.namespaces.and_then(|all| all.get(&namespace)) {
            self.marks("namespace", &own.metadata);
        }
        self.set("namespace", namespace);
    }

    /// The labels and annotations of a node, where these are wanted.
    pub(super) fn node(&mut self, name: Option<&str>, attached: &Attached<'_>) {
        if let Some(node) = name.and_then(|name| attached.nodes?.get(name)) {
            self.object("node", &node.metadata);
        }
    }

    /// These, and others that count more.
    pub(super) fn with(&self, others: Labels) -> Labels {
        let mut both = self.clone();
        both.0.extend(others.0);
        both
    }

    pub(super) fn target(self, address: String) -> StaticConfig {
        StaticConfig { targets: vec![address], labels: self.0 }
    }
}

/// An address with the port that there may be.
pub(super) fn address(host: &str, port: Option<i32>) -> String {
    match port {
        None => host.to_owned(),
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
    }
}

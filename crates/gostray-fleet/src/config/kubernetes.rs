//! `kubernetes_sd_configs`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::values::{AuthorizationConfig, BasicAuthConfig, TlsConfig, access};
use crate::discovery::Mechanism;
use crate::discovery::kubernetes::{Kubernetes, Role, Selector, Server};
use crate::target::Authorization;

/// Targets from Kubernetes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KubernetesSd {
    role: Role,
    api_server: Option<String>,
    kubeconfig_file: Option<PathBuf>,
    #[serde(default)]
    namespaces: Namespaces,
    #[serde(default)]
    selectors: Vec<Selector>,
    #[serde(default)]
    attach_metadata: AttachMetadata,
    authorization: Option<AuthorizationConfig>,
    basic_auth: Option<BasicAuthConfig>,
    tls_config: Option<TlsConfig>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Namespaces {
    #[serde(default)]
    own_namespace: bool,
    #[serde(default)]
    names: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachMetadata {
    #[serde(default)]
    node: bool,
    #[serde(default)]
    namespace: bool,
}

impl KubernetesSd {
    pub(super) fn check(&self, base: &Path) -> Result<Mechanism, String> {
        let kubernetes = self.kubernetes(base).map_err(|why| format!("kubernetes_sd_configs: {why}"))?;
        Ok(Mechanism::Kubernetes(kubernetes))
    }

    /// What Prometheus refuses is refused.
    fn kubernetes(&self, base: &Path) -> Result<Kubernetes, String> {
        let has_access = self.authorization.is_some() || self.basic_auth.is_some() || self.tls_config.is_some();
        let server = match (&self.api_server, &self.kubeconfig_file) {
            (Some(_), Some(_)) => return Err("api_server and kubeconfig_file: give one of them".to_owned()),
            (None, _) if has_access => {
                return Err("authorization, basic_auth and tls_config belong to an api_server: give one".to_owned());
            }
            (None, Some(path)) => Server::Kubeconfig(base.join(path)),
            (None, None) => Server::OfPod,
            (Some(url), None) => Server::Url { url: self.url(url)?, access: self.access(base)? },
        };
        if self.namespaces.own_namespace && !matches!(server, Server::OfPod) {
            return Err(
                "own_namespace is that of the pod: it can't be had with api_server or kubeconfig_file".to_owned()
            );
        }
        for (at, selector) in self.selectors.iter().enumerate() {
            if self.selectors[..at].iter().any(|other| other.role == selector.role) {
                return Err("there are two selectors for one role".to_owned());
            }
            let allowed = match self.role {
                Role::Pod => &[Role::Pod, Role::Node] as &[Role],
                Role::Service => &[Role::Service],
                Role::Endpoints => &[Role::Pod, Role::Service, Role::Endpoints],
                Role::EndpointSlice => &[Role::Pod, Role::Service, Role::EndpointSlice],
                Role::Node => &[Role::Node],
            };
            if !allowed.contains(&selector.role) {
                return Err(format!("role {:?} can't be selected by {:?}: {allowed:?} can", self.role, selector.role));
            }
        }
        Ok(Kubernetes {
            role: self.role,
            server,
            namespaces: self.namespaces.names.clone(),
            own_namespace: self.namespaces.own_namespace,
            selectors: self.selectors.clone(),
            attach_node: self.attach_metadata.node,
            attach_namespace: self.attach_metadata.namespace,
        })
    }

    fn url(&self, text: &str) -> Result<String, String> {
        let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
        url.map(|_| text.to_owned())
            .ok_or_else(|| "api_server is a URL, http:// or https://, without credentials".to_owned())
    }

    fn access(&self, base: &Path) -> Result<crate::target::Access, String> {
        let access = access(self.authorization.as_ref(), self.basic_auth.as_ref(), self.tls_config.as_ref(), base)?;
        if let Some(Authorization::Token { scheme, .. }) = &access.authorization
            && !scheme.eq_ignore_ascii_case("bearer")
        {
            return Err(format!("authorization of type {scheme}: the API of Kubernetes takes Bearer"));
        }
        Ok(access)
    }
}

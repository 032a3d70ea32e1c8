//! How the API is reached.

use std::path::PathBuf;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::discovery::fetch::said;
use crate::target::{Access, Authorization};

/// Which API.
#[derive(Debug, Clone)]
pub enum Server {
    /// That of the cluster that gostray runs in.
    OfPod,
    /// That of a file as `kubectl` has it.
    Kubeconfig(PathBuf),
    /// That of a URL.
    Url {
        /// Where.
        url: String,
        /// Credentials and certificates.
        access: Access,
    },
}

impl Server {
    /// A client, and the namespace that gostray is in.
    pub(super) async fn connect(&self) -> Result<(Client, String), String> {
        gostray_endpoint::prepare_tls();
        let config = match self {
            Self::OfPod => Config::incluster().map_err(|error| {
                format!(
                    "gostray runs in no pod with a service account ({}): give kubeconfig_file or api_server",
                    said(&error)
                )
            })?,
            Self::Kubeconfig(path) => {
                let failed = |why: String| format!("kubeconfig_file {}: {why}", path.display());
                let file = Kubeconfig::read_from(path).map_err(|error| failed(said(&error)))?;
                let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
                config.map_err(|error| failed(said(&error)))?
            }
            Self::Url { url, access } => at(url, access)?,
        };
        let own_namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|error| said(&error))?;
        Ok((client, own_namespace))
    }
}

fn at(url: &str, access: &Access) -> Result<Config, String> {
    let mut config = Config::new(url.parse().map_err(|error| format!("api_server: {error}"))?);
    config.root_cert_file.clone_from(&access.ca_file);
    config.accept_invalid_certs = access.insecure_skip_verify;
    config.tls_server_name.clone_from(&access.server_name);
    let mut who = AuthInfo::default();
    if let Some((certificate, key)) = &access.client_certificate {
        who.client_certificate = Some(certificate.display().to_string());
        who.client_key = Some(key.display().to_string());
    }
    match &access.authorization {
        None => {}
        // kube reads a file again while it runs, but takes no line break at its end, which most have.
        Some(Authorization::Token { secret, .. }) => {
            let token = secret.read().map_err(|error| format!("the credentials can't be read: {error}"))?;
            who.token = Some(token.into());
        }
        Some(Authorization::Basic { username, password }) => {
            who.username = Some(username.clone());
            let password = password.read().map_err(|error| format!("the password can't be read: {error}"))?;
            who.password = Some(password.into());
        }
    }
    config.auth_info = who;
    Ok(config)
}

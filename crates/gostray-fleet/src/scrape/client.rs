//! HTTP clients, one for all targets that are reached in the same way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client, Identity, redirect};

use crate::discovery::guard::GuardedResolver;
use crate::target::Access;

/// Connections that are kept open to one target: it is asked one thing at a time.
const IDLE_PER_HOST: usize = 1;
const CONNECT: Duration = Duration::from_secs(5);

/// Why no client could be made. No message holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {path:?} can't be used ({reason}): check tls_config")]
pub struct ClientError {
    what: &'static str,
    path: std::path::PathBuf,
    reason: String,
}

/// The clients in use.
#[derive(Default)]
pub struct Clients {
    /// By the address of the access that they were made for, which each entry keeps alive.
    known: Mutex<HashMap<usize, (Arc<Access>, Client)>>,
}

impl Clients {
    /// The client for targets that are reached in this way.
    ///
    /// # Errors
    /// If certificates can't be read.
    pub fn of(&self, access: &Arc<Access>) -> Result<Client, ClientError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Arc::as_ptr(access) as usize;
        if let Some((_, client)) = known.get(&key) {
            return Ok(client.clone());
        }
        // A reload leaves clients behind that no target uses.
        known.retain(|_, (access, _)| Arc::strong_count(access) > 1);
        let client = make(access)?;
        known.insert(key, (access.clone(), client.clone()));
        Ok(client)
    }
}

fn make(access: &Access) -> Result<Client, ClientError> {
    gostray_endpoint::prepare_tls();
    let mut builder = Client::builder()
        .user_agent(concat!("gostray/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(Duration::from_secs(90))
        // Proxies of the environment are for people; and names must be resolved here to be judged.
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver));
    if let Some(path) = &access.ca_file {
        let certificates = Certificate::from_pem_bundle(&read("ca_file", path)?)
            .map_err(|error| failed("ca_file", path, &error.to_string()))?;
        builder = builder.tls_certs_only(certificates);
    }
    if let Some((certificate, key)) = &access.client_certificate {
        let mut pem = read("cert_file", certificate)?;
        pem.push(b'\n');
        pem.extend(read("key_file", key)?);
        let identity =
            Identity::from_pem(&pem).map_err(|error| failed("cert_file", certificate, &error.to_string()))?;
        builder = builder.identity(identity);
    }
    if access.insecure_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder.build().map_err(|error| failed("the TLS setting", std::path::Path::new(""), &error.to_string()))
}

fn read(what: &'static str, path: &std::path::Path) -> Result<Vec<u8>, ClientError> {
    std::fs::read(path).map_err(|error| failed(what, path, &error.to_string()))
}

fn failed(what: &'static str, path: &std::path::Path, reason: &str) -> ClientError {
    ClientError { what, path: path.to_owned(), reason: reason.to_owned() }
}

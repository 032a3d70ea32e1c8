//! HTTP clients, one for all targets that are reached in the same way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

use crate::discovery::guard::GuardedResolver;
use crate::scrape::tls::{self, ClientError};
use crate::target::Access;

/// Connections that are kept open to one target: it is asked one thing at a time.
const IDLE_PER_HOST: usize = 1;
const CONNECT: Duration = Duration::from_secs(5);

/// The clients in use.
pub struct Clients {
    /// What they have in common.
    begin: fn() -> ClientBuilder,
    /// By the address of the access that they were made for, which each entry keeps alive.
    known: Mutex<HashMap<usize, (Arc<Access>, Client)>>,
}

impl Default for Clients {
    /// For targets, and whoever lists them.
    fn default() -> Self {
        Self::with(|| {
            Client::builder()
                .redirect(redirect::Policy::none())
                .connect_timeout(CONNECT)
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .pool_idle_timeout(Duration::from_secs(90))
                // Proxies of the environment are for people; and names must be resolved here to be judged.
                .no_proxy()
                .dns_resolver(Arc::new(GuardedResolver))
        })
    }
}

impl Clients {
    /// For others.
    pub fn with(begin: fn() -> ClientBuilder) -> Self {
        Self { begin, known: Mutex::default() }
    }

    /// The client for whatever is reached in this way.
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
        gostray_endpoint::prepare_tls();
        let begun = (self.begin)().user_agent(concat!("gostray/", env!("CARGO_PKG_VERSION")));
        let client = tls::configured(begun, access)?;
        known.insert(key, (access.clone(), client.clone()));
        Ok(client)
    }
}

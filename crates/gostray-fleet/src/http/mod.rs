//! The HTTP API, metrics and the web UI, and who may do what.
//!
//! Handlers look at the shared state for what is now, and at the store for what was; none of them
//! asks a target, but for the snapshot that somebody with the role `act` wants to see.

mod api;
mod auth;
mod error;
mod extract;
mod headers;
mod listen;
mod metrics;
mod server;
mod ui;

use std::sync::Arc;

use tokio::sync::{Mutex, Notify, mpsc, watch};

pub use api::openapi;
pub use auth::{Authentication, Role, User};
pub use listen::ListenAddress;
pub use server::{Listen, ServeError, Tls, serve};

use crate::Millis;
use crate::explain::Explainer;
use crate::scrape::{Budget, Scraper};
use crate::store::{Ledger, Samples};
use crate::watch::{Order, Shared};

/// What handlers need.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What handlers need; see the fields.
pub struct Inner {
    /// What is known now.
    pub shared: Shared,
    /// What was seen.
    pub samples: Arc<dyn Samples>,
    /// Leaks and their evidence.
    pub ledger: Arc<dyn Ledger>,
    /// Asks targets.
    pub scraper: Arc<Mutex<Scraper>>,
    /// Takes what people decide about leaks.
    pub orders: mpsc::Sender<Order>,
    /// How discovery is doing.
    pub discovery: watch::Receiver<Vec<crate::discovery::SdStatus>>,
    /// Finds causes in the source.
    pub explainer: Explainer,
    /// Reads the configuration again.
    pub reload: Arc<Notify>,
    /// Who may do what.
    pub authentication: Authentication,
    /// How often people may have a target stand still.
    pub snapshots: Budget,
    /// When this gostray started.
    pub started_at: Millis,
    /// So many leaks have metrics of their own.
    pub max_leak_metrics: usize,
}

impl App {
    /// Shares what handlers need.
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

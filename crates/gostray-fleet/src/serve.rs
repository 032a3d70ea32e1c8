//! All of it together: what `gostray serve` runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, Notify, mpsc, watch};

use crate::alert::{self, Outbox};
use crate::config::{Config, ConfigError};
use crate::discovery;
use crate::explain::Explainer;
use crate::http::{self, App};
use crate::scrape::{Asker, Budget, Clients, Outcome, Scraper, follow, now};
use crate::store::sqlite::Sqlite;
use crate::store::{Ledger, Samples, StoreError};
use crate::watch::{Shared, Watch};

/// So many outcomes wait to be looked at.
const WAITING: usize = 1_024;

/// What `gostray serve` is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration, which is read again when it changes.
    pub config: Option<PathBuf>,
    /// Endpoints, without a configuration.
    pub targets: Vec<String>,
    /// Where to listen, whatever the configuration says.
    pub listen: Option<http::ListenAddress>,
    /// Where to keep what was seen, whatever the configuration says.
    pub storage: Option<PathBuf>,
    /// The gostray program: it proves in processes of its own.
    pub program: Option<PathBuf>,
    /// How much faster than in life time goes by: for the detector, and in how often targets are asked.
    pub time_scale: f64,
}

/// Why it can't serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP server.
    #[error(transparent)]
    Http(#[from] http::ServeError),
}

/// Reads the configuration, and whatever else it needs to be whole.
///
/// # Errors
/// If it is wrong.
pub fn check(options: &Options) -> Result<Config, ConfigError> {
    let config = match &options.config {
        Some(path) => Config::load(path)?,
        None if options.targets.is_empty() => Config::local()?,
        None => Config::from_targets(&options.targets)?,
    };
    config.web.access(options.listen.as_ref(), &config.base).map_err(ConfigError::Wrong)?;
    Ok(config)
}

/// Watches and serves until `end` is resolved; calls `ready` with the address of the pages, and `reload` says when
/// the configuration is to be read again.
///
/// # Errors
/// If the configuration is wrong, the store can't be opened, or nothing can be listened to.
pub async fn serve(
    options: Options,
    ready: impl FnOnce(SocketAddr, bool),
    reload: Arc<Notify>,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let config = check(&options)?;
    let (listen, authentication) =
        config.web.access(options.listen.as_ref(), &config.base).map_err(ConfigError::Wrong)?;
    let folder = options.storage.clone().unwrap_or_else(|| {
        config.base.join(config.storage.path.clone().unwrap_or_else(|| PathBuf::from("gostray-data")))
    });
    let store = Arc::new(Sqlite::open(&folder, config.store())?);
    let (samples, ledger): (Arc<dyn Samples>, Arc<dyn Ledger>) = (store.clone(), store);

    let shared = Shared::default();
    let (outcomes, outcome) = mpsc::channel::<Outcome>(WAITING);
    let asker = Asker { clients: Clients::default(), program: options.program.clone() };
    let scraper = Arc::new(Mutex::new(Scraper::new(asker, outcomes, options.time_scale)));
    let (found, targets) = watch::channel(Vec::new());
    let (sd, sd_status) = watch::channel(Vec::new());
    let (told, leaks) = watch::channel(Vec::new());
    let (receivers, current_receivers) = watch::channel(config.receivers.clone());
    let (sources, current_sources) = watch::channel(config.sources.clone());
    let (orders, order) = mpsc::channel(16);
    let (stop, stopped) = watch::channel(false);

    let outbox = Outbox::open(ledger.clone(), config.receivers.clone())?;
    let watch = {
        let (shared, samples, ledger, scraper) = (shared.clone(), samples.clone(), ledger.clone(), scraper.clone());
        let settings = config.watch(options.time_scale);
        tokio::task::spawn_blocking(move || Watch::open(shared, samples, ledger, scraper, settings, told))
            .await
            .map_err(|error| StoreError::Other { path: folder.display().to_string(), reason: error.to_string() })??
    };
    let external_url = config.web.external_url.clone().unwrap_or_else(|| {
        let scheme = if listen.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", listen.address.host_and_port())
    });

    // A thread of its own: it blocks, and what it keeps for days stays together in memory rather than between what
    // a pool of threads gave back.
    let (ended, watching) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let (known, stops) = (targets.clone(), stopped.clone());
    let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
        runtime.block_on(watch.run(outcome, order, known, stops));
        // Nobody waits for it if serving has failed.
        let _ = ended.send(());
    });
    thread.map_err(|error| StoreError::Other { path: "watch".to_owned(), reason: error.to_string() })?;
    let following = tokio::spawn({
        let scraper = scraper.clone();
        async move { follow(&scraper, targets).await }
    });
    let alerting = tokio::spawn(alert::run(outbox, leaks, current_receivers, external_url, stopped));
    let explainer = Explainer::new(options.program.clone(), current_sources);
    let changing = Changing { receivers, sources };
    let reloading = tokio::spawn(keep_reloading(options, config, shared.clone(), reload.clone(), found, sd, changing));

    let app = App::new(http::Inner {
        shared,
        samples,
        ledger,
        scraper: scraper.clone(),
        orders,
        discovery: sd_status,
        explainer,
        reload,
        authentication,
        snapshots: Budget::new(30.0, 10.0),
        started_at: now(),
        max_leak_metrics: 200,
    });
    let is_tls = listen.tls.is_some();
    let served = http::serve(&listen, app, |address| ready(address, is_tls), end).await;
    // What was scraped is kept, and what is being told is told.
    let _ = stop.send(true);
    reloading.abort();
    following.abort();
    let _ = watching.await;
    let _ = alerting.await;
    Ok(served?)
}

/// What else of a configuration that was read again is handed on.
struct Changing {
    receivers: watch::Sender<Vec<alert::Receiver>>,
    sources: watch::Sender<Vec<crate::config::Source>>,
}

/// Runs discovery, and begins it anew whenever the configuration was read again and is good.
async fn keep_reloading(
    options: Options,
    mut config: Config,
    shared: Shared,
    reload: Arc<Notify>,
    found: watch::Sender<Vec<Arc<crate::Target>>>,
    sd: watch::Sender<Vec<discovery::SdStatus>>,
    changing: Changing,
) {
    let remembered = Arc::new(std::sync::Mutex::new(discovery::Remembered::new()));
    loop {
        let run = discovery::run(Arc::new(config.clone()), remembered.clone(), found.clone(), sd.clone());
        let discovering = tokio::spawn(run);
        loop {
            reload.notified().await;
            match check(&options) {
                Ok(new) => {
                    shared.write().warnings.remove("configuration");
                    tracing::info!("the configuration was read again");
                    changing.receivers.send_replace(new.receivers.clone());
                    changing.sources.send_replace(new.sources.clone());
                    config = new;
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, "the new configuration is wrong: the old one goes on");
                    let text = format!("the new configuration is wrong, the old one goes on: {error}");
                    shared.write().warnings.insert("configuration".to_owned(), text);
                }
            }
        }
        discovering.abort();
        let _ = discovering.await;
    }
}

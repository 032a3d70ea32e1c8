//! The server: routes, listening, TLS, and ending well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use axum_server::tls_rustls::RustlsConfig;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

use crate::http::{App, ListenAddress, api, auth, headers, metrics, ui};

/// How long one request may take: a snapshot of a large target takes long.
const LONGEST: Duration = Duration::from_secs(90);
/// Bytes of a dump that somebody uploads.
const MAX_UPLOAD: usize = 128 << 20;
/// How long requests may take to end once the server is told to.
const GRACE: Duration = Duration::from_secs(5);

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address.
    pub address: ListenAddress,
    /// With TLS, if so.
    pub tls: Option<Tls>,
}

/// What TLS needs.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The authorities that clients must have a certificate of, PEM.
    pub client_ca: Option<PathBuf>,
}

/// Why it can't serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address.
    #[error("can't listen at {address} ({reason}): choose another address (--listen, or web.listen_address)")]
    Listen {
        /// The address.
        address: ListenAddress,
        /// What the system says.
        reason: String,
    },
    /// The certificates.
    #[error("can't use the certificates in web.tls_server_config ({reason})")]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// It stopped.
    #[error("the HTTP server stopped: {0}")]
    Stopped(#[source] std::io::Error),
}

/// All routes.
fn router(app: &App) -> Router {
    Router::new()
        .merge(api::routes())
        .route("/metrics", get(metrics::own))
        .route("/probe", get(metrics::probe))
        .route("/-/healthy", get(|| async { "gostray is healthy\n" }))
        .route("/-/ready", get(api::ready))
        .route("/-/reload", post(api::reload))
        .fallback(ui::file)
        .layer(DefaultBodyLimit::max(MAX_UPLOAD))
        .layer(middleware::from_fn_with_state(app.clone(), auth::guard))
        .layer(middleware::from_fn(headers::secure))
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST))
        .with_state(app.clone())
}

/// Serves until `end` is resolved; calls `ready` with the address once it listens.
///
/// # Errors
/// If it can't listen, or can't read the certificates.
pub async fn serve(
    listen: &Listen,
    app: App,
    ready: impl FnOnce(SocketAddr),
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let cant =
        |error: &std::io::Error| ServeError::Listen { address: listen.address.clone(), reason: error.to_string() };
    let listener = std::net::TcpListener::bind(listen.address.addresses()).map_err(|error| cant(&error))?;
    listener.set_nonblocking(true).map_err(|error| cant(&error))?;
    let address = listener.local_addr().map_err(|error| cant(&error))?;
    let tls = match &listen.tls {
        Some(tls) => Some(server_config(tls)?),
        None => None,
    };
    let handle = axum_server::Handle::new();
    tokio::spawn({
        let handle = handle.clone();
        async move {
            end.await;
            handle.graceful_shutdown(Some(GRACE));
        }
    });
    ready(address);
    let service = router(&app).into_make_service();
    let served = match tls {
        Some(config) => {
            axum_server::from_tcp_rustls(listener, config)
                .map_err(|error| cant(&error))?
                .handle(handle)
                .serve(service)
                .await
        }
        None => axum_server::from_tcp(listener).map_err(|error| cant(&error))?.handle(handle).serve(service).await,
    };
    served.map_err(ServeError::Stopped)
}

fn server_config(tls: &Tls) -> Result<RustlsConfig, ServeError> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    gostray_endpoint::prepare_tls();
    let failed = |path: &std::path::Path, reason: &dyn std::fmt::Display| ServeError::Tls {
        reason: format!("{}: {reason}", path.display()),
    };
    let read = |path: &PathBuf| {
        CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| failed(path, &error))
    };
    let chain = read(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| failed(&tls.key, &error))?;
    let builder = rustls::ServerConfig::builder();
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = rustls::RootCertStore::empty();
            for authority in read(path)? {
                roots.add(authority).map_err(|error| failed(path, &error))?;
            }
            let verifier = rustls::server::WebPkiClientVerifier::builder(roots.into())
                .build()
                .map_err(|error| failed(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| failed(&tls.certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(std::sync::Arc::new(config)))
}

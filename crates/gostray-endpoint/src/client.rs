//! One `GET` that neither a hostile target nor a broken network can make hang, grow or leak a
//! credential.

use std::error::Error as StdError;
use std::io;
use std::sync::Once;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use crate::address::{Address, shown};
use crate::error::EndpointError;
use crate::options::Options;

/// How many redirects of one request are followed.
const MAX_REDIRECTS: usize = 5;
/// How many bytes of an error page are looked at.
const MAX_ERROR_PAGE: u64 = 4 << 10;

/// An open door to one target; connections are reused.
pub(crate) struct Fetcher<'a> {
    address: &'a Address,
    options: &'a Options,
    headers: HeaderMap,
    client: Client,
}

/// Something below the address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource {
    pub(crate) name: &'static str,
    pub(crate) debug: Option<u8>,
    /// Bytes that are taken at most.
    pub(crate) limit: u64,
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(address: &'a Address, options: &'a Options) -> Result<Self, EndpointError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let parsed = HeaderName::try_from(name.trim()).ok().zip(HeaderValue::try_from(value.trim()).ok());
            let (parsed, mut value) = parsed.ok_or_else(|| EndpointError::Header { name: name.clone() })?;
            value.set_sensitive(true);
            headers.append(parsed, value);
        }
        let client = match &options.client {
            Some(shared) => shared.clone(),
            None => client(&address.url("", None), address, options)?,
        };
        Ok(Self { address, options, headers, client })
    }

    /// Fetches the body, following redirects within the host.
    pub(crate) async fn get(&self, resource: Resource) -> Result<Vec<u8>, EndpointError> {
        let started = Instant::now();
        let mut url = self.address.url(resource.name, resource.debug);
        let mut client = self.client.clone();
        for redirects in 0..=MAX_REDIRECTS {
            let mut request = client.get(url.clone()).timeout(self.options.timeout.saturating_sub(started.elapsed()));
            if redirects == 0 {
                request = request.headers(self.headers.clone());
            }
            let mut response = request.send().await.map_err(|e| self.send_error(&url, e))?;
            let status = response.status();
            if status.is_redirection() && response.headers().contains_key(LOCATION) {
                let to = self.redirect(&url, &response)?;
                if !self.options.redirects {
                    return Err(EndpointError::Redirect {
                        url: shown(&url),
                        to: shown(&to),
                        reason: "redirects are off",
                    });
                }
                if to.scheme() != url.scheme() && self.options.client.is_none() {
                    client = self::client(&to, self.address, self.options)?;
                }
                url = to;
                continue;
            }
            if !status.is_success() {
                return Err(self.status_error(resource, &url, redirects > 0, &mut response).await);
            }
            return self.body(&url, &mut response, resource.limit).await;
        }
        Err(EndpointError::Redirect { to: shown(&url), url: shown(&url), reason: "it leads in a circle" })
    }

    /// Where a redirect leads, if it stays with the host and does not give up encryption.
    fn redirect(&self, from: &Url, response: &Response) -> Result<Url, EndpointError> {
        let location = response.headers().get(LOCATION).map(|l| String::from_utf8_lossy(l.as_bytes()));
        let location = location.unwrap_or_default();
        let refused = |to: String, reason| EndpointError::Redirect { url: shown(from), to, reason };
        let Ok(mut to) = from.join(&location) else {
            return Err(refused("something that is no URL".into(), "nothing to follow"));
        };
        if to.host_str() != Some(self.address.host()) {
            return Err(refused(shown(&to), "it is another host"));
        }
        if !matches!(to.scheme(), "http" | "https") || (from.scheme() == "https" && to.scheme() == "http") {
            return Err(refused(shown(&to), "it is not encrypted"));
        }
        // Only fails for URLs without a host.
        let _ = to.set_username("");
        let _ = to.set_password(None);
        Ok(to)
    }

    async fn body(&self, url: &Url, response: &mut Response, limit: u64) -> Result<Vec<u8>, EndpointError> {
        let mut body = Vec::new();
        let too_large = || EndpointError::TooLarge { url: shown(url), limit };
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(e) => return Err(self.broken(url, &e, body.len() as u64)),
            }
            if body.len() as u64 > limit {
                return Err(too_large());
            }
        }
    }

    async fn status_error(
        &self,
        resource: Resource,
        url: &Url,
        redirected: bool,
        response: &mut Response,
    ) -> EndpointError {
        let status = response.status();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return EndpointError::Denied { url: shown(url), status: status.as_u16(), redirected };
            }
            StatusCode::NOT_FOUND => {
                return EndpointError::NotFound { address: self.address.to_string(), name: resource.name.to_owned() };
            }
            _ => {}
        }
        let page = self.body(url, response, MAX_ERROR_PAGE).await.unwrap_or_default();
        let page = String::from_utf8_lossy(&page);
        if status == StatusCode::BAD_REQUEST && page.contains("HTTP request to an HTTPS server") {
            return EndpointError::NeedsHttps { address: self.address.to_string() };
        }
        let line: String = page.trim().lines().next().unwrap_or_default().chars().take(120).collect();
        let excerpt = (!line.is_empty() && !line.starts_with('<')).then_some(line);
        EndpointError::Status { url: shown(url), status: status.as_u16(), excerpt }
    }

    /// The connection failed before an answer began.
    fn send_error(&self, url: &Url, error: reqwest::Error) -> EndpointError {
        // It would show tokens of the query.
        let error = error.without_url();
        let address = self.address.to_string();
        if error.is_dns() {
            return EndpointError::Dns { host: self.address.host().to_owned(), reason: root_cause(&error) };
        }
        if error.is_connect() && error.is_timeout() {
            return EndpointError::ConnectTimeout { address, limit: self.options.connect_timeout };
        }
        if error.is_connect() {
            if let Some(tls) = find_cause::<rustls::Error>(&error) {
                return match tls {
                    rustls::Error::InvalidMessage(_) => EndpointError::PlainHttp { address },
                    _ => EndpointError::Tls { address, reason: tls.to_string() },
                };
            }
            let kind = find_cause::<io::Error>(&error).map(io::Error::kind);
            return match kind {
                Some(io::ErrorKind::ConnectionRefused) => EndpointError::Refused { address },
                _ => EndpointError::Connect { address, reason: root_cause(&error) },
            };
        }
        self.broken(url, &error, 0)
    }

    /// The connection failed within the answer.
    fn broken(&self, url: &Url, error: &reqwest::Error, received: u64) -> EndpointError {
        if error.is_timeout() {
            return EndpointError::Timeout { url: shown(url), limit: self.options.timeout, received };
        }
        EndpointError::CutOff { url: shown(url), received, reason: root_cause(error) }
    }
}

/// A client for URLs of one scheme.
fn client(url: &Url, address: &Address, options: &Options) -> Result<Client, EndpointError> {
    prepare_tls();
    let mut builder = Client::builder()
        .user_agent(concat!("gostray/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(Duration::from_secs(10));
    if address.is_loopback() {
        // As Go does: HTTP_PROXY is not for this machine.
        builder = builder.no_proxy();
    }
    let is_plain = url.scheme() == "http";
    if is_plain {
        // Spares reading the system's certificates, which small containers don't even have.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|e| {
        let reason = root_cause(&e.without_url());
        if is_plain {
            EndpointError::Client { reason }
        } else {
            EndpointError::NoAuthorities { address: address.to_string(), reason }
        }
    })
}

/// Installs ring as the provider of TLS, unless the program has chosen one; for clients of one's own.
pub fn prepare_tls() {
    static INSTALLED: Once = Once::new();
    // An error says that another thread was first.
    INSTALLED.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

/// The causes of an error, outermost first, those within [`io::Error`] included.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'e (dyn StdError + 'static) = *error;
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

fn find_cause<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn root_cause(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

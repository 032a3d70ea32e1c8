//! Why no snapshot could be taken of an endpoint.

use std::time::Duration;

use gostray_profile::ProfileError;

use crate::take::FORCE_ABOVE;

/// Why no snapshot could be taken. The messages say what to do; none holds a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// A header that HTTP does not allow.
    #[error("the header {name:?} can't be sent: a name is letters, digits and dashes, a value has no line breaks")]
    Header {
        /// Its name.
        name: String,
    },
    /// A leak profile could crash the target.
    #[error(
        "{function} parks goroutines without the runtime's knowledge, and the profile can crash such a process (fatal error: bad g->status in ready)"
    )]
    ForeignPark {
        /// Who does.
        function: String,
    },
    /// The host name has no address.
    #[error("can't find the host {host} ({reason}): check its name, and that this machine's DNS knows it")]
    Dns {
        /// The host name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nothing listens there.
    #[error(
        "nothing listens at {address} (connection refused): check the port, and that the service serves net/http/pprof on it"
    )]
    Refused {
        /// The address.
        address: String,
    },
    /// No connection within the time.
    #[error(
        "no connection to {address} within {limit:?}: a firewall or network policy may drop it, or the host is down"
    )]
    ConnectTimeout {
        /// The address.
        address: String,
        /// The time allowed.
        limit: Duration,
    },
    /// The network failed otherwise.
    #[error("can't connect to {address} ({reason}): check the address and the network between")]
    Connect {
        /// The address.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The certificate or the handshake.
    #[error(
        "no secure connection to {address} ({reason}): trust its certificate authority on this machine (SSL_CERT_FILE names a PEM file)"
    )]
    Tls {
        /// The address.
        address: String,
        /// What is wrong with the certificate or the handshake.
        reason: String,
    },
    /// This machine trusts no certificate authority.
    #[error(
        "this machine has no certificate authorities to check {address} against ({reason}): install ca-certificates, or name a PEM file in SSL_CERT_FILE"
    )]
    NoAuthorities {
        /// The address.
        address: String,
        /// What the verifier said.
        reason: String,
    },
    /// `https://` of a plain server.
    #[error("{address} does not speak TLS: use http:// instead of https://")]
    PlainHttp {
        /// The address.
        address: String,
    },
    /// `http://` of a TLS server.
    #[error("{address} speaks TLS only: use https:// instead of http://")]
    NeedsHttps {
        /// The address.
        address: String,
    },
    /// Not done within the time.
    #[error(
        "{url} did not answer in full within {limit:?} ({received} bytes came): the target is busy or the network slow; allow more with --timeout"
    )]
    Timeout {
        /// What was asked for.
        url: String,
        /// The time allowed.
        limit: Duration,
        /// How many bytes of the body came.
        received: u64,
    },
    /// The connection ended within the answer.
    #[error(
        "the connection broke off within {url} after {received} bytes ({reason}): the target may have crashed or restarted, or a proxy cut it off; try again"
    )]
    CutOff {
        /// What was asked for.
        url: String,
        /// How many bytes of the body came.
        received: u64,
        /// What the network said.
        reason: String,
    },
    /// More bytes than a profile has.
    #[error("{url} sent more than {} MiB: no goroutine profile of Go is that large; check the address", limit >> 20)]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A redirect that is not followed.
    #[error(
        "{url} redirects to {to}, which gostray does not follow ({reason}): give that address if it is the right one"
    )]
    Redirect {
        /// What was asked for.
        url: String,
        /// Where it points.
        to: String,
        /// Why it isn't followed.
        reason: &'static str,
    },
    /// 401 or 403.
    #[error(
        "{url} answered {status}: pass credentials with --header 'Authorization: Bearer …' or user:password@ in the URL{}",
        if *redirected { "; they are not sent on across a redirect, so give this address itself" } else { "" }
    )]
    Denied {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// It was reached by a redirect, and credentials were left behind.
        redirected: bool,
    },
    /// 404.
    #[error(
        "no pprof under {address} ({name} not found): register it with `import _ \"net/http/pprof\"` on the default mux; \
         routers that list handlers by hand need mux.HandleFunc(\"/debug/pprof/\", pprof.Index)"
    )]
    NotFound {
        /// The address.
        address: String,
        /// What was asked for below it.
        name: String,
    },
    /// Another status.
    #[error("{url} answered {status}{}: look into the target's log, and try again", excerpt.as_ref().map(|e| format!(" ({e:?})")).unwrap_or_default())]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// The first line of the body.
        excerpt: Option<String>,
    },
    /// The body is no profile.
    #[error("{url}: {source}")]
    Profile {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        source: ProfileError,
    },
    /// Another profile than the one asked for.
    #[error("{url} answered with another profile than {wanted}: check what the target serves there")]
    WrongProfile {
        /// What was asked for.
        url: String,
        /// The profile's name.
        wanted: &'static str,
    },
    /// Asking could hurt the target.
    #[error(
        "the target has {count} goroutines: above {FORCE_ABOVE} even listing them takes it seconds and gigabytes of memory; --force does it anyway"
    )]
    TooManyGoroutines {
        /// How many it has.
        count: u64,
    },
    /// The HTTP client could not be made.
    #[error("the HTTP client can't be set up: {reason}")]
    Client {
        /// What it said.
        reason: String,
    },
}

impl EndpointError {
    /// Would another request to the same target fail as well?
    pub(crate) fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::CutOff { .. }
                | Self::TooLarge { .. }
                | Self::Redirect { .. }
                | Self::Denied { .. }
                | Self::NotFound { .. }
                | Self::Status { .. }
                | Self::Profile { .. }
                | Self::WrongProfile { .. }
        )
    }
}

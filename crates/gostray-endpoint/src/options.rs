//! What may be asked of a target.

use std::fmt;
use std::time::Duration;

use gostray_profile::Limits;

/// What may be asked of a target, and bounds on its answers. The default hurts no target.
#[derive(Clone)]
pub struct Options {
    /// Up to how many goroutines ids and ages are taken (`goroutine?debug=2`, default 2,000): the
    /// target stands still for it, some 10 ms for each 1,000 goroutines. Above
    /// [`DUMP_CEILING`](crate::DUMP_CEILING) they never are.
    pub max_dump: u64,
    /// Ask for the runtime's leak profile, which costs the target a garbage collection (default).
    pub leak_profile: bool,
    /// Ask even where the target has more than [`FORCE_ABOVE`](crate::FORCE_ABOVE) goroutines.
    pub force: bool,
    /// How long one request may take, from connecting to the last byte (default 30 s).
    pub timeout: Duration,
    /// How long connecting may take (default 5 s).
    pub connect_timeout: Duration,
    /// Headers to send with each request: `("Authorization", "Bearer …")`.
    pub headers: Vec<(String, String)>,
    /// Bounds on what a profile may hold.
    pub limits: Limits,
    /// Bytes of a text dump, which Go cuts at 64 MiB (default 65 MiB).
    pub max_text: u64,
    /// Bytes of a compressed profile (default 8 MiB).
    pub max_compressed: u64,
    /// Follow redirects within the host (default).
    pub redirects: bool,
    /// A client that many targets share; `None` for one of its own. It must not follow redirects by
    /// itself, and has timeouts of connecting of its own.
    pub client: Option<reqwest::Client>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_dump: 2_000,
            leak_profile: true,
            force: false,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            headers: Vec::new(),
            limits: Limits::default(),
            max_text: 65 << 20,
            max_compressed: 8 << 20,
            redirects: true,
            client: None,
        }
    }
}

impl fmt::Debug for Options {
    /// Without the values of headers, which are credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("Options")
            .field("max_dump", &self.max_dump)
            .field("leak_profile", &self.leak_profile)
            .field("force", &self.force)
            .field("timeout", &self.timeout)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

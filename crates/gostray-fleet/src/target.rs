//! Something to scrape.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use url::Url;

/// The identity of a target: a hash of its job and labels, the same after a restart of gostray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub u64);

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One process that discovery found and relabelling left.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its `job_name`.
    pub job: String,
    /// Its labels after relabelling, without those that begin with `__`; with `instance`.
    pub labels: BTreeMap<String, String>,
    /// Where it is.
    pub place: Place,
    /// How often it is asked.
    pub interval: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// How it is reached; shared by the targets of a job.
    pub access: Arc<Access>,
}

/// Where a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The URL of its profiles, up to and with the slash before a profile's name
    /// (`http://10.0.0.7:6060/debug/pprof/`).
    Url(Url),
    /// A process of this machine, read from its memory.
    Process(u32),
}

/// How the targets of a job are reached. Secrets are read from their files when they are needed,
/// so that a rotated one is taken up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Access {
    /// `Authorization: TYPE CREDENTIALS`.
    pub authorization: Option<Authorization>,
    /// A certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// A client certificate and its key, PEM.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The name that a certificate must be for, where it is not that of the URL.
    pub server_name: Option<String>,
    /// Take any certificate.
    pub insecure_skip_verify: bool,
    /// Follow redirects within the host (`follow_redirects`, default `false` in gostray).
    pub follow_redirects: bool,
    /// Bytes of a body, compressed (`body_size_limit`, default 8 MiB).
    pub body_size_limit: u64,
    /// Which profiles may be asked for (`profiling_config`): the leak profile can be switched off.
    pub leak_profile: bool,
    /// Up to how many goroutines ids are asked for to confirm a leak; 0 for never (default 2,000).
    pub max_dump: u64,
}

/// What goes into the `Authorization` header.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization {
    /// `authorization`: a type (`Bearer`) and credentials.
    Token {
        /// The type.
        scheme: String,
        /// The credentials.
        secret: Secret,
    },
    /// `basic_auth`.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
}

/// Something that never shows in logs, errors, the API or the UI.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Written in the configuration.
    Inline(String),
    /// In a file, read on each use.
    File(PathBuf),
}

impl Secret {
    /// What it is.
    ///
    /// # Errors
    /// If its file can't be read.
    pub fn read(&self) -> std::io::Result<String> {
        match self {
            Self::Inline(text) => Ok(text.clone()),
            Self::File(path) => Ok(std::fs::read_to_string(path)?.trim().to_owned()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("<secret>"),
            Self::File(path) => write!(f, "<secret in {}>", path.display()),
        }
    }
}

impl Authorization {
    /// The value of the header, with what its file says now.
    ///
    /// # Errors
    /// If that file can't be read.
    pub fn header(&self) -> std::io::Result<String> {
        match self {
            Self::Token { scheme, secret } => Ok(format!("{scheme} {}", secret.read()?)),
            Self::Basic { username, password } => {
                let pair = format!("{username}:{}", password.read()?);
                Ok(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl Target {
    /// Its identity.
    #[must_use]
    pub fn id(&self) -> TargetId {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        for part in [("job", &self.job)].into_iter().chain(self.labels.iter().map(|(k, v)| (k.as_str(), v))) {
            hash.update(part.0);
            hash.update([0]);
            hash.update(part.1);
            hash.update([0]);
        }
        let bytes: [u8; 32] = hash.finalize().into();
        TargetId(u64::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]))
    }

    /// The service it belongs to: the label `service_name`, `service` or `app`, else its job.
    #[must_use]
    pub fn service(&self) -> &str {
        let named = ["service_name", "service", "app"].iter().find_map(|name| self.labels.get(*name));
        named.unwrap_or(&self.job)
    }

    /// Its name within the service.
    #[must_use]
    pub fn instance(&self) -> &str {
        self.labels.get("instance").map_or("", String::as_str)
    }
}

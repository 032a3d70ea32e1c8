//! One question to one target.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use gostray_endpoint::{Address, AddressError, EndpointError, FORCE_ABOVE, Options, Session};
use gostray_model::Snapshot;
use gostray_process::ProcessError;
use gostray_profile::Limits;
use tokio::io::AsyncReadExt as _;

use crate::discovery::guard;
use crate::scrape::client::Clients;
use crate::scrape::proof::{self, InMemory, Proof};
use crate::scrape::tls::ClientError;
use crate::target::{Access, Place, Target};

/// Bytes of a profile once it is inflated.
const MAX_INFLATED: u64 = 64 << 20;
/// Distinct frames, and distinct stacks, of a profile.
const MAX_DISTINCT: usize = 200_000;
/// Bytes of what `gostray prove` writes.
const MAX_PROOF: u64 = 256 << 20;

/// What a target may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Stacks and counts: `goroutine?debug=0`.
    Counts,
    /// What the runtime proves leaked: `goroutineleak?debug=0`; of a process of this machine, what
    /// gostray proves from its memory.
    Leaks,
    /// Goroutines with ids: `goroutine?debug=2`.
    Ids,
}

/// What a target said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its goroutines.
    pub snapshot: Snapshot,
    /// What a look into memory told of each signature.
    pub memory: BTreeMap<String, InMemory>,
    /// How long it took.
    pub took: Duration,
}

/// Why there is no answer. No message holds a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its URL.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Its certificates.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What `gostray prove` wrote.
    #[error("what gostray prove wrote can't be read: {0}")]
    Proof(#[from] serde_json::Error),
    /// `gostray prove` failed.
    #[error("gostray prove: {0}")]
    Prove(String),
    /// A file with a secret.
    #[error("the credentials can't be read ({reason}): check their file")]
    Secret {
        /// What the system says.
        reason: String,
    },
    /// An address that nothing may be fetched from.
    #[error("{address} is an address of cloud metadata or link-local: gostray never fetches from there")]
    Forbidden {
        /// The address.
        address: String,
    },
    /// It has too many goroutines for this question.
    #[error("it has {goroutines} goroutines, more than {limit}: asking could hurt it")]
    TooMany {
        /// How many.
        goroutines: u64,
        /// From how many on it is not asked.
        limit: u64,
    },
    /// The configuration does not allow the question.
    #[error("the configuration does not allow to ask for {0}")]
    NotAllowed(&'static str),
    /// The task ended.
    #[error("the read of the process was broken off")]
    BrokenOff,
}

impl AskError {
    /// Was nothing there to answer? Then the process has ended, or not begun.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Endpoint(error) => matches!(error, EndpointError::Refused { .. }),
            Self::Process(error) => matches!(error, ProcessError::Gone { .. } | ProcessError::Replaced { .. }),
            _ => false,
        }
    }
}

/// What is needed to ask.
#[derive(Default)]
pub struct Asker {
    /// The HTTP clients.
    pub clients: Clients,
    /// The gostray program, which proves in a process of its own: the one that serves is large, and
    /// must not be forked. `None` for no proofs.
    pub program: Option<PathBuf>,
}

impl Asker {
    /// Asks a target. `before` is how many goroutines it had last, if that is known, and `counted` what
    /// it looked like.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn ask(
        &self,
        target: &Target,
        ask: Ask,
        before: u64,
        counted: Option<&Snapshot>,
    ) -> Result<Answer, AskError> {
        let started = std::time::Instant::now();
        let (snapshot, memory) = match &target.place {
            Place::Url(url) => (self.endpoint(target, url, ask, before, counted).await?, BTreeMap::new()),
            Place::Process(pid) => self.process(*pid, ask, target.timeout).await?,
        };
        Ok(Answer { snapshot, memory, took: started.elapsed() })
    }

    async fn endpoint(
        &self,
        target: &Target,
        url: &url::Url,
        ask: Ask,
        before: u64,
        counted: Option<&Snapshot>,
    ) -> Result<Snapshot, AskError> {
        let access = &target.access;
        if let Some(host) = url.host_str().filter(|host| guard::is_forbidden_literal(host)) {
            return Err(AskError::Forbidden { address: host.to_owned() });
        }
        let address = Address::parse(url.as_str())?;
        let options = Options {
            headers: header(access)?.into_iter().collect(),
            limits: Limits { inflated: MAX_INFLATED, distinct: MAX_DISTINCT, ..Limits::default() },
            max_compressed: access.body_size_limit,
            timeout: target.timeout,
            redirects: access.follow_redirects,
            client: Some(self.clients.of(access)?),
            ..Options::default()
        };
        let session = Session::new(&address, &options)?;
        match ask {
            Ask::Counts => {
                if before > FORCE_ABOVE {
                    let now = session.goroutines().await?.unwrap_or(before);
                    if now > FORCE_ABOVE {
                        return Err(AskError::TooMany { goroutines: now, limit: FORCE_ABOVE });
                    }
                }
                Ok(session.counts().await?)
            }
            Ask::Leaks if !access.leak_profile => Err(AskError::NotAllowed("the leak profile")),
            Ask::Leaks => {
                let counted = counted.cloned();
                let counted = match counted {
                    Some(counted) => counted,
                    None => session.counts().await?,
                };
                let goroutines = counted.goroutines();
                if goroutines > gostray_endpoint::DUMP_CEILING {
                    return Err(AskError::TooMany { goroutines, limit: gostray_endpoint::DUMP_CEILING });
                }
                Ok(session.leaked(&counted).await?)
            }
            Ask::Ids if access.max_dump == 0 => Err(AskError::NotAllowed("goroutine ids (max_dump is 0)")),
            Ask::Ids => {
                let goroutines = session.goroutines().await?.unwrap_or(before);
                if goroutines > access.max_dump {
                    return Err(AskError::TooMany { goroutines, limit: access.max_dump });
                }
                Ok(session.goroutines_with_ids().await?)
            }
        }
    }

    async fn process(&self, pid: u32, ask: Ask, timeout: Duration) -> Result<Proof, AskError> {
        if ask == Ask::Leaks {
            return self.prove(pid, timeout.max(Duration::from_secs(60))).await;
        }
        let snapshot = tokio::task::spawn_blocking(move || gostray_process::take(pid)).await;
        Ok((snapshot.map_err(|_| AskError::BrokenOff)??, BTreeMap::new()))
    }

    /// Lets `gostray prove` look into a process.
    async fn prove(&self, pid: u32, timeout: Duration) -> Result<Proof, AskError> {
        let program = self.program.as_ref().ok_or(AskError::NotAllowed("a proof"))?;
        let mut child = tokio::process::Command::new(program)
            .args(["prove", &format!("pid:{pid}"), "--format", "json", "--exit-zero"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| AskError::Prove(error.to_string()))?;
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let read = async {
            let (mut text, mut complaint) = (Vec::new(), Vec::new());
            if let (Some(out), Some(err)) = (&mut out, &mut err) {
                let mut out = out.take(MAX_PROOF);
                let mut err = err.take(64 << 10);
                let both = tokio::join!(out.read_to_end(&mut text), err.read_to_end(&mut complaint));
                both.0.and(both.1).map_err(|error| AskError::Prove(error.to_string()))?;
            }
            let status = child.wait().await.map_err(|error| AskError::Prove(error.to_string()))?;
            if status.success() {
                return Ok(text);
            }
            let complaint = String::from_utf8_lossy(&complaint);
            let line = complaint.lines().rev().find(|line| line.contains("error")).unwrap_or("it failed");
            Err(AskError::Prove(line.trim_start_matches("error:").trim().to_owned()))
        };
        let text = tokio::time::timeout(timeout, read)
            .await
            .map_err(|_| AskError::Prove(format!("no answer within {} s", timeout.as_secs())))??;
        Ok(proof::read(&text)?)
    }
}

/// The `Authorization` header, with what its file says now.
fn header(access: &Access) -> Result<Option<(String, String)>, AskError> {
    let Some(authorization) = &access.authorization else { return Ok(None) };
    let value = authorization.header().map_err(|error| AskError::Secret { reason: error.to_string() })?;
    Ok(Some(("Authorization".to_owned(), value)))
}

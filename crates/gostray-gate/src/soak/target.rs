//! The goroutines of the service: through pprof, or from its memory.

use std::time::{Duration, Instant};

use gostray_endpoint::{Address, EndpointError};
use gostray_model::{NoteKind, Snapshot};
use gostray_process::{ProcessError, ProveOptions, Prover, Reader};

/// Between two looks at a service that comes to rest.
const PAUSE: Duration = Duration::from_millis(100);
/// So many looks that show as many goroutines are rest.
const SAME: u32 = 3;

/// Where goroutines are seen.
pub struct Target(Kind);

enum Kind {
    Endpoint { address: Address, options: gostray_endpoint::Options },
    Process { pid: u32, reader: Reader, max_pause: Duration },
}

/// Why they can't be seen.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Through pprof.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// From its memory.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl Target {
    /// Through pprof.
    #[must_use]
    pub fn endpoint(address: Address, options: gostray_endpoint::Options) -> Self {
        Self(Kind::Endpoint { address, options })
    }

    /// From its memory; it is never held up for longer than `max_pause`.
    ///
    /// # Errors
    /// If the process may not be read, or is no Go.
    pub fn process(pid: u32, max_pause: Duration) -> Result<Self, TargetError> {
        Ok(Self(Kind::Process { pid, reader: Reader::attach(pid)?, max_pause }))
    }

    /// Stacks and counts, as cheaply as can be.
    pub(crate) async fn count(&self) -> Result<Snapshot, TargetError> {
        Ok(match &self.0 {
            Kind::Endpoint { address, options } => {
                let options = gostray_endpoint::Options { max_dump: 0, leak_profile: false, ..options.clone() };
                gostray_endpoint::take(address, &options, &mut |_| {}).await?
            }
            Kind::Process { reader, .. } => reader.take()?,
        })
    }

    /// The same when it has come to rest, or after `patience`. `look` is told how many goroutines each look shows.
    pub(crate) async fn at_rest(&self, patience: Duration, look: &mut dyn FnMut(u64)) -> Result<Snapshot, TargetError> {
        let start = Instant::now();
        let (mut last, mut same) = (None, 0);
        loop {
            let snapshot = self.count().await?;
            let count = snapshot.goroutines();
            look(count);
            same = if last == Some(count) { same + 1 } else { 1 };
            last = Some(count);
            if same >= SAME || start.elapsed() >= patience {
                return Ok(snapshot);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// All that can be known, proofs included.
    pub(crate) async fn prove(&self) -> Result<Snapshot, TargetError> {
        Ok(match &self.0 {
            Kind::Endpoint { address, options } => gostray_endpoint::take(address, options, &mut |_| {}).await?,
            Kind::Process { pid, reader, max_pause } => {
                let options = ProveOptions { max_pause: *max_pause, ..ProveOptions::default() };
                let proven = Prover::attach(*pid).and_then(|mut prover| prover.prove(&options, &mut |_| {}));
                match proven {
                    Ok(snapshot) => snapshot,
                    Err(why) => {
                        let mut snapshot = reader.take()?;
                        snapshot.note(NoteKind::Warning, format!("nothing could be proven: {why}").replace('\n', "; "));
                        snapshot
                    }
                }
            }
        })
    }
}

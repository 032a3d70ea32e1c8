//! A living process → a snapshot, without stopping it.

use gostray_model::{NoteKind, Snapshot};

use crate::attached::Attached;
use crate::buildinfo::BuildInfo;
use crate::error::ProcessError;
use crate::listing::Listing;

/// A process whose goroutines can be listed again and again, without stopping it.
///
/// It runs on while it is read, so that a list is not one instant: goroutines that were moving may be
/// missing, or be shown where they were. Stacks of goroutines that a thread was running are not shown.
/// Notes of each snapshot say so. Nothing is written to the process, and nothing is left behind.
pub struct Reader {
    attached: Attached,
}

impl Reader {
    /// Prepares for a process, which is only read.
    ///
    /// # Errors
    /// If the process has ended, may not be read, is not Go, or is of a release that is not known or
    /// does not look as it should.
    pub fn attach(pid: u32) -> Result<Self, ProcessError> {
        Ok(Self { attached: Attached::open(pid)? })
    }

    /// Lists its goroutines.
    ///
    /// # Errors
    /// If the process has ended meanwhile, or does not look as it should.
    pub fn take(&self) -> Result<Snapshot, ProcessError> {
        let attached = &self.attached;
        let memory = attached.memory();
        let mut listing = Listing::new(attached);
        for goroutine in attached.goroutines().map_err(|error| attached.process.explain(error))? {
            let frames = goroutine.resume.and_then(|resume| {
                let stack = memory.bytes(resume.sp, goroutine.top - resume.sp).ok()?;
                Some(listing.unwinder.sites.walk(resume, goroutine.top, &stack))
            });
            listing.add(&goroutine, frames.as_ref().map(|frames| (frames, true)), false);
        }
        let mut snapshot = listing.finish();
        snapshot.note(
            NoteKind::Source,
            "read from the memory of the process, which was not stopped: goroutines that were moving may be missing or shown where they were",
        );
        Ok(snapshot)
    }
}

/// How a process was built, as its executable says.
///
/// # Errors
/// As [`Reader::attach`].
pub fn build_info(pid: u32) -> Result<BuildInfo, ProcessError> {
    Ok(Attached::open(pid)?.image.build)
}

/// Lists the goroutines of a process: a [`Reader`] for once.
///
/// # Errors
/// As [`Reader::attach`].
pub fn take(pid: u32) -> Result<Snapshot, ProcessError> {
    Reader::attach(pid)?.take()
}

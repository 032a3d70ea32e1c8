//! A living process → a snapshot, without stopping it.

use gostray_model::{NoteKind, Snapshot};

use crate::attached::Attached;
use crate::error::ProcessError;
use crate::listing::Listing;
use crate::memory::Memory;

/// Lists the goroutines of a living process without stopping it.
///
/// The process runs on while it is read, so that this is not one instant: goroutines that were moving
/// may be missing, or be shown where they were. Stacks of goroutines that a thread was running are not
/// shown. Notes of the snapshot say so. Nothing is written to the process, and nothing is left behind.
///
/// # Errors
/// If the process has ended, may not be read, is not Go, or is of a release that is not known or does
/// not look as it should.
pub fn take(pid: u32) -> Result<Snapshot, ProcessError> {
    let attached = Attached::open(pid)?;
    let memory: &dyn Memory = &attached.process;
    let mut listing = Listing::new(&attached);
    for goroutine in attached.goroutines().map_err(|error| attached.process.explain(error))? {
        let frames = goroutine.resume.and_then(|resume| {
            let stack = memory.bytes(resume.sp, goroutine.top - resume.sp).ok()?;
            Some(listing.unwinder.sites.walk(resume, goroutine.top, &stack))
        });
        listing.add(&goroutine, frames.as_ref(), false);
    }
    let mut snapshot = listing.finish();
    snapshot.note(
        NoteKind::Source,
        "read from the memory of the process, which was not stopped: goroutines that were moving may be missing or shown where they were",
    );
    Ok(snapshot)
}

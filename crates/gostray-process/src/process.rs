//! What is known of a process beyond its memory, be it alive or kept in a core.

use std::fs::File;

use gostray_model::Target;

use crate::error::{ProcessError, Subject};
use crate::live::Mapping;
use crate::memory::Memory;

/// A process whose memory can be read.
pub(crate) trait Process: Memory + Send + Sync {
    /// What errors call it.
    fn subject(&self) -> Subject;

    /// What a snapshot calls it; of its build nothing is said yet.
    fn target(&self) -> Target;

    /// What is mapped of its executable, in rising order.
    ///
    /// # Errors
    /// If that can't be told.
    fn executable(&self) -> Result<Vec<Mapping>, ProcessError>;

    /// The file of its executable, for what is not in memory; `None` where it is gone.
    fn executable_file(&self) -> Option<File>;

    /// Has it memory at an address, of which a copy that lacks it would not tell all?
    fn has_memory(&self, address: u64) -> bool;

    /// The reason behind an error, where what the process is tells more.
    fn explain(&self, error: ProcessError) -> ProcessError;
}

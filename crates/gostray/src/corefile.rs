//! Opening a core that a user named.

use std::io::Read;
use std::path::Path;

use crate::cli;
use crate::progress::Progress;

/// Is it an ELF file: a core, or a program that was taken for one?
pub(crate) fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && &magic == b"\x7fELF"
}

/// Opens it, and says on the way how far it is unpacked.
#[cfg(target_os = "linux")]
pub(crate) fn open(path: &Path, options: &cli::Core) -> anyhow::Result<gostray_process::CoreFile> {
    let progress = Progress::start(&format!("reading the core {}", path.display()));
    let mut unpacking = |done: u64, of: u64| {
        progress.say(&format!("unpacking the core {}: {} of {} MiB", path.display(), done >> 20, of >> 20));
    };
    Ok(gostray_process::CoreFile::open(path, options.executable.as_deref(), &mut unpacking)?)
}

/// Its goroutines.
#[cfg(target_os = "linux")]
pub(crate) fn list(path: &Path, options: &cli::Core) -> anyhow::Result<gostray_model::Snapshot> {
    let core = open(path, options)?;
    let _progress = Progress::start(&format!("reading the core {}", path.display()));
    Ok(core.list()?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn list(path: &Path, _: &cli::Core) -> anyhow::Result<gostray_model::Snapshot> {
    anyhow::bail!("the core {} can't be read on this system: that works on Linux only", path.display())
}

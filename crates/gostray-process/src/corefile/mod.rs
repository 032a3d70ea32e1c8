//! A core file → a snapshot, and what in it could never have run again.
//!
//! A core is a process that stands still for good: nothing is stopped for it, and one look is a proof. What a core
//! lacks (the code and the tables of functions, unless the kernel was told to write them) is taken from the
//! executable, if that is the one the process ran.
//!
//! | module | subject |
//! |---|---|
//! | `unpack` | a compressed core → one that can be read anywhere |
//! | `elf` | segments, threads and what else the notes of a core say |
//! | `image` | its memory, with that of the executable |

mod elf;
mod image;
mod unpack;

use std::path::{Path, PathBuf};

use gostray_model::{NoteKind, Snapshot};
use jiff::Timestamp;

use crate::attached::Attached;
use crate::buildinfo::BuildInfo;
use crate::error::ProcessError;
use crate::globals::HeapGlobals;
use crate::listing::Listing;
use crate::prove;
use crate::prove::threads::Thread;
use crate::standing::{Place, Standing};
use image::CoreImage;

/// A core file of a Go process.
pub struct CoreFile {
    attached: Attached,
    path: PathBuf,
    threads: Vec<Thread>,
    /// Why nothing can be proven from it, though its goroutines can be listed.
    unproven: Option<String>,
    /// When it was written, as far as its file tells.
    written_at: Option<Timestamp>,
}

impl CoreFile {
    /// Opens a core, as the kernel or gdb's `gcore` writes it, also one that is compressed (gzip, zstd, xz, lz4): that
    /// is unpacked into a file without a name, which needs room in the folder for temporary files. `unpacking` hears
    /// how many bytes of it there are, and will be.
    ///
    /// `executable` is the one that the process ran; without it, it is looked for where it was.
    ///
    /// # Errors
    /// If it is no core, is cut off, is of another machine or no Go process, or lacks what only the executable has.
    pub fn open(
        path: &Path,
        executable: Option<&Path>,
        unpacking: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, ProcessError> {
        let failed = |what: String| ProcessError::Core { file: path.to_owned(), what };
        let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        let written_at = file.metadata().and_then(|metadata| metadata.modified()).ok();
        let file = unpack::unpack(file, unpacking).map_err(failed)?;
        let core = elf::Core::read(&file).map_err(failed)?;
        let without_vectors = core.without_vectors();
        let (image, on_trust) = CoreImage::new(path, file, core.segments, &core.process, executable)?;
        let attached = Attached::new(Box::new(image))?;
        let unproven = if let Some(why) = on_trust {
            Some(why)
        } else if let Some(tid) = without_vectors {
            Some(format!("it lacks the vector registers of thread {tid}"))
        } else if !core.lists_all && attached.uses_c() {
            Some(
                "it does not list all memory, as those of gdb, and the program has C, which may have written there"
                    .to_owned(),
            )
        } else {
            None
        };
        let written_at = written_at.and_then(|time| Timestamp::try_from(time).ok());
        Ok(Self { attached, path: path.to_owned(), threads: core.threads, unproven, written_at })
    }

    /// How the process was built.
    #[must_use]
    pub fn build_info(&self) -> &BuildInfo {
        &self.attached.image.build
    }

    /// Lists its goroutines, those included that threads were running.
    ///
    /// # Errors
    /// If what it holds does not look as it should.
    pub fn list(&self) -> Result<Snapshot, ProcessError> {
        let attached = &self.attached;
        let goroutines = attached.goroutines().map_err(|error| attached.process.explain(error))?;
        let mut listing = Listing::new(attached);
        let sites = &mut listing.unwinder.sites;
        let standing = Standing::of(attached.memory(), &attached.image.layout, &self.threads, sites);
        for goroutine in goroutines {
            let at_rest = goroutine.resume.map(|resume| Place { resume, is_behind_call: true });
            let frames = at_rest.or_else(|| standing.place(&goroutine)).and_then(|Place { resume, is_behind_call }| {
                let stack = attached.memory().bytes(resume.sp, goroutine.top.checked_sub(resume.sp)?).ok()?;
                Some((listing.unwinder.sites.walk(resume, goroutine.top, &stack), is_behind_call))
            });
            let frames = frames.as_ref().map(|(frames, is_behind_call)| (frames, *is_behind_call));
            listing.add(&goroutine, frames, false);
        }
        Ok(self.describe(listing.finish()))
    }

    /// Shows which goroutines could never have run again, and who held the others.
    ///
    /// # Errors
    /// If what it holds does not look as it should, or lacks what a proof has to look at.
    pub fn prove(&self) -> Result<Snapshot, ProcessError> {
        if let Some(why) = &self.unproven {
            let what = format!("{why}: nothing can be proven from it; gostray inspect lists its goroutines");
            return Err(ProcessError::Core { file: self.path.clone(), what });
        }
        let attached = &self.attached;
        attached.can_prove()?;
        let proven = HeapGlobals::find(attached.memory(), &attached.image).and_then(|globals| {
            prove::at_rest(attached.memory(), attached, &globals, &self.threads, Listing::new(attached))
        });
        match proven {
            Ok(snapshot) => Ok(self.describe(snapshot)),
            Err(what) => Err(attached.process.explain(attached.misfit(what))),
        }
    }

    fn describe(&self, mut snapshot: Snapshot) -> Snapshot {
        snapshot.taken_at = self.written_at;
        snapshot.note(NoteKind::Source, "read from a core: what the process was at one moment");
        if let Some(why) = &self.unproven {
            snapshot.note(NoteKind::Warning, format!("{why}: nothing can be proven from it"));
        }
        snapshot
    }
}

//! Why a process could not be read.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Whose memory was to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// That of a living process, by its id.
    Process(u32),
    /// That which a core file keeps.
    Core(PathBuf),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(pid) => write!(f, "process {pid}"),
            Self::Core(path) => write!(f, "the process of the core {}", path.display()),
        }
    }
}

/// Why a process could not be read; the messages say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// There is no such process, or it ended meanwhile.
    #[error(
        "no process {pid}: it has ended, or it runs in another PID namespace (`gostray ps` lists the Go processes that can be seen)"
    )]
    Gone {
        /// The process.
        pid: u32,
    },
    /// It executed another program while it was looked at.
    #[error("process {pid} executed another program while it was looked at: try again")]
    Replaced {
        /// The process.
        pid: u32,
    },
    /// The kernel does not let us read its memory.
    #[error("no permission to read the memory of process {pid} ({why})\n{mend}")]
    Permission {
        /// The process.
        pid: u32,
        /// What forbids it.
        why: String,
        /// The command that helps.
        mend: String,
    },
    /// It is no Go program, or one that was built with another compiler.
    #[error("{subject} is no program of the Go compiler: {what}{}", instead(.subject))]
    NotGo {
        /// The process.
        subject: Subject,
        /// What was looked for in vain.
        what: &'static str,
    },
    /// Go, but of a release or for a machine whose layout is not known.
    #[error("{subject} can't be read: {what}; if it serves net/http/pprof, use `gostray inspect HOST:PORT`")]
    Unsupported {
        /// The process.
        subject: Subject,
        /// What is not supported.
        what: String,
    },
    /// Its goroutines can be listed, and no more.
    #[error(
        "nothing can be proven of {subject}: it was built with {version}, and this version knows only of Go {known} what the collector keeps where; `gostray inspect` lists its goroutines"
    )]
    OnlyListed {
        /// The process.
        subject: Subject,
        /// Its Go release.
        version: String,
        /// The releases of which enough is known.
        known: String,
    },
    /// What the layout says is not what is found there.
    #[error(
        "the memory of {subject} is not laid out as Go {version} should be ({what}): nothing is shown rather than something wrong"
    )]
    Layout {
        /// The process.
        subject: Subject,
        /// Its Go release.
        version: String,
        /// What does not fit.
        what: String,
    },
    /// A part of its memory could not be read.
    #[error("can't read the memory of the process at {address:#x}: it has ended or gave that part back; try again")]
    Unreadable {
        /// Where.
        address: u64,
    },
    /// A core file is not what it should be, or lacks what is needed.
    #[error("the core {}: {what}", file.display())]
    Core {
        /// The core.
        file: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// `/proc` gave something unexpected.
    #[error("{path}: {source}")]
    Proc {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It could not be held up for a snapshot.
    #[error(transparent)]
    Hold(#[from] crate::hold::HoldError),
}

/// Where a process that is none may have been taken for another.
fn instead(subject: &Subject) -> &'static str {
    match subject {
        Subject::Process(_) => "; `gostray ps` lists the processes that are",
        Subject::Core(_) => "",
    }
}

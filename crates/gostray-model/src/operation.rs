//! What a goroutine is doing or waiting for, in words that no Go release and no format changes.

use crate::function::FunctionName;
use crate::record::Status;
use crate::tables::{Stack, Tables};

/// The operation a goroutine is in. Coarser than the runtime's wait reason where Go releases or
/// formats differ: a nil channel is a channel, `semacquire` under `sync.WaitGroup.Wait` (Go ≤ 1.23)
/// is the wait group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Sending to a channel.
    ChanSend,
    /// Receiving from a channel.
    ChanReceive,
    /// Sending or receiving, the source does not say which.
    Chan,
    /// `select`, with or without cases.
    Select,
    /// Locking a `sync.Mutex`, or waiting in `sync.Once`.
    Mutex,
    /// Locking a `sync.RWMutex` for reading or writing.
    RwMutex,
    /// `sync.Cond.Wait`.
    Cond,
    /// `sync.WaitGroup.Wait`.
    WaitGroup,
    /// Another runtime semaphore.
    Semaphore,
    /// The network poller.
    Io,
    /// `time.Sleep`.
    Sleep,
    /// A system call or C function.
    Syscall,
    /// A coroutine of `iter.Pull` that nobody resumes.
    Coroutine,
    /// Running or ready to run.
    Run,
    /// Any other wait of the runtime.
    Other,
}

impl Operation {
    /// A stable word, part of a signature: never change one.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::ChanSend => "send",
            Self::ChanReceive => "receive",
            Self::Chan => "chan",
            Self::Select => "select",
            Self::Mutex => "mutex",
            Self::RwMutex => "rwmutex",
            Self::Cond => "cond",
            Self::WaitGroup => "waitgroup",
            Self::Semaphore => "semaphore",
            Self::Io => "io",
            Self::Sleep => "sleep",
            Self::Syscall => "syscall",
            Self::Coroutine => "coroutine",
            Self::Run => "run",
            Self::Other => "other",
        }
    }

    /// The runtime's wait reason for it, where a source shows only frames.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::ChanSend => "chan send",
            Self::ChanReceive => "chan receive",
            Self::Chan => "chan send or receive",
            Self::Select => "select",
            Self::Mutex => "sync.Mutex.Lock",
            Self::RwMutex => "sync.RWMutex.Lock",
            Self::Cond => "sync.Cond.Wait",
            Self::WaitGroup => "sync.WaitGroup.Wait",
            Self::Semaphore => "semacquire",
            Self::Io => "IO wait",
            Self::Sleep => "sleep",
            Self::Syscall => "syscall",
            Self::Coroutine => "coroutine",
            Self::Run => "running",
            Self::Other => "waiting",
        }
    }

    /// The operation of a goroutine, from its frames where they tell and its status otherwise.
    #[must_use]
    pub fn of(tables: &Tables, stack: &Stack, status: &Status) -> Self {
        Self::from_visible(tables, stack)
            .or_else(|| Self::from_hidden(tables, stack))
            .unwrap_or_else(|| Self::from_reason(&status.reason))
    }

    /// The operation as the frames alone tell it; `None` where they don't.
    #[must_use]
    pub fn from_frames(tables: &Tables, stack: &Stack) -> Option<Self> {
        Self::from_visible(tables, stack).or_else(|| Self::from_hidden(tables, stack))
    }

    /// From the standard library's wait primitives at the inner end, which every format shows.
    fn from_visible(tables: &Tables, stack: &Stack) -> Option<Self> {
        let mut found = None;
        for frame in tables.visible(stack) {
            let name = FunctionName::new(&frame.function);
            let local = name.local();
            match name.package().as_ref() {
                // The outermost frame of package sync names the primitive: a WaitGroup waits in a
                // semaphore, an RWMutex locks a Mutex.
                "sync" | "internal/sync" => found = Some(sync_primitive(local).or(found).unwrap_or(Self::Semaphore)),
                _ if found.is_some() => break,
                "internal/poll" if local.starts_with("runtime_poll") => return Some(Self::Io),
                "internal/poll" if local.contains("fdMutex") || local.starts_with("runtime_Sema") => {
                    return Some(Self::Mutex);
                }
                "time" if local == "Sleep" => return Some(Self::Sleep),
                "syscall" | "internal/runtime/syscall" => return Some(Self::Syscall),
                "os/signal" if local == "signal_recv" => return Some(Self::Syscall),
                "iter" if local.starts_with("Pull") => return Some(Self::Coroutine),
                // The goroutine that writes the profile.
                "runtime/pprof" => return Some(Self::Run),
                _ => return None,
            }
        }
        found
    }

    /// From the runtime's own frames, which `debug=0` shows.
    fn from_hidden(tables: &Tables, stack: &Stack) -> Option<Self> {
        let mut inner_most = None;
        for function in tables.hidden(stack) {
            let operation = match function {
                "runtime.chansend" | "runtime.chansend1" => Self::ChanSend,
                "runtime.chanrecv" | "runtime.chanrecv1" | "runtime.chanrecv2" => Self::ChanReceive,
                "runtime.selectgo" | "runtime.block" => Self::Select,
                "runtime.semacquire1" | "runtime.semacquire" => Self::Semaphore,
                "runtime.netpollblock" => Self::Io,
                "runtime.timeSleep" => Self::Sleep,
                "runtime.coroswitch" | "runtime.coroswitch_m" => Self::Coroutine,
                "runtime.cgocall" | "runtime.entersyscall" | "runtime.notetsleepg" => Self::Syscall,
                "runtime.asyncPreempt" | "runtime.asyncPreempt2" | "runtime.Gosched" => Self::Run,
                "runtime.gopark" | "runtime.goparkunlock" => Self::Other,
                _ => continue,
            };
            if operation != Self::Other {
                return Some(operation);
            }
            inner_most = Some(operation);
        }
        inner_most
    }

    /// From the runtime's wait reason or status string.
    #[must_use]
    pub fn from_reason(reason: &str) -> Self {
        match reason {
            "chan send" | "chan send (nil chan)" => Self::ChanSend,
            "chan receive" | "chan receive (nil chan)" => Self::ChanReceive,
            "chan send or receive" => Self::Chan,
            "select" | "select (no cases)" => Self::Select,
            "sync.Mutex.Lock" => Self::Mutex,
            "sync.RWMutex.Lock" | "sync.RWMutex.RLock" => Self::RwMutex,
            "sync.Cond.Wait" => Self::Cond,
            "sync.WaitGroup.Wait" => Self::WaitGroup,
            "semacquire" => Self::Semaphore,
            "IO wait" => Self::Io,
            "sleep" => Self::Sleep,
            "syscall" | "waiting for cgo callback" => Self::Syscall,
            "coroutine" => Self::Coroutine,
            "running" | "runnable" | "preempted" | "copystack" | "idle" => Self::Run,
            _ => Self::Other,
        }
    }

    /// Can a goroutine be blocked here for good because of what its own program does? True of
    /// channels, locks, conditions and wait groups; I/O, timers and system calls end from outside.
    #[must_use]
    pub fn is_synchronisation(self) -> bool {
        matches!(
            self,
            Self::ChanSend
                | Self::ChanReceive
                | Self::Chan
                | Self::Select
                | Self::Mutex
                | Self::RwMutex
                | Self::Cond
                | Self::WaitGroup
                | Self::Semaphore
        )
    }
}

/// The primitive of a function of package `sync` or `internal/sync`.
fn sync_primitive(local: &str) -> Option<Operation> {
    let receiver = local.split('.').next().unwrap_or_default();
    Some(match receiver {
        "(*Mutex)" | "(*Once)" | "OnceFunc" | "OnceValue" | "OnceValues" => Operation::Mutex,
        "(*RWMutex)" | "(*rlocker)" => Operation::RwMutex,
        "(*Cond)" | "runtime_notifyListWait" => Operation::Cond,
        "(*WaitGroup)" | "runtime_SemacquireWaitGroup" => Operation::WaitGroup,
        "runtime_SemacquireMutex" => Operation::Mutex,
        "runtime_SemacquireRWMutex" | "runtime_SemacquireRWMutexR" => Operation::RwMutex,
        _ => return None,
    })
}

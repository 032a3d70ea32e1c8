//! What gostray and the keeper say to each other: words, behind their number.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::hold::HoldError;
use crate::prove::threads::Thread;

/// No message is longer: 10,000 threads with 8 KiB of registers each.
const MAX_WORDS: usize = 16 << 20;

/// What the keeper is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Stop {
        max_pause: Duration,
    },
    Resume,
    /// `stays`: the process stands still after it, until it is resumed.
    Fork {
        system_call: u64,
        max_pause: Duration,
        max_copy: u64,
        stays: bool,
    },
    DropCopy,
}

/// What it answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Stopped { threads: Vec<Thread> },
    Forked { pid: u32, threads: Vec<Thread>, pause: Duration },
    Done { pause: Duration },
    Failed(Failure),
}

/// Why the keeper could not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Traced {
        by: u32,
    },
    Permission,
    Gone,
    Busy {
        limit: Duration,
    },
    Expired {
        limit: Duration,
    },
    CopyTooLarge {
        limit: u64,
    },
    Left {
        copy: u32,
    },
    /// The number of the error.
    Fork {
        errno: i32,
    },
    Failed {
        errno: i32,
    },
}

impl Failure {
    pub(crate) fn of(self, pid: u32) -> HoldError {
        let text = |errno: i32| io::Error::from_raw_os_error(errno).to_string();
        match self {
            Self::Traced { by } => HoldError::Traced { pid, by },
            Self::Permission => HoldError::Permission { pid },
            Self::Gone => HoldError::Gone { pid },
            Self::Busy { limit } => HoldError::Busy { pid, limit },
            Self::Expired { limit } => HoldError::Expired { pid, limit },
            Self::CopyTooLarge { limit } => HoldError::CopyTooLarge { pid, limit },
            Self::Left { copy } => HoldError::Left { pid, copy },
            Self::Fork { errno } => HoldError::Fork { pid, what: text(errno) },
            Self::Failed { errno } => HoldError::Keeper { pid, what: text(errno) },
        }
    }

    fn encode(self) -> [u64; 2] {
        let errno = |errno: i32| u64::from(errno.unsigned_abs());
        match self {
            Self::Traced { by } => [1, by.into()],
            Self::Permission => [2, 0],
            Self::Gone => [3, 0],
            Self::Busy { limit } => [4, nanos(limit)],
            Self::Expired { limit } => [5, nanos(limit)],
            Self::CopyTooLarge { limit } => [6, limit],
            Self::Fork { errno: number } => [7, errno(number)],
            Self::Failed { errno: number } => [8, errno(number)],
            Self::Left { copy } => [9, copy.into()],
        }
    }

    fn decode(kind: u64, value: u64) -> Option<Self> {
        let errno = i32::try_from(value);
        let limit = Duration::from_nanos(value);
        Some(match kind {
            1 => Self::Traced { by: u32::try_from(value).ok()? },
            2 => Self::Permission,
            3 => Self::Gone,
            4 => Self::Busy { limit },
            5 => Self::Expired { limit },
            6 => Self::CopyTooLarge { limit: value },
            7 => Self::Fork { errno: errno.ok()? },
            8 => Self::Failed { errno: errno.ok()? },
            9 => Self::Left { copy: u32::try_from(value).ok()? },
            _ => return None,
        })
    }
}

impl Request {
    pub(crate) fn encode(&self) -> Vec<u64> {
        match self {
            Self::Stop { max_pause } => vec![1, nanos(*max_pause)],
            Self::Resume => vec![2],
            Self::Fork { system_call, max_pause, max_copy, stays } => {
                vec![3, *system_call, nanos(*max_pause), *max_copy, u64::from(*stays)]
            }
            Self::DropCopy => vec![4],
        }
    }

    pub(crate) fn decode(words: &[u64]) -> Option<Self> {
        Some(match *words {
            [1, max_pause] => Self::Stop { max_pause: Duration::from_nanos(max_pause) },
            [2] => Self::Resume,
            [3, system_call, max_pause, max_copy, stays] => {
                let max_pause = Duration::from_nanos(max_pause);
                Self::Fork { system_call, max_pause, max_copy, stays: stays != 0 }
            }
            [4] => Self::DropCopy,
            _ => return None,
        })
    }
}

impl Reply {
    pub(crate) fn encode(&self) -> Vec<u64> {
        match self {
            Self::Stopped { threads } => std::iter::once(1).chain(encode_threads(threads)).collect(),
            Self::Forked { pid, threads, pause } => {
                [2, u64::from(*pid), nanos(*pause)].into_iter().chain(encode_threads(threads)).collect()
            }
            Self::Done { pause } => vec![3, nanos(*pause)],
            Self::Failed(failure) => std::iter::once(4).chain(failure.encode()).collect(),
        }
    }

    pub(crate) fn decode(words: &[u64]) -> Option<Self> {
        Some(match words {
            [1, rest @ ..] => Self::Stopped { threads: decode_threads(rest)? },
            [2, pid, pause, rest @ ..] => Self::Forked {
                pid: u32::try_from(*pid).ok()?,
                threads: decode_threads(rest)?,
                pause: Duration::from_nanos(*pause),
            },
            [3, pause] => Self::Done { pause: Duration::from_nanos(*pause) },
            [4, kind, value] => Self::Failed(Failure::decode(*kind, *value)?),
            _ => return None,
        })
    }
}

fn encode_threads(threads: &[Thread]) -> impl Iterator<Item = u64> + '_ {
    threads.iter().flat_map(|thread| {
        let (tid, len) = (thread.tid.unsigned_abs().into(), thread.words.len() as u64);
        let head = [tid, thread.pc, thread.sp, thread.own, len];
        head.into_iter().chain(thread.words.iter().copied())
    })
}

fn decode_threads(mut words: &[u64]) -> Option<Vec<Thread>> {
    let mut threads = Vec::new();
    while let [tid, pc, sp, own, len, rest @ ..] = words {
        let (held, after) = rest.split_at_checked(usize::try_from(*len).ok()?)?;
        let tid = i32::try_from(*tid).ok()?;
        threads.push(Thread { tid, pc: *pc, sp: *sp, own: *own, words: held.to_vec() });
        words = after;
    }
    words.is_empty().then_some(threads)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Sends a message.
pub(crate) fn send(to: &mut impl Write, words: &[u64]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(8 * words.len() + 8);
    bytes.extend((words.len() as u64).to_le_bytes());
    words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    to.write_all(&bytes)
}

/// Receives a message.
pub(crate) fn receive(from: &mut impl Read) -> io::Result<Vec<u64>> {
    let mut len = [0; 8];
    from.read_exact(&mut len)?;
    let len = usize::try_from(u64::from_le_bytes(len)).unwrap_or(usize::MAX);
    if len > MAX_WORDS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; 8 * len];
    from.read_exact(&mut bytes)?;
    Ok(bytes.chunks_exact(8).map(|bytes| crate::memory::word(bytes, 0)).collect())
}

//! The system calls that have no safe form: all `unsafe` of the crate.
//!
//! `nix` knows signals by name only, and a process may get others (C libraries use some of their own);
//! it has no call for the whole register state either. So waiting, tracing and forking go to `libc`.

use std::io;

use nix::libc;

/// The registers of a thread.
pub(crate) type Registers = libc::user_regs_struct;

/// The number of a request to `ptrace`, which C libraries declare differently.
#[cfg(target_env = "gnu")]
type Request = libc::c_uint;
#[cfg(not(target_env = "gnu"))]
type Request = libc::c_int;

/// What a thread did that is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It stopped: the signal, and the number of a `PTRACE_EVENT`, 0 for none.
    Stopped { signal: i32, event: i32 },
    /// It is gone.
    Ended,
}

/// Asks for a thread's event; `None` if there is none yet and it is not to be waited for.
pub(crate) fn wait(tid: i32, patiently: bool) -> io::Result<Option<Event>> {
    let mut status = 0;
    let flags = libc::__WALL | if patiently { 0 } else { libc::WNOHANG };
    loop {
        // SAFETY: `status` is a valid place for the result, and outlives the call.
        let waited = unsafe { libc::waitpid(tid, &raw mut status, flags) };
        match waited {
            0 => return Ok(None),
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            -1 => return Err(io::Error::last_os_error()),
            _ if libc::WIFSTOPPED(status) => {
                return Ok(Some(Event::Stopped { signal: libc::WSTOPSIG(status), event: status >> 16 }));
            }
            _ => return Ok(Some(Event::Ended)),
        }
    }
}

/// Is a thread a zombie, or not there any more? The first thread of a process that was killed is told of by
/// [`wait`] only once all its other threads were asked for, so waiting for it alone could last for ever.
pub(crate) fn is_dead(tid: i32) -> bool {
    let Ok(stat) = std::fs::read(format!("/proc/{tid}/stat")) else { return true };
    // The state follows the name, which may have anything in it.
    let state = stat.iter().rposition(|byte| *byte == b')').and_then(|at| stat.get(at + 2));
    matches!(state, Some(b'Z' | b'X' | b'x') | None)
}

/// Asks for an event of any thread that is traced, without waiting.
pub(crate) fn wait_any() -> io::Result<Option<(i32, Event)>> {
    let mut status = 0;
    // SAFETY: `status` is a valid place for the result, and outlives the call.
    let tid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::WNOHANG) };
    let event = match libc::WIFSTOPPED(status) {
        true => Event::Stopped { signal: libc::WSTOPSIG(status), event: status >> 16 },
        false => Event::Ended,
    };
    if tid == -1 { Err(io::Error::last_os_error()) } else { Ok((tid > 0).then_some((tid, event))) }
}

/// A request to `ptrace` that neither reads nor writes our memory.
pub(crate) fn trace(request: Request, tid: i32, data: usize) -> io::Result<()> {
    // SAFETY: of the requests made (SEIZE, INTERRUPT, SETOPTIONS, SINGLESTEP, DETACH) none takes an
    // address in our memory; they act on a thread that the kernel lets us trace, or fail.
    let result = unsafe { libc::ptrace(request, tid, std::ptr::null_mut::<libc::c_void>(), data) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The number of the general registers among the sets of registers.
const NT_PRSTATUS: usize = 1;

/// The general registers of a thread that stands still.
pub(crate) fn registers(tid: i32) -> io::Result<Registers> {
    let mut registers = std::mem::MaybeUninit::<Registers>::zeroed();
    let mut part = libc::iovec { iov_base: registers.as_mut_ptr().cast(), iov_len: size_of::<Registers>() };
    // SAFETY: the kernel writes no more than `iov_len` bytes to `iov_base`, where there is room for them.
    let result = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, tid, NT_PRSTATUS as *mut libc::c_void, &raw mut part) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is made of integers, all of which the zeroes or the kernel have set.
    Ok(unsafe { registers.assume_init() })
}

/// Sets the general registers of a thread that stands still.
pub(crate) fn set_registers(tid: i32, registers: &Registers) -> io::Result<()> {
    let mut part =
        libc::iovec { iov_base: std::ptr::from_ref(registers).cast_mut().cast(), iov_len: size_of::<Registers>() };
    // SAFETY: the kernel only reads the `iov_len` bytes at `iov_base`.
    let result = unsafe { libc::ptrace(libc::PTRACE_SETREGSET, tid, NT_PRSTATUS as *mut libc::c_void, &raw mut part) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The other registers of a thread that stands still, vector registers of any width included: on amd64
/// as the processor saves them (XSAVE).
pub(crate) fn extended_registers(tid: i32) -> io::Result<Vec<u8>> {
    const NT_X86_XSTATE: usize = 0x202;
    const NT_PRFPREG: usize = 2;
    let mut bytes = vec![0u8; 16 << 10];
    let mut last = io::Error::from(io::ErrorKind::Unsupported);
    for set in [NT_X86_XSTATE, NT_PRFPREG] {
        let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: the kernel writes no more than `iov_len` bytes to `iov_base`, which are `bytes`, and
        // sets `iov_len` to how many it were.
        let result = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, tid, set as *mut libc::c_void, &raw mut part) };
        if result != -1 {
            bytes.truncate(part.iov_len);
            return Ok(bytes);
        }
        last = io::Error::last_os_error();
    }
    Err(last)
}

/// What belongs to the last event of a thread: the id of a new one.
pub(crate) fn event_message(tid: i32) -> io::Result<u64> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the kernel writes one long to `message`.
    let result =
        unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, tid, std::ptr::null_mut::<libc::c_void>(), &raw mut message) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(message) }
}

/// What came with a signal: who sent it, or at which address a fault was.
pub(crate) type SignalInfo = libc::siginfo_t;

/// What came with the signal that a thread stands still for.
pub(crate) fn signal_info(tid: i32) -> io::Result<SignalInfo> {
    let mut info = std::mem::MaybeUninit::<SignalInfo>::zeroed();
    // SAFETY: the kernel writes one `siginfo_t` to `info`.
    let result =
        unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, tid, std::ptr::null_mut::<libc::c_void>(), info.as_mut_ptr()) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is made of integers and pointers that are never followed, which zeroes or the kernel set.
    Ok(unsafe { info.assume_init() })
}

/// Sets what comes with the signal that a thread is let go with.
pub(crate) fn set_signal_info(tid: i32, info: &SignalInfo) -> io::Result<()> {
    let info = std::ptr::from_ref(info);
    // SAFETY: the kernel only reads one `siginfo_t` from `info`.
    let result = unsafe { libc::ptrace(libc::PTRACE_SETSIGINFO, tid, std::ptr::null_mut::<libc::c_void>(), info) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sends a signal to one thread of a process, with what came with it where the kernel lets us: it does
/// for timers and queued ones, not for what itself or a process sent.
pub(crate) fn signal_thread(pid: i32, tid: i32, signal: i32, info: Option<&SignalInfo>) {
    if let Some(info) = info {
        // SAFETY: the kernel only reads one `siginfo_t` from `info`.
        let sent = unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, tid, signal, std::ptr::from_ref(info)) };
        if sent == 0 {
            return;
        }
    }
    // SAFETY: takes numbers only.
    unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, signal) };
}

/// Makes a second process, in which `child` runs and never returns; gives its id.
pub(crate) fn fork(child: impl FnOnce()) -> io::Result<i32> {
    // SAFETY: where there were other threads, the child has none of them, and what they had locked
    // stays so. It allocates (both C libraries that we are built with unlock that in the child) and
    // makes system calls; it neither prints nor touches what other threads of ours may have locked.
    // `_exit` ends it without running anything of the parent's.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            // SAFETY: takes a number and does not return.
            unsafe { libc::_exit(0) }
        }
        pid => Ok(pid),
    }
}

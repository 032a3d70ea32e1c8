//! The wait reason that `debug=2` would print, told by the frames.

use gostray_model::{FunctionName, Operation, Stack, Status, Tables};

/// The reason of a goroutine without a stack.
pub(crate) const UNKNOWN: &str = "unknown";

/// The status of a goroutine whose source prints none: the operation's wait reason, exact where a
/// frame tells it. One whose frames show no wait is running.
pub(super) fn status(tables: &Tables, stack: &Stack) -> Status {
    let reason =
        if stack.unavailable { UNKNOWN } else { reason(tables, stack).unwrap_or_else(|| Operation::Run.reason()) };
    Status { derived: true, ..Status::new(reason) }
}

/// The wait reason as the frames alone tell it; `None` where they don't.
pub(crate) fn reason(tables: &Tables, stack: &Stack) -> Option<&'static str> {
    exact(tables, stack).or_else(|| Operation::from_frames(tables, stack).map(Operation::reason))
}

/// Where the frames tell more than the operation.
fn exact(tables: &Tables, stack: &Stack) -> Option<&'static str> {
    if tables.hidden(stack).any(|function| function == "runtime.block") {
        return Some("select (no cases)");
    }
    let functions = || tables.visible(stack).map(|frame| &*frame.function);
    let innermost = functions().next()?;
    match innermost {
        "internal/poll.runtime_Semacquire" => return Some("semacquire"),
        // Up to Go 1.19 an RWMutex waits in this one, too; then no Mutex frame comes next.
        "sync.runtime_SemacquireMutex" | "internal/sync.runtime_SemacquireMutex"
            if functions().nth(1).is_some_and(|function| function.contains("sync.(*Mutex)")) =>
        {
            return Some("sync.Mutex.Lock");
        }
        "sync.runtime_SemacquireRWMutexR" => return Some("sync.RWMutex.RLock"),
        "sync.runtime_SemacquireRWMutex" => return Some("sync.RWMutex.Lock"),
        // The runtime's own package of system calls up to Go 1.23.
        _ if FunctionName::new(innermost).package() == "runtime/internal/syscall" => return Some("syscall"),
        _ => {}
    }
    let is_sync = |function: &&str| matches!(&*FunctionName::new(function).package(), "sync" | "internal/sync");
    functions().take_while(is_sync).any(|function| function == "sync.(*RWMutex).RLock").then_some("sync.RWMutex.RLock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use gostray_model::Frame;

    fn reason_of(functions: &[&str]) -> Option<&'static str> {
        let mut tables = Tables::default();
        let frames = functions
            .iter()
            .map(|f| tables.add_frame(Frame { function: (*f).into(), file: "f.go".into(), line: 1 }))
            .collect();
        reason(&tables, &Stack { frames, ..Stack::default() })
    }

    #[test]
    fn says_what_the_runtime_would_print() {
        for (functions, expected) in [
            (&["runtime.gopark", "runtime.chansend", "runtime.chansend1", "main.f"][..], Some("chan send")),
            (&["runtime.gopark", "runtime.block", "main.f"], Some("select (no cases)")),
            (&["runtime.gopark", "runtime.selectgo", "main.f"], Some("select")),
            (
                &["runtime.gopark", "sync.runtime_SemacquireMutex", "sync.(*Mutex).lockSlow", "sync.(*RWMutex).Lock"],
                Some("sync.Mutex.Lock"),
            ),
            (&["sync.runtime_SemacquireMutex", "sync.(*RWMutex).RLock", "main.f"], Some("sync.RWMutex.RLock")),
            (&["sync.runtime_SemacquireRWMutexR", "sync.(*RWMutex).RLock", "main.f"], Some("sync.RWMutex.RLock")),
            (&["sync.runtime_SemacquireRWMutex", "sync.(*RWMutex).Lock", "main.f"], Some("sync.RWMutex.Lock")),
            (&["sync.runtime_Semacquire", "sync.(*WaitGroup).Wait", "main.f"], Some("sync.WaitGroup.Wait")),
            (&["runtime/internal/syscall.Syscall6", "syscall.RawSyscall6", "syscall.Read"], Some("syscall")),
            (&["main.spin"], None),
        ] {
            assert_eq!(reason_of(functions), expected, "{functions:?}");
        }
    }
}

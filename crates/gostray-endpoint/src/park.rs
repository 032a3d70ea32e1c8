//! Targets that a leak profile could crash.
//!
//! The runtime takes any goroutine that waits for `select` and is reachable from nowhere for
//! leaked. One that parked itself through a linknamed `runtime.gopark` (gVisor's netstack, and with
//! it Tailscale's) may still be woken by its owner, and then the process dies:
//! `fatal error: bad g->status in ready`.

use gostray_model::{FunctionName, Snapshot, Stack, Tables};

/// The function outside the standard library that parks goroutines by itself, if there is one.
pub(crate) fn foreign_park(snapshot: &Snapshot) -> Option<&str> {
    let mut stacks: Vec<_> = snapshot.records.iter().map(|r| r.stack).collect();
    stacks.sort_unstable();
    stacks.dedup();
    stacks.into_iter().find_map(|id| in_stack(&snapshot.tables, snapshot.tables.stack(id)))
}

fn in_stack<'a>(tables: &'a Tables, stack: &Stack) -> Option<&'a str> {
    let functions = || stack.frames.iter().map(|id| &*tables.frame(*id).function);
    // `debug=0` shows who called gopark; within Go it is always the runtime or a function of the
    // standard library that the runtime provides (`time.Sleep`).
    let mut outer = functions().skip_while(|f| is_runtime_park(f));
    let caller = outer.next().filter(|_| functions().next().is_some_and(is_runtime_park));
    let is_foreign = |function: &&str| {
        let name = FunctionName::new(function);
        !name.package().is_empty() && !name.is_std()
    };
    // Text dumps hide the runtime's frames, but not a wrapper by the same name.
    let is_wrapper = |function: &&str| {
        let local = FunctionName::new(function).local();
        is_foreign(function) && ["gopark", "goparkunlock"].iter().any(|name| local.eq_ignore_ascii_case(name))
    };
    caller.filter(is_foreign).or_else(|| functions().find(is_wrapper))
}

fn is_runtime_park(function: &str) -> bool {
    matches!(function, "runtime.gopark" | "runtime.goparkunlock")
}

#[cfg(test)]
mod tests {
    use gostray_model::{Frame, LabelsId, Record, Status};

    use super::*;

    fn park_of(functions: &[&str]) -> Option<String> {
        let mut snapshot = Snapshot::default();
        let frames = functions
            .iter()
            .map(|f| snapshot.tables.add_frame(Frame { function: (*f).into(), file: "x.go".into(), line: 1 }))
            .collect();
        let stack = snapshot.tables.add_stack(Stack { frames, ..Stack::default() });
        let status = snapshot.tables.add_status(Status::new("select"));
        let age = gostray_model::Age::UNKNOWN;
        snapshot.records.push(Record { id: 0, creator_id: 0, count: 1, age, stack, status, labels: LabelsId::NONE });
        foreign_park(&snapshot).map(str::to_owned)
    }

    #[test]
    fn finds_who_parks_goroutines_behind_the_runtimes_back() {
        let gopark = "gvisor.dev/gvisor/pkg/sync.Gopark";
        assert_eq!(park_of(&["runtime.gopark", gopark, "main.f"]).as_deref(), Some(gopark));
        assert_eq!(park_of(&[gopark, "gvisor.dev/gvisor/pkg/sleep.(*Sleeper).nextWaker"]).as_deref(), Some(gopark));
        assert_eq!(park_of(&["runtime.gopark", "main.wait", "main.main"]).as_deref(), Some("main.wait"));
    }

    #[test]
    fn go_itself_is_no_foreigner() {
        for functions in [
            &["runtime.gopark", "runtime.chansend", "runtime.chansend1", "main.f"][..],
            &["runtime.gopark", "runtime.goparkunlock", "runtime.bgsweep", "runtime.gcenable.gowrap1"],
            &["runtime.gopark", "time.Sleep", "main.f"],
            &["main.gopherPark", "main.f"],
            &["runtime.gopark"],
            &[],
        ] {
            assert_eq!(park_of(functions), None, "{functions:?}");
        }
    }
}

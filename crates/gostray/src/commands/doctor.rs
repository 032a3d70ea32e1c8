//! `gostray doctor`: what works on this machine, and the exact command that mends what doesn't.

use gostray_toolchain::{Machine, Request, Toolchain};

use crate::exit::Exit;
use crate::output;

/// One thing that was looked at.
struct Check {
    name: &'static str,
    /// What was found.
    found: Result<String, Problem>,
}

/// What doesn't work, what for, and how to mend it.
struct Problem {
    what: String,
    needed_for: &'static str,
    mend: String,
}

pub(crate) fn run() -> anyhow::Result<Exit> {
    let checks = [version(), go(), processes(), cache(), terminal()];
    let (good, bad) = (anstyle::AnsiColor::Green.on_default(), anstyle::AnsiColor::Red.on_default());
    output::to(None, |out| {
        for check in &checks {
            let name = check.name;
            match &check.found {
                Ok(text) => writeln!(out, "{good}✔{good:#} {name:<10} {text}")?,
                Err(problem) => {
                    writeln!(out, "{bad}✖{bad:#} {name:<10} {}", problem.what)?;
                    writeln!(out, "  {:<10} needed for: {}", "", problem.needed_for)?;
                    writeln!(out, "  {:<10} mend it:    {}", "", problem.mend)?;
                }
            }
        }
        Ok(())
    })?;
    Ok(if checks.iter().all(|c| c.found.is_ok()) { Exit::Clean } else { Exit::Leaks })
}

fn version() -> Check {
    let text = format!("{} on {}/{}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    Check { name: "gostray", found: Ok(text) }
}

fn go() -> Check {
    let found = Toolchain::find(Request::Any, &mut |_| {})
        .map(|go| format!("{} at {}", go.version(), go.go().display()))
        .map_err(|error| Problem {
            what: error.to_string().lines().next().unwrap_or_default().to_owned(),
            needed_for: "gostray demo (inspect and diff need no Go)",
            mend: "install Go from https://go.dev/doc/install, or set GOSTRAY_GO=/path/to/go".to_owned(),
        });
    Check { name: "go", found }
}

/// May processes be looked into?
#[cfg(target_os = "linux")]
fn processes() -> Check {
    let needed_for = "gostray inspect pid:N and prove";
    let yama = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let capabilities = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = capabilities.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|line| u64::from_str_radix(line.trim(), 16).ok()).unwrap_or(0);
    let may_all = effective >> CAP_SYS_PTRACE & 1 != 0;
    let problem = |what: String, mend: &str| Err(Problem { what, needed_for, mend: mend.to_owned() });
    let found = match (std::env::consts::ARCH, yama.trim(), may_all) {
        ("x86_64", "" | "0", false) => Ok("those of your own user may be looked into".to_owned()),
        ("x86_64", "" | "0" | "1" | "2", true) => Ok("all may be looked into".to_owned()),
        ("x86_64", "3", _) => problem(
            "kernel.yama.ptrace_scope is 3: nobody may look into a process until the next boot".to_owned(),
            "boot with kernel.yama.ptrace_scope=1 or less; or use net/http/pprof and gostray inspect HOST:PORT",
        ),
        ("x86_64", scope, _) => problem(
            format!("kernel.yama.ptrace_scope is {scope}: looking into a process needs CAP_SYS_PTRACE"),
            "sudo gostray prove PID",
        ),
        (machine, ..) => problem(
            format!("processes of {machine} can't be looked into yet"),
            "use net/http/pprof and gostray inspect HOST:PORT",
        ),
    };
    Check { name: "processes", found }
}

/// The number of the capability to trace any process.
#[cfg(target_os = "linux")]
const CAP_SYS_PTRACE: u32 = 19;

#[cfg(not(target_os = "linux"))]
fn processes() -> Check {
    let problem = Problem {
        what: "processes can be looked into on Linux only".to_owned(),
        needed_for: "gostray inspect pid:N and prove",
        mend: "use net/http/pprof and gostray inspect HOST:PORT".to_owned(),
    };
    Check { name: "processes", found: Err(problem) }
}

fn cache() -> Check {
    let dir = Machine::this().cache;
    let written = std::fs::create_dir_all(&dir).and_then(|()| tempfile::tempfile_in(&dir));
    let found = written.map(|_| dir.display().to_string()).map_err(|error| Problem {
        what: format!("can't write to {}: {error}", dir.display()),
        needed_for: "keeping Go releases that were fetched",
        mend: "export GOSTRAY_CACHE=/some/folder/you/own".to_owned(),
    });
    Check { name: "cache", found }
}

fn terminal() -> Check {
    let text = match output::terminal_width() {
        Some(width) => format!("{width} columns"),
        None => "standard output is no terminal: no colours, nothing shortened".to_owned(),
    };
    Check { name: "terminal", found: Ok(text) }
}

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
    let checks = [version(), go(), cache(), terminal()];
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

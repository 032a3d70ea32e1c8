//! `gostray ps`.

use crate::cli::Ps;
use crate::exit::Exit;

#[cfg(target_os = "linux")]
pub(crate) fn run(args: &Ps) -> anyhow::Result<Exit> {
    use gostray_report::ProcessRow;

    use crate::output;

    let now = jiff::Timestamp::now();
    let rows: Vec<ProcessRow> = gostray_process::processes()
        .into_iter()
        .map(|process| ProcessRow {
            pid: process.pid,
            user: process.user,
            go_version: process.build.go_version,
            module: if process.build.module.is_empty() { process.build.path } else { process.build.module },
            version: process.build.version,
            goroutines: process.goroutines,
            threads: process.threads,
            uptime: process.started_at.map(|start| now.duration_since(start).unsigned_abs()),
            started_at: process.started_at.map(|start| start.to_string()).unwrap_or_default(),
            executable: process.executable,
        })
        .collect();
    if args.json {
        output::to(None, |out| gostray_report::write_processes_json(&rows, out))?;
    } else if rows.is_empty() {
        anstream::eprintln!("no Go process that can be seen");
    } else {
        output::to(None, |out| gostray_report::write_processes(&rows, output::terminal_width(), out))?;
    }
    Ok(if rows.is_empty() { Exit::Nothing } else { Exit::Clean })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: &Ps) -> anyhow::Result<Exit> {
    anyhow::bail!("processes can't be read from outside on this system: that works on Linux only")
}

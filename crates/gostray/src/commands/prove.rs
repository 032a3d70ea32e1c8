//! `gostray prove PID`.

use crate::cli::Prove;
use crate::exit::Exit;

#[cfg(target_os = "linux")]
pub(crate) fn run(args: &Prove) -> anyhow::Result<Exit> {
    use anyhow::bail;
    use gostray_model::groups;

    use crate::show;

    let filter = super::filter(&args.selection)?;
    show::check(&args.output)?;
    let text = args.process.strip_prefix("pid:").unwrap_or(&args.process);
    let Ok(pid) = text.parse() else {
        bail!("{:?} is no process id: gostray ps lists the Go processes of this machine", args.process)
    };
    let mut snapshot = prove(pid, &args.pause)?;
    filter.apply(&mut snapshot);
    let groups = groups(&snapshot);
    show::snapshot(&snapshot, groups, &args.process, &args.output, args.goroutines)
}

/// Proves what can be proven of a process, and says on the way what it does.
#[cfg(target_os = "linux")]
pub(super) fn prove(pid: u32, pause: &crate::cli::Pause) -> anyhow::Result<gostray_model::Snapshot> {
    use gostray_process::{Method, ProveOptions, ProveProgress};

    use crate::cli::Snapshot;
    use crate::progress::Progress;

    let options = ProveOptions {
        method: match pause.snapshot {
            Snapshot::Auto => Method::Auto,
            Snapshot::Fork => Method::Fork,
            Snapshot::Stop => Method::Stop,
        },
        max_pause: pause.max_pause,
        max_copy: pause.max_copy,
        fork_under_seccomp: pause.fork_under_seccomp,
        ..ProveOptions::default()
    };
    let progress = Progress::start(&format!("reading process {pid}"));
    let mut say = |step| {
        progress.say(&match step {
            ProveProgress::Looking(1) => format!("looking at process {pid}, which goes on meanwhile"),
            ProveProgress::Looking(_) => format!("looking at process {pid} again"),
            ProveProgress::Snapshot(left) => format!("taking a snapshot: {left} goroutines look unreachable"),
            ProveProgress::Proving => "looking through the snapshot".to_owned(),
        });
    };
    Ok(gostray_process::prove(pid, &options, &mut say)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn prove(pid: u32, _: &crate::cli::Pause) -> anyhow::Result<gostray_model::Snapshot> {
    anyhow::bail!("process {pid} can't be read from outside on this system: that works on Linux only")
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: &Prove) -> anyhow::Result<Exit> {
    anyhow::bail!("processes can't be read from outside on this system: that works on Linux only")
}

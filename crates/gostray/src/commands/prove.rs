//! `gostray prove PID|CORE`.

use anyhow::bail;
use gostray_model::{Snapshot, groups};

use crate::cli::{Core, Pause, Prove};
use crate::exit::Exit;
use crate::show;

pub(crate) fn run(args: &Prove) -> anyhow::Result<Exit> {
    let filter = super::filter(&args.selection)?;
    show::check(&args.output)?;
    let Some(Proven { mut snapshot, .. }) = prove(&args.source, &args.pause, &args.core)? else {
        bail!(
            "{:?} is no process id and no core: gostray ps lists the Go processes of this machine, a core is core:FILE",
            args.source
        )
    };
    filter.apply(&mut snapshot);
    let groups = groups(&snapshot);
    show::snapshot(&snapshot, groups, &args.source, &args.output, args.goroutines)
}

/// What was proven of a process or a core, and what that was built from.
pub(super) struct Proven {
    pub(super) snapshot: Snapshot,
    /// Its main module.
    pub(super) module: String,
    /// The revision of the source, where the build noted it, and whether files were changed since.
    pub(super) revision: Option<String>,
    pub(super) modified: bool,
}

/// Proves what can be proven of what a `SRC` argument names; `None` if that is neither process nor core.
#[cfg(target_os = "linux")]
pub(super) fn prove(source: &str, pause: &Pause, core: &Core) -> anyhow::Result<Option<Proven>> {
    use crate::{corefile, source};

    let (snapshot, build) = match (source::process(source), source::core(source)) {
        (Some(pid), _) => (prove_process(pid, pause)?, gostray_process::build_info(pid)?),
        (None, Some(path)) => {
            let core = corefile::open(path, core)?;
            let _progress = crate::progress::Progress::start(&format!("looking through the core {}", path.display()));
            (core.prove()?, core.build_info().clone())
        }
        (None, None) => return Ok(None),
    };
    let gostray_process::BuildInfo { module, revision, modified, .. } = build;
    Ok(Some(Proven { snapshot, module, revision, modified }))
}

/// Proves what can be proven of a process, and says on the way what it does.
#[cfg(target_os = "linux")]
fn prove_process(pid: u32, pause: &Pause) -> anyhow::Result<Snapshot> {
    use gostray_process::{Method, ProveOptions, ProveProgress};

    use crate::cli;
    use crate::progress::Progress;

    let options = ProveOptions {
        method: match pause.snapshot {
            cli::Snapshot::Auto => Method::Auto,
            cli::Snapshot::Fork => Method::Fork,
            cli::Snapshot::Stop => Method::Stop,
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
pub(super) fn prove(source: &str, _: &Pause, _: &Core) -> anyhow::Result<Option<Proven>> {
    use crate::source;

    if source::process(source).is_some() || source::core(source).is_some() {
        bail!("{source} can't be read from outside on this system: that works on Linux only");
    }
    Ok(None)
}

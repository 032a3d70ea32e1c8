//! `SRC`: what a user may name, and the snapshot behind it.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context, bail};
use gostray_endpoint::Address;
use gostray_model::{NoteKind, Snapshot, TargetKind};
use gostray_profile::{Limits, ProfileKind};

use crate::cli;
use crate::corefile;
use crate::progress::Progress;

/// What a `SRC` argument names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source<'a> {
    Stdin,
    File(&'a Path),
    Endpoint(&'a str),
    Process(u32),
    Core(&'a Path),
}

impl<'a> Source<'a> {
    /// A file of that name wins over everything but the explicit forms.
    fn parse(text: &'a str) -> Self {
        if text == "-" {
            return Self::Stdin;
        }
        if let Some(pid) = text.strip_prefix("pid:").unwrap_or(text).parse().ok().filter(|_| !Path::new(text).exists())
        {
            return Self::Process(pid);
        }
        if let Some(file) = text.strip_prefix("core:") {
            return Self::Core(Path::new(file));
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return Self::Endpoint(text);
        }
        let path = Path::new(text);
        if corefile::is_elf(path) {
            return Self::Core(path);
        }
        let port = text.rsplit(':').next().and_then(|p| p.split('/').next());
        let has_port = text.contains(':') && port.is_some_and(|p| p.parse::<u16>().is_ok());
        if !path.exists() && has_port { Self::Endpoint(text) } else { Self::File(path) }
    }
}

/// The process that a `SRC` argument names, if it names one.
pub(crate) fn process(text: &str) -> Option<u32> {
    match Source::parse(text) {
        Source::Process(pid) => Some(pid),
        _ => None,
    }
}

/// The core that a `SRC` argument names, if it names one.
pub(crate) fn core(text: &str) -> Option<&Path> {
    match Source::parse(text) {
        Source::Core(path) => Some(path),
        _ => None,
    }
}

/// Takes the snapshot that a `SRC` argument names.
pub(crate) fn load(text: &str, options: &cli::Endpoint, core: &cli::Core) -> anyhow::Result<Snapshot> {
    match Source::parse(text) {
        Source::Stdin => {
            let mut snapshot = read(io::stdin().lock()).context("standard input")?;
            "-".clone_into(&mut snapshot.target.name);
            Ok(snapshot)
        }
        Source::File(path) => load_file(path),
        Source::Endpoint(address) => load_endpoint(address, options),
        Source::Process(pid) => load_process(pid),
        Source::Core(path) => corefile::list(path, core),
    }
}

fn load_file(path: &Path) -> anyhow::Result<Snapshot> {
    let name = path.display().to_string();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!(
                "no file {name:?}: SRC is host:port, a URL, pid:N, core:FILE, a saved profile or dump, or - for standard input"
            )
        }
        Err(error) => return Err(error).context(name),
    };
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        bail!("{name} is a directory: name a saved profile or dump");
    }
    let progress = Progress::start(&format!("reading {name}"));
    let mut snapshot = read(file).with_context(|| name.clone())?;
    drop(progress);
    snapshot.target.name = name;
    Ok(snapshot)
}

/// A text dump does not say when it was taken; the time its file was written comes close.
pub(crate) fn assume_time(snapshot: &mut Snapshot) {
    if snapshot.taken_at.is_some() || snapshot.target.kind != TargetKind::File {
        return;
    }
    let written = std::fs::metadata(&snapshot.target.name).and_then(|m| m.modified()).ok();
    snapshot.taken_at = written.and_then(|time| jiff::Timestamp::try_from(time).ok());
}

fn read(input: impl io::Read) -> Result<Snapshot, gostray_profile::ProfileError> {
    let profile = gostray_profile::read(input, &Limits::default())?;
    let mut snapshot = profile.snapshot;
    snapshot.target.kind = TargetKind::File;
    if profile.kind == ProfileKind::GoroutineLeak {
        snapshot.note(NoteKind::Source, "a goroutineleak profile: it holds leaked goroutines only");
    }
    Ok(snapshot)
}

#[cfg(target_os = "linux")]
fn load_process(pid: u32) -> anyhow::Result<Snapshot> {
    let _progress = Progress::start(&format!("reading process {pid}"));
    Ok(gostray_process::take(pid)?)
}

#[cfg(not(target_os = "linux"))]
fn load_process(pid: u32) -> anyhow::Result<Snapshot> {
    bail!("process {pid} can't be read from outside: that works on Linux only")
}

fn load_endpoint(text: &str, options: &cli::Endpoint) -> anyhow::Result<Snapshot> {
    let address = Address::parse(text)?;
    let options = gostray_endpoint::Options {
        max_dump: options.max_dump,
        leak_profile: !options.no_leak_profile,
        force: options.force,
        timeout: options.timeout,
        headers: options.header.clone(),
        ..gostray_endpoint::Options::default()
    };
    let progress = Progress::start(&format!("asking {address}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut say = |step| progress.say(&format!("{address}: {step}"));
    Ok(runtime.block_on(gostray_endpoint::take(&address, &options, &mut say))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_sources_apart() {
        for (text, expected) in [
            ("-", Source::Stdin),
            (":6060", Source::Endpoint(":6060")),
            ("localhost:6060", Source::Endpoint("localhost:6060")),
            ("10.0.0.1:6060/api", Source::Endpoint("10.0.0.1:6060/api")),
            ("[::1]:6060", Source::Endpoint("[::1]:6060")),
            ("https://x.example/debug/pprof/", Source::Endpoint("https://x.example/debug/pprof/")),
            ("goroutines.pb.gz", Source::File(Path::new("goroutines.pb.gz"))),
            ("src/main.rs", Source::File(Path::new("src/main.rs"))),
            ("dump:today", Source::File(Path::new("dump:today"))),
            ("pid:12", Source::Process(12)),
            ("12", Source::Process(12)),
            ("core:core.1", Source::Core(Path::new("core.1"))),
        ] {
            assert_eq!(Source::parse(text), expected, "{text}");
        }
    }
}

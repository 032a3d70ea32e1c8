//! `gostray test [PACKAGES] [-- GO TEST FLAGS]`.

use std::ffi::OsString;
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
use crate::cli::Test;
use crate::exit::Exit;

/// The word after which `go test -exec` names a test binary.
const BINARY: &str = "test-binary";

/// Answers if `go test` starts a test binary through us: `gostray test-binary STAMP SETTLE BINARY ARGS…`. Its
/// arguments are its own, whatever they look like.
#[cfg(target_os = "linux")]
pub(crate) fn answer_go_test(args: &[OsString]) -> Option<ExitCode> {
    use gostray_gate::test::{BinaryOptions, run_binary};
    let [_, word, _, settle, command @ ..] = args else { return None };
    if word != BINARY {
        return None;
    }
    let settle = settle.to_str().and_then(|settle| settle.strip_suffix("ms")?.parse().ok());
    let options = BinaryOptions { settle: std::time::Duration::from_millis(settle?) };
    Some(match run_binary(command, &options) {
        // A signal has a number of its own, like the codes.
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            anstream::eprintln!("gostray test: {error}");
            Exit::Failure.into()
        }
    })
}

#[cfg(target_os = "linux")]
pub(crate) use linux::run;

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant, UNIX_EPOCH};

    use anyhow::Context as _;
    use gostray_check::Finding;
    use gostray_gate::test::{self, Baseline, Event, Leaks, Options, Origin, Rules, Status, Tested};
    use gostray_report::{TestsFormat, TestsReport};
    use gostray_toolchain::Machine;

    use super::BINARY;
    use crate::cli::{Test, TestFormat, parse_duration};
    use crate::commands::check;
    use crate::exit::Exit;
    use crate::output;
    use crate::progress::Progress;

    const SETTLE: Duration = Duration::from_secs(1);

    pub(crate) fn run(args: &Test) -> anyhow::Result<Exit> {
        let start = Instant::now();
        let base = folder(args)?;
        let config = check::read_config(&module(&base).join("gostray.toml"))?.test;
        let settle = match (args.settle, &config.settle) {
            (Some(settle), _) => settle,
            (None, Some(text)) => parse_duration(text)
                .map_err(|what| anyhow::anyhow!("gostray.toml: settle = {text:?}: wanted {what}"))?,
            (None, None) => SETTLE,
        };
        let baseline = args.baseline.as_ref().map(|path| read_baseline(path)).transpose()?;
        let mut rules = Rules::new(&config.ignore, baseline);
        let options = Options {
            packages: args.packages.clone(),
            flags: args.flags.clone(),
            folder: base.clone(),
            settle,
            go: std::env::var_os("GOSTRAY_GO").filter(|go| !go.is_empty()).unwrap_or_else(|| "go".into()),
            through: through()?,
            cache: Machine::this().cache,
        };
        let mut screen = Screen::new(args);
        let mut packages: Vec<Tested> = Vec::new();
        let ended = test::run(&options, &mut |event| {
            if let Some(package) = screen.hear(event) {
                let tested = rules.apply(*package);
                screen.package(&tested);
                packages.push(tested);
            }
        })?;
        for _ in 0..if ended.interrupted { 0 } else { args.rerun } {
            rerun(&options, &mut packages, &mut rules, &mut screen)?;
        }
        if !ended.interrupted {
            screen.progress.say("looking for the causes in the source");
            explain(&mut packages, &base, &args.flags);
        }
        screen.end()?;
        packages.sort_by(|a, b| a.package.path.cmp(&b.package.path));
        if let Some(path) = &args.write_baseline {
            let baseline = Baseline::of(packages.iter().flat_map(|tested| &tested.leaks));
            output::raw_to(Some(path), |out| out.write_all(baseline.write().as_bytes()))?;
            anstream::eprintln!("{} leaks are known from now on: --baseline {}", baseline.len(), path.display());
        }
        let report = TestsReport {
            packages: &packages,
            base: &base,
            elapsed: start.elapsed(),
            interrupted: ended.interrupted,
            flags: &args.flags,
        };
        if screen.is_stream {
            let mut text = Vec::new();
            report.write(TestsFormat::Full, &mut text)?;
            anstream::AutoStream::auto(std::io::stderr().lock()).write_all(&text)?;
        } else {
            output::to(args.output.as_deref(), |out| report.write(format(args.format), out))?;
        }
        if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
            check::append(Path::new(&path), &report.github_summary())?;
        }
        Ok(exit(args, &packages, &ended))
    }

    fn exit(args: &Test, packages: &[Tested], ended: &test::Ended) -> Exit {
        let is_bad = |tested: &Tested| {
            let is_test = matches!(tested.package.status, Status::Failed | Status::BuildFailed);
            is_test || (!args.exit_zero && args.write_baseline.is_none() && tested.has_failed())
        };
        if packages.iter().any(is_bad) {
            Exit::Leaks
        } else if ended.interrupted || (ended.code != Some(0) && packages.is_empty()) {
            Exit::Failure
        } else if packages.iter().all(|tested| tested.package.status == Status::NoTests) {
            Exit::Nothing
        } else {
            // It failed, and not for a package: it has said why.
            match ended.code {
                Some(0) => Exit::Clean,
                _ => Exit::Failure,
            }
        }
    }

    /// What the user sees while tests run.
    struct Screen {
        progress: Progress,
        format: TestFormat,
        to_file: bool,
        /// The stream of `go test -json` is wanted, with a report beside it.
        is_stream: bool,
        /// What tests print is wanted.
        is_verbose: bool,
        /// Standard output failed.
        failed: Option<std::io::Error>,
        done: usize,
    }

    impl Screen {
        fn new(args: &Test) -> Self {
            let ours = args.flags.iter().take_while(|flag| *flag != "-args");
            let has = |names: [&str; 2]| ours.clone().any(|flag| names.contains(&flag.as_str()));
            Self {
                progress: Progress::start("building the tests"),
                format: args.format,
                to_file: args.output.is_some(),
                is_stream: has(["-json", "-json=true"]),
                is_verbose: has(["-v", "-v=true"]),
                failed: None,
                done: 0,
            }
        }

        /// Shows what happens; a package that is done comes back.
        fn hear(&mut self, event: Event<'_>) -> Option<Box<test::Package>> {
            match event {
                Event::Package(package) => return Some(package),
                Event::Running { package, test } => {
                    self.progress.say(&format!("{} packages done, running {package} {test}", self.done));
                }
                Event::Message(message) => self.progress.aside(|| anstream::eprintln!("{message}")),
                Event::Line(line) if self.is_stream => self.print(|out| writeln!(out, "{line}")),
                Event::Output(text) if self.is_verbose && !self.is_stream && self.shows_packages() => {
                    // Marks that `go test` makes for its own reader.
                    let text = text.trim_start_matches('\u{16}');
                    self.print(|out| out.write_all(text.as_bytes()));
                }
                Event::Line(_) | Event::Output(_) => {}
            }
            None
        }

        /// A machine reads standard output where it is not the format for people.
        fn shows_packages(&self) -> bool {
            self.format == TestFormat::Full && !self.to_file
        }

        fn package(&mut self, tested: &Tested) {
            self.done += 1;
            if self.shows_packages() && !self.is_stream {
                self.print(|out| TestsReport::write_package(tested, out));
            }
        }

        fn print(&mut self, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
            if self.failed.is_some() {
                return;
            }
            let mut text = Vec::new();
            self.failed = self
                .progress
                .aside(|| {
                    write(&mut text)?;
                    let mut out = anstream::AutoStream::auto(std::io::stdout().lock());
                    out.write_all(&text)?;
                    out.flush()
                })
                .err();
        }

        fn end(&mut self) -> anyhow::Result<()> {
            self.progress.clear();
            match self.failed.take() {
                Some(error) => Err(error).context("can't write to standard output"),
                None => Ok(()),
            }
        }
    }

    /// How `go test` starts test binaries through us. Its cache holds as long as these words are the same: so
    /// another gostray has others.
    fn through() -> anyhow::Result<Vec<String>> {
        let path = std::env::current_exe().context("where am I?")?;
        let metadata = path.metadata().with_context(|| path.display().to_string())?;
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let stamp = format!("{:x}-{:x}", metadata.len(), changed.unwrap_or_default().as_nanos());
        let path = path.into_os_string().into_string().map_err(|path| {
            anyhow::anyhow!("{} is no path that the go command can take: move gostray elsewhere", path.display())
        })?;
        Ok(vec![path, BINARY.to_owned(), stamp])
    }

    fn folder(args: &Test) -> anyhow::Result<PathBuf> {
        let base = std::env::current_dir().context("the current folder is gone")?;
        match &args.directory {
            Some(folder) => {
                base.join(folder).canonicalize().with_context(|| format!("can't go to {}", folder.display()))
            }
            None => Ok(base),
        }
    }

    /// The folder of the module.
    fn module(base: &Path) -> &Path {
        base.ancestors().find(|folder| folder.join("go.mod").is_file()).unwrap_or(base)
    }

    fn read_baseline(path: &Path) -> anyhow::Result<Baseline> {
        let text = std::fs::read(path)
            .with_context(|| format!("can't read {0}: write one with --write-baseline {0}", path.display()))?;
        Baseline::read(&text).with_context(|| path.display().to_string())
    }

    /// Runs tests that leave something behind again, and notes what is seen again.
    fn rerun(options: &Options, packages: &mut [Tested], rules: &mut Rules, screen: &mut Screen) -> anyhow::Result<()> {
        for tested in packages.iter_mut().filter(|tested| tested.is_leaky()) {
            let tests: Vec<String> = tested
                .leaks
                .iter()
                .filter_map(|leaks| leaks.origin.test()?.split('/').next().map(str::to_owned))
                .filter(|test| !test.starts_with("Benchmark"))
                .collect();
            if tests.is_empty() {
                continue;
            }
            let mut flags = options.flags.clone();
            let at = flags.iter().position(|flag| flag == "-args").unwrap_or(flags.len());
            let again = ["-count=1".to_owned(), format!("-run=^({})$", tests.join("|"))];
            flags.splice(at..at, again);
            let options = Options { packages: vec![tested.package.path.clone()], flags, ..options.clone() };
            let mut again = None;
            test::run(&options, &mut |event| match event {
                Event::Package(package) => again = Some(rules.apply(*package)),
                Event::Running { package, test } => screen.progress.say(&format!("running {package} {test} again")),
                _ => {}
            })?;
            let again = again.map(|again| again.leaks).unwrap_or_default();
            for leaks in &mut tested.leaks {
                let Leaks { origin: Origin::Test(_), leaks: own, .. } = leaks else { continue };
                let others = again.iter().filter(|other| other.origin == leaks.origin).flat_map(|other| &other.leaks);
                let signatures: Vec<_> = others.map(|other| other.judged.group.signature).collect();
                for leak in own {
                    let (seen, of) = leak.seen.unwrap_or((1, 1));
                    let is_seen = signatures.contains(&leak.judged.group.signature);
                    leak.seen = Some((seen + usize::from(is_seen), of + 1));
                }
            }
        }
        Ok(())
    }

    /// Looks in the source for what was left behind.
    fn explain(packages: &mut [Tested], base: &Path, flags: &[String]) {
        let folders: Vec<String> = packages
            .iter()
            .filter(|tested| tested.is_leaky())
            .filter_map(|tested| Some(tested.package.folder()?.display().to_string()))
            .collect();
        if folders.is_empty() {
            return;
        }
        let tags =
            flags.iter().filter_map(|flag| flag.trim_start_matches('-').strip_prefix("tags=")).map(str::to_owned);
        // What can't be found there is no reason to say less of the tests.
        let findings: Vec<Finding> = check::findings_of(base, &folders, &tags.collect::<Vec<_>>()).unwrap_or_default();
        for tested in packages.iter_mut() {
            tested.explain(&findings);
        }
    }

    fn format(format: TestFormat) -> TestsFormat {
        match format {
            TestFormat::Full => TestsFormat::Full,
            TestFormat::Json => TestsFormat::Json,
            TestFormat::Junit => TestsFormat::Junit,
            TestFormat::Github => TestsFormat::Github,
            TestFormat::Html => TestsFormat::Html,
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn answer_go_test(_: &[OsString]) -> Option<ExitCode> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: &Test) -> anyhow::Result<Exit> {
    anyhow::bail!("test binaries can't be read from outside on this system: that works on Linux only")
}

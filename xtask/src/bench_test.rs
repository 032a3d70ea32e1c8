//! What `gostray test` says of real modules beside goleak, whether their tests do as before, and what it costs.
//!
//! Each package without a `TestMain` gets one that ends in goleak's `VerifyTestMain`; what that reports is compared
//! with what gostray reports of the same package without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use gostray_toolchain::Toolchain;

use crate::checkout;
use crate::oracle::{corpus, newest};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Modules to test, as module@version; goleak is added to what they require
    #[arg(default_values = [
        "go.uber.org/fx@v1.24.0",
        "go.uber.org/zap@v1.28.0",
        "github.com/uber-go/tally/v4@v4.1.17",
        "github.com/jellydator/ttlcache/v3@v3.4.1",
        "github.com/go-co-op/gocron/v2@v2.21.2",
        "go.opentelemetry.io/otel/sdk@v1.47.0",
    ])]
    modules: Vec<String>,
    /// So often each package is timed, the fastest counts; 0 for not at all
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let go = newest()?;
    let gostray = checkout().join("target/release/gostray");
    ensure!(gostray.is_file(), "cargo build --release first");
    let mut ratios = Vec::new();
    for module in &args.modules {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("m");
        copy(&corpus::fetch(&go, module)?, &root)?;
        println!("{module}");
        let plain = tests(go.command().args(["test", "-json", "-count=1", "./..."]).current_dir(&root))?;
        let mut ours = gostray_test(&go, &gostray, &root);
        let with = tests(ours.args(["-json", "./..."]))?;
        let changed: Vec<&String> =
            plain.iter().filter(|(test, outcome)| with.get(*test) != Some(outcome)).map(|(test, _)| test).collect();
        println!("  {} results of tests and packages, {} other with gostray {changed:?}", plain.len(), changed.len());
        let left = left(gostray_test(&go, &gostray, &root).args(["--format", "json", "./..."]))?;
        let got = go.command().args(["get", "-t", "go.uber.org/goleak@v1.3.0"]).current_dir(&root).output()?;
        if !got.status.success() {
            println!("  goleak can't be required: {}", String::from_utf8_lossy(&got.stderr).trim());
        }
        compare(&go, &root, &left)?;
        for package in if args.runs == 0 { Vec::new() } else { packages(&go, &root)? } {
            let timed = |command: &mut Command| -> anyhow::Result<f64> {
                let start = Instant::now();
                command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
                Ok(start.elapsed().as_secs_f64())
            };
            let (mut before, mut after) = (f64::MAX, f64::MAX);
            for _ in 0..args.runs {
                let mut command = go.command();
                command.args(["test", "-count=1", &package]).current_dir(&root);
                before = before.min(timed(&mut command)?);
                after = after.min(timed(gostray_test(&go, &gostray, &root).arg(&package))?);
            }
            println!("  {package:<60} go test {before:6.2} s  gostray test {after:6.2} s  {:5.2}", after / before);
            ratios.push(after / before);
        }
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!("median of {} packages: {median:.2} times the wall time of go test", ratios.len());
    }
    Ok(())
}

fn gostray_test(go: &Toolchain, gostray: &Path, root: &Path) -> Command {
    let mut command = Command::new(gostray);
    for (name, value) in go.command().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("GOSTRAY_GO", go.go()).current_dir(root).args(["test", "-count=1"]);
    command
}

/// The result of each test of `go test -json`.
fn tests(command: &mut Command) -> anyhow::Result<BTreeMap<String, String>> {
    let output = command.output()?;
    let mut tests = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let action = event["Action"].as_str().unwrap_or_default();
        if matches!(action, "pass" | "fail" | "skip") {
            let package = event["Package"].as_str().unwrap_or_default();
            let test = event["Test"].as_str().unwrap_or_default();
            tests.insert(format!("{package} {test}"), action.to_owned());
        }
    }
    ensure!(!tests.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(tests)
}

/// By package, the functions that started what was left behind.
type Left = BTreeMap<String, BTreeSet<String>>;

fn left(command: &mut Command) -> anyhow::Result<Left> {
    let output = command.output()?;
    let mut left = Left::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let package: serde_json::Value = serde_json::from_str(line).context(line.to_owned())?;
        let name = package["target"]["name"].as_str().unwrap_or_default().to_owned();
        if let Some(why) = package["tests"]["not_checked"].as_str() {
            println!("  {name} NOT CHECKED: {why}");
        }
        let groups = package["groups"].as_array().cloned().unwrap_or_default();
        // goleak counts what the package itself has started, too.
        let creators = groups.iter().filter_map(|group| group["created_at"]["function"].as_str());
        left.entry(name).or_default().extend(creators.map(str::to_owned));
    }
    Ok(left)
}

/// Compares with goleak where a package has no `TestMain` of its own.
fn compare(go: &Toolchain, root: &Path, left: &Left) -> anyhow::Result<()> {
    let (mut both, mut compared) = (0, 0);
    for (package, ours) in left {
        let format = "{{.Dir}}\t{{.Name}}\t{{join .TestGoFiles \" \"}}\t{{join .XTestGoFiles \" \"}}";
        let listed = go.command().args(["list", "-f", format, package]).current_dir(root).output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).trim_end_matches('\n').to_owned();
        let [folder, name, inside, outside] = listed.split('\t').collect::<Vec<_>>()[..] else { continue };
        let files = || inside.split(' ').chain(outside.split(' ')).filter(|file| !file.is_empty());
        let has_main = files().any(|file| {
            fs::read_to_string(Path::new(folder).join(file)).is_ok_and(|text| text.contains("func TestMain("))
        });
        if has_main {
            continue;
        }
        let name = if inside.is_empty() { format!("{name}_test") } else { name.to_owned() };
        let file = Path::new(folder).join("zz_goleak_test.go");
        let text = format!(
            "package {name}\n\nimport (\n\t\"testing\"\n\n\t\"go.uber.org/goleak\"\n)\n\nfunc TestMain(m *testing.M) {{ goleak.VerifyTestMain(m) }}\n"
        );
        fs::write(&file, text)?;
        let output =
            go.command().args(["test", "-count=1", package]).env("GOFLAGS", "-mod=mod").current_dir(root).output()?;
        fs::remove_file(&file)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if text.contains("[build failed]") || text.contains("[setup failed]") {
            println!("  {package} LEFT OUT: goleak could not be built in");
            continue;
        }
        compared += 1;
        let theirs: BTreeSet<String> = text
            .lines()
            .skip_while(|line| !line.contains("found unexpected goroutines"))
            .filter_map(|line| line.trim().strip_prefix("created by "))
            .map(|line| line.split(" in goroutine").next().unwrap_or(line).to_owned())
            .collect();
        both += theirs.intersection(ours).count();
        for only in theirs.difference(ours) {
            println!("  {package}: only goleak reports what {only} started");
        }
        for only in ours.difference(&theirs) {
            println!("  {package}: only gostray reports what {only} started");
        }
    }
    println!("  {compared} packages compared with goleak: {both} creators reported by both");
    Ok(())
}

/// Packages with tests.
fn packages(go: &Toolchain, root: &Path) -> anyhow::Result<Vec<String>> {
    let format = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}";
    let output = go.command().args(["list", "-f", format, "./..."]).current_dir(root).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Files of the module cache can't be written, and nothing may be added to them.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

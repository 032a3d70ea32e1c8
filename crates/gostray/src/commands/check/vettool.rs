//! `go vet -vettool=$(which gostray)`: the go command asks for a version and for flags, and then runs gostray for
//! each package with the name of a file that describes it. The protocol is that of
//! `golang.org/x/tools/go/analysis/unitchecker`.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Parser as _;
use gostray_check::{Finding, Place, Safety};
use serde::Deserialize;
use serde_json::json;

use super::{What, look};
use crate::cli::{Cli, Command};
use crate::exit::Exit;

/// What the go command says of a package; it says more than is asked here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Unit {
    /// The package and its variant: `fmt [fmt.test]`.
    #[serde(rename = "ID")]
    id: String,
    dir: PathBuf,
    #[serde(default)]
    go_files: Vec<PathBuf>,
    /// Only facts about it are wanted, for packages that need it. gostray reads the source instead.
    #[serde(default)]
    vetx_only: bool,
    /// Where facts go. The go command remembers that a package was looked at only if there is such a file.
    #[serde(default)]
    vetx_output: PathBuf,
    /// Where the findings go, since Go 1.26.
    #[serde(default)]
    stdout: PathBuf,
}

/// Does the go command speak? Then this is what it gets.
pub(crate) fn answer(args: &[OsString]) -> Option<anyhow::Result<Exit>> {
    let texts: Option<Vec<&str>> = args.iter().skip(1).map(|arg| arg.to_str()).collect();
    match texts?.as_slice() {
        ["-V=full"] => Some(version()),
        ["-flags"] => Some(flags()),
        [flags @ .., unit] if unit.ends_with(".cfg") && flags.iter().all(|flag| flag.starts_with('-')) => {
            Some(run(flags, Path::new(unit)))
        }
        _ => None,
    }
}

/// The go command runs a tool again for a package only if this line has changed, so it has what findings depend on
/// beside the source: this build of gostray, and the configuration.
fn version() -> anyhow::Result<Exit> {
    let mut hasher = DefaultHasher::new();
    let file = std::env::current_exe()?.metadata()?;
    (file.len(), file.modified()?).hash(&mut hasher);
    let base = std::env::current_dir()?;
    let config = base.ancestors().find_map(|folder| std::fs::read(folder.join("gostray.toml")).ok());
    config.hash(&mut hasher);
    writeln!(std::io::stdout(), "gostray version {} build {:016x}", env!("CARGO_PKG_VERSION"), hasher.finish())?;
    Ok(Exit::Clean)
}

fn flags() -> anyhow::Result<Exit> {
    let flags = json!([
        {"Name": "json", "Bool": true, "Usage": "print findings as JSON"},
        {"Name": "hygiene", "Bool": true, "Usage": "report what only makes leaks easy, too"},
    ]);
    writeln!(std::io::stdout(), "{flags}")?;
    Ok(Exit::Clean)
}

fn run(flags: &[&str], path: &Path) -> anyhow::Result<Exit> {
    let (mut is_json, mut hygiene) = (false, false);
    for flag in flags {
        match flag.trim_start_matches('-') {
            "json" | "json=true" => is_json = true,
            "hygiene" | "hygiene=true" => hygiene = true,
            "json=false" | "hygiene=false" => {}
            "fix" | "fix=true" => bail!("go vet -fix can't apply gostray's fixes: use gostray check --fix"),
            _ => bail!("go vet has no flag {flag} with gostray; there are -json and -hygiene"),
        }
    }
    let text = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    let unit: Unit = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not what go vet writes for its tools", path.display()))?;
    if !unit.vetx_output.as_os_str().is_empty() {
        File::create(&unit.vetx_output).with_context(|| format!("can't write {}", unit.vetx_output.display()))?;
    }
    if unit.vetx_only {
        return Ok(Exit::Clean);
    }
    let mut command = vec!["gostray", "check", "."];
    let has_tests = unit.go_files.iter().any(|file| file.to_string_lossy().ends_with("_test.go"));
    command.push(if has_tests { "--tests=true" } else { "--tests=false" });
    command.extend(hygiene.then_some("--hygiene"));
    let Command::Check(args) = Cli::try_parse_from(command)?.command else { bail!("gostray check is gone") };
    // The go command keeps what is found.
    let found = look(&What::anew(&args), &unit.dir)?;
    for note in &found.notes {
        anstream::eprintln!("gostray: {note}");
    }
    // The tests of another package in the same folder come as a unit of their own.
    let findings: Vec<&Finding> =
        found.report.findings.iter().filter(|finding| unit.has(&finding.place.file)).collect();
    // The go command would keep it that there is nothing.
    let is_whole = found.report.failed.is_empty();
    if is_json {
        let text = json!({ unit.id.as_str(): by_rule(&findings) }).to_string();
        if unit.stdout.as_os_str().is_empty() {
            writeln!(std::io::stdout(), "{text}")?;
        } else {
            std::fs::write(&unit.stdout, text).with_context(|| format!("can't write {}", unit.stdout.display()))?;
        }
        return Ok(if is_whole { Exit::Clean } else { Exit::Failure });
    }
    for finding in &findings {
        writeln!(std::io::stderr(), "{}: {}", at(&finding.place), said(finding))?;
    }
    Ok(match findings.is_empty() {
        _ if !is_whole => Exit::Failure,
        true => Exit::Clean,
        false => Exit::Leaks,
    })
}

impl Unit {
    /// Is a file in it? Those that use cgo come as what cgo made of them.
    fn has(&self, file: &Path) -> bool {
        let of_cgo = file.file_stem().map(|stem| {
            let mut name = stem.to_owned();
            name.push(".cgo1.go");
            name
        });
        self.go_files.iter().any(|own| own == file || own.file_name() == of_cgo.as_deref())
    }
}

/// The findings in the form of `analysisflags.JSONTree`.
fn by_rule(findings: &[&Finding]) -> serde_json::Value {
    let mut tree = serde_json::Map::new();
    for finding in findings {
        let related: Vec<_> = finding
            .path
            .iter()
            .map(|step| json!({"posn": at(&step.place), "end": end(&step.place), "message": step.note}))
            .collect();
        let fixes = finding.fix.iter().filter(|fix| fix.safety != Safety::Display && !fix.edits.is_empty());
        let fixes: Vec<_> = fixes
            .map(|fix| {
                let edits = fix
                    .edits
                    .iter()
                    .map(|edit| json!({"filename": edit.file, "start": edit.start, "end": edit.end, "new": edit.text}));
                json!({"message": fix.title, "edits": edits.collect::<Vec<_>>()})
            })
            .collect();
        let entry = tree.entry(finding.rule.code).or_insert_with(|| json!([]));
        if let Some(list) = entry.as_array_mut() {
            list.push(json!({
                "category": finding.tier.word(),
                "posn": at(&finding.place),
                "end": end(&finding.place),
                "message": said(finding),
                "suggested_fixes": fixes,
                "related": related,
            }));
        }
    }
    tree.into()
}

fn said(finding: &Finding) -> String {
    format!("{} ({} {}, {})", finding.message, finding.rule.code, finding.rule.name, finding.tier.word())
}

fn at(place: &Place) -> String {
    format!("{}:{}:{}", place.file.display(), place.position.line, place.position.column)
}

fn end(place: &Place) -> String {
    format!("{}:{}:{}", place.file.display(), place.end_position.line, place.end_position.column)
}

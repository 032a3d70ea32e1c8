//! How far fixes hold, without changing a file: the go command builds and tests the packages with the fixed files laid
//! over those that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use gostray_check::{Finding, Safety, plan};
use gostray_explain::Verified;
use gostray_toolchain::{Request, Toolchain};

use crate::cli::ExplainVerify;

/// Verifies fixes, the same one once.
pub(super) struct Verifier {
    wanted: ExplainVerify,
    go: Option<Toolchain>,
    /// By file and place of the fix.
    known: BTreeMap<(PathBuf, u32), Option<Verified>>,
}

impl Verifier {
    pub(super) fn new(wanted: ExplainVerify) -> anyhow::Result<Self> {
        let go = match wanted {
            ExplainVerify::Parse => None,
            ExplainVerify::Build | ExplainVerify::Test => Some(
                Toolchain::find(Request::Any, &mut |line| anstream::eprintln!("{line}"))
                    .context("--verify needs Go")?,
            ),
        };
        Ok(Self { wanted, go, known: BTreeMap::new() })
    }

    /// Climbs as far as was asked for; `None` where there is no fix that can be made.
    pub(super) fn verify(&mut self, finding: &Finding) -> anyhow::Result<Option<Verified>> {
        let key = (finding.place.file.clone(), finding.place.start);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let verified = self.climb(finding)?;
        self.known.insert(key, verified.clone());
        Ok(verified)
    }

    fn climb(&self, finding: &Finding) -> anyhow::Result<Option<Verified>> {
        let plan = plan(std::slice::from_ref(finding), Safety::Unsafe)
            .map_err(|(path, error)| anyhow::Error::new(error).context(format!("can't read {}", path.display())))?;
        if plan.changes.is_empty() {
            return Ok(None);
        }
        let Some(go) = &self.go else { return Ok(Some(Verified::Parses)) };
        let folder = tempfile::tempdir().context("no folder for temporary files")?;
        let mut replaced = serde_json::Map::new();
        for (number, change) in plan.changes.iter().enumerate() {
            let path = folder.path().join(format!("{number}.go"));
            std::fs::write(&path, &change.after).with_context(|| path.display().to_string())?;
            replaced.insert(change.path.display().to_string(), path.display().to_string().into());
        }
        let overlay = folder.path().join("overlay.json");
        std::fs::write(&overlay, serde_json::json!({ "Replace": replaced }).to_string())
            .with_context(|| overlay.display().to_string())?;
        let overlay = format!("-overlay={}", overlay.display());
        let run = |folder: &Path, args: &[&str]| {
            go.command().current_dir(folder).args(args).args([&overlay, "."]).output().context("can't run go")
        };
        let mut verified = Verified::Builds;
        let folders: BTreeSet<&Path> = plan.changes.iter().filter_map(|change| change.path.parent()).collect();
        for folder in folders {
            if !run(folder, &["build", "-o", "/dev/null"])?.status.success() {
                return Ok(Some(Verified::Fails("go build")));
            }
            if !run(folder, &["vet"])?.status.success() {
                return Ok(Some(Verified::Fails("go vet")));
            }
            if self.wanted == ExplainVerify::Test {
                let output = run(folder, &["test", "-count=1"])?;
                if !output.status.success() {
                    return Ok(Some(Verified::Fails("go test")));
                }
                if !String::from_utf8_lossy(&output.stdout).contains("[no test files]") {
                    verified = Verified::Tested;
                }
            }
        }
        Ok(Some(verified))
    }
}

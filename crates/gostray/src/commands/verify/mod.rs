//! How far fixes hold.
//!
//! | module | subject |
//! |---|---|
//! | `overlay` | files laid over those that are there: none is changed |
//! | `packages` | `go build`, `go vet`, `go test` |
//! | `witness` | a test that fails without a fix and passes with it |
//! | `bounded` | runs something of the user's, and ends it |

mod bounded;
mod overlay;
mod packages;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use gostray_check::{Finding, Safety, Witnessed, plan, witness_test};
use gostray_explain::Verified;
use gostray_golang::build::Context;
use gostray_toolchain::{Request, Toolchain};

use crate::cli::ExplainVerify;

pub(super) use overlay::Overlay;
pub(super) use packages::try_out;
pub(super) use witness::{Sides, witness};

/// The go command that verifies.
pub(super) fn go() -> anyhow::Result<Toolchain> {
    Toolchain::find(Request::Any, &mut |line| anstream::eprintln!("{line}")).context("--verify needs Go")
}

/// Verifies fixes, the same one once.
pub(super) struct Verifier {
    wanted: ExplainVerify,
    go: Option<Toolchain>,
    context: Context,
    /// By file and place of the fix.
    known: BTreeMap<(PathBuf, u32), Option<Verified>>,
}

impl Verifier {
    pub(super) fn new(wanted: ExplainVerify, context: Context) -> anyhow::Result<Self> {
        let go = match wanted {
            ExplainVerify::Parse => None,
            ExplainVerify::Build | ExplainVerify::Test | ExplainVerify::Witness => Some(go()?),
        };
        Ok(Self { wanted, go, context, known: BTreeMap::new() })
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
        let mut overlay = Overlay::new()?;
        for change in &plan.changes {
            overlay.lay(&change.path, &change.after)?;
        }
        let mut verified = Verified::Builds;
        let folders: BTreeSet<&Path> = plan.changes.iter().filter_map(|change| change.path.parent()).collect();
        for folder in folders {
            match try_out(go, folder, Some(&overlay), self.wanted != ExplainVerify::Build)? {
                fails @ Verified::Fails(_) => return Ok(Some(fails)),
                Verified::Tested => verified = Verified::Tested,
                _ => {}
            }
        }
        if self.wanted == ExplainVerify::Witness {
            let after = plan.changes.into_iter().map(|change| (change.path, change.after)).collect();
            let sides = Sides { before: Vec::new(), after };
            verified = match witness(go, &witness_test(finding, &self.context), &sides, &self.context.tags)? {
                Witnessed::By(witness) => Verified::Witnessed(witness),
                Witnessed::Not(why) => Verified::NoWitness { below: Box::new(verified), why },
            };
        }
        Ok(Some(verified))
    }
}

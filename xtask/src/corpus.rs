//! What `gostray check` finds in real modules, kept beside the checker: a change of the rules shows what it
//! changes there.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use gostray_check::{Config, Options, Tier};
use gostray_golang::build::Context;
use gostray_golang::module::{Places, Workspace};
use gostray_golang::package::{World, folders};

use crate::checkout;
use crate::oracle::{corpus, newest};

/// Maintained modules that no rule was made for, pinned so that a difference is ours.
const MODULES: &[&str] = &[
    "code.gitea.io/gitea@v1.25.1",
    "github.com/argoproj/argo-cd/v3@v3.2.1",
    "github.com/cilium/cilium@v1.18.4",
    "github.com/cockroachdb/pebble@v1.1.5",
    "github.com/ethereum/go-ethereum@v1.16.7",
    "github.com/hashicorp/nomad@v1.11.0",
    "github.com/hashicorp/vault@v1.21.1",
    "github.com/influxdata/influxdb/v2@v2.7.12",
    "github.com/nats-io/nats-server/v2@v2.12.2",
    "github.com/prometheus/prometheus@v0.308.0",
    "github.com/rclone/rclone@v1.71.2",
    "k8s.io/client-go@v0.35.0",
    "k8s.io/kubernetes@v1.34.2",
    "tailscale.com@v1.92.2",
];

/// Writes what is found in every module.
pub(crate) fn run() -> anyhow::Result<()> {
    let go = newest()?;
    let into = checkout().join("crates/gostray-check/corpus");
    let (mut all, mut proven) = (0usize, Vec::new());
    println!("{:<45} {:>9} {:>7} {:>7} {:>8}", "module", "lines", "proven", "likely", "");
    for module in MODULES {
        let root = corpus::fetch(&go, module)?;
        let start = Instant::now();
        let report = check(&root).with_context(|| (*module).to_owned())?;
        let of = |tier| report.findings.iter().filter(|finding| finding.tier == tier).count();
        let seconds = start.elapsed().as_secs_f64();
        let (sure, likely) = (of(Tier::Proven), of(Tier::Likely));
        println!("{module:<45} {:>9} {sure:>7} {likely:>7} {seconds:>6.1} s", report.lines);
        all += report.lines;
        proven.push(sure as f64 * 10_000.0 / report.lines.max(1) as f64);
        let lines: Vec<String> = report
            .findings
            .iter()
            .map(|finding| {
                let path = finding.place.file.strip_prefix(&root).unwrap_or(&finding.place.file).display();
                let (line, rule) = (finding.place.position.line, finding.rule);
                format!("{path}:{line} {} {} {}\n", rule.code, finding.tier.word(), finding.message)
            })
            .collect();
        fs::write(into.join(module.replace('/', "+") + ".txt"), lines.concat())?;
    }
    proven.sort_by(f64::total_cmp);
    println!("{all} lines; proven on 10,000 lines of the median module: {:.2}", proven[proven.len() / 2]);
    Ok(())
}

/// Checks a module as a user would.
pub(crate) fn check(root: &Path) -> anyhow::Result<gostray_check::Report> {
    let workspace = Workspace::of(root, Places::find())?;
    let (folders, _) = folders(&workspace, root, &["./...".to_owned()])?;
    let mut world = World::new(workspace, Context::default());
    world.open(&folders, true);
    let options = Options { tier: Tier::Likely, tests: true, config: Config::default(), root: root.to_owned() };
    Ok(gostray_check::check(&world, &options, None, &|| {}))
}

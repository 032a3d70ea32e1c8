//! `gostray.findings/v1`: stable from the first release; fields are added, never renamed.

use std::io::{self, Write};
use std::path::Path;

use gostray_check::{Finding, Fix, Fixed, Place, Witness, Witnessed};
use schemars::JsonSchema;
use serde::Serialize;

use crate::findings::{FindingsReport, shown};

const SCHEMA: &str = "gostray.findings/v1";

/// The leaks that were found in source.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "gostray.findings/v1")]
pub(crate) struct FindingsJson {
    /// Always `gostray.findings/v1`.
    schema: &'static str,
    /// How many files were looked at.
    files: usize,
    /// How many lines they have.
    lines: usize,
    /// How many packages.
    packages: usize,
    /// How long it took, in milliseconds.
    elapsed_ms: u64,
    /// What could not be read.
    notes: Vec<String>,
    /// The findings, by file and line.
    findings: Vec<FindingJson>,
    /// With `--fix`: what was mended, which is no finding any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fixed: Vec<FixedJson>,
}

/// A fix that was made.
#[derive(Serialize, JsonSchema)]
struct FixedJson {
    /// What it mends, where that was before.
    finding: FindingJson,
    /// The highest rung of verification that it reached, of those that were asked for: `parse`, `check`, `build`, `test`
    /// or `witness`.
    verified: &'static str,
    /// The call that leaves goroutines without it, and none with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<WitnessJson>,
    /// Where a witness was asked for and there is none: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_witness: Option<String>,
}

/// A call that witnesses a fix.
#[derive(Serialize, JsonSchema)]
struct WitnessJson {
    /// The call, with its arguments.
    call: String,
    /// How often it was made without the fix.
    runs_before: u32,
    /// How many of these left goroutines.
    leaked_before: u32,
    /// How often it was made with the fix: none of these left anything.
    runs_after: u32,
    /// What is left without the fix.
    left: Vec<LeftJson>,
}

/// Goroutines that a call leaves.
#[derive(Serialize, JsonSchema)]
struct LeftJson {
    /// How many.
    count: u32,
    /// How they wait.
    state: String,
    /// In which function.
    function: String,
    /// It is the call itself, which does not return.
    is_call: bool,
}

/// A finding. Lines and columns begin at 1, columns count bytes.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FindingJson {
    /// `GS101`
    rule: &'static str,
    /// `early-return-send`
    name: &'static str,
    /// `proven`, `likely` or `hygiene`.
    tier: &'static str,
    /// What is wrong.
    message: String,
    /// Why it matters here.
    why: String,
    /// The file, relative to where gostray was called.
    file: String,
    /// The line.
    line: u32,
    /// The column.
    column: u32,
    /// The line it ends in.
    end_line: u32,
    /// The column behind its end.
    end_column: u32,
    /// The function.
    function: String,
    /// Where the goroutine is started that stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    spawned_at: Option<PlaceJson>,
    /// Where it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks_at: Option<PlaceJson>,
    /// What happens, in order.
    path: Vec<StepJson>,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<FixJson>,
    /// The same for the same finding when lines move.
    fingerprint: String,
    /// With `--profile`: how many goroutines wait because of it.
    #[serde(default, skip_serializing_if = "is_none")]
    live: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// A place.
#[derive(Serialize, JsonSchema)]
struct PlaceJson {
    /// The file.
    file: String,
    /// The line.
    line: u32,
}

/// A place, and what happens there.
#[derive(Serialize, JsonSchema)]
struct StepJson {
    /// The file.
    file: String,
    /// The line.
    line: u32,
    /// The column.
    column: u32,
    /// What happens.
    note: String,
}

/// A fix.
#[derive(Serialize, JsonSchema)]
struct FixJson {
    /// `safe`, `unsafe` or `display`.
    safety: &'static str,
    /// What it does.
    title: String,
    /// Its changes; none for what is only said.
    edits: Vec<EditJson>,
}

/// Bytes of a file to be replaced.
#[derive(Serialize, JsonSchema)]
struct EditJson {
    /// The file.
    file: String,
    /// The first byte, from 0.
    start: u32,
    /// The first byte that stays.
    end: u32,
    /// What comes in its place.
    text: String,
}

/// The JSON Schema of `gostray.findings/v1`.
#[must_use]
pub fn findings_schema() -> String {
    let schema = schemars::schema_for!(FindingsJson);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let json = FindingsJson {
        schema: SCHEMA,
        files: report.report.files,
        lines: report.report.lines,
        packages: report.report.packages,
        elapsed_ms: u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX),
        notes: report.notes.to_vec(),
        findings: report.findings().iter().map(|finding| of(report.base, finding)).collect(),
        fixed: report.fixed.iter().map(|fixed| fixed_of(report.base, fixed)).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)
}

/// A finding as JSON.
pub(crate) fn of(base: &Path, finding: &Finding) -> FindingJson {
    let place = |place: &Place| PlaceJson { file: shown(base, &place.file), line: place.position.line };
    FindingJson {
        rule: finding.rule.code,
        name: finding.rule.name,
        tier: finding.tier.word(),
        message: finding.message.clone(),
        why: finding.why.clone(),
        file: shown(base, &finding.place.file),
        line: finding.place.position.line,
        column: finding.place.position.column,
        end_line: finding.place.end_position.line,
        end_column: finding.place.end_position.column,
        function: finding.function.clone(),
        spawned_at: finding.spawned_at.as_ref().map(place),
        blocks_at: finding.blocks_at.as_ref().map(place),
        path: finding
            .path
            .iter()
            .map(|step| StepJson {
                file: shown(base, &step.place.file),
                line: step.place.position.line,
                column: step.place.position.column,
                note: step.note.clone(),
            })
            .collect(),
        fix: finding.fix.as_ref().map(|fix| fix_of(base, fix)),
        fingerprint: finding.fingerprint.clone(),
        live: finding.live,
    }
}

fn fixed_of(base: &Path, fixed: &Fixed) -> FixedJson {
    let (witness, no_witness) = match &fixed.witnessed {
        None => (None, None),
        Some(Witnessed::By(witness)) => (Some(witness_of(witness)), None),
        Some(Witnessed::Not(why)) => (None, Some(why.clone())),
    };
    FixedJson { finding: of(base, &fixed.finding), verified: fixed.rung.word(), witness, no_witness }
}

fn witness_of(witness: &Witness) -> WitnessJson {
    let left = witness.left.iter().map(|left| LeftJson {
        count: left.count,
        state: left.state.clone(),
        function: left.function.clone(),
        is_call: left.call,
    });
    WitnessJson {
        call: witness.call.clone(),
        runs_before: witness.runs.0,
        leaked_before: witness.leaked,
        runs_after: witness.runs.1,
        left: left.collect(),
    }
}

fn fix_of(base: &Path, fix: &Fix) -> FixJson {
    let edits = fix.edits.iter().map(|edit| EditJson {
        file: shown(base, &edit.file),
        start: edit.start,
        end: edit.end,
        text: edit.text.clone(),
    });
    FixJson { safety: fix.safety.word(), title: fix.title.clone(), edits: edits.collect() }
}

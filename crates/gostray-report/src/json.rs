//! `gostray.snapshot/v1`: stable from the first release; fields are added, never renamed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use gostray_model::{ChangeKind, Frame, Snapshot, Target};
use gostray_verdict::Judged;
use schemars::JsonSchema;
use serde::Serialize;

use crate::findings::FindingJson;
use crate::{Detail, DiffReport, Report};

/// So many holders of a group are named.
const MAX_HOLDERS: usize = 16;
const SCHEMA: &str = "gostray.snapshot/v1";

/// The goroutines of one process at one instant, grouped and judged.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "gostray.snapshot/v1")]
pub(crate) struct SnapshotJson {
    /// Always `gostray.snapshot/v1`.
    schema: &'static str,
    /// The process.
    target: TargetJson,
    /// When it was taken, RFC 3339; empty where unknown.
    taken_at: String,
    /// How long the process was held up for it, in nanoseconds.
    pause_ns: u64,
    /// Is nothing known to be missing?
    pub(crate) complete: bool,
    /// What is missing, what to be wary of, and how each fact was got.
    pub(crate) notes: Vec<String>,
    /// How many goroutines the snapshot holds.
    pub(crate) goroutines: u64,
    /// The groups, most suspicious first.
    pub(crate) groups: Vec<GroupJson>,
    /// In a diff: the snapshot that this one is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<BeforeJson>,
    /// Of `gostray test`: how the package did whose tests left these goroutines behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tests: Option<TestsJson>,
}

/// How a package did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TestsJson {
    /// `passed`, `failed`, `build failed` or `interrupted`.
    pub(crate) status: &'static str,
    /// How long it ran, as `go test` says it; 0 from the cache.
    pub(crate) elapsed_ms: u64,
    /// The result is from the cache of `go test`.
    pub(crate) cached: bool,
    /// Tests that passed, subtests included.
    pub(crate) passed: usize,
    /// Tests that failed.
    pub(crate) failed: usize,
    /// Tests that were skipped.
    pub(crate) skipped: usize,
    /// Why it could not be seen whether its tests leave something behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_checked: Option<String>,
}

/// Of `gostray test`: whose goroutines these are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TestLeakJson {
    /// The test, with its subtest; empty where it is none's.
    pub(crate) name: String,
    /// `test`, `package` (they were there before the tests) or `unknown`.
    pub(crate) origin: &'static str,
    /// For how long they were seen after their test had ended, in nanoseconds.
    pub(crate) stayed_ns: u64,
    /// They ended before the last test did.
    pub(crate) ended: bool,
    /// They fail the run.
    pub(crate) is_new: bool,
    /// Why they don't: who knows them, or says that they are meant to stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<String>,
    /// The rule of `check` that is about the same statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// What it would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

/// A process; what the source does not tell is empty or 0.
#[derive(Serialize, JsonSchema)]
struct TargetJson {
    /// `url`, `file`, `process` or `core`.
    kind: &'static str,
    /// What the user called it.
    name: String,
    /// Its process id.
    pid: u32,
    /// The Go release that built it.
    go_version: String,
    /// The build id of its executable.
    build_id: String,
    /// Its main module.
    module: String,
    /// When the process started, RFC 3339.
    started_at: String,
}

/// The first snapshot of a diff.
#[derive(Serialize, JsonSchema)]
struct BeforeJson {
    /// The process.
    target: TargetJson,
    /// When it was taken, RFC 3339.
    taken_at: String,
    /// How many goroutines it holds.
    goroutines: u64,
}

/// Goroutines of one kind that share a verdict.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GroupJson {
    /// The identity of the kind, 16 hex digits; the same across deploys and Go upgrades.
    signature: String,
    /// How many goroutines.
    count: u64,
    /// The runtime's own wait reason of the commonest stack.
    state: String,
    /// `proven`, `likely`, `suspect`, `unknown` or `normal`.
    verdict: &'static str,
    /// What the verdict rests on.
    evidence: Vec<EvidenceJson>,
    /// The longest known wait in nanoseconds; 0 where none is known.
    oldest_wait_ns: u64,
    /// The first frame outside the standard library, or the start function.
    blocked_at: PlaceJson,
    /// The `go` statement, where the source has it.
    created_at: PlaceJson,
    /// The commonest stack, innermost frame first.
    stack: Vec<PlaceJson>,
    /// The ids of its goroutines, rising, where known.
    goroutine_ids: Vec<u64>,
    /// The pprof labels that all of them share.
    labels: BTreeMap<String, String>,
    /// Bytes reachable only through them, their stacks included; 0 where not measured.
    retained_bytes: u64,
    /// Who keeps them from being proven, the commonest first, where known.
    held_by: Vec<String>,
    /// Its distinct stacks, where there is more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    variants: Vec<VariantJson>,
    /// In a diff: `new`, `grown`, `same`, `shrunk` or `gone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    /// In a diff: goroutines of this signature before.
    #[serde(skip_serializing_if = "Option::is_none")]
    count_before: Option<u64>,
    /// With `--goroutines`: each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<MemberJson>,
    /// Of `gostray test`: whose they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) test: Option<TestLeakJson>,
    /// Of `explain`: what the source says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<ExplanationJson>,
}

/// What the source says of a group of goroutines.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExplanationJson {
    /// The finding of `check` that is about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finding: Option<FindingJson>,
    /// Where there is none: who could wake it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) accounts: Vec<AccountJson>,
    /// The function of a dependency that started them, where the finding is about what that gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) started_by: Option<String>,
    /// How far the fix of the finding was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verified: Option<String>,
    /// Why the source says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unknown: Option<String>,
    /// What does not fit between the binary and the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) misfits: Vec<String>,
}

/// Who could wake what waits.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccountJson {
    /// How it waits, and for what: `receives from items`.
    pub(crate) waits: String,
    /// What would end that.
    pub(crate) ended_by: &'static str,
    /// Where that is made.
    pub(crate) made: Vec<String>,
    /// Who could do it: `path:line:column: function receives`.
    pub(crate) wakers: Vec<String>,
    /// There are none but these.
    pub(crate) is_whole: bool,
}

/// A fact.
#[derive(Serialize, JsonSchema)]
struct EvidenceJson {
    /// `proof`, `age`, `count`, `growth`, `static`, `peer` or `known`.
    kind: &'static str,
    /// The fact.
    detail: String,
}

/// A place in the source.
#[derive(Serialize, JsonSchema, Default)]
struct PlaceJson {
    /// The function's symbol name.
    function: String,
    /// The file as compiled.
    file: String,
    /// The line, from 1; 0 where unknown.
    line: u32,
}

/// One distinct stack of a group.
#[derive(Serialize, JsonSchema)]
struct VariantJson {
    /// How many goroutines have it.
    count: u64,
    /// Their wait reason.
    state: String,
    /// The stack, innermost frame first.
    stack: Vec<PlaceJson>,
    /// The `go` statement.
    created_at: PlaceJson,
}

/// One goroutine, or several that the source does not tell apart.
#[derive(Serialize, JsonSchema)]
struct MemberJson {
    /// Its id; 0 where unknown.
    id: u64,
    /// How many it stands for.
    count: u32,
    /// Its wait reason.
    state: String,
    /// How long it has waited in nanoseconds; 0 where unknown.
    wait_ns: u64,
    /// The goroutine that started it; 0 where unknown.
    creator_id: u64,
    /// Its labels.
    labels: BTreeMap<String, String>,
}

/// The JSON Schema of the output.
#[must_use]
pub fn snapshot_schema() -> String {
    let schema = schemars::schema_for!(SnapshotJson);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

pub(crate) fn write_report(report: &Report<'_>, detail: &Detail, out: &mut dyn Write) -> io::Result<()> {
    let mut json = head(report.snapshot);
    json.groups = report.judged.iter().map(|judged| group(report.snapshot, judged)).collect();
    if detail.goroutines {
        for (json, judged) in json.groups.iter_mut().zip(report.judged) {
            json.members = members(report.snapshot, judged);
        }
    }
    write(&json, out)
}

pub(crate) fn write_diff(report: &DiffReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut json = head(report.after);
    json.before = Some(BeforeJson {
        target: target(&report.before.target),
        taken_at: timestamp(report.before.taken_at),
        goroutines: report.before.goroutines(),
    });
    for change in &report.diff.changes {
        let kind = change.kind();
        for judged in &report.judged(change) {
            let mut one = group(report.side(change), judged);
            if kind == ChangeKind::Gone {
                one.count = 0;
                one.goroutine_ids = Vec::new();
            }
            one.change = Some(match kind {
                ChangeKind::New => "new",
                ChangeKind::Grown => "grown",
                ChangeKind::Same => "same",
                ChangeKind::Shrunk => "shrunk",
                ChangeKind::Gone => "gone",
            });
            one.count_before = Some(change.before);
            json.groups.push(one);
        }
    }
    write(&json, out)
}

fn write(json: &SnapshotJson, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, json)?;
    writeln!(out)
}

pub(crate) fn head(snapshot: &Snapshot) -> SnapshotJson {
    SnapshotJson {
        schema: SCHEMA,
        target: target(&snapshot.target),
        taken_at: timestamp(snapshot.taken_at),
        pause_ns: nanos(snapshot.pause),
        complete: snapshot.is_complete(),
        notes: snapshot.notes.iter().map(|note| note.text.clone()).collect(),
        goroutines: snapshot.goroutines(),
        groups: Vec::new(),
        before: None,
        tests: None,
    }
}

fn target(target: &Target) -> TargetJson {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    TargetJson {
        kind: target.kind.as_str(),
        name: target.name.clone(),
        pid: target.pid.unwrap_or(0),
        go_version: text(&target.go_version),
        build_id: text(&target.build_id),
        module: text(&target.module),
        started_at: timestamp(target.started_at),
    }
}

pub(crate) fn group(snapshot: &Snapshot, judged: &Judged) -> GroupJson {
    let Judged { group, judgement } = judged;
    let tables = &snapshot.tables;
    let stack = |stack: &gostray_model::Stack| stack.frames.iter().map(|id| place(Some(tables.frame(*id)))).collect();
    let variants = group.variants.iter().filter(|_| group.variants.len() > 1);
    GroupJson {
        signature: group.signature.to_string(),
        count: group.count,
        state: group.state(tables).to_owned(),
        verdict: judgement.verdict.as_str(),
        evidence: judgement
            .evidence
            .iter()
            .map(|e| EvidenceJson { kind: e.kind.as_str(), detail: e.detail.clone() })
            .collect(),
        oldest_wait_ns: nanos(group.oldest),
        blocked_at: place(group.blocked_at(tables)),
        created_at: place(group.created_at(tables)),
        stack: stack(group.stack(tables)),
        goroutine_ids: group.ids.clone(),
        labels: group.labels.clone(),
        retained_bytes: group.retained(snapshot).unwrap_or(0),
        held_by: group.held_by(snapshot).into_iter().take(MAX_HOLDERS).map(|(holder, _)| holder.to_owned()).collect(),
        variants: variants
            .map(|v| {
                let of = tables.stack(v.stack);
                VariantJson {
                    count: v.count,
                    state: tables.status(v.status).reason.to_string(),
                    stack: stack(of),
                    created_at: place(of.created_by.map(|id| tables.frame(id))),
                }
            })
            .collect(),
        change: None,
        count_before: None,
        members: Vec::new(),
        test: None,
        explanation: None,
    }
}

fn members(snapshot: &Snapshot, judged: &Judged) -> Vec<MemberJson> {
    judged
        .group
        .members(snapshot)
        .map(|record| MemberJson {
            id: record.id,
            count: record.count,
            state: snapshot.tables.status(record.status).reason.to_string(),
            wait_ns: nanos(record.age.known()),
            creator_id: record.creator_id,
            labels: snapshot.tables.labels(record.labels).iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        })
        .collect()
}

fn place(frame: Option<&Frame>) -> PlaceJson {
    frame.map_or_else(PlaceJson::default, |f| PlaceJson {
        function: f.function.to_string(),
        file: f.file.to_string(),
        line: f.line,
    })
}

fn nanos(duration: Option<std::time::Duration>) -> u64 {
    duration.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

fn timestamp(time: Option<impl std::fmt::Display>) -> String {
    time.map(|t| t.to_string()).unwrap_or_default()
}

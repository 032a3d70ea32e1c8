//! SARIF 2.1.0, as GitHub's code scanning takes it: at most 5,000 results are shown of a run.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::io::{self, Write};

use gostray_check::{Finding, Place, RULES, Safety, Tier};
use serde_json::{Value, json};

use crate::findings::FindingsReport;

/// GitHub shows no more of a run, and refuses more than 25,000.
const MAX_RESULTS: usize = 5_000;

pub(super) fn write(report: &FindingsReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.code,
                "name": rule.name,
                "shortDescription": {"text": rule.summary()},
                "fullDescription": {"text": rule.summary()},
                "help": {"text": rule.documentation(), "markdown": rule.documentation()},
                "defaultConfiguration": {"level": level(rule.tier)},
            })
        })
        .collect();
    // The surest first: those are kept where there are too many.
    let mut findings: Vec<&Finding> = report.findings().iter().collect();
    findings.sort_by_key(|finding| finding.tier);
    let left_out = findings.len().saturating_sub(MAX_RESULTS);
    findings.truncate(MAX_RESULTS);
    let mut notes: Vec<Value> =
        report.notes.iter().map(|note| json!({"level": "note", "message": {"text": note}})).collect();
    if left_out > 0 {
        let text = format!("{left_out} more findings were left out: code scanning shows {MAX_RESULTS} of a run");
        notes.push(json!({"level": "warning", "message": {"text": text}}));
    }
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "gostray",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notes}],
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "where gostray was called"}}},
            "results": findings.iter().map(|finding| result(report, finding)).collect::<Vec<_>>(),
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn level(tier: Tier) -> &'static str {
    match tier {
        Tier::Proven => "error",
        Tier::Likely => "warning",
        Tier::Hygiene => "note",
    }
}

fn result(report: &FindingsReport<'_>, finding: &Finding) -> Value {
    let index = RULES.iter().position(|rule| rule == finding.rule);
    let mut result = json!({
        "ruleId": finding.rule.code,
        "ruleIndex": index,
        "level": level(finding.tier),
        "message": {"text": format!("{}\n{}", finding.message, finding.why)},
        "locations": [location(report, &finding.place, None)],
        "partialFingerprints": {"gostray/v1": finding.fingerprint},
        "properties": {"tier": finding.tier.word(), "function": finding.function},
    });
    if !finding.path.is_empty() {
        let steps: Vec<Value> = finding
            .path
            .iter()
            .map(|step| json!({"location": location(report, &step.place, Some(&step.note))}))
            .collect();
        result["codeFlows"] = json!([{"threadFlows": [{"locations": steps}]}]);
    }
    if let Some(fix) = finding.fix.as_ref().filter(|fix| fix.safety != Safety::Display && !fix.edits.is_empty()) {
        let changes: Vec<Value> = fix
            .edits
            .iter()
            .map(|edit| {
                json!({
                    "artifactLocation": artifact(report, &edit.file),
                    "replacements": [{
                        "deletedRegion": {"byteOffset": edit.start, "byteLength": edit.end - edit.start},
                        "insertedContent": {"text": edit.text},
                    }],
                })
            })
            .collect();
        result["fixes"] = json!([{"description": {"text": fix.title}, "artifactChanges": changes}]);
    }
    result
}

fn artifact(report: &FindingsReport<'_>, path: &std::path::Path) -> Value {
    // A URI: relative, with slashes, and what is special in one escaped.
    let text = report.path(path).replace('\\', "/");
    let mut uri = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'+' => {
                uri.push(byte as char);
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    if text.starts_with('/') {
        return json!({"uri": format!("file://{uri}")});
    }
    json!({"uri": uri, "uriBaseId": "%SRCROOT%"})
}

fn location(report: &FindingsReport<'_>, place: &Place, note: Option<&str>) -> Value {
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": artifact(report, &place.file),
            "region": {
                "startLine": place.position.line,
                "startColumn": place.position.column,
                "endLine": place.end_position.line,
                "endColumn": place.end_position.column,
            },
        },
    });
    if let Some(note) = note {
        location["message"] = json!({"text": note});
    }
    location
}

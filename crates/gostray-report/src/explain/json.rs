//! `gostray.snapshot/v1`, with an explanation in each group.

use std::io::{self, Write};

use gostray_explain::Cause;

use super::ExplainReport;
use crate::findings::finding_json;
use crate::json::{AccountJson, ExplanationJson, group, head};

pub(super) fn write(report: &ExplainReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut json = head(report.snapshot);
    json.notes.extend(report.notes.iter().cloned());
    for (judged, explanation) in report.judged.iter().zip(report.explanations) {
        let mut one = group(report.snapshot, judged);
        let mut own = ExplanationJson {
            finding: None,
            accounts: Vec::new(),
            unknown: None,
            started_by: explanation.started_by.clone(),
            verified: explanation.verified.as_ref().map(ToString::to_string),
            misfits: explanation.misfits.clone(),
        };
        match &explanation.cause {
            Cause::Finding(finding) => own.finding = Some(finding_json(report.base, finding)),
            Cause::Unknown(why) => own.unknown = Some(why.clone()),
            Cause::Accounts(accounts) => {
                own.accounts = accounts
                    .iter()
                    .map(|account| AccountJson {
                        waits: ExplainReport::waits(account),
                        ended_by: account.waiting.ended_by(),
                        made: account.made.iter().map(|place| report.at(place)).collect(),
                        wakers: account
                            .wakers
                            .iter()
                            .map(|waker| format!("{}: {} {}", report.at(&waker.place), waker.function, waker.what))
                            .collect(),
                        is_whole: account.is_whole,
                    })
                    .collect();
            }
        }
        one.explanation = Some(own);
        json.groups.push(one);
    }
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)
}

//! Edits that several fixes share.

use gostray_golang::ast::StmtId;

use crate::finding::Edit;
use crate::program::Body;

/// A statement goes, with its line where it stands alone there.
pub(crate) fn remove_line(body: &Body<'_>, stmt: StmtId) -> Edit {
    let source = &body.source.source;
    let span = body.ast()[stmt].span;
    let line = source[..span.start as usize].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let is_alone = source[line..span.start as usize].iter().all(|byte| matches!(byte, b' ' | b'\t'))
        && source.get(span.end as usize) == Some(&b'\n');
    let (start, end) =
        if is_alone { (u32::try_from(line).unwrap_or(span.start), span.end + 1) } else { (span.start, span.end) };
    Edit { file: body.source.path.clone(), start, end, text: String::new() }
}

//! Source, however broken: there is a tree, in which everything lies within the file.
#![no_main]

use gostray_golang::ast::Walk;
use gostray_golang::{Bodies, parse};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for bodies in [Bodies::Parse, Bodies::Skip] {
        let parsed = parse(data, bodies);
        let end = u32::try_from(data.len()).unwrap_or(u32::MAX);
        parsed.file.walk(&mut |node, _| {
            let span = parsed.file.ast.span_of(node);
            // A node that is missing stands where it would begin, which may be the end.
            assert!(span.start <= end.saturating_add(1) && span.end <= end.saturating_add(1), "{span:?} of {end}");
            Walk::Into
        });
        assert!(parsed.errors.iter().all(|error| error.at <= end));
    }
});

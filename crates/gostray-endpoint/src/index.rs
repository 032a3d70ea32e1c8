//! What `/debug/pprof/` tells before any profile is taken.

/// The parts of the index page that decide what to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Index {
    /// How many goroutines there are.
    pub(crate) goroutines: u64,
    /// Does the runtime have a leak profile (Go 1.27; 1.26 with an experiment)?
    pub(crate) has_leak_profile: bool,
}

impl Index {
    /// Reads the HTML of `pprof.Index`; `None` if it is another page.
    ///
    /// Rows are `<td>N</td><td><a href='goroutine?debug=1'>goroutine</a></td>`; up to Go 1.10
    /// `<td align=right>N<td><a …>`.
    pub(crate) fn parse(html: &[u8]) -> Option<Self> {
        let html = String::from_utf8_lossy(html);
        let row = &html[..html.find(">goroutine</a>")?];
        let cells = &row[..row.rfind("<a")?];
        let count =
            cells[cells.rfind("<tr")?..].split(['<', '>']).filter_map(|text| text.trim().parse().ok()).next_back()?;
        Some(Self { goroutines: count, has_leak_profile: html.contains(">goroutineleak</a>") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_index_page_of_go() {
        let go_1_27 = b"<table>\n<thead><td>Count</td><td>Profile</td></thead>\n\
            <tr><td>9</td><td><a href='block?debug=1'>block</a></td></tr>\n\
            <tr><td>412</td><td><a href='goroutine?debug=1'>goroutine</a></td></tr>\n\
            <tr><td>0</td><td><a href='goroutineleak?debug=1'>goroutineleak</a></td></tr>\n";
        assert_eq!(Index::parse(go_1_27), Some(Index { goroutines: 412, has_leak_profile: true }));
        let go_1_18 = b"<tr>\n<td>7</td><td><a href=goroutine?debug=1>goroutine</a></td>\n</tr>\n";
        assert_eq!(Index::parse(go_1_18), Some(Index { goroutines: 7, has_leak_profile: false }));
        let go_1_10 = b"<tr><td align=right>31<td><a href=\"goroutine?debug=1\">goroutine</a>";
        assert_eq!(Index::parse(go_1_10), Some(Index { goroutines: 31, has_leak_profile: false }));
    }

    #[test]
    fn another_page_tells_nothing() {
        for html in
            ["", "<html>Sign in</html>", ">goroutine</a>", "<tr><td>x</td><td><a>goroutine</a>", "<a>goroutine</a>"]
        {
            assert_eq!(Index::parse(html.as_bytes()), None, "{html}");
        }
    }
}

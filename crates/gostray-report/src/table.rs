//! Aligned columns that fit a terminal, with East-Asian text too.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::style::{self, paint};

/// Which side of a column its cells stand on, and whether it may be shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Text, never shortened.
    Left,
    /// Numbers.
    Right,
    /// Text that is shortened where the terminal is narrow; the end of a name says most.
    Flexible,
}

/// A cell with its style.
pub(crate) type Cell = (String, Style);

pub(crate) struct Table {
    columns: Vec<(&'static str, Column)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: Vec<(&'static str, Column)>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Writes it within `width` columns, or as wide as it is.
    pub(crate) fn write(&self, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, (title, _))| {
                self.rows.iter().map(|row| row[at].0.width()).chain([title.width()]).max().unwrap_or(0)
            })
            .collect();
        if let Some(width) = width {
            self.fit(&mut widths, width);
        }
        let titles: Vec<Cell> = self.columns.iter().map(|(title, _)| ((*title).to_owned(), style::HEADING)).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            for (at, (text, style)) in row.iter().enumerate() {
                let text = shorten(text, widths[at]);
                let padding = " ".repeat(widths[at].saturating_sub(text.width()));
                let text = paint(*style, &text);
                line += match self.columns[at].1 {
                    Column::Right => format!("{padding}{text}"),
                    _ => format!("{text}{padding}"),
                }
                .as_str();
                line.push_str("  ");
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Takes from the widest flexible column until the row fits or nothing can be taken.
    fn fit(&self, widths: &mut [usize], width: usize) {
        const LEAST: usize = 16;
        let gaps = 2 * (widths.len() - 1);
        while widths.iter().sum::<usize>() + gaps > width {
            let widest = (0..widths.len())
                .filter(|at| self.columns[*at].1 == Column::Flexible && widths[*at] > LEAST)
                .max_by_key(|at| widths[*at]);
            match widest {
                Some(at) => widths[at] -= 1,
                None => break,
            }
        }
    }
}

/// Cuts at the front: `…(*Server).Fetch.func1 server.go:45`.
fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = Vec::new();
    let mut used = 1;
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_at_the_front_and_counts_wide_characters_twice() {
        assert_eq!(shorten("main.(*Server).Fetch", 10), "…er).Fetch");
        assert_eq!(shorten("商店.搜索", 9), "商店.搜索");
        assert_eq!(shorten("商店.搜索", 6), "….搜索");
    }

    #[test]
    fn fits_the_width() {
        let mut table = Table::new(vec![("A", Column::Right), ("NAME", Column::Flexible)]);
        table.row(vec![("1".into(), style::PLAIN), ("x".repeat(60), style::PLAIN)]);
        let mut out = Vec::new();
        table.write(Some(30), &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().lines().skip(1).all(|l| l.width() <= 30));
    }
}

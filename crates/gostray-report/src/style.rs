//! Colours, by meaning.

use anstyle::{AnsiColor, Style};
use gostray_verdict::Verdict;

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const PLAIN: Style = Style::new();
pub(crate) const MORE: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
pub(crate) const LESS: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const CAVEAT: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

pub(crate) fn verdict(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Proven => return MORE.bold(),
        Verdict::Likely => AnsiColor::Red,
        Verdict::Suspect => AnsiColor::Yellow,
        Verdict::Unknown => return PLAIN,
        Verdict::Normal => return DIM,
    };
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

pub(crate) fn caveat(text: &str) -> String {
    paint(CAVEAT, text)
}

pub(crate) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

//! The frame that all pages share. A page is one file that loads nothing: it may be attached to a ticket, and opened
//! where there is no network. It is full of text that a stranger's program gave, so a policy of its own forbids the
//! browser all but the style and the script that are named by their hash, should an escape ever be forgotten.

mod excerpt;

use std::io::{self, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

pub(crate) use excerpt::{Cut, Mark, Sources};

/// What every page looks like; the colours are those of the pages of `serve`.
const STYLE: &str = include_str!("page.css");
/// So many characters of a text are shown: names are shorter, and a hostile one can be as long as memory.
const LONGEST: usize = 600;

/// A page without its content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    /// What the window is called.
    pub(crate) title: &'a str,
    /// What this kind of page adds to the style of all.
    pub(crate) style: &'a str,
    /// Its script; empty where there is none.
    pub(crate) script: &'a str,
}

impl Page<'_> {
    /// Writes the page around its content.
    pub(crate) fn write(
        &self,
        out: &mut dyn Write,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let style = [STYLE, self.style].concat();
        let mut policy = format!("default-src 'none'; base-uri 'none'; form-action 'none'; style-src {}", hash(&style));
        if !self.script.is_empty() {
            policy += &format!("; script-src {}", hash(self.script));
        }
        writeln!(
            out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"referrer\" content=\"no-referrer\"><title>{}</title>\n<style>{style}</style></head>\n<body>",
            text(self.title)
        )?;
        content(out)?;
        if !self.script.is_empty() {
            write!(out, "<script>{}</script>", self.script)?;
        }
        writeln!(out, "</body></html>")
    }
}

/// What a policy calls an inline style or script.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// Text that someone else gave, as content or within a quoted attribute. What can't be seen (control characters, and
/// those that turn the direction of what follows) is written out.
pub(crate) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for (at, character) in text.chars().enumerate() {
        if at == LONGEST {
            escaped.push('…');
            break;
        }
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            hidden if hidden.is_control() || is_direction(hidden) => {
                escaped.extend(hidden.escape_default());
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Does it turn the direction of text? With it a name can look like another.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A verdict or tier, with a shape besides the colour: not everybody tells colours apart. It is one of our own words.
pub(crate) fn verdict(word: &str) -> String {
    let shape = match word {
        "proven" => "●",
        "likely" => "◐",
        "suspect" | "hygiene" => "○",
        "normal" | "clean" => "✓",
        _ => "·",
    };
    format!(
        "<span class=\"verdict {}\"><span aria-hidden=\"true\">{shape}</span> {word}</span>",
        word.replace(' ', "-")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_give_stays_text() {
        assert_eq!(
            text("</script><img src=x onerror='a&\"b'>"),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a&amp;&quot;b&#39;&gt;"
        );
        assert_eq!(text("a\u{1b}[31m\n\u{202e}b\u{0}"), "a\\u{1b}[31m\\n\\u{202e}b\\u{0}");
        assert_eq!(text(&"x".repeat(LONGEST + 1)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn the_policy_names_what_is_in_the_page() {
        let page = Page { title: "<t>", style: ".a{}", script: "let a = 1" };
        let mut out = Vec::new();
        page.write(&mut out, |out| write!(out, "<p>x</p>")).unwrap();
        let page = String::from_utf8(out).unwrap();
        for (open, close, directive) in [("<style>", "</style>", "style-src"), ("<script>", "</script>", "script-src")]
        {
            let inner = page.split_once(open).unwrap().1.split_once(close).unwrap().0;
            assert!(page.contains(&format!("{directive} {}", hash(inner))), "{page}");
        }
        assert!(page.contains("<title>&lt;t&gt;</title>"));
        // The example of the CSP standard.
        assert_eq!(hash("alert('Hello, world.');"), "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
    }
}

//! From bytes to tokens, semicolons that newlines mean included.
//!
//! Positions of tokens and errors are those of `go/scanner`: an error is where that finds one.

use memchr::{memchr, memchr3};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::source::{Span, SyntaxError};
use crate::token::Token;

/// A token, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) span: Span,
    /// A semicolon that a newline or the end means.
    pub(crate) is_implicit: bool,
}

/// Reads the tokens of a file.
pub(crate) struct Lexer<'s> {
    source: &'s [u8],
    at: usize,
    /// The next newline means a semicolon.
    semicolon: bool,
    /// One that a newline in a comment means.
    pending: Option<usize>,
    pub(crate) comments: Vec<Span>,
    pub(crate) errors: Vec<SyntaxError>,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What braces can be in, and they themselves.
const MATTERS: [bool; 256] = {
    let mut matters = [false; 256];
    let all = b"{}`/\"'";
    let mut at = 0;
    while at < all.len() {
        matters[all[at] as usize] = true;
        at += 1;
    }
    matters
};

/// How long a string or rune is, without its quotes; none if its line ends before.
fn quoted(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr3(quote, b'\\', b'\n', &text[at..])?;
        match text[at] {
            b'\\' if text.get(at + 1) != Some(&b'\n') => at += 2,
            byte => return (byte == quote).then_some(at),
        }
        if at > text.len() {
            return None;
        }
    }
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(source: &'s [u8]) -> Self {
        let at = if source.starts_with(BOM) { BOM.len() } else { 0 };
        let mut lexer = Self { source, at, semicolon: false, pending: None, comments: Vec::new(), errors: Vec::new() };
        if source.starts_with(b"\xff\xfe") || source.starts_with(b"\xfe\xff") {
            lexer.error(0, "the file is encoded in UTF-16, not in UTF-8");
            lexer.at = source.len();
        }
        lexer
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Lexeme {
        loop {
            if let Some(at) = self.pending.take() {
                return implicit(at);
            }
            self.skip_white();
            let start = self.at;
            let Some(&first) = self.source.get(start) else {
                if std::mem::take(&mut self.semicolon) {
                    return implicit(start);
                }
                return Lexeme { token: Token::Eof, span: Span::new(start, start), is_implicit: false };
            };
            let token = match first {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => match self.word() {
                    Some(token) => token,
                    // No letter: what a newline means stays as it is.
                    None => {
                        return Lexeme { token: Token::Illegal, span: Span::new(start, self.at), is_implicit: false };
                    }
                },
                b'0'..=b'9' => self.number(),
                b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
                b'\n' => {
                    self.at += 1;
                    self.semicolon = false;
                    return implicit(start);
                }
                b'"' => self.string(),
                b'\'' => self.rune(),
                b'`' => self.raw_string(),
                b'/' if matches!(self.peek(1), Some(b'/' | b'*')) => {
                    self.comment();
                    continue;
                }
                _ => match self.operator(first) {
                    Some(token) => token,
                    None => {
                        self.at += 1;
                        match first {
                            0 => self.error(start, "illegal character NUL"),
                            _ => self.error(start, "illegal character"),
                        }
                        return Lexeme { token: Token::Illegal, span: Span::new(start, self.at), is_implicit: false };
                    }
                },
            };
            self.semicolon = matches!(
                token,
                Token::Ident
                    | Token::Int
                    | Token::Float
                    | Token::Imag
                    | Token::Char
                    | Token::String
                    | Token::Break
                    | Token::Continue
                    | Token::Fallthrough
                    | Token::Return
                    | Token::ParenClose
                    | Token::BracketClose
                    | Token::BraceClose
                    | Token::Inc
                    | Token::Dec
            );
            return Lexeme { token, span: Span::new(start, self.at), is_implicit: false };
        }
    }

    /// Goes behind the brace that closes the block which was just opened, and says where that is. Most of what is read is
    /// bodies of dependencies, and nobody wants their tokens. Does nothing where that needs a closer look.
    pub(crate) fn pass_block(&mut self) -> Option<usize> {
        let source = self.source;
        let (mut at, mut depth) = (self.at, 1usize);
        loop {
            at += source.get(at..)?.iter().position(|byte| MATTERS[usize::from(*byte)])?;
            let rest = &source[at + 1..];
            at += match source[at] {
                b'{' => {
                    depth += 1;
                    1
                }
                b'}' if depth == 1 => break,
                b'}' => {
                    depth -= 1;
                    1
                }
                b'`' => memchr(b'`', rest)? + 2,
                b'/' if rest.first() == Some(&b'/') => memchr(b'\n', rest)? + 1,
                b'/' if rest.first() == Some(&b'*') => memchr::memmem::find(&rest[1..], b"*/")? + 4,
                b'/' => 1,
                quote => quoted(rest, quote)? + 2,
            };
        }
        self.at = at + 1;
        self.semicolon = true;
        Some(self.at)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn error(&mut self, at: usize, message: &'static str) {
        self.errors.push(SyntaxError::new(at, message));
    }

    fn skip_white(&mut self) {
        while let Some(byte) = self.source.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' if !self.semicolon => self.at += 1,
                _ => return,
            }
        }
    }

    /// An identifier or keyword; nothing for a character that is neither, which is an error.
    fn word(&mut self) -> Option<Token> {
        let start = self.at;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let mut is_ascii = true;
        while let Some(0x80..) = self.peek(0) {
            let Some(character) = self.character() else {
                if self.at > start {
                    break;
                }
                self.error(start, "illegal UTF-8 encoding");
                self.at += 1;
                return None;
            };
            let is_letter = character.general_category_group() == GeneralCategoryGroup::Letter;
            let is_digit = character.general_category() == GeneralCategory::DecimalNumber;
            if !is_letter && (!is_digit || self.at == start) {
                if self.at > start {
                    break;
                }
                self.error(
                    start,
                    match character {
                        '\u{feff}' => "illegal byte order mark",
                        '“' | '”' => "curly quotation mark: use a neutral one",
                        _ => "illegal character",
                    },
                );
                self.at += character.len_utf8();
                return None;
            }
            is_ascii = false;
            self.at += character.len_utf8();
            while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                self.at += 1;
            }
        }
        let text = &self.source[start..self.at];
        Some(if is_ascii { Token::keyword(text).unwrap_or(Token::Ident) } else { Token::Ident })
    }

    /// The character here, if it is one.
    fn character(&self) -> Option<char> {
        let bytes = &self.source[self.at..self.source.len().min(self.at + 4)];
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        };
        valid.chars().next()
    }

    /// What of a span is no text.
    fn check_text(&mut self, start: usize, end: usize) {
        let bytes = &self.source[start..end];
        if memchr(0, bytes).is_none() && bytes.is_ascii() {
            return;
        }
        let mut errors: Vec<(usize, &'static str)> =
            memchr::memchr_iter(0, bytes).map(|at| (at, "illegal character NUL")).collect();
        let mut at = 0;
        while let Err(error) = std::str::from_utf8(&bytes[at..]) {
            at += error.valid_up_to();
            errors.push((at, "illegal UTF-8 encoding"));
            at += 1;
        }
        errors.extend(memchr::memmem::find_iter(bytes, BOM).map(|at| (at, "illegal byte order mark")));
        errors.sort_unstable();
        errors.into_iter().for_each(|(at, message)| self.error(start + at, message));
    }

    fn comment(&mut self) {
        let start = self.at;
        let rest = &self.source[start..];
        if rest[1] == b'/' {
            self.at += memchr(b'\n', rest).unwrap_or(rest.len());
        } else {
            match memchr::memmem::find(&rest[2..], b"*/") {
                Some(length) => self.at += length + 4,
                None => {
                    self.error(start, "comment not terminated");
                    self.at = self.source.len();
                }
            }
            if self.semicolon
                && let Some(newline) = memchr(b'\n', &self.source[start..self.at])
            {
                self.pending = Some(start + newline);
                self.semicolon = false;
            }
        }
        self.check_text(start, self.at);
        self.check_line_directive(start);
        self.comments.push(Span::new(start, self.at));
    }

    /// `//line file:12`: the number must be one.
    fn check_line_directive(&mut self, start: usize) {
        let text = &self.source[start..self.at];
        let is_line = text.starts_with(b"//line ") && (start == 0 || self.source[start - 1] == b'\n');
        if !(is_line || text.starts_with(b"/*line ") && text.ends_with(b"*/")) {
            return;
        }
        let text = if is_line { text.trim_ascii_end_of_line() } else { &text[..text.len() - 2] };
        let Some(rest) = text.get(7..) else { return };
        let digits = |text: &[u8]| -> Option<(usize, Option<u64>)> {
            let colon = memchr::memrchr(b':', text)?;
            let number = &text[colon + 1..];
            let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
            Some((colon + 1, is_number.then(|| std::str::from_utf8(number).ok()?.parse().ok()).flatten()))
        };
        let valid = |number: u64| (1..=1 << 30).contains(&number);
        let Some((at, number)) = digits(rest) else { return };
        let offset = start + 7;
        let Some(number) = number else { return self.error(offset + at, "invalid line number") };
        match digits(&rest[..at - 1]) {
            Some((_, Some(_))) if !valid(number) => self.error(offset + at, "invalid column number"),
            Some((line_at, Some(line))) if !valid(line) => self.error(offset + line_at, "invalid line number"),
            Some((_, Some(_))) => {}
            _ if !valid(number) => self.error(offset + at, "invalid line number"),
            _ => {}
        }
    }

    fn raw_string(&mut self) -> Token {
        let start = self.at;
        match memchr(b'`', &self.source[start + 1..]) {
            Some(length) => {
                self.at = start + length + 2;
                self.check_text(start, self.at);
            }
            None => {
                self.at = self.source.len();
                self.check_text(start, self.at);
                self.error(start, "raw string literal not terminated");
            }
        }
        Token::String
    }

    fn string(&mut self) -> Token {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                None | Some(b'\n') => {
                    self.error(start, "string literal not terminated");
                    break;
                }
                Some(b'"') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(b'"');
                }
                Some(_) => {
                    self.at += 1;
                    // What neither ends it nor escapes anything. Generated strings have lines of megabytes: to look for
                    // their end after each escape would take for ever.
                    let rest = &self.source[self.at..];
                    self.at += memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
                }
            }
        }
        self.check_text(start, self.at);
        Token::String
    }

    fn rune(&mut self) -> Token {
        let start = self.at;
        self.at += 1;
        let (mut characters, mut is_valid) = (0, true);
        loop {
            match self.peek(0) {
                None | Some(b'\n') => {
                    if std::mem::take(&mut is_valid) {
                        self.error(start, "rune literal not terminated");
                    }
                    break;
                }
                Some(b'\'') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => {
                    self.at += 1;
                    characters += 1;
                    is_valid &= self.escape(b'\'');
                }
                Some(_) => {
                    self.at += self.character().map_or(1, char::len_utf8);
                    characters += 1;
                }
            }
        }
        if is_valid && characters != 1 {
            self.error(start, "illegal rune literal");
        }
        self.check_text(start, self.at);
        Token::Char
    }

    /// What follows a backslash; `false` if it is no escape.
    fn escape(&mut self, quote: u8) -> bool {
        let start = self.at;
        let (digits, base, max) = match self.peek(0) {
            Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\') => {
                self.at += 1;
                return true;
            }
            Some(byte) if byte == quote => {
                self.at += 1;
                return true;
            }
            Some(b'0'..=b'7') => (3, 8, 255),
            Some(b'x') => (2, 16, 255),
            Some(b'u') => (4, 16, 0x10_ffff),
            Some(b'U') => (8, 16, 0x10_ffff),
            None => {
                self.error(start, "escape sequence not terminated");
                return false;
            }
            Some(_) => {
                self.error(start, "unknown escape sequence");
                return false;
            }
        };
        if base == 16 {
            self.at += 1;
        }
        let mut value = 0u64;
        for _ in 0..digits {
            match self.peek(0).and_then(|byte| char::from(byte).to_digit(base)) {
                Some(digit) => value = value * u64::from(base) + u64::from(digit),
                None => {
                    self.error(self.at, "illegal character in escape sequence");
                    return false;
                }
            }
            self.at += 1;
        }
        if value > max || (0xd800..0xe000).contains(&value) {
            self.error(start, "escape sequence is no Unicode code point");
            return false;
        }
        true
    }

    /// Digits and `_`: whether there were any of each, and the first digit that is too large.
    fn digits(&mut self, base: u8) -> (bool, bool, Option<usize>) {
        let (mut any, mut separator, mut invalid) = (false, false, None);
        while let Some(byte) = self.peek(0) {
            match byte {
                b'_' => separator = true,
                b'0'..=b'9' => {
                    any = true;
                    if base <= 10 && byte - b'0' >= base && invalid.is_none() {
                        invalid = Some(self.at);
                    }
                }
                b'a'..=b'f' | b'A'..=b'F' if base == 16 => any = true,
                _ => break,
            }
            self.at += 1;
        }
        (any, separator, invalid)
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        let (mut token, mut base, mut prefix) = (Token::Int, 10, 0);
        let (mut any, mut separator, mut invalid) = (false, false, None);
        if self.peek(0) != Some(b'.') {
            if self.peek(0) == Some(b'0') {
                self.at += 1;
                (base, prefix) = match self.peek(0).map(|byte| byte.to_ascii_lowercase()) {
                    Some(b'x') => (16, b'x'),
                    Some(b'o') => (8, b'o'),
                    Some(b'b') => (2, b'b'),
                    _ => (8, b'0'),
                };
                match prefix {
                    b'0' => any = true,
                    _ => self.at += 1,
                }
            }
            let digits = self.digits(base);
            any |= digits.0;
            separator |= digits.1;
            invalid = digits.2;
        }
        if self.peek(0) == Some(b'.') {
            token = Token::Float;
            if matches!(prefix, b'o' | b'b') {
                self.error(self.at, "invalid radix point");
            }
            self.at += 1;
            let digits = self.digits(base);
            any |= digits.0;
            separator |= digits.1;
            invalid = invalid.or(digits.2);
        }
        if !any {
            self.error(self.at, "a number without digits");
        }
        match self.peek(0).map(|byte| byte.to_ascii_lowercase()) {
            Some(exponent @ (b'e' | b'p')) => {
                if exponent == b'e' && !matches!(prefix, 0 | b'0') {
                    self.error(self.at, "an exponent of e needs a decimal mantissa");
                } else if exponent == b'p' && prefix != b'x' {
                    self.error(self.at, "an exponent of p needs a hexadecimal mantissa");
                }
                self.at += 1;
                token = Token::Float;
                if matches!(self.peek(0), Some(b'+' | b'-')) {
                    self.at += 1;
                }
                let digits = self.digits(10);
                separator |= digits.1;
                if !digits.0 {
                    self.error(self.at, "an exponent without digits");
                }
            }
            _ if prefix == b'x' && token == Token::Float => {
                self.error(self.at, "a hexadecimal mantissa needs an exponent of p");
            }
            _ => {}
        }
        if self.peek(0) == Some(b'i') {
            token = Token::Imag;
            self.at += 1;
        }
        if token == Token::Int
            && let Some(at) = invalid
        {
            self.error(at, "invalid digit");
        }
        if separator && let Some(at) = invalid_separator(&self.source[start..self.at]) {
            self.error(start + at, "'_' must separate successive digits");
        }
        token
    }

    fn operator(&mut self, first: u8) -> Option<Token> {
        let (second, third) = (self.peek(1), self.peek(2));
        let (token, length) = match (first, second, third) {
            (b'.', Some(b'.'), Some(b'.')) => (Token::Ellipsis, 3),
            (b'<', Some(b'<'), Some(b'=')) => (Token::ShlAssign, 3),
            (b'>', Some(b'>'), Some(b'=')) => (Token::ShrAssign, 3),
            (b'&', Some(b'^'), Some(b'=')) => (Token::AndNotAssign, 3),
            (b':', Some(b'='), _) => (Token::Define, 2),
            (b'+', Some(b'='), _) => (Token::AddAssign, 2),
            (b'+', Some(b'+'), _) => (Token::Inc, 2),
            (b'-', Some(b'='), _) => (Token::SubAssign, 2),
            (b'-', Some(b'-'), _) => (Token::Dec, 2),
            (b'*', Some(b'='), _) => (Token::MulAssign, 2),
            (b'/', Some(b'='), _) => (Token::QuoAssign, 2),
            (b'%', Some(b'='), _) => (Token::RemAssign, 2),
            (b'^', Some(b'='), _) => (Token::XorAssign, 2),
            (b'<', Some(b'-'), _) => (Token::Arrow, 2),
            (b'<', Some(b'='), _) => (Token::LessEqual, 2),
            (b'<', Some(b'<'), _) => (Token::Shl, 2),
            (b'>', Some(b'='), _) => (Token::GreaterEqual, 2),
            (b'>', Some(b'>'), _) => (Token::Shr, 2),
            (b'=', Some(b'='), _) => (Token::Equal, 2),
            (b'!', Some(b'='), _) => (Token::NotEqual, 2),
            (b'&', Some(b'^'), _) => (Token::AndNot, 2),
            (b'&', Some(b'='), _) => (Token::AndAssign, 2),
            (b'&', Some(b'&'), _) => (Token::LogicalAnd, 2),
            (b'|', Some(b'='), _) => (Token::OrAssign, 2),
            (b'|', Some(b'|'), _) => (Token::LogicalOr, 2),
            (b':', ..) => (Token::Colon, 1),
            (b'.', ..) => (Token::Period, 1),
            (b',', ..) => (Token::Comma, 1),
            (b';', ..) => (Token::Semicolon, 1),
            (b'(', ..) => (Token::ParenOpen, 1),
            (b')', ..) => (Token::ParenClose, 1),
            (b'[', ..) => (Token::BracketOpen, 1),
            (b']', ..) => (Token::BracketClose, 1),
            (b'{', ..) => (Token::BraceOpen, 1),
            (b'}', ..) => (Token::BraceClose, 1),
            (b'+', ..) => (Token::Add, 1),
            (b'-', ..) => (Token::Sub, 1),
            (b'*', ..) => (Token::Mul, 1),
            (b'/', ..) => (Token::Quo, 1),
            (b'%', ..) => (Token::Rem, 1),
            (b'^', ..) => (Token::Xor, 1),
            (b'<', ..) => (Token::Less, 1),
            (b'>', ..) => (Token::Greater, 1),
            (b'=', ..) => (Token::Assign, 1),
            (b'!', ..) => (Token::Not, 1),
            (b'&', ..) => (Token::And, 1),
            (b'|', ..) => (Token::Or, 1),
            (b'~', ..) => (Token::Tilde, 1),
            _ => return None,
        };
        self.at += length;
        Some(token)
    }
}

/// The tokens of a file, without the semicolons that newlines mean, and without comments.
#[must_use]
pub fn tokens(source: &[u8]) -> Vec<(Token, Span)> {
    let mut lexer = Lexer::new(source);
    let mut tokens = Vec::new();
    loop {
        let lexeme = lexer.next();
        match lexeme.token {
            Token::Eof => return tokens,
            token if !lexeme.is_implicit => tokens.push((token, lexeme.span)),
            _ => {}
        }
    }
}

trait Line {
    /// Without the carriage return before the newline.
    fn trim_ascii_end_of_line(&self) -> &[u8];
}

impl Line for [u8] {
    fn trim_ascii_end_of_line(&self) -> &[u8] {
        self.strip_suffix(b"\r").unwrap_or(self)
    }
}

fn implicit(at: usize) -> Lexeme {
    Lexeme { token: Token::Semicolon, span: Span::new(at, at), is_implicit: true }
}

/// Where a `_` of a number stands that is not between digits.
fn invalid_separator(text: &[u8]) -> Option<usize> {
    let prefix = text.get(1).filter(|_| text[0] == b'0').map(u8::to_ascii_lowercase);
    let has_prefix = matches!(prefix, Some(b'x' | b'o' | b'b'));
    // A prefix counts as a digit.
    let (mut at, mut before) = if has_prefix { (2, b'0') } else { (0, b'.') };
    while let Some(&byte) = text.get(at) {
        before = match byte {
            b'_' if before != b'0' => return Some(at),
            b'_' => b'_',
            _ if byte.is_ascii_digit() || prefix == Some(b'x') && byte.is_ascii_hexdigit() => b'0',
            _ if before == b'_' => return Some(at - 1),
            _ => b'.',
        };
        at += 1;
    }
    (before == b'_').then(|| text.len() - 1)
}

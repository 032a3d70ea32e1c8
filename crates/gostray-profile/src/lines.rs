//! Lines of a stream, without copying and without trusting their length.

use std::io::{self, Read};

/// The longest line that is kept; the rest of a longer one is skipped.
const MAX_LINE: usize = 1 << 20;

/// A line without its line ending.
pub(crate) struct Line<'a> {
    pub(crate) text: &'a [u8],
    /// It was longer than [`MAX_LINE`] and is cut.
    pub(crate) cut: bool,
    /// The stream ended before a line ending.
    pub(crate) unterminated: bool,
}

/// Reads a stream line by line through one buffer.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    eof: bool,
    bytes: u64,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, buffer: vec![0; 256 << 10], start: 0, end: 0, eof: false, bytes: 0 }
    }

    /// How many bytes the lines so far took, line endings included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line, `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut searched = self.start;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[searched..self.end]) {
                let line = self.start..searched + at;
                self.start = line.end + 1;
                self.bytes += line.len() as u64 + 1;
                return Ok(Some(Line { text: trim_cr(&self.buffer[line]), cut: false, unterminated: false }));
            }
            if self.eof {
                let line = self.start..self.end;
                self.start = self.end;
                self.bytes += line.len() as u64;
                return Ok((!line.is_empty()).then(|| Line {
                    text: trim_cr(&self.buffer[line]),
                    cut: false,
                    unterminated: true,
                }));
            }
            searched = self.end;
            if self.end - self.start > MAX_LINE {
                return self.cut_line().map(Some);
            }
            searched -= self.start;
            self.fill()?;
            searched += self.start;
        }
    }

    /// Moves the unread part to the front and reads more behind it.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = retry(|| self.input.read(&mut self.buffer[self.end..]))?;
        self.end += read;
        self.eof = read == 0;
        Ok(())
    }

    /// Returns the beginning of an overlong line and skips the rest of it.
    fn cut_line(&mut self) -> io::Result<Line<'_>> {
        let (kept, mut unterminated) = (MAX_LINE, false);
        self.buffer.copy_within(self.start..self.start + kept, 0);
        self.bytes += (self.end - self.start) as u64;
        loop {
            let read = retry(|| self.input.read(&mut self.buffer[kept..]))?;
            if read == 0 {
                (self.eof, unterminated) = (true, true);
                (self.start, self.end) = (kept, kept);
                break;
            }
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[kept..kept + read]) {
                self.bytes += at as u64 + 1;
                (self.start, self.end) = (kept + at + 1, kept + read);
                break;
            }
            self.bytes += read as u64;
        }
        Ok(Line { text: &self.buffer[..kept], cut: true, unterminated })
    }
}

fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(usize, bool, bool)> {
        let mut lines = Lines::new(text);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.text.len(), line.cut, line.unterminated));
        }
        assert_eq!(lines.bytes(), text.len() as u64);
        found
    }

    #[test]
    fn splits_at_line_endings_of_either_kind() {
        assert_eq!(all(b"ab\r\n\ncde"), [(2, false, false), (0, false, false), (3, false, true)]);
        assert_eq!(all(b""), []);
    }

    #[test]
    fn grows_for_long_lines_and_cuts_endless_ones() {
        let mut text = vec![b'x'; 700 << 10];
        text.push(b'\n');
        text.extend(vec![b'y'; 3 << 20]);
        text.extend(b"\nz\n");
        assert_eq!(all(&text), [(700 << 10, false, false), (1 << 20, true, false), (1, false, false)]);
    }
}

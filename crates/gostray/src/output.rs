//! Where results go: standard output or a file, with colours where they belong.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;

/// The width to lay tables out for; `None` where standard output is no terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    use std::io::IsTerminal;
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Writes text to a file, or to standard output: with colours only where a terminal shows them.
pub(crate) fn to(file: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    match file {
        Some(path) => to_file(path, |out| {
            let mut text = Vec::new();
            write(&mut text)?;
            out.write_all(&anstream::adapter::strip_bytes(&text).into_vec())
        }),
        None => to_stdout(anstream::AutoStream::auto(io::stdout().lock()), write),
    }
}

/// Writes bytes to a file, or to standard output.
pub(crate) fn raw_to(file: Option<&Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    match file {
        Some(path) => to_file(path, write),
        None => to_stdout(io::stdout().lock(), write),
    }
}

fn to_stdout(out: impl Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(out);
    write(&mut out).and_then(|()| out.flush()).context("can't write to standard output")
}

/// Writes beside the file and renames, so that a half-written one never stands there.
fn to_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let written = || -> io::Result<()> {
        // Not a regular file (`/dev/stdout`, a named pipe): there is nothing to rename.
        if path.metadata().is_ok_and(|m| !m.is_file()) {
            let mut out = BufWriter::new(File::create(path)?);
            return write(&mut out).and_then(|()| out.flush());
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // As a shell's `>` would make it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut out = BufWriter::new(builder.prefix(".gostray").tempfile_in(folder)?);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.persist(path)?;
        Ok(())
    };
    written().with_context(|| format!("can't write {}", path.display()))
}

/// Did the reader of our output go away (`| head -1`)?
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

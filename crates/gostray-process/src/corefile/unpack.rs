//! A compressed core → one that can be read anywhere: in a file without a name, which is gone when we are.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader};

/// So much is unpacked to learn how long the core will be: the headers of 65,535 segments fit.
const HEAD: u64 = 4 << 20;
/// What holds nothing but zeros takes no room, in pieces of this size.
const PIECE: usize = 64 << 10;

/// Unpacks it where it is compressed. `progress` hears how many bytes there are, and will be.
pub(super) fn unpack(file: File, progress: &mut dyn FnMut(u64, u64)) -> Result<File, String> {
    let mut magic = [0; 6];
    // What is shorter is no core, which is said later.
    if file.read_exact_at(&mut magic, 0).is_err() {
        return Ok(file);
    }
    let input = BufReader::with_capacity(1 << 20, &file);
    let damaged = |error: io::Error| format!("it is compressed, and damaged: {error}");
    let mut reader: Box<dyn Read + '_> = match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(input)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::new(input).map_err(damaged)?),
        [0x04, 0x22, 0x4d, 0x18, ..] => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(lzma_rust2::XzReader::new(input, true)),
        _ => return Ok(file),
    };
    let mut head = Vec::new();
    reader.by_ref().take(HEAD).read_to_end(&mut head).map_err(damaged)?;
    let promised = promised(&head).ok_or("it is compressed, and what is in it is no core")?;
    let folder = std::env::temp_dir();
    let no_room =
        |error: io::Error| format!("it can't be unpacked into {}: {error} (TMPDIR names another)", folder.display());
    let mut unpacked = tempfile::tempfile().map_err(no_room)?;
    let mut rest = head.as_slice().chain(reader).take(promised);
    let mut piece = vec![0; PIECE];
    let mut done = 0;
    loop {
        let len = fill(&mut rest, &mut piece).map_err(damaged)?;
        let bytes = &piece[..len];
        if bytes.iter().all(|byte| *byte == 0) {
            unpacked.seek(SeekFrom::Current(len as i64)).map_err(no_room)?;
        } else {
            unpacked.write_all(bytes).map_err(no_room)?;
        }
        done += len as u64;
        progress(done, promised);
        if len < PIECE {
            break;
        }
    }
    unpacked.set_len(done).map_err(no_room)?;
    Ok(unpacked)
}

/// Fills a buffer as far as there is something.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match reader.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// How long the core is, as its own headers say: nothing that follows is of it.
fn promised(head: &[u8]) -> Option<u64> {
    let header = FileHeader64::<Endianness>::parse(head).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, head).ok()?;
    headers.iter().map(|header| header.p_offset(endian).checked_add(header.p_filesz(endian))).max()?
}

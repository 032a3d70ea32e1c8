//! The memory of a core: what it holds, and where it lacks what the process never changed, what the executable holds.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use gostray_model::{Target, TargetKind};

use super::elf::{ProcessNotes, Segment};
use crate::error::{ProcessError, Subject};
use crate::live::Mapping;
use crate::memory::{Memory, PAGE};
use crate::process::Process;

/// The memory of a core.
pub(super) struct CoreImage {
    path: PathBuf,
    file: File,
    segments: Vec<Segment>,
    /// By segment.
    mappings: Vec<Mapping>,
    pid: Option<u32>,
    /// The executable's path, as it was mapped.
    executable_path: String,
    executable: Executable,
}

/// The file that the process ran.
enum Executable {
    /// With where in it a segment begins, by segment.
    Found(File, Vec<Option<u64>>),
    /// Why there is none.
    Missing(String),
}

impl CoreImage {
    /// The memory of a core, and why its executable is taken on trust, if it is.
    pub(super) fn new(
        path: &Path,
        file: File,
        segments: Vec<Segment>,
        process: &ProcessNotes,
        executable: Option<&Path>,
    ) -> Result<(Self, Option<String>), ProcessError> {
        let failed = |what: String| ProcessError::Core { file: path.to_owned(), what };
        let mapped = |address: u64| process.files.iter().find(|file| file.range.contains(&address));
        let Some(executable_path) = process.program_headers.and_then(mapped).map(|file| file.path.clone()) else {
            return Err(failed("it does not say what its process ran (no NT_FILE or NT_AUXV note)".to_owned()));
        };
        let mut mappings = Vec::with_capacity(segments.len());
        let mut offsets = Vec::with_capacity(segments.len());
        for segment in &segments {
            let mapped = mapped(segment.range.start);
            let is_first_stack = process.first_stack.is_some_and(|address| segment.range.contains(&address));
            mappings.push(Mapping {
                start: segment.range.start,
                end: segment.range.end,
                readable: segment.readable,
                writable: segment.writable,
                // Not told; it matters only to who asks which pages are there.
                shared: false,
                executable: segment.executable,
                path: match mapped {
                    Some(file) => file.path.clone(),
                    None if is_first_stack => "[stack]".to_owned(),
                    None => String::new(),
                },
            });
            let of_executable = mapped.filter(|file| file.path == executable_path);
            offsets.push(of_executable.map(|file| file.offset.saturating_add(segment.range.start - file.range.start)));
        }
        let mut image = Self {
            path: path.to_owned(),
            file,
            segments,
            mappings,
            pid: process.pid,
            executable_path,
            executable: Executable::Missing(String::new()),
        };
        let on_trust = image.find_executable(executable, offsets).map_err(failed)?;
        Ok((image, on_trust))
    }

    /// Opens the executable, if it is the one that was mapped: an error if one that was named is not.
    fn find_executable(&mut self, named: Option<&Path>, offsets: Vec<Option<u64>>) -> Result<Option<String>, String> {
        let path = named.unwrap_or(Path::new(&self.executable_path));
        let found = File::open(path).map_err(|error| error.to_string()).and_then(|file| {
            let is_same = self.is_mapped(&file, &offsets);
            match is_same {
                Some(false) => Err("it is not the one that the process ran".to_owned()),
                same => Ok((file, same.is_some())),
            }
        });
        match (found, named) {
            (Ok((file, was_compared)), _) => {
                let on_trust = format!("it lacks what tells whether {} is what the process ran", path.display());
                self.executable = Executable::Found(file, offsets);
                Ok((!was_compared).then_some(on_trust))
            }
            (Err(why), Some(_)) => Err(format!("--executable {}: {why}", path.display())),
            (Err(why), None) => {
                self.executable = Executable::Missing(format!("{}: {why}", path.display()));
                Ok(None)
            }
        }
    }

    /// Does it begin as what was mapped of it? The first page has its build id, and where everything lies.
    fn is_mapped(&self, file: &File, offsets: &[Option<u64>]) -> Option<bool> {
        let first = offsets.iter().position(|offset| *offset == Some(0))?;
        let len = usize::try_from(self.segments[first].filled.min(PAGE)).ok().filter(|len| *len > 0)?;
        let (mut ours, mut theirs) = (vec![0; len], vec![0; len]);
        self.file.read_exact_at(&mut ours, self.segments[first].offset).ok()?;
        Some(file.read_exact_at(&mut theirs, 0).is_ok() && ours == theirs)
    }

    fn segment(&self, address: u64) -> Option<usize> {
        let after = self.segments.partition_point(|segment| segment.range.start <= address);
        let number = after.checked_sub(1)?;
        self.segments[number].range.contains(&address).then_some(number)
    }

    /// Where what lies at an address is kept: a file, an offset, and how many bytes follow there.
    fn kept(&self, address: u64) -> Option<(&File, u64, u64)> {
        let number = self.segment(address)?;
        let segment = &self.segments[number];
        let into = address - segment.range.start;
        if into < segment.filled {
            return Some((&self.file, segment.offset.checked_add(into)?, segment.filled - into));
        }
        let Executable::Found(file, offsets) = &self.executable else { return None };
        Some((file, offsets[number]?.checked_add(into)?, segment.range.end - address))
    }
}

impl Memory for CoreImage {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ProcessError> {
        let (mut at, mut rest) = (address, buffer);
        while !rest.is_empty() {
            let unreadable = ProcessError::Unreadable { address: at };
            let Some((file, offset, len)) = self.kept(at) else { return Err(unreadable) };
            let len = rest.len().min(usize::try_from(len).unwrap_or(usize::MAX));
            let (here, after) = rest.split_at_mut(len);
            file.read_exact_at(here, offset).map_err(|_| unreadable)?;
            (at, rest) = (at.wrapping_add(len as u64), after);
        }
        Ok(())
    }

    fn mappings(&self) -> Result<Vec<Mapping>, ProcessError> {
        Ok(self.mappings.clone())
    }
}

impl Process for CoreImage {
    fn subject(&self) -> Subject {
        Subject::Core(self.path.clone())
    }

    fn target(&self) -> Target {
        let name = format!("core:{}", self.path.display());
        Target { kind: TargetKind::Core, name, pid: self.pid, ..Target::default() }
    }

    fn executable(&self) -> Result<Vec<Mapping>, ProcessError> {
        Ok(self.mappings.iter().filter(|mapping| mapping.path == self.executable_path).cloned().collect())
    }

    fn executable_file(&self) -> Option<File> {
        match &self.executable {
            Executable::Found(file, _) => file.try_clone().ok(),
            Executable::Missing(_) => None,
        }
    }

    /// What a core lacks may have been anything.
    fn has_memory(&self, address: u64) -> bool {
        self.segment(address).is_some() && self.kept(address).is_none()
    }

    fn explain(&self, error: ProcessError) -> ProcessError {
        let failed = |what: String| ProcessError::Core { file: self.path.clone(), what };
        match (&self.executable, error) {
            // Its first page is there, but not what is looked for in it.
            (Executable::Missing(why), ProcessError::NotGo { .. } | ProcessError::Unreadable { .. }) => {
                failed(format!(
                    "it lacks the program's code and function table, as cores do that the kernel writes, \
                     and so does this machine ({why}): name what the process ran by --executable FILE"
                ))
            }
            (_, ProcessError::Unreadable { address }) => {
                failed(format!("it lacks the memory at {address:#x}, which is needed"))
            }
            (_, error) => error,
        }
    }
}

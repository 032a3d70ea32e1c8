//! A Go process that can be read: its memory, its image, the variables of its runtime.

use crate::error::ProcessError;
use crate::globals::Globals;
use crate::goroutine::{Fields, Goroutine};
use crate::image::Image;
use crate::layout::{Layout, Source};
use crate::live::Live;
use crate::machine::Machine;
use crate::memory::{Memory, word};
use crate::process::Process;

/// No process has more goroutines, dead ones included.
pub(crate) const MAX_GOROUTINES: u64 = 1 << 28;

/// How often a list that does not fit is read.
const ATTEMPTS: u32 = 5;

/// A Go process that can be read.
pub(crate) struct Attached {
    pub(crate) process: Box<dyn Process>,
    pub(crate) image: Image,
    pub(crate) globals: Globals,
}

impl Attached {
    /// Of a living process.
    pub(crate) fn open(pid: u32) -> Result<Self, ProcessError> {
        Self::new(Box::new(Live::open(pid)?))
    }

    pub(crate) fn new(process: Box<dyn Process>) -> Result<Self, ProcessError> {
        match Self::read(process.as_ref()) {
            Ok((image, globals)) => Ok(Self { process, image, globals }),
            Err(error) => Err(process.explain(error)),
        }
    }

    fn read(process: &dyn Process) -> Result<(Image, Globals), ProcessError> {
        let subject = process.subject();
        let image = Image::find(process, &subject, &process.executable()?, &|| process.executable_file())?;
        if image.machine != Machine::Amd64 {
            let what = format!("it is an {} program, whose stacks this version can't walk", image.machine.name());
            return Err(ProcessError::Unsupported { subject, what });
        }
        let globals = Globals::find(process, &image).map_err(|what| ProcessError::Layout {
            subject,
            version: image.build.go_version.clone(),
            what,
        })?;
        Ok((image, globals))
    }

    pub(crate) fn memory(&self) -> &dyn Memory {
        self.process.as_ref()
    }

    /// Refuses where too little is known of the release to prove anything.
    pub(crate) fn can_prove(&self) -> Result<(), ProcessError> {
        match self.image.layout.source {
            Source::Table { .. } => Ok(()),
            Source::Dwarf => Err(ProcessError::OnlyListed {
                subject: self.process.subject(),
                version: self.image.build.go_version.clone(),
                known: Layout::releases(),
            }),
        }
    }

    /// The error that something does not look as it should.
    pub(crate) fn misfit(&self, what: String) -> ProcessError {
        ProcessError::Layout { subject: self.process.subject(), version: self.image.build.go_version.clone(), what }
    }

    /// Every goroutine that is not dead, as the runtime lists them.
    pub(crate) fn goroutines(&self) -> Result<Vec<Goroutine>, ProcessError> {
        // The list may be replaced by a longer one between the reading of its address and its length.
        // What really does not fit does so every time.
        let mut result = self.list();
        for _ in 1..ATTEMPTS {
            if !matches!(result, Err(ProcessError::Layout { .. } | ProcessError::Unreadable { .. })) {
                break;
            }
            result = self.list();
        }
        result
    }

    fn list(&self) -> Result<Vec<Goroutine>, ProcessError> {
        let memory = self.memory();
        let layout_error = |what| self.misfit(what);
        let list = memory.bytes(self.globals.allgs, 16)?;
        let (data, len) = (word(&list, 0), word(&list, 8));
        if len > MAX_GOROUTINES {
            return Err(layout_error(format!("{len} goroutines")));
        }
        let fields = Fields::new(&self.image.layout);
        let mut goroutines = Vec::new();
        for address in memory.bytes(data, 8 * len)?.chunks_exact(8) {
            let address = word(address, 0);
            let record = memory.bytes(address, fields.size as u64)?;
            goroutines.extend(Goroutine::parse(&record, &fields, address).map_err(layout_error)?);
        }
        // Ids are never used again.
        let mut ids: Vec<u64> = goroutines.iter().map(|g| g.id).collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(layout_error(format!("two goroutines have the id {}", pair[0])));
        }
        Ok(goroutines)
    }

    /// May there be C that knows of objects? The race detector is C, too, and notes the addresses of channels; but
    /// it gives none of them back to Go. So a program with it counts only if it has other C than that and the
    /// standard library's, which keeps nothing.
    pub(crate) fn uses_c(&self) -> bool {
        let has = |package| self.image.modules.iter().any(|module| module.functions.has_package(package));
        // Calls C without cgo.
        if has("github.com/ebitengine/purego") {
            return true;
        }
        if !has("runtime/cgo") {
            return false;
        }
        let is_race = self.image.modules.iter().any(|module| module.functions.has_name("runtime.racefuncenter"));
        !is_race || self.image.modules.iter().any(|module| module.functions.calls_c(&["net", "os/user", "runtime/cgo"]))
    }

    /// Does the runtime keep it for itself? `debug=2` leaves those out, too.
    pub(crate) fn is_system(&self, goroutine: &Goroutine) -> bool {
        let functions = self.image.module(goroutine.start_pc).map(|m| &m.functions);
        let start = functions.and_then(|f| f.find(goroutine.start_pc).map(|function| f.name(function)));
        start.is_some_and(|name| name.starts_with(b"runtime.") && name != b"runtime.main")
    }
}

//! The dumps and the truth about them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use gostray_model::{NoteKind, Snapshot};
use gostray_profile::{Limits, read};
use serde_json::Value;

/// The dumps of a Go release.
pub(crate) struct Release {
    pub(crate) minor: u32,
    folder: PathBuf,
}

/// Every release there are dumps of.
pub(crate) fn releases() -> Vec<Release> {
    let dumps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/golden/dumps");
    let release = |folder: PathBuf| {
        let minor = folder.file_name()?.to_str()?.strip_prefix("go1.")?.parse().ok()?;
        Some(Release { minor, folder })
    };
    let mut all: Vec<Release> = fs::read_dir(dumps).unwrap().filter_map(|e| release(e.unwrap().path())).collect();
    all.sort_by_key(|release| release.minor);
    assert_eq!(all.iter().map(|release| release.minor).collect::<Vec<_>>(), Vec::from_iter(18..=27));
    all
}

impl Release {
    /// Reads a dump; `None` if this release has none of that name.
    pub(crate) fn snapshot(&self, name: &str) -> Option<Snapshot> {
        let file = self.folder.join(name);
        file.exists().then(|| {
            let read = read(File::open(&file).unwrap(), &Limits::default());
            read.unwrap_or_else(|error| panic!("{}: {error}", file.display())).snapshot
        })
    }

    pub(crate) fn truth(&self, name: &str) -> Truth {
        let json: Value = serde_json::from_reader(File::open(self.folder.join(name)).unwrap()).unwrap();
        let goroutines = json["goroutines"].as_array().unwrap().iter().map(Goroutine::new).collect();
        Truth { total: json["total"].as_u64().unwrap(), goroutines }
    }
}

/// What the program knows.
pub(crate) struct Truth {
    /// How many goroutines there were; a few of them, such as os/signal's own, are not described.
    pub(crate) total: u64,
    pub(crate) goroutines: Vec<Goroutine>,
}

/// What the program knows of a goroutine; the fields are explained in its source, `truth.go`.
pub(crate) struct Goroutine {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) created_by: String,
    pub(crate) created_line: u64,
    pub(crate) parent: Option<u64>,
    /// Sorted by key.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) locked: bool,
    pub(crate) leaked: bool,
    pub(crate) durable: bool,
    pub(crate) bubble: Option<u64>,
}

impl Goroutine {
    fn new(json: &Value) -> Self {
        let text = |key: &str| json[key].as_str().unwrap().to_owned();
        let number = |key: &str| json[key].as_u64().unwrap();
        let labels = json["labels"].as_object().into_iter().flatten();
        let mut labels: Vec<_> = labels.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect();
        labels.sort();
        Self {
            id: number("id"),
            name: text("name"),
            state: text("state"),
            function: text("function"),
            file: text("file"),
            line: number("line"),
            created_by: text("created_by"),
            created_line: number("created_line"),
            parent: json["parent"].as_u64(),
            labels,
            locked: json["locked"].as_bool().unwrap(),
            leaked: json["leaked"].as_bool().unwrap(),
            durable: json["durable"].as_bool().unwrap_or(false),
            bubble: json["bubble"].as_u64().filter(|id| *id != 0),
        }
    }
}

impl Truth {
    pub(crate) fn named(&self, name: &str) -> &Goroutine {
        self.goroutines.iter().find(|g| g.name == name).unwrap_or_else(|| panic!("no goroutine {name}"))
    }
}

/// What a snapshot says is missing from it.
pub(crate) fn missing(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.notes.iter().filter(|note| note.kind == NoteKind::Missing).map(|note| &*note.text).collect()
}

//! What `gostray prove --format json` says → a snapshot, and what memory told of its groups.

use std::collections::BTreeMap;

use gostray_model::{Age, Frame, LabelsId, NoteKind, Record, Snapshot, Stack, Status, Target, TargetKind};
use serde::Deserialize;

/// What a look into the memory of a process told of the goroutines of one signature.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InMemory {
    /// How many are proven leaked.
    pub proven: u64,
    /// The bytes that only the proven ones keep.
    pub retained: u64,
    /// Who keeps the door open for the others, in words.
    pub held_by: Vec<String>,
}

/// A snapshot, and what memory told of each signature.
pub(crate) type Proof = (Snapshot, BTreeMap<String, InMemory>);

#[derive(Deserialize)]
struct Document {
    target: Process,
    complete: bool,
    notes: Vec<String>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Process {
    name: String,
    pid: u32,
    go_version: String,
    build_id: String,
    module: String,
    started_at: String,
}

#[derive(Deserialize)]
struct Group {
    signature: String,
    count: u64,
    state: String,
    verdict: String,
    stack: Vec<Place>,
    retained_bytes: u64,
    held_by: Vec<String>,
    #[serde(default)]
    variants: Vec<Variant>,
}

#[derive(Deserialize)]
struct Variant {
    count: u64,
    state: String,
    stack: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    function: String,
    file: String,
    line: u32,
}

/// Reads it.
pub(crate) fn read(json: &[u8]) -> Result<Proof, serde_json::Error> {
    let document: Document = serde_json::from_slice(json)?;
    let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut snapshot = Snapshot {
        target: Target {
            kind: TargetKind::Process,
            name: document.target.name,
            pid: Some(document.target.pid),
            go_version: told(&document.target.go_version),
            build_id: told(&document.target.build_id),
            module: told(&document.target.module),
            started_at: document.target.started_at.parse().ok(),
        },
        taken_at: Some(jiff::Timestamp::now()),
        ..Snapshot::default()
    };
    let kind = if document.complete { NoteKind::Source } else { NoteKind::Missing };
    for note in document.notes {
        snapshot.note(kind, note);
    }
    let mut memory: BTreeMap<String, InMemory> = BTreeMap::new();
    for group in document.groups {
        let is_proven = group.verdict == "proven";
        let told = memory.entry(group.signature).or_default();
        if is_proven {
            told.proven += group.count;
            told.retained += group.retained_bytes;
        } else {
            told.held_by.extend(group.held_by);
        }
        match group.variants.is_empty() {
            true => add(&mut snapshot, group.count, &group.state, group.stack, is_proven),
            false => {
                for variant in group.variants {
                    add(&mut snapshot, variant.count, &variant.state, variant.stack, is_proven);
                }
            }
        }
    }
    Ok((snapshot, memory))
}

fn add(snapshot: &mut Snapshot, count: u64, state: &str, places: Vec<Place>, leaked: bool) {
    let tables = &mut snapshot.tables;
    let frames = places
        .into_iter()
        .map(|place| {
            tables.add_frame(Frame { function: place.function.into(), file: place.file.into(), line: place.line })
        })
        .collect();
    let stack = tables.add_stack(Stack { frames, ..Stack::default() });
    let status = tables.add_status(Status { leaked, ..Status::new(state.to_owned()) });
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let record = Record { id: 0, creator_id: 0, count, age: Age::UNKNOWN, stack, status, labels: LabelsId::NONE };
    snapshot.records.push(record);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_prove_writes() {
        let json = r#"{"schema":"gostray.snapshot/v1","target":{"kind":"process","name":"7","pid":7,"go_version":"go1.27.3",
            "build_id":"x","module":"shop","started_at":"2026-01-02T03:04:05Z"},"taken_at":"","pause_ns":0,"complete":true,
            "notes":["by fork"],"goroutines":5,"groups":[
            {"signature":"00000000000000aa","count":3,"state":"chan send","verdict":"proven","evidence":[],"oldest_wait_ns":0,
             "blocked_at":{"function":"main.f","file":"m.go","line":3},"created_at":{"function":"","file":"","line":0},
             "stack":[{"function":"main.f","file":"m.go","line":3}],"goroutine_ids":[4,5,6],"labels":{},"retained_bytes":99,"held_by":[]},
            {"signature":"00000000000000aa","count":2,"state":"chan send","verdict":"suspect","evidence":[],"oldest_wait_ns":0,
             "blocked_at":{"function":"main.f","file":"m.go","line":3},"created_at":{"function":"","file":"","line":0},
             "stack":[{"function":"main.f","file":"m.go","line":3}],"goroutine_ids":[7,8],"labels":{},"retained_bytes":0,
             "held_by":["global main.x"]}]}"#;
        let (snapshot, memory) = read(json.as_bytes()).expect("a document");
        assert_eq!((snapshot.goroutines(), snapshot.leaked()), (5, 3));
        assert_eq!(snapshot.target.started_at.map(jiff::Timestamp::as_millisecond), Some(1_767_323_045_000));
        let told = &memory["00000000000000aa"];
        assert_eq!((told.proven, told.retained, told.held_by.as_slice()), (3, 99, &["global main.x".to_owned()][..]));
    }

    #[test]
    fn refuses_something_else() {
        for json in ["", "{}", "[1]", "{\"target\":1}"] {
            assert!(read(json.as_bytes()).is_err(), "{json}");
        }
    }
}

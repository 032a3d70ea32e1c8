//! Writes a snapshot as the gzipped protobuf that `go tool pprof` opens.

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use gostray_model::{Frame, FrameId, LabelsId, Snapshot, StackId, StatusId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::extra::{self, Extra};
use super::field;

/// The address of the first location; pprof takes locations of one address for one.
const BASE: u64 = 0x40_0000;

/// Writes a snapshot as `debug=0`: one sample for each distinct stack, label set and status, with
/// the number of goroutines that share it. The state, the creator and the other facts that pprof
/// has no field for become labels, and [`crate::read`] takes them back. Ids and ages are
/// lost. The same snapshot gives the same bytes.
///
/// # Errors
/// If `out` fails.
pub fn write(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let message = Writer::new(snapshot).message();
    // GzBuilder writes no time and no name: the same snapshot gives the same bytes.
    let mut gzip = GzBuilder::new().write(out, Compression::default());
    gzip.write_all(&message)?;
    gzip.finish()?;
    Ok(())
}

struct Writer<'a> {
    snapshot: &'a Snapshot,
    strings: HashMap<Box<str>, u64, FxBuildHasher>,
    string_table: Vec<u8>,
    functions: HashMap<(u64, u64), u64, FxBuildHasher>,
    function_table: Vec<u8>,
    locations: HashMap<FrameId, u64, FxBuildHasher>,
    location_table: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let mut writer = Self {
            snapshot,
            strings: HashMap::default(),
            string_table: Vec::new(),
            functions: HashMap::default(),
            function_table: Vec::new(),
            locations: HashMap::default(),
            location_table: Vec::new(),
        };
        // String 0 is the empty one.
        writer.string("");
        writer
    }

    fn message(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let value_type = {
            let mut message = Vec::new();
            put_int(&mut message, field::value_type::TYPE, self.string("goroutine"));
            put_int(&mut message, field::value_type::UNIT, self.string("count"));
            message
        };
        put_bytes(&mut out, field::profile::PERIOD_TYPE, &value_type);
        put_int(&mut out, field::profile::PERIOD, 1);
        put_bytes(&mut out, field::profile::SAMPLE_TYPE, &value_type);
        if let Some(time) = self.snapshot.taken_at.and_then(|t| i64::try_from(t.as_nanosecond()).ok()) {
            put_int(&mut out, field::profile::TIME_NANOS, time.cast_unsigned());
        }
        put_int(&mut out, field::profile::COMMENT, self.string(extra::COMMENT));

        for ((stack, labels, status), count) in counts(self.snapshot) {
            let sample = self.sample(stack, labels, status, count);
            put_bytes(&mut out, field::profile::SAMPLE, &sample);
        }
        let mapping = self.mapping();
        put_bytes(&mut out, field::profile::MAPPING, &mapping);
        out.extend_from_slice(&self.location_table);
        out.extend_from_slice(&self.function_table);
        out.extend_from_slice(&self.string_table);
        out
    }

    fn sample(&mut self, stack: StackId, labels: LabelsId, status: StatusId, count: u64) -> Vec<u8> {
        let tables = &self.snapshot.tables;
        let stack = tables.stack(stack);
        let mut sample = Vec::new();
        let mut ids = Vec::new();
        for frame in &stack.frames {
            put_varint(&mut ids, self.location(*frame));
        }
        if !ids.is_empty() {
            put_bytes(&mut sample, field::sample::LOCATION_ID, &ids);
        }
        put_int(&mut sample, field::sample::VALUE, count);
        let labels = tables.labels(labels);
        for (key, value) in labels {
            self.label(&mut sample, key, value);
        }
        let extra = Extra::of(tables, stack, tables.status(status));
        for (key, value) in extra.to_labels(|key| labels.iter().any(|(k, _)| **k == *key)) {
            self.label(&mut sample, key, &value);
        }
        sample
    }

    fn label(&mut self, sample: &mut Vec<u8>, key: &str, value: &str) {
        let mut label = Vec::new();
        put_int(&mut label, field::label::KEY, self.string(key));
        put_int(&mut label, field::label::STR, self.string(value));
        put_bytes(sample, field::sample::LABEL, &label);
    }

    /// One mapping for all locations: pprof shows its file's name, and the build id ties the
    /// profile to an executable.
    fn mapping(&mut self) -> Vec<u8> {
        let target = &self.snapshot.target;
        let name = target.module.as_deref().unwrap_or(&target.name);
        let build_id = target.build_id.as_deref().unwrap_or_default();
        let mut mapping = Vec::new();
        put_int(&mut mapping, field::mapping::ID, 1);
        put_int(&mut mapping, field::mapping::START, BASE);
        put_int(&mut mapping, field::mapping::LIMIT, BASE + self.locations.len() as u64 + 1);
        put_int(&mut mapping, field::mapping::FILENAME, self.string(name));
        put_int(&mut mapping, field::mapping::BUILD_ID, self.string(build_id));
        for has in [field::mapping::HAS_FUNCTIONS, field::mapping::HAS_FILENAMES, field::mapping::HAS_LINE_NUMBERS] {
            put_int(&mut mapping, has, 1);
        }
        mapping
    }

    fn location(&mut self, frame: FrameId) -> u64 {
        if let Some(id) = self.locations.get(&frame) {
            return *id;
        }
        let id = self.locations.len() as u64 + 1;
        self.locations.insert(frame, id);
        let Frame { function, file, line } = self.snapshot.tables.frame(frame);
        let function = self.function(function, file);
        let mut line_message = Vec::new();
        put_int(&mut line_message, field::line::FUNCTION_ID, function);
        put_int(&mut line_message, field::line::LINE, u64::from(*line));
        let mut location = Vec::new();
        put_int(&mut location, field::location::ID, id);
        put_int(&mut location, field::location::MAPPING_ID, 1);
        put_int(&mut location, field::location::ADDRESS, BASE + id);
        put_bytes(&mut location, field::location::LINE, &line_message);
        put_bytes(&mut self.location_table, field::profile::LOCATION, &location);
        id
    }

    fn function(&mut self, name: &str, file: &str) -> u64 {
        let (name, file) = (self.string(name), self.string(file));
        let id = self.functions.len() as u64 + 1;
        match self.functions.entry((name, file)) {
            hashbrown::hash_map::Entry::Occupied(known) => return *known.get(),
            hashbrown::hash_map::Entry::Vacant(new) => new.insert(id),
        };
        let mut function = Vec::new();
        put_int(&mut function, field::function::ID, id);
        put_int(&mut function, field::function::NAME, name);
        put_int(&mut function, field::function::SYSTEM_NAME, name);
        put_int(&mut function, field::function::FILENAME, file);
        put_bytes(&mut self.function_table, field::profile::FUNCTION, &function);
        id
    }

    fn string(&mut self, text: &str) -> u64 {
        if let Some(at) = self.strings.get(text) {
            return *at;
        }
        let at = self.strings.len() as u64;
        self.strings.insert(text.into(), at);
        put_bytes(&mut self.string_table, field::profile::STRING_TABLE, text.as_bytes());
        at
    }
}

/// How many goroutines share each stack, label set and status: the most first.
fn counts(snapshot: &Snapshot) -> Vec<((StackId, LabelsId, StatusId), u64)> {
    let mut counts = BTreeMap::new();
    for record in &snapshot.records {
        *counts.entry((record.stack, record.labels, record.status)).or_insert(0) += u64::from(record.count);
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(a_key, a), (b_key, b)| b.cmp(a).then(a_key.cmp(b_key)));
    counts
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// An integer field; the default is not written.
fn put_int(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3);
        put_varint(out, value);
    }
}

fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

//! From the message to a snapshot.

use gostray_model::{Age, FrameId, Labels, NoteKind, Record, Snapshot, Stack, Status};
use jiff::Timestamp;

use super::depth::DepthLimit;
use super::extra::{self, Extra};
use super::field;
use super::locations::{Locations, TextBudget};
use super::message::{Message, Strings};
use super::notes;
use super::state;
use super::wire::Fields;
use crate::error::ProfileError;
use crate::{Format, Limits, Profile, ProfileKind};

/// The most frames of one stack that are kept; the runtime writes 1024 and what is inlined.
const MAX_DEPTH: usize = 4096;

/// Reads a profile. Samples that refer to what is not there are counted and left out.
///
/// # Errors
/// If the protobuf is damaged or it is another profile.
pub(crate) fn read(data: &[u8], limits: &Limits) -> Result<Profile, ProfileError> {
    let message = Message::parse(data, limits)?;
    let (kind, value_index) = message.kind()?;
    let mut snapshot = Snapshot { taken_at: time(message.time_nanos), ..Snapshot::default() };
    snapshot.target.build_id = message.build_id()?;
    let mut budget = TextBudget(limits.inflated.saturating_mul(4));
    let locations = Locations::read(&message, &mut snapshot.tables, &mut budget, limits.distinct)?;

    let mut samples = Samples {
        strings: &message.strings,
        locations,
        value_index,
        kind,
        is_ours: message.has_comment(extra::COMMENT),
        budget,
        // A stack may repeat a location, and a location hold many frames: bounds what that multiplies to.
        frames_left: limits.distinct.saturating_mul(64),
        problems: Problems { over_limit: message.over_limit, ..Problems::default() },
    };
    let mut depth = if kind == ProfileKind::GoroutineLeak { DepthLimit::from_1_23() } else { DepthLimit::default() };
    let mut stacks = Vec::with_capacity(message.samples.len());
    for sample in &message.samples {
        if let Some(sample) = samples.read(sample)? {
            depth.stack(sample.stack.frames.len());
            stacks.push(sample);
        }
    }
    if depth.is_open() {
        for id in stacks.iter().flat_map(|sample| &sample.stack.frames) {
            depth.function(&snapshot.tables.frame(*id).function);
        }
    }
    let mut problems = samples.problems;
    let is_ours = samples.is_ours;
    for sample in stacks {
        if snapshot.tables.stack_count() >= limits.distinct {
            problems.over_limit += 1;
            continue;
        }
        let count = u64::from(sample.count);
        problems.cut += if file(&mut snapshot, sample, kind, is_ours, &depth) { count } else { 0 };
    }
    problems.note(&mut snapshot);
    Ok(Profile { snapshot, kind, format: Format::Pprof })
}

/// One sample, decoded.
struct Sample {
    count: u32,
    stack: Stack,
    labels: Labels,
    extra: Extra,
}

/// A label's key and value.
type Label = (Box<str>, Box<str>);

/// Decodes samples.
struct Samples<'a> {
    strings: &'a Strings<'a>,
    locations: Locations,
    value_index: usize,
    kind: ProfileKind,
    is_ours: bool,
    budget: TextBudget,
    frames_left: usize,
    problems: Problems,
}

impl Samples<'_> {
    /// Decodes a sample; `None` where it can't be used, which is counted.
    fn read(&mut self, sample: &[u8]) -> Result<Option<Sample>, ProfileError> {
        let mut value = None;
        let mut values = 0;
        let mut stack = Stack::default();
        let mut labels = Labels::new();
        let (mut has_locations, mut is_sound, mut is_over) = (false, true, false);
        let mut fields = Fields::of(sample);
        while let Some((number, field)) = fields.next()? {
            match number {
                field::sample::VALUE => field.for_each_int(|v| {
                    if values == self.value_index {
                        value = Some(v.cast_signed());
                    }
                    values += 1;
                })?,
                field::sample::LOCATION_ID => field.for_each_int(|id| {
                    has_locations = true;
                    match self.locations.frames(id) {
                        Some(frames) => is_over |= !extend(&mut stack, frames, &mut self.frames_left),
                        None => is_sound = false,
                    }
                })?,
                field::sample::LABEL => match read_label(field.bytes(), self.strings, &mut self.budget)? {
                    Some(label) => labels.push(label),
                    None => is_sound = false,
                },
                _ => {}
            }
        }
        let problem = match value.map(u32::try_from) {
            Some(Ok(count)) if count > 0 => {
                if is_over {
                    &mut self.problems.over_limit
                } else if !is_sound {
                    &mut self.problems.unsound
                } else if !has_locations && self.kind == ProfileKind::GoroutineLeak {
                    self.problems.phantoms += u64::from(count);
                    return Ok(None);
                } else {
                    let extra = if self.is_ours { Extra::take(&mut labels) } else { Extra::default() };
                    stack.unavailable = !has_locations;
                    return Ok(Some(Sample { count, stack, labels, extra }));
                }
            }
            Some(_) => &mut self.problems.no_count,
            None => &mut self.problems.unsound,
        };
        *problem += 1;
        Ok(None)
    }
}

/// Puts a sample into the snapshot. Was its stack cut by the depth limit?
fn file(snapshot: &mut Snapshot, sample: Sample, kind: ProfileKind, is_ours: bool, depth: &DepthLimit) -> bool {
    let Sample { count, mut stack, labels, extra } = sample;
    let tables = &mut snapshot.tables;
    let mut status =
        if is_ours && !extra.state.is_empty() { Status::new(extra.state) } else { state::status(tables, &stack) };
    if is_ours {
        stack.truncated |= extra.truncated;
        stack.unavailable = extra.unavailable;
        stack.elided = extra.elided;
        stack.created_by = extra.created_by.map(|frame| tables.add_frame(frame));
    } else {
        stack.truncated |= depth.cuts(stack.frames.len());
    }
    status.leaked = extra.leaked || kind == ProfileKind::GoroutineLeak;
    let is_cut = stack.truncated;
    let record = Record {
        id: 0,
        creator_id: 0,
        count,
        age: Age::UNKNOWN,
        stack: tables.add_stack(stack),
        status: tables.add_status(status),
        labels: tables.add_labels(labels),
    };
    snapshot.records.push(record);
    is_cut
}

/// Appends a location's frames; `false` when the budget of frames is spent.
fn extend(stack: &mut Stack, frames: &[FrameId], frames_left: &mut usize) -> bool {
    if stack.frames.len() + frames.len() > MAX_DEPTH {
        stack.truncated = true;
        return true;
    }
    let Some(left) = frames_left.checked_sub(frames.len()) else { return false };
    *frames_left = left;
    stack.frames.extend_from_slice(frames);
    true
}

/// A label; numbers become text. `None` where it refers to what is not there.
fn read_label(label: &[u8], strings: &Strings<'_>, budget: &mut TextBudget) -> Result<Option<Label>, ProfileError> {
    let (mut key, mut text, mut int, mut unit) = (0, 0, None, 0);
    let mut fields = Fields::of(label);
    while let Some((number, value)) = fields.next()? {
        match number {
            field::label::KEY => key = value.int(),
            field::label::STR => text = value.int(),
            field::label::NUM => int = Some(value.int().cast_signed()),
            field::label::NUM_UNIT => unit = value.int(),
            _ => {}
        }
    }
    let read = (|| {
        let (key, text, unit) = (strings.get(key)?, strings.get(text)?, strings.get(unit)?);
        let value = match int {
            Some(int) if text.is_empty() && unit.is_empty() => int.to_string(),
            Some(int) if text.is_empty() => format!("{int} {unit}"),
            _ => text.into_owned(),
        };
        budget.take(&key)?;
        budget.take(&value)?;
        Some((key.into(), value.into()))
    })();
    Ok(read)
}

fn time(nanos: i64) -> Option<Timestamp> {
    (nanos != 0).then(|| Timestamp::from_nanosecond(i128::from(nanos)).ok()).flatten()
}

/// What was not read, in goroutines or samples.
#[derive(Debug, Default)]
struct Problems {
    /// Samples with references to what is not there.
    unsound: u64,
    /// Samples whose count is no number of goroutines.
    no_count: u64,
    /// Samples over a limit.
    over_limit: u64,
    /// Goroutines without a stack in a leak profile.
    phantoms: u64,
    /// Goroutines whose stacks were cut.
    cut: u64,
}

impl Problems {
    fn note(&self, snapshot: &mut Snapshot) {
        let mut missing = |samples: u64, what: &str| {
            if samples > 0 {
                let samples = notes::count(samples, "sample");
                snapshot.note(NoteKind::Missing, format!("{samples} left out: {what}"));
            }
        };
        missing(self.unsound, "damaged, with references to what is not in the profile");
        missing(self.no_count, "the count is not above zero, as in the difference of two profiles");
        missing(self.over_limit, "beyond the limits of the reader");
        if self.cut > 0 {
            snapshot.note(NoteKind::Missing, notes::cut_stacks(self.cut));
        }
        if self.phantoms > 0 {
            snapshot.note(NoteKind::Warning, notes::phantoms(self.phantoms));
        }
    }
}

//! Functions and locations: from a location id to its frames.

use std::ops::Range;

use gostray_model::{Frame, FrameId, Tables};

use super::field;
use super::message::{Message, Strings};
use super::wire::Fields;
use crate::error::ProfileError;

/// Values by the ids that the profile gave them. Go numbers from 1 without gaps, other writers as
/// they like.
struct ById<T> {
    entries: Vec<(u64, T)>,
}

impl<T> ById<T> {
    fn new(mut entries: Vec<(u64, T)>) -> Self {
        if !entries.is_sorted_by_key(|(id, _)| *id) {
            entries.sort_by_key(|(id, _)| *id);
        }
        Self { entries }
    }

    fn get(&self, id: u64) -> Option<&T> {
        let direct = usize::try_from(id).ok().and_then(|id| self.entries.get(id.wrapping_sub(1)));
        match direct {
            Some((found, value)) if *found == id => Some(value),
            _ => {
                let at = self.entries.binary_search_by_key(&id, |(id, _)| *id).ok()?;
                self.entries.get(at).map(|(_, value)| value)
            }
        }
    }
}

/// How many bytes of names may be copied out of the input. An input of 64 MiB can name one string
/// of 60 MiB a million times.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextBudget(pub(super) u64);

impl TextBudget {
    /// Takes the length of `text`; `None` when the budget is spent.
    pub(super) fn take(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.checked_sub(text.len() as u64)?;
        Some(())
    }
}

struct Function {
    name: u64,
    file: u64,
}

/// The frames of every location.
pub(super) struct Locations {
    by_id: ById<Option<Range<usize>>>,
    frames: Vec<FrameId>,
}

impl Locations {
    /// Interns the frames of all locations. A location that refers to what does not exist has none.
    pub(super) fn read(
        message: &Message<'_>,
        tables: &mut Tables,
        budget: &mut TextBudget,
        distinct: usize,
    ) -> Result<Self, ProfileError> {
        let functions = read_functions(message)?;
        let mut frames = Vec::new();
        let mut entries = Vec::with_capacity(message.locations.len());
        for location in &message.locations {
            let (mut id, mut address) = (0, 0);
            let start = frames.len();
            let mut is_sound = true;
            let mut fields = Fields::of(location);
            while let Some((number, value)) = fields.next()? {
                match number {
                    field::location::ID => id = value.int(),
                    field::location::ADDRESS => address = value.int(),
                    field::location::LINE if frames.len() >= distinct => is_sound = false,
                    field::location::LINE => match read_line(value.bytes(), &functions, &message.strings, budget)? {
                        Some(frame) => frames.push(tables.add_frame(frame)),
                        None => is_sound = false,
                    },
                    _ => {}
                }
            }
            if is_sound && frames.len() == start {
                // Code without symbols, such as a C library.
                frames.push(tables.add_frame(Frame {
                    function: format!("{address:#x}").into(),
                    file: Box::default(),
                    line: 0,
                }));
            }
            entries.push((id, is_sound.then_some(start..frames.len())));
        }
        Ok(Self { by_id: ById::new(entries), frames })
    }

    /// The frames of a location, innermost first (several where calls were inlined); `None` where
    /// the location is unknown or damaged.
    pub(super) fn frames(&self, id: u64) -> Option<&[FrameId]> {
        self.frames.get(self.by_id.get(id)?.clone()?)
    }
}

fn read_functions(message: &Message<'_>) -> Result<ById<Function>, ProfileError> {
    let mut entries = Vec::with_capacity(message.functions.len());
    for function in &message.functions {
        let (mut id, mut name, mut system_name, mut file) = (0, 0, 0, 0);
        let mut fields = Fields::of(function);
        while let Some((number, value)) = fields.next()? {
            match number {
                field::function::ID => id = value.int(),
                field::function::NAME => name = value.int(),
                field::function::SYSTEM_NAME => system_name = value.int(),
                field::function::FILENAME => file = value.int(),
                _ => {}
            }
        }
        let name = if name == 0 { system_name } else { name };
        entries.push((id, Function { name, file }));
    }
    Ok(ById::new(entries))
}

/// One line of a location; `None` where it refers to what does not exist or the budget is spent.
fn read_line(
    line: &[u8],
    functions: &ById<Function>,
    strings: &Strings<'_>,
    budget: &mut TextBudget,
) -> Result<Option<Frame>, ProfileError> {
    let (mut function, mut number_of_line) = (0, 0);
    let mut fields = Fields::of(line);
    while let Some((number, value)) = fields.next()? {
        match number {
            field::line::FUNCTION_ID => function = value.int(),
            field::line::LINE => number_of_line = value.int(),
            _ => {}
        }
    }
    let frame = functions.get(function).and_then(|function| {
        let (name, file) = (strings.get(function.name)?, strings.get(function.file)?);
        budget.take(&name)?;
        budget.take(&file)?;
        let line = u32::try_from(number_of_line).unwrap_or(0);
        Some(Frame { function: name.into(), file: file.into(), line })
    });
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_ids_in_any_numbering() {
        for ids in [&[1u64, 2, 3][..], &[7, 3, 900], &[u64::MAX, 0, 1], &[]] {
            let by_id = ById::new(ids.iter().map(|id| (*id, *id)).collect());
            for id in ids {
                assert_eq!(by_id.get(*id), Some(id));
            }
            assert_eq!(by_id.get(4), None);
        }
    }
}

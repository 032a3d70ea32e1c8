//! The top level of a profile message, sorted into its lists but not yet decoded.

use std::borrow::Cow;

use super::field;
use super::wire::Fields;
use crate::error::ProfileError;
use crate::{Limits, ProfileKind};

/// A profile whose fields were found.
#[derive(Default)]
pub(super) struct Message<'a> {
    pub(super) samples: Vec<&'a [u8]>,
    pub(super) locations: Vec<&'a [u8]>,
    pub(super) functions: Vec<&'a [u8]>,
    pub(super) strings: Strings<'a>,
    /// Unix time in nanoseconds; 0 where the profile has none.
    pub(super) time_nanos: i64,
    /// Samples over the limit, which were not kept.
    pub(super) over_limit: u64,
    sample_types: Vec<&'a [u8]>,
    period_type: &'a [u8],
    /// The first mapping.
    mapping: &'a [u8],
    comments: Vec<u64>,
}

impl<'a> Message<'a> {
    pub(super) fn parse(data: &'a [u8], limits: &Limits) -> Result<Self, ProfileError> {
        let mut message = Self::default();
        let mut fields = Fields::of(data);
        while let Some((number, value)) = fields.next()? {
            let list = match number {
                field::profile::SAMPLE if message.samples.len() >= limits.records => {
                    message.over_limit += 1;
                    continue;
                }
                field::profile::SAMPLE => &mut message.samples,
                field::profile::SAMPLE_TYPE => &mut message.sample_types,
                field::profile::LOCATION => &mut message.locations,
                field::profile::FUNCTION => &mut message.functions,
                field::profile::STRING_TABLE => &mut message.strings.0,
                field::profile::TIME_NANOS => {
                    message.time_nanos = value.int().cast_signed();
                    continue;
                }
                field::profile::MAPPING => {
                    if message.mapping.is_empty() {
                        message.mapping = value.bytes();
                    }
                    continue;
                }
                field::profile::PERIOD_TYPE => {
                    message.period_type = value.bytes();
                    continue;
                }
                field::profile::COMMENT => {
                    let comments = &mut message.comments;
                    value.for_each_int(|index| comments.push(index))?;
                    continue;
                }
                _ => continue,
            };
            // A list over the limit is cut: what refers to the rest is then counted as unreadable.
            if number == field::profile::SAMPLE || list.len() < limits.distinct {
                list.push(value.bytes());
            }
        }
        Ok(message)
    }

    /// Which profile it is, and which of a sample's values is the number of goroutines.
    pub(super) fn kind(&self) -> Result<(ProfileKind, usize), ProfileError> {
        let mut names = Vec::new();
        for value_type in &self.sample_types {
            names.push(self.type_name(value_type)?);
        }
        let kind = |name: &str| match name {
            "goroutine" => Some(ProfileKind::Goroutine),
            "goroutineleak" => Some(ProfileKind::GoroutineLeak),
            _ => None,
        };
        if let Some(found) = names.iter().enumerate().find_map(|(at, name)| Some((kind(name)?, at))) {
            return Ok(found);
        }
        let period = self.type_name(self.period_type)?;
        if let ([_], Some(kind)) = (&names[..], kind(&period)) {
            return Ok((kind, 0));
        }
        let Some(name) = names.first() else {
            return Err(ProfileError::Malformed { what: "it has no sample type".into() });
        };
        let name = match &**name {
            "inuse_space" | "inuse_objects" | "alloc_space" | "alloc_objects" => "heap",
            "samples" | "cpu" => "cpu",
            "contentions" | "delay" => "block or mutex",
            "" => "nameless",
            other => other,
        };
        Err(ProfileError::WrongProfile { name: name.chars().take(60).collect() })
    }

    /// The build id of the first mapping: the executable's. Up to Go 1.23 it has none by default,
    /// and the next mapping's would be libc's.
    pub(super) fn build_id(&self) -> Result<Option<String>, ProfileError> {
        let mut fields = Fields::of(self.mapping);
        let mut build_id = None;
        while let Some((number, value)) = fields.next()? {
            if number == field::mapping::BUILD_ID {
                build_id = self.strings.get(value.int()).filter(|id| !id.is_empty());
            }
        }
        Ok(build_id.map(Cow::into_owned))
    }

    /// Does one of its comments say this?
    pub(super) fn has_comment(&self, text: &str) -> bool {
        self.comments.iter().any(|index| self.strings.raw(*index).is_some_and(|comment| comment == text.as_bytes()))
    }

    fn type_name(&self, value_type: &[u8]) -> Result<Cow<'a, str>, ProfileError> {
        let mut fields = Fields::of(value_type);
        let mut name = Cow::Borrowed("");
        while let Some((number, value)) = fields.next()? {
            if number == field::value_type::TYPE {
                name = self.strings.get(value.int()).unwrap_or_default();
            }
        }
        Ok(name)
    }
}

/// The string table.
#[derive(Default)]
pub(super) struct Strings<'a>(Vec<&'a [u8]>);

impl<'a> Strings<'a> {
    /// The string of an index; `None` where the table has no such.
    pub(super) fn get(&self, index: u64) -> Option<Cow<'a, str>> {
        self.raw(index).map(String::from_utf8_lossy)
    }

    fn raw(&self, index: u64) -> Option<&'a [u8]> {
        self.0.get(usize::try_from(index).ok()?).copied()
    }
}

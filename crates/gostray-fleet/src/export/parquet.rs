//! Samples as Parquet, for whoever wants to ask questions of their own (DuckDB, Spark, pandas).
//!
//! | column | type | |
//! |---|---|---|
//! | `time` | timestamp, ms, UTC | when the scrape was taken |
//! | `service`, `instance`, `build` | string | of the run of the process |
//! | `signature` | string | of the goroutines, 16 hex digits |
//! | `operation` | string | what they wait for |
//! | `function` | string | where they are blocked: the innermost function outside the standard library, else the innermost |
//! | `count` | 64-bit integer | how many; 0 where others were there and these were not |
//!
//! Rows come by run, then by day, then by stack, then by time. Several stacks may share a signature:
//! sum them. zstd inside; row groups of at most [`ROWS`] rows, so that a year of a fleet is written
//! with the memory of a day of one process.

use std::io::Write;
use std::sync::Arc;

use gostray_model::FunctionName;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use rustc_hash::FxHashMap;

use crate::Millis;
use crate::store::{Frame, Generation, GenerationId, Query, Samples, Series, Stack, StackId, StoreError};

/// Rows of a row group, at most.
pub const ROWS: usize = 100_000;
/// What is read at a time.
const WINDOW: Millis = 24 * 60 * 60 * 1000;
/// Stacks that are remembered; beyond, they are read again.
const STACKS: usize = 20_000;

/// Why samples could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParquetExportError {
    /// They could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They could not be written.
    #[error("the Parquet file could not be written: {0}")]
    Write(#[from] ParquetError),
}

/// Writes the samples of a query; how many rows that were.
///
/// # Errors
/// If samples can't be read or the writer fails. What was written until then is no Parquet file: its
/// end is missing.
pub fn write(samples: &dyn Samples, query: &Query, writer: impl Write + Send) -> Result<u64, ParquetExportError> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3)?);
    let properties =
        Arc::new(WriterProperties::builder().set_compression(zstd).set_created_by("gostray".to_owned()).build());
    let mut export = Export {
        samples,
        file: SerializedFileWriter::new(writer, schema()?, properties)?,
        rows: Rows::default(),
        stacks: FxHashMap::default(),
        written: 0,
    };
    let runs = samples.generations(query.from)?;
    for (id, run) in runs.into_iter().filter(|(id, _)| query.generations.is_empty() || query.generations.contains(id)) {
        export.run(query, id, &run)?;
    }
    export.finish_group()?;
    let written = export.written;
    export.file.close()?;
    Ok(written)
}

struct Export<'a, W: Write + Send> {
    samples: &'a dyn Samples,
    file: SerializedFileWriter<W>,
    rows: Rows,
    stacks: FxHashMap<StackId, Names>,
    written: u64,
}

/// What a stack gives to its rows.
#[derive(Debug, Clone, Default)]
struct Names {
    signature: ByteArray,
    operation: ByteArray,
    function: ByteArray,
}

/// A row group to be, by columns.
#[derive(Default)]
struct Rows {
    time: Vec<i64>,
    /// `service`, `instance`, `build`, `signature`, `operation`, `function`.
    text: [Vec<ByteArray>; 6],
    count: Vec<i64>,
}

impl<W: Write + Send> Export<'_, W> {
    /// The rows of a run, a window of time after the other.
    fn run(&mut self, query: &Query, id: GenerationId, run: &Generation) -> Result<(), ParquetExportError> {
        let run_text = [&run.service, &run.instance, &run.build].map(|text| ByteArray::from(text.as_str()));
        for (from, to) in windows(self.samples, id, query.from, query.to)? {
            let window = Query { from, to, generations: vec![id], stacks: query.stacks.clone() };
            let series = self.samples.series(&window)?;
            self.learn(&series)?;
            for series in &series {
                let names = self.stacks.get(&series.stack).cloned().unwrap_or_default();
                for (time, count) in &series.points {
                    let [service, instance, build] = run_text.clone();
                    let stack = names.clone();
                    self.rows.push(
                        *time,
                        [service, instance, build, stack.signature, stack.operation, stack.function],
                        *count,
                    );
                    if self.rows.time.len() == ROWS {
                        self.finish_group()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the stacks that are not known yet.
    fn learn(&mut self, series: &[Series]) -> Result<(), ParquetExportError> {
        if self.stacks.len() > STACKS {
            self.stacks.clear();
        }
        let new: Vec<StackId> =
            series.iter().map(|series| series.stack).filter(|stack| !self.stacks.contains_key(stack)).collect();
        for (id, stack) in new.iter().zip(self.samples.stacks(&new)?) {
            self.stacks.insert(*id, stack.as_ref().map(names).unwrap_or_default());
        }
        Ok(())
    }

    fn finish_group(&mut self) -> Result<(), ParquetExportError> {
        if self.rows.time.is_empty() {
            return Ok(());
        }
        self.written += self.rows.time.len() as u64;
        let mut group = self.file.next_row_group()?;
        numbers(&mut group, &self.rows.time)?;
        for text in &self.rows.text {
            if let Some(mut column) = group.next_column()? {
                column.typed::<ByteArrayType>().write_batch(text, None, None)?;
                column.close()?;
            }
        }
        numbers(&mut group, &self.rows.count)?;
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

impl Rows {
    fn push(&mut self, time: Millis, text: [ByteArray; 6], count: u32) {
        self.time.push(time);
        for (column, text) in self.text.iter_mut().zip(text) {
            column.push(text);
        }
        self.count.push(i64::from(count));
    }

    fn clear(&mut self) {
        self.time.clear();
        self.text.iter_mut().for_each(Vec::clear);
        self.count.clear();
    }
}

fn numbers<W: Write + Send>(group: &mut SerializedRowGroupWriter<'_, W>, values: &[i64]) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(values, None, None)?;
        column.close()?;
    }
    Ok(())
}

/// `from..to` as windows that have at most a day of samples each, found from the last scrape back:
/// days without any cost nothing.
fn windows(
    samples: &dyn Samples,
    run: GenerationId,
    from: Millis,
    to: Millis,
) -> Result<Vec<(Millis, Millis)>, StoreError> {
    let mut windows = Vec::new();
    let mut end = to;
    while end > from {
        let last = samples.scrape(run, end - 1)?.map_or(from, |scrape| scrape.at);
        let begin = last.div_euclid(WINDOW).saturating_mul(WINDOW).max(from);
        windows.push((begin, end));
        end = begin;
    }
    windows.reverse();
    Ok(windows)
}

fn names(stack: &Stack) -> Names {
    let outside = |frame: &&Frame| !FunctionName::new(&frame.function).is_std();
    let blocked = stack.frames.iter().find(outside).or(stack.frames.first());
    Names {
        signature: stack.signature.as_str().into(),
        operation: stack.operation.as_str().into(),
        function: blocked.map_or("", |frame| frame.function.as_str()).into(),
    }
}

fn schema() -> Result<TypePtr, ParquetError> {
    let column = |name: &str, physical, logical| {
        let column = Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
        column.with_logical_type(logical).build().map(Arc::new)
    };
    let timestamp = LogicalType::Timestamp { is_adjusted_to_u_t_c: true, unit: TimeUnit::MILLIS };
    let mut columns = vec![column("time", Physical::INT64, Some(timestamp))?];
    for name in ["service", "instance", "build", "signature", "operation", "function"] {
        columns.push(column(name, Physical::BYTE_ARRAY, Some(LogicalType::String))?);
    }
    columns.push(column("count", Physical::INT64, None)?);
    Ok(Arc::new(Type::group_type_builder("samples").with_fields(columns).build()?))
}

#[cfg(test)]
mod tests;

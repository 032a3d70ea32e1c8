//! The list of Go processes, as `gostray ps` shows it.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::style;
use crate::table::{Column, Table};
use crate::words::{duration, number, printable};

/// A Go process.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessRow {
    /// Its process id.
    pub pid: u32,
    /// Its user.
    pub user: String,
    /// The Go release that built it.
    pub go_version: String,
    /// Its main module, or its main package where there is none.
    pub module: String,
    /// The main module's version.
    pub version: String,
    /// How many goroutines it has; `null` where its memory can't be read.
    pub goroutines: Option<u64>,
    /// How many threads it has.
    pub threads: u64,
    /// When it started, RFC 3339; empty where unknown.
    pub started_at: String,
    /// Its executable.
    pub executable: String,
    /// How long it has been running.
    #[serde(skip)]
    pub uptime: Option<Duration>,
}

/// Writes a table.
///
/// # Errors
/// If `out` fails.
pub fn write_processes(rows: &[ProcessRow], width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new(vec![
        ("PID", Column::Right),
        ("USER", Column::Left),
        ("GO", Column::Left),
        ("MODULE", Column::Flexible),
        ("VERSION", Column::Flexible),
        ("GOROUTINES", Column::Right),
        ("THREADS", Column::Right),
        ("UPTIME", Column::Right),
    ]);
    for row in rows {
        let plain = |text: &str| (printable(text), style::PLAIN);
        table.row(vec![
            (row.pid.to_string(), style::HEADING),
            plain(&row.user),
            plain(row.go_version.strip_prefix("go").unwrap_or(&row.go_version)),
            plain(&row.module),
            plain(&row.version),
            (row.goroutines.map_or_else(|| "?".to_owned(), number), style::PLAIN),
            (number(row.threads), style::PLAIN),
            (row.uptime.map_or_else(|| "?".to_owned(), duration), style::PLAIN),
        ]);
    }
    table.write(width, out)
}

/// Writes a JSON array.
///
/// # Errors
/// If `out` fails.
pub fn write_processes_json(rows: &[ProcessRow], out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, rows)?;
    writeln!(out)
}

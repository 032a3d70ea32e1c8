//! `debug=2` and every other traceback of the runtime: [`read`] and [`write`].

mod dumps;
mod frames;
mod header;
mod log;
mod reader;
mod write;

pub use write::write;

pub(crate) use reader::read;

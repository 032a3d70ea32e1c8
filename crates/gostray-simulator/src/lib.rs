//! A fleet that never was.

//! Configuration → targets.
pub mod guard;

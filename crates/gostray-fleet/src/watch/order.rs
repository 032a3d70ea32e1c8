//! What people decide about leaks.

use tokio::sync::oneshot;

use crate::Millis;
use crate::store::StoreError;

/// What somebody decided about a leak.
#[derive(Debug)]
pub struct Order {
    /// The leak's id.
    pub leak: String,
    /// Who decided.
    pub by: String,
    /// What.
    pub decision: Decision,
    /// Told once it is kept.
    pub done: oneshot::Sender<Result<(), StoreError>>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is no matter.
    Accept {
        /// Why.
        reason: String,
        /// Until when; for good where `None`.
        until: Option<Millis>,
    },
    /// It is, after all.
    Reopen,
}

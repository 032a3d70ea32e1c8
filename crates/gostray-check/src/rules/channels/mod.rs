//! Channels: somebody sends, receives or ranges, and nobody is there.

pub(super) mod break_in_select;
pub(super) mod close_missed_path;
pub(super) mod double_close;
pub(super) mod early_return_send;
pub(super) mod empty_select;
pub(super) mod end_ignored;
pub(super) mod first_wins;
pub(super) mod full_buffer;
pub(super) mod nil_channel;
pub(super) mod partial_collect;
pub(super) mod peer_gone;
pub(super) mod range_unclosed;
pub(super) mod receive_never;
pub(super) mod send_in_defer;
pub(super) mod send_no_receiver;
pub(super) mod stuck_producer;
pub(super) mod timeout_abandon;
pub(super) mod wait_before_drain;
pub(super) mod worker_without_exit;

use crate::channel::Stranded;

/// The function that leaves, as messages name it.
fn owner(stranded: &Stranded<'_, '_>) -> String {
    stranded.story.owner.name()
}

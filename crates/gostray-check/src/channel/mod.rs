//! The story of a channel: where it is made, who sends on it, receives from it and closes it, and how
//! often.
//!
//! | module | subject |
//! |---|---|
//! | `story` | a channel that a function makes and keeps to itself and its goroutines |
//! | `count` | how often something is done on a way through a function |
//! | `panicked` | what is done only where the function has panicked |
//! | `stranded` | ways on which a sender, or a receiver, is left behind |
//! | `close` | a close by the only sender, as a fix |
//! | `kept` | a channel that a field keeps, and every function of the package may use |
//! | `room` | room for every sender, as a fix |

mod close;
mod count;
mod kept;
mod panicked;
mod room;
mod story;
mod stranded;

pub(crate) use close::{close_after, indent, insert_after, insert_first, statement};
pub(crate) use count::MANY;
pub(crate) use kept::{Kept, kept, room, waits_alone, way_out};
pub(crate) use room::make_room;
pub(crate) use story::{Act, Room, Story, stories};
pub(crate) use stranded::{Shape, Stranded, stranded_receivers, stranded_senders};

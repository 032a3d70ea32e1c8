//! What the hidden runtime frames were, told by their return addresses.
//!
//! Go leaves the runtime's frames at the inner end of a stack out of the text, and with them the
//! operation of a goroutine that waits in the language itself: channels and `select`. The number of
//! addresses before the first frame shown is the number of hidden frames, and every goroutine that
//! waits has the same first one, the call in `runtime.gopark`:
//!
//! | hidden frames | operation |
//! |---|---|
//! | `gopark`, `selectgo` (or `block`) | `select` |
//! | `gopark`, `chansend`, `chansend1` | send |
//! | `gopark`, `chanrecv`, `chanrecv1` or `chanrecv2` | receive |
//!
//! The third address tells a send from a receive. Functions begin at multiples of 32 (amd64) or 16
//! (arm64), and the wrappers are so small that the low bits of the return address are the offset
//! of their one call. Measured with `go tool objdump` on Go 1.21 to 1.27, all releases alike; for
//! amd64 the golden dumps of Go 1.18 to 1.27 confirm it:
//!
//! | | `chansend1` | `chanrecv1`, `chanrecv2` |
//! |---|---|---|
//! | amd64 | +0x17 | +0x12 |
//! | amd64 up to Go 1.20, whose prologue is 6 bytes longer | +0x1d | +0x18 |
//! | arm64 | +0x18 | +0x14 |
//!
//! The outermost address tells the architecture: it is one instruction into `runtime.goexit`. Where
//! anything does not fit, the answer is "send or receive".

use std::collections::BTreeMap;

use gostray_model::Operation;

/// The ends of a stack's list of return addresses, innermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Addresses {
    /// The first three; 0 where there are fewer.
    pub(super) first: [u64; 3],
    pub(super) last: u64,
    /// How many there are.
    pub(super) len: usize,
    /// How many belong to hidden frames; `None` where the first frame shown is not in the list.
    pub(super) hidden: Option<usize>,
}

impl Addresses {
    /// `first_shown` is the address of the first frame shown: one less than its return address.
    pub(super) fn new(pcs: &[u64], first_shown: Option<u64>) -> Self {
        let at = |at: usize| pcs.get(at).copied().unwrap_or(0);
        Self {
            first: [at(0), at(1), at(2)],
            last: pcs.last().copied().unwrap_or(0),
            len: pcs.len(),
            hidden: first_shown.and_then(|shown| pcs.iter().position(|pc| pc.wrapping_sub(1) == shown)),
        }
    }
}

/// One distinct stack as far as its hidden frames go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clue<'a> {
    pub(super) addresses: Addresses,
    /// The first frame shown.
    pub(super) innermost: &'a str,
}

/// The addresses of runtime functions in the profiled executable, as far as the profile gives them
/// away.
#[derive(Debug, Default)]
pub(super) struct Landmarks {
    gopark: Option<u64>,
    goexit: Option<u64>,
    /// Do sends and receives fit the order of the source file, in which `chansend` comes first?
    is_ordered: bool,
}

impl Landmarks {
    pub(super) fn find<'a>(clues: &(impl Iterator<Item = Clue<'a>> + Clone)) -> Self {
        let waiting = clues.clone().filter(|clue| is_wait(clue.innermost) && clue.addresses.hidden > Some(0));
        let parked = clues.clone().filter(|clue| clue.addresses.hidden >= Some(2));
        let first = |clue: Clue<'_>| clue.addresses.first[0];
        let gopark = commonest(waiting.map(first)).or_else(|| commonest(parked.map(first)));
        let whole = clues.clone().filter(|clue| (1..32).contains(&clue.addresses.len));
        let goexit = commonest(whole.map(|clue| clue.addresses.last));
        let mut landmarks = Self { gopark, goexit, is_ordered: true };
        let seconds = |operation: Operation| {
            let landmarks = &landmarks;
            clues
                .clone()
                .filter(move |clue| clue.addresses.hidden == Some(3) && landmarks.operation(*clue) == operation)
                .map(|clue| clue.addresses.first[1])
        };
        let (last_send, first_receive) = (seconds(Operation::ChanSend).max(), seconds(Operation::ChanReceive).min());
        landmarks.is_ordered = match (last_send, first_receive) {
            (Some(send), Some(receive)) => send < receive,
            _ => true,
        };
        landmarks
    }

    /// What a goroutine is doing whose frames do not tell.
    pub(super) fn operation(&self, clue: Clue<'_>) -> Operation {
        let Addresses { first, hidden, .. } = clue.addresses;
        if self.gopark != Some(first[0]) || hidden == Some(0) {
            let is_c = clue.innermost.contains("._Cfunc_");
            return if is_c && hidden > Some(0) { Operation::Syscall } else { Operation::Run };
        }
        match (clue.innermost, hidden) {
            // Package reflect calls chansend, chanrecv and selectgo without the wrappers.
            ("reflect.chansend0" | "reflect.chansend", _) => Operation::ChanSend,
            ("reflect.chanrecv", _) => Operation::ChanReceive,
            (_, Some(2)) => Operation::Select,
            (_, Some(3)) => self.channel(first),
            _ => Operation::Other,
        }
    }

    /// Was a stack with these addresses cut by the profile's depth limit? A whole one ends in goexit.
    pub(super) fn is_cut(&self, addresses: &Addresses) -> bool {
        addresses.len >= 32 && self.goexit.is_some_and(|goexit| goexit != addresses.last)
    }

    fn channel(&self, [_, function, wrapper]: [u64; 3]) -> Operation {
        // The wrapper stands right before the function that it calls.
        let is_near = wrapper < function && function - wrapper < 0x2000;
        let Some(goexit) = self.goexit.filter(|_| is_near && self.is_ordered) else { return Operation::Chan };
        match (goexit % 32, wrapper % 32) {
            (1, 0x17 | 0x1d) => Operation::ChanSend,
            (1, 0x12 | 0x18) => Operation::ChanReceive,
            (0x04 | 0x14, 0x08 | 0x18) => Operation::ChanSend,
            (0x04 | 0x14, 0x04 | 0x14) => Operation::ChanReceive,
            _ => Operation::Chan,
        }
    }
}

/// The functions that Go shows and that do nothing but wait.
fn is_wait(function: &str) -> bool {
    let function = function.strip_prefix("internal/").unwrap_or(function);
    matches!(function, "poll.runtime_pollWait" | "time.Sleep" | "sync.runtime_notifyListWait")
        || function.starts_with("sync.runtime_Semacquire")
}

/// The commonest address; the lowest of several.
fn commonest(addresses: impl Iterator<Item = u64>) -> Option<u64> {
    let mut counts = BTreeMap::new();
    for address in addresses {
        *counts.entry(address).or_insert(0u64) += 1;
    }
    counts.into_iter().max_by_key(|(address, count)| (*count, std::cmp::Reverse(*address))).map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses of Go 1.21.13, amd64.
    const SEND: &[u64] = &[0x43_a9ee, 0x40_7025, 0x40_6c77, 0x4e_e6fa, 0x46_8641];
    const RECEIVE: &[u64] = &[0x43_a9ee, 0x40_7d8d, 0x40_7992, 0x4e_e735, 0x46_8641];
    const RANGE: &[u64] = &[0x43_a9ee, 0x40_7d8d, 0x40_79b2, 0x4e_e7cd, 0x46_8641];
    const BLOCK: &[u64] = &[0x43_a9ee, 0x44_9e46, 0x4e_e88f, 0x46_8641];
    const SPIN: &[u64] = &[0x43_9099, 0x46_9b9b, 0x4e_ec02, 0x46_8641];
    const SLEEP: &[u64] = &[0x43_a9ee, 0x46_5685, 0x4e_e93d, 0x46_8641];

    fn clue(pcs: &'static [u64], shown: usize, innermost: &'static str) -> Clue<'static> {
        Clue { addresses: Addresses::new(pcs, Some(pcs[shown] - 1)), innermost }
    }

    fn operations(clues: &[Clue<'static>]) -> Vec<Operation> {
        let landmarks = Landmarks::find(&clues.iter().copied());
        clues.iter().map(|clue| landmarks.operation(*clue)).collect()
    }

    #[test]
    fn tells_the_operations_of_a_real_profile() {
        let all = [
            clue(SEND, 3, "main.f"),
            clue(RECEIVE, 3, "main.f"),
            clue(RANGE, 3, "main.f"),
            clue(BLOCK, 2, "main.f"),
            clue(SPIN, 2, "main.f"),
        ];
        use Operation::{ChanReceive, ChanSend, Run, Select};
        assert_eq!(operations(&all), [ChanSend, ChanReceive, ChanReceive, Select, Run]);
        // With a sleeper, one running goroutine more than waiting ones does not matter.
        let few =
            [clue(SPIN, 2, "main.f"), clue(SPIN, 2, "main.g"), clue(BLOCK, 2, "main.f"), clue(SLEEP, 1, "time.Sleep")];
        assert_eq!(operations(&few)[..3], [Run, Run, Select]);
    }

    #[test]
    fn does_not_guess_a_direction() {
        const ODD: &[u64] = &[0x43_a9ee, 0x40_7d8d, 0x40_7999, 0x4e_e735, 0x46_8641];
        const FAR: &[u64] = &[0x43_a9ee, 0x40_9d8d, 0x40_7992, 0x4e_e735, 0x46_8641];
        const SEND_BEHIND: &[u64] = &[0x43_a9ee, 0x40_8025, 0x40_7c77, 0x4e_e6fa, 0x46_8641];
        assert_eq!(operations(&[clue(ODD, 3, "main.f"), clue(FAR, 3, "main.f")]), [Operation::Chan; 2]);
        assert_eq!(operations(&[clue(SEND_BEHIND, 3, "main.f"), clue(RECEIVE, 3, "main.f")]), [Operation::Chan; 2]);
        assert_eq!(operations(&[]), []);
    }
}

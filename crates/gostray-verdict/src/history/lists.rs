//! Do goroutines stay? Lists of their ids, some time apart, say so.

use super::{MINUTE, Millis};

/// At least so much time must lie between two lists of ids.
pub(super) const IDS_APART: Millis = 10 * MINUTE;
/// Fewer that stayed among others that ended say nothing.
const LEAST_REST: u64 = 5;
/// So many of those that were there must still be there.
const STAYED: f64 = 0.97;

/// Which goroutines of one kind were there at two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survival {
    /// How many were there the first time.
    pub before: u64,
    /// How many of them were still there the second time.
    pub stayed: u64,
    /// How many had come since.
    pub born: u64,
}

/// What two lists of ids of one run said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    pub(super) run: u64,
    pub(super) survival: Survival,
    pub(super) first: Millis,
    pub(super) second: Millis,
}

/// What becomes of the goroutines of a kind, as far as lists of ids say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing is said yet.
    Unknown,
    /// They stay.
    Stay,
    /// Some have ended. What leaks may be few among many that end: the others should then be there for good, and are
    /// looked for in a third list.
    SomeStay,
    /// They end: it is a queue, or clients that stay for a while.
    End,
}

/// Ids of one run's goroutines of this kind, as they were listed.
#[derive(Debug, Clone)]
struct Listed {
    run: u64,
    at: Millis,
    ids: Vec<u64>,
}

/// The lists of ids of one kind of goroutine, and what they said.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    /// With which list the next one is compared.
    first: Option<Listed>,
    /// What the last two said, if they stay.
    stay: Option<Compared>,
    /// The run in which some have ended: now it is asked whether the others stay.
    rest_of: Option<u64>,
}

impl Lists {
    /// Another list.
    pub(super) fn add(&mut self, run: u64, mut ids: Vec<u64>, at: Millis) -> Fate {
        ids.sort_unstable();
        ids.dedup();
        let before = self.first.as_ref().filter(|before| before.run == run && at > before.at && !before.ids.is_empty());
        let Some(before) = before else {
            self.first = Some(Listed { run, at, ids });
            return Fate::Unknown;
        };
        if at - before.at < IDS_APART {
            return Fate::Unknown;
        }
        let stayed: Vec<u64> = before.ids.iter().copied().filter(|id| ids.binary_search(id).is_ok()).collect();
        let born = (ids.len() - stayed.len()) as u64;
        let survival = Survival { before: before.ids.len() as u64, stayed: stayed.len() as u64, born };
        let fate = self.compare(run, survival, before.at, at);
        if self.rest_of == Some(run) {
            self.first = Some(Listed { run, at, ids: stayed });
        }
        fate
    }

    /// Two lists of a run were compared, the first of `first`, the second of `second`.
    pub(super) fn compare(&mut self, run: u64, survival: Survival, first: Millis, second: Millis) -> Fate {
        if survival.before == 0 {
            return Fate::Unknown;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of goroutines")]
        let share = survival.stayed as f64 / survival.before as f64;
        if share >= STAYED {
            // The first list is kept: the longer apart, the more they say.
            self.stay = Some(Compared { run, survival, first, second });
            return Fate::Stay;
        }
        self.stay = None;
        if self.rest_of != Some(run) && survival.stayed >= LEAST_REST {
            self.rest_of = Some(run);
            return Fate::SomeStay;
        }
        *self = Self::default();
        Fate::End
    }

    /// What the last two lists said, if they stay.
    pub(super) fn stay(&self) -> Option<Compared> {
        self.stay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_are_looked_for_in_the_run_in_which_some_ended() {
        let mut lists = Lists::default();
        assert_eq!(lists.add(1, (0..100).collect(), 0), Fate::Unknown);
        assert_eq!(lists.add(1, (40..160).collect(), IDS_APART), Fate::SomeStay);
        // Its process ended meanwhile: of another one nothing is known yet.
        assert_eq!(lists.add(2, (0..100).collect(), 2 * IDS_APART), Fate::Unknown);
        assert_eq!(lists.add(2, (40..160).collect(), 3 * IDS_APART), Fate::SomeStay);
        assert_eq!(lists.add(2, (40..100).collect(), 4 * IDS_APART), Fate::Stay);
    }

    #[test]
    fn lists_too_close_or_empty_say_nothing() {
        let mut lists = Lists::default();
        assert_eq!(lists.add(1, Vec::new(), 0), Fate::Unknown);
        assert_eq!(lists.add(1, vec![1, 2], IDS_APART), Fate::Unknown, "now there is one to compare with");
        assert_eq!(lists.add(1, Vec::new(), IDS_APART + MINUTE), Fate::Unknown);
        assert_eq!(lists.add(1, vec![2, 1, 3], 2 * IDS_APART), Fate::Stay);
        assert_eq!(lists.stay().map(|said| said.survival), Some(Survival { before: 2, stayed: 2, born: 1 }));
    }
}

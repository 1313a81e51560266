//! Who came a moment ago, in a table of bounded size: whoever comes seldom is to cost no
//! memory, and an idle process none at all. Two that share a place there push each other out, and are then taken for
//! newcomers; that costs a question and nothing else.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Places of a part of the table: a page of memory.
const PLACES: usize = 1 << 10;

/// Parts of the table, each made when it is first needed.
const PARTS: usize = 1 << 6;

/// What time is counted in.
const TICK: Duration = Duration::from_millis(250);

/// A moment, in ticks.
const MOMENT: u16 = 4;

/// Of each place the mark of who came last, and when.
pub(super) struct Recent {
    start: Instant,
    parts: [OnceLock<Box<[AtomicU32]>>; PARTS],
}

impl Recent {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            start: now,
            parts: [const { OnceLock::new() }; PARTS],
        }
    }

    /// Notes that whoever has this hash comes, and tells whether they came a moment ago.
    pub(super) fn came(&self, hash: u64, now: Instant) -> bool {
        let ticks = now.saturating_duration_since(self.start).as_millis() / TICK.as_millis();
        // It begins anew after some hours; who came exactly then is taken for recent.
        let tick = (ticks % (1 << 16)) as u16;
        let mark = (hash >> 48) as u16;
        let place = hash as usize % (PARTS * PLACES);
        let note = u32::from(mark) << 16 | u32::from(tick);
        let part = self.parts[place / PLACES]
            .get_or_init(|| (0..PLACES).map(|_| AtomicU32::default()).collect());
        let before = part[place % PLACES].swap(note, Ordering::Relaxed);
        let (mark_before, tick_before) = ((before >> 16) as u16, before as u16);
        before != 0 && mark_before == mark && tick.wrapping_sub(tick_before) <= MOMENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_within_a_second_is_known_and_nobody_else() {
        let start = Instant::now();
        let recent = Recent::new(start);
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let (one, other) = (7 << 48 | 1, 8 << 48 | 2);
        assert!(!recent.came(one, at(0)));
        assert!(recent.came(one, at(900)));
        assert!(!recent.came(other, at(900)));
        assert!(!recent.came(one, at(2_500)));
        assert!(recent.came(one, at(2_600)));
    }

    #[test]
    fn two_at_one_place_push_each_other_out() {
        let start = Instant::now();
        let recent = Recent::new(start);
        let (one, other) = (7 << 48 | 1, 8 << 48 | 1);
        assert!(!recent.came(one, start));
        assert!(!recent.came(other, start));
        assert!(!recent.came(one, start));
    }
}

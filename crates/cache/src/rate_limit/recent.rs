//! Who came a moment ago, in a table of bounded size: whoever comes seldom is to cost no
//! memory, and an idle process none at all. Of two that share a place there, the second is
//! taken for a newcomer until the first has come again or its moment is over; that costs a
//! question and nothing else.

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

/// What is noted of nobody.
const FREE: u32 = 0;

/// Of each place the mark of who came, and when.
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

    /// Notes that whoever has this hash comes, and tells whether they came a moment ago. Who
    /// did has a lease from then on, and its place is free.
    pub(super) fn came(&self, hash: u64, now: Instant) -> bool {
        let ticks = now.saturating_duration_since(self.start).as_millis() / TICK.as_millis();
        // It begins anew after some hours; who came exactly then is taken for recent.
        let tick = (ticks % (1 << 16)) as u16;
        let mark = (hash >> 48) as u16;
        let place = hash as usize % (PARTS * PLACES);
        let note = u32::from(mark) << 16 | u32::from(tick);
        let part = self.parts[place / PLACES]
            .get_or_init(|| (0..PLACES).map(|_| AtomicU32::default()).collect());
        let place = &part[place % PLACES];
        let before = place.load(Ordering::Relaxed);
        let (mark_before, tick_before) = ((before >> 16) as u16, before as u16);
        let is_recent = before != FREE && tick.wrapping_sub(tick_before) <= MOMENT;
        let came = is_recent && mark_before == mark;
        // Between the look and the note somebody else may come: one of the two is forgotten.
        if came {
            place.store(FREE, Ordering::Relaxed);
        } else if !is_recent {
            place.store(note, Ordering::Relaxed);
        }
        came
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
        assert!(!recent.came(one, at(1_000)));
        assert!(!recent.came(one, at(2_500)));
        assert!(recent.came(one, at(2_600)));
    }

    #[test]
    fn of_two_at_one_place_one_waits_until_the_other_came_again_or_stays_away() {
        let start = Instant::now();
        let recent = Recent::new(start);
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let (one, other) = (7 << 48 | 1, 8 << 48 | 1);
        assert!(!recent.came(one, at(100)));
        assert!(!recent.came(other, at(110)));
        assert!(recent.came(one, at(120)));
        assert!(!recent.came(other, at(130)));
        assert!(recent.came(other, at(140)));

        assert!(!recent.came(one, at(200)));
        assert!(!recent.came(other, at(210)));
        assert!(!recent.came(other, at(1_600)));
        assert!(recent.came(other, at(1_610)));
    }
}

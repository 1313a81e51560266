//! What notifiers have in hand, by what they wrote before it left.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::site::Site;

/// Requests that may be under way in one notifier.
const AT_ONCE: usize = super::site::CONCURRENCY;

/// An attempt that is marked `sending`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sending {
    holder: String,
    fence: i64,
    event: String,
}

/// Looks a second apart. What a killed notifier had in hand stays as it is for longer than
/// [`LATER`] of them, since its lanes are held for twice a request's time; what a living one
/// has in hand changes within one.
#[derive(Default)]
pub(crate) struct Looks(Vec<BTreeSet<Sending>>);

/// Looks after which what is still the same is a dead one's.
pub(crate) const LATER: usize = 2;

const QUERY: &str = "
SELECT l.holder::text, l.fence, d.event_id::text
FROM delivery_lanes l CROSS JOIN LATERAL (
    SELECT * FROM deliveries d
    WHERE d.webhook_id = l.webhook_id AND d.lane = l.lane AND d.state = 'pending' ORDER BY d.seq LIMIT 1
) d JOIN delivery_attempts a ON a.delivery_id = d.id AND a.number = d.attempts + 1
WHERE l.holder IS NOT NULL AND a.outcome = 'sending'";

impl Looks {
    /// Looks now.
    pub(crate) async fn look(&mut self, site: &Site<'_>) -> Result<()> {
        let rows = site.database.query(QUERY, &[]).await;
        let rows = rows.context("looking what is being sent")?;
        let sending = rows.iter().map(|row| {
            Ok(Sending {
                holder: row.try_get(0)?,
                fence: row.try_get(1)?,
                event: row.try_get(2)?,
            })
        });
        self.0.push(sending.collect::<Result<_>>()?);
        Ok(())
    }

    /// Events that each killed notifier had in hand, in the order of the kills, one before
    /// each look but for the last [`LATER`].
    pub(crate) fn in_killed(&self) -> Vec<BTreeSet<String>> {
        let mut dead = BTreeSet::new();
        let pairs = self.0.iter().zip(self.0.iter().skip(LATER));
        pairs
            .map(|(then, later)| {
                let stayed = then.intersection(later);
                let new: Vec<&Sending> = stayed.filter(|it| !dead.contains(&it.holder)).collect();
                dead.extend(new.iter().map(|it| it.holder.clone()));
                new.into_iter().map(|it| it.event.clone()).collect()
            })
            .collect()
    }
}

/// How often an event may have come once more: by each notifier that was killed with it in
/// hand, of as much as may be under way in one.
pub(crate) fn excused(in_killed: &[BTreeSet<String>]) -> BTreeMap<String, usize> {
    let mut excused = BTreeMap::new();
    for event in in_killed.iter().flat_map(|it| it.iter().take(AT_ONCE)) {
        *excused.entry(event.clone()).or_default() += 1;
    }
    excused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(rows: &[(&str, i64, &str)]) -> BTreeSet<Sending> {
        let rows = rows.iter().map(|(holder, fence, event)| Sending {
            holder: (*holder).to_owned(),
            fence: *fence,
            event: (*event).to_owned(),
        });
        rows.collect()
    }

    #[test]
    fn what_stays_is_what_a_killed_one_had_in_hand() {
        let looks = Looks(vec![
            look(&[("a", 1, "x"), ("b", 1, "y")]),
            look(&[("a", 1, "x"), ("b", 2, "z"), ("c", 1, "w")]),
            look(&[("a", 1, "x"), ("b", 2, "z")]),
            look(&[("a", 1, "x"), ("b", 2, "z"), ("c", 7, "v")]),
        ]);
        let in_killed = looks.in_killed();
        let events = |of: &BTreeSet<String>| of.iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            in_killed.iter().map(events).collect::<Vec<_>>(),
            [["x"], ["z"]]
        );
        let in_hand = BTreeSet::from(["x".to_owned()]);
        assert_eq!(excused(&[in_hand.clone(), in_hand])["x"], 2);
    }
}

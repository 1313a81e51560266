//! Months of a table, each a partition: which are to be made and which are old enough
//! to go.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeZone, Utc};
use std::collections::BTreeSet;

/// How many months are made ahead of the current one.
const AHEAD: u32 = 2;

/// A month of UTC, by its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month(NaiveDate);

impl Month {
    /// The month that this day lies in.
    pub(super) fn of(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// The month of a partition of `table` of this name; `None`: it is not one of ours.
    pub(super) fn of_partition(table: &str, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(table)?.strip_prefix('_')?;
        let (year, month) = rest.split_once('_')?;
        let first = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?;
        let month = Self(first);
        (month.partition(table) == name).then_some(month)
    }

    /// Name of its partition of `table`.
    pub(super) fn partition(self, table: &str) -> String {
        format!("{table}_{:04}_{:02}", self.0.year(), self.0.month())
    }

    /// Its first day.
    pub(super) fn day(self) -> NaiveDate {
        self.0
    }

    /// Its first instant.
    pub(super) fn start(self) -> DateTime<Utc> {
        Utc.from_utc_datetime(&self.0.and_time(chrono::NaiveTime::MIN))
    }

    /// The first instant that is not in it.
    pub(super) fn end(self) -> DateTime<Utc> {
        self.later(1).start()
    }

    fn later(self, months: u32) -> Self {
        Self(self.0 + Months::new(months))
    }
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Months without a partition that need one.
    pub(super) create: Vec<Month>,
    /// Months all of whose rows are older than they are kept.
    pub(super) drop: Vec<Month>,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.create.is_empty() && self.drop.is_empty()
    }
}

/// Decides from the months that have a partition and those of which rows lie in the
/// default one.
pub(super) fn plan(
    now: DateTime<Utc>,
    existing: &BTreeSet<Month>,
    strays: &BTreeSet<Month>,
    keep_days: u32,
) -> Plan {
    let current = Month::of(now.date_naive());
    let mut wanted = strays.clone();
    wanted.extend((0..=AHEAD).map(|months| current.later(months)));
    let kept_from = now.checked_sub_days(Days::new(keep_days.into()));
    Plan {
        create: wanted.difference(existing).copied().collect(),
        drop: existing
            .iter()
            .copied()
            .filter(|month| *month < current && kept_from.is_some_and(|from| month.end() <= from))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(year: i32, month: u32) -> Month {
        Month(NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default())
    }

    fn months<const N: usize>(all: [(i32, u32); N]) -> BTreeSet<Month> {
        all.map(|(year, number)| month(year, number)).into()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn this_month_and_the_next_two_are_made() {
        let plan = plan(
            at("2026-11-30T23:59:59Z"),
            &months([(2026, 11)]),
            &months([]),
            400,
        );
        assert_eq!(plan.create, [month(2026, 12), month(2027, 1)]);
        assert!(plan.drop.is_empty());
    }

    #[test]
    fn a_month_of_which_rows_lie_in_the_default_partition_is_made_too() {
        let existing = months([(2026, 11), (2026, 12), (2027, 1)]);
        let plan = plan(
            at("2026-11-15T00:00:00Z"),
            &existing,
            &months([(2026, 9), (2026, 11)]),
            400,
        );
        assert_eq!(plan.create, [month(2026, 9)]);
    }

    #[test]
    fn a_month_goes_when_its_last_row_is_old_enough() {
        let now = at("2026-11-15T00:00:00Z");
        let existing = months([(2026, 8), (2026, 9), (2026, 11)]);
        let days = |keep| plan(now, &existing, &months([]), keep).drop;
        assert_eq!(days(45), [month(2026, 8), month(2026, 9)]);
        assert_eq!(days(46), [month(2026, 8)]);
        assert_eq!(days(400), []);
        assert_eq!(days(crate::FOR_EVER), []);
        assert_eq!(days(0), [month(2026, 8), month(2026, 9)]);
    }

    #[test]
    fn only_names_of_ours_are_months() {
        let november = month(2026, 11);
        let of = |name| Month::of_partition("lines", name);
        assert_eq!(november.partition("lines"), "lines_2026_11");
        assert_eq!(of("lines_2026_11"), Some(november));
        for name in [
            "lines_default",
            "lines_2026_13",
            "lines_2026_1",
            "lines2026_11",
            "other_2026_11",
            "x",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
        assert_eq!(november.end(), at("2026-12-01T00:00:00Z"));
    }
}

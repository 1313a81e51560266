//! Lines that game servers bring: what is taken, and as what.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use paperclip::actix::Apiv2Schema;
use ring::digest::{Context, SHA256};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Lines that one call may bring.
pub const MOST_LINES: usize = 10_000;
/// Bytes that a line may have.
pub const LONGEST_LINE: usize = 16 * 1024;
/// Bytes that the body of a call may have.
pub const LARGEST_BODY: usize = 4 << 20;

/// A line may have been said so long before it comes.
const OLDEST: TimeDelta = TimeDelta::days(7);
/// A server's clock may be ahead so much.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// A line that a server said.
#[derive(Debug, Deserialize, Apiv2Schema)]
pub struct NewLine {
    /// What it said: at most 16 KiB. U+0000 is stored as U+FFFD.
    pub line: String,
    /// When it said so (RFC 3339). Kept if it lies within the last 7 days or is at most
    /// 5 minutes ahead; otherwise, and where it is no such time, the line is dated when
    /// it comes.
    #[serde(default, deserialize_with = "time_or_none")]
    pub timestamp: Option<DateTime<Utc>>,
}

/// Lines as they are stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<String>,
    /// When each was said; `None`: when it came.
    pub times: Vec<Option<DateTime<Utc>>>,
}

/// Why lines are not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLines {
    /// There is none.
    #[error("`logs` must hold at least one line")]
    None,
    /// There are too many.
    #[error("`logs` may hold at most {MOST_LINES} lines")]
    TooMany,
    /// The one at this place, counted from 0.
    #[error("`logs[{0}].line` is longer than {LONGEST_LINE} bytes")]
    TooLong(usize),
}

/// Checks what was brought, and makes it fit for PostgreSQL.
///
/// # Errors
/// Nothing of it can be taken.
pub fn check(given: Vec<NewLine>, now: DateTime<Utc>) -> Result<Lines, InvalidLines> {
    if given.is_empty() {
        return Err(InvalidLines::None);
    }
    if given.len() > MOST_LINES {
        return Err(InvalidLines::TooMany);
    }
    let mut taken = Lines::default();
    for (place, NewLine { line, timestamp }) in given.into_iter().enumerate() {
        if line.len() > LONGEST_LINE {
            return Err(InvalidLines::TooLong(place));
        }
        taken.lines.push(storable(line));
        taken
            .times
            .push(timestamp.filter(|time| is_sane(*time, now)));
    }
    Ok(taken)
}

/// PostgreSQL's text cannot hold U+0000.
fn storable(line: String) -> String {
    if line.contains('\0') {
        return line.replace('\0', "\u{fffd}");
    }
    line
}

/// Whether a server can have said something then.
fn is_sane(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (-OLDEST..=AHEAD).contains(&time.signed_duration_since(now))
}

/// Tells calls apart that came with one idempotency key: SHA-256 of everything that the
/// call brought. Taken before it is checked, since times that are kept today may be too old
/// when the call is repeated.
pub fn digest(account: Option<&str>, lines: &[NewLine]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let mut take = |text: Option<&str>| {
        // With its length, so that no text looks like two others.
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        context.update(&length.to_be_bytes());
        context.update(text.unwrap_or_default().as_bytes());
    };
    take(account);
    for NewLine { line, timestamp } in lines {
        take(Some(line));
        take(timestamp.map(|time| time.to_rfc3339()).as_deref());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// Whatever is no time is none: a server that dates its lines badly keeps them.
fn time_or_none<'de, D: Deserializer<'de>>(given: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    given.deserialize_any(TimeOrNone)
}

/// Keeps nothing of what is no time: a list of lists takes many times the memory that it
/// takes as text.
struct TimeOrNone;

impl<'de> Visitor<'de> for TimeOrNone {
    type Value = Option<DateTime<Utc>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        let time = DateTime::parse_from_rfc3339(text).ok();
        Ok(time.map(|time| time.to_utc()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-27T06:00:00Z".parse().unwrap()
    }

    fn line(text: &str, timestamp: &str) -> NewLine {
        NewLine {
            line: text.to_owned(),
            timestamp: timestamp.parse().ok(),
        }
    }

    #[test]
    fn a_time_that_a_server_can_have_said_something_at_is_kept() {
        for (given, kept) in [
            ("2026-11-27T05:59:59.123456Z", true),
            ("2026-11-20T06:00:00Z", true),
            ("2026-11-27T06:05:00Z", true),
            ("2026-11-20T05:59:59Z", false),
            ("2026-11-27T06:05:01Z", false),
            ("1970-01-01T00:00:00Z", false),
            ("9999-12-31T23:59:59Z", false),
        ] {
            let taken = check(vec![line("hi", given)], now()).unwrap();
            let time = given.parse().ok().filter(|_| kept);
            assert_eq!(taken.times, [time], "{given}");
        }
    }

    #[test]
    fn whatever_is_no_time_costs_no_line() {
        for given in [
            r#"{"line":"a"}"#,
            r#"{"line":"a","timestamp":null}"#,
            r#"{"line":"a","timestamp":""}"#,
            r#"{"line":"a","timestamp":1764224700}"#,
            r#"{"line":"a","timestamp":"yesterday"}"#,
            r#"{"line":"a","timestamp":-1}"#,
            r#"{"line":"a","timestamp":1.5}"#,
            r#"{"line":"a","timestamp":true}"#,
            r#"{"line":"a","timestamp":[[],[1,{"at":[]}]]}"#,
            r#"{"line":"a","timestamp":{"at":[],"and":{"at":1}}}"#,
        ] {
            let read: NewLine = serde_json::from_str(given).unwrap();
            assert_eq!(read.timestamp, None, "{given}");
        }
        let zoned = r#"{"line":"a","timestamp":"2026-11-27T08:00:00+02:00"}"#;
        let read: NewLine = serde_json::from_str(zoned).unwrap();
        assert_eq!(read.timestamp, Some(now()));
    }

    #[test]
    fn too_few_too_many_and_too_long_lines_are_told_apart() {
        let of = |count: usize| (0..count).map(|_| line("x", "")).collect::<Vec<_>>();
        assert_eq!(check(of(0), now()), Err(InvalidLines::None));
        assert_eq!(check(of(10_000), now()).unwrap().lines.len(), 10_000);
        assert_eq!(check(of(10_001), now()), Err(InvalidLines::TooMany));
        let longest = "é".repeat(LONGEST_LINE / 2);
        assert!(check(vec![line(&longest, "")], now()).is_ok());
        let longer = format!("{longest}x");
        let both = vec![line("x", ""), line(&longer, "")];
        assert_eq!(check(both, now()), Err(InvalidLines::TooLong(1)));
    }

    #[test]
    fn whatever_two_calls_differ_in_their_digests_differ() {
        let time = "2026-11-27T05:00:00Z";
        let calls = [
            (None, vec![line("a", ""), line("b", "")]),
            (None, vec![line("b", ""), line("a", "")]),
            (None, vec![line("ab", "")]),
            (None, vec![line("a", time), line("b", "")]),
            (None, vec![line("a", ""), line("b", time)]),
            (Some("a"), vec![line("a", ""), line("b", "")]),
            (Some("a"), vec![line("b", "")]),
        ];
        let digests = calls.each_ref().map(|(account, it)| digest(*account, it));
        for (place, one) in digests.iter().enumerate() {
            assert!(!digests[..place].contains(one), "{:?}", calls[place]);
        }
        assert_eq!(digests[0], digest(None, &calls[0].1));
    }

    #[test]
    fn a_nul_becomes_what_can_be_stored() {
        let taken = check(vec![line("a\0b\0", ""), line("", "")], now()).unwrap();
        assert_eq!(taken.lines, ["a\u{fffd}b\u{fffd}", ""]);
    }
}

//! Pages of lists: how long one is, and where the next begins.

use std::fmt::{self, Display};
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use runtime::http::ApiError;

/// Rows of a page for which no number is given.
const USUAL: i64 = 100;
/// Rows of the longest page.
const LONGEST: i64 = 1000;
/// Rows that can be skipped: PostgreSQL reads each of them.
const FURTHEST: i64 = 100_000;

/// What is given, if that is not nothing.
pub fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// How many rows are wanted.
///
/// # Errors
/// 400 for anything but 1 to 1000.
pub fn limit(given: Option<&str>) -> Result<i64, ApiError> {
    within("limit", given, USUAL, 1..=LONGEST)
}

/// How many rows are to be skipped.
///
/// # Errors
/// 400 for anything but 0 to 100,000.
pub fn offset(given: Option<&str>) -> Result<i64, ApiError> {
    within("offset", given, 0, 0..=FURTHEST)
}

fn within(
    name: &str,
    given: Option<&str>,
    usual: i64,
    range: std::ops::RangeInclusive<i64>,
) -> Result<i64, ApiError> {
    let Some(given) = given else {
        return Ok(usual);
    };
    let number = given.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        ApiError::bad_request(format!(
            "`{name}` must be a whole number from {least} to {most}"
        ))
    })
}

/// A moment in a query.
///
/// # Errors
/// 400 with its name.
pub fn moment(name: &str, given: Option<&str>) -> Result<Option<DateTime<Utc>>, ApiError> {
    let moment = given.map(DateTime::parse_from_rfc3339).transpose();
    let moment = moment.map_err(|_error| {
        ApiError::bad_request(format!(
            "`{name}` must be a time as in RFC 3339, for example 2026-11-27T08:00:00Z"
        ))
    })?;
    Ok(moment.map(|moment| moment.to_utc()))
}

/// A moment in an answer.
pub fn told(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The last row of a page, behind which the next begins: what it is sorted by, and its
/// id. Callers hand it back as they got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor<S, I>(pub S, pub I);

impl<S: Display, I: Display> Display for Cursor<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl<S: FromStr, I: FromStr> Cursor<S, I> {
    /// Reads it back.
    ///
    /// # Errors
    /// 400 with the name of the parameter.
    pub fn read(name: &str, given: Option<&str>) -> Result<Option<(S, I)>, ApiError> {
        let Some(given) = given else {
            return Ok(None);
        };
        let parts = given
            .split_once('.')
            .and_then(|(sorted, id)| Some((sorted.parse::<S>().ok()?, id.parse::<I>().ok()?)));
        parts.map(Some).ok_or_else(|| {
            ApiError::bad_request(format!("`{name}` must come from an answer to this request"))
        })
    }
}

/// A moment in a cursor, to the microsecond, as PostgreSQL keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub DateTime<Utc>);

impl Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.timestamp_micros().fmt(f)
    }
}

/// The text is no such moment.
#[derive(Debug)]
pub struct NoMoment;

impl FromStr for Moment {
    type Err = NoMoment;

    /// No earlier one than 1970: PostgreSQL cannot hold all that chrono can.
    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let micros: u64 = text.parse().map_err(|_error| NoMoment)?;
        let micros = i64::try_from(micros).map_err(|_error| NoMoment)?;
        DateTime::from_timestamp_micros(micros)
            .map(Self)
            .ok_or(NoMoment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_limit_is_a_number_in_its_range_and_nothing_else() {
        assert_eq!(limit(None).unwrap(), 100);
        for (given, number) in [("1", 1), ("1000", 1000)] {
            assert_eq!(limit(Some(given)).unwrap(), number);
        }
        for given in ["0", "1001", "-1", "many", "1.5", "99999999999999999999"] {
            let error = limit(Some(given)).unwrap_err();
            assert_eq!(error.code(), "INVALID_REQUEST");
            assert!(error.message().contains("`limit`"), "{given}");
        }
        assert_eq!(offset(Some("0")).unwrap(), 0);
        assert!(offset(Some("100001")).is_err());
    }

    #[test]
    fn a_cursor_reads_back_what_it_wrote() {
        let at = DateTime::from_timestamp_micros(1_764_224_700_123_456).unwrap();
        let text = Cursor(Moment(at), 17_i64).to_string();
        assert_eq!(text, "1764224700123456.17");
        let read = Cursor::<Moment, i64>::read("before", Some(&text)).unwrap();
        assert_eq!(read, Some((Moment(at), 17)));
        let ids = (Uuid::from_u128(1), Uuid::from_u128(2));
        let text = Cursor(ids.0, ids.1).to_string();
        let read = Cursor::<Uuid, Uuid>::read("cursor", Some(&text)).unwrap();
        assert_eq!(read, Some(ids));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for given in [
            "",
            ".",
            "1",
            "1.",
            ".1",
            "-1.1",
            "x.1",
            "99999999999999999999.1",
        ] {
            let read = Cursor::<Moment, i64>::read("before", Some(given));
            assert!(read.is_err(), "{given}");
        }
    }

    #[test]
    fn a_moment_is_read_with_its_zone() {
        let read = moment("from", Some("2026-11-27T08:00:00+02:00")).unwrap();
        assert_eq!(told(read.unwrap()), "2026-11-27T06:00:00.000000Z");
        for given in ["yesterday", "2026-11-27", "+292278-01-01T00:00:00Z"] {
            assert!(moment("from", Some(given)).is_err(), "{given}");
        }
    }
}

//! Scalars as panels of different ages write them.

use chrono::{DateTime, Utc};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// An integer, also as text or as a number with nothing behind the point.
pub(in super::super) fn number<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64>,
{
    deserializer.deserialize_any(Number(PhantomData))
}

/// [`number`], or null; the field may be missing if it has a default.
pub(in super::super) fn optional_number<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64>,
{
    Ok(Option::<Wrapped<N>>::deserialize(deserializer)?.map(|Wrapped(number)| number))
}

struct Wrapped<N>(N);

impl<'de, N: TryFrom<i64>> Deserialize<'de> for Wrapped<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer).map(Self)
    }
}

struct Number<N>(PhantomData<N>);

impl<N: TryFrom<i64>> Visitor<'_> for Number<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer within its range")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<N, E> {
        N::try_from(value).map_err(|_range| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<N, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_range) => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "only whole numbers that a double holds exactly get here"
    )]
    fn visit_f64<E: Error>(self, value: f64) -> Result<N, E> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() <= EXACT {
            self.visit_i64(value as i64)
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<N, E> {
        match value.parse() {
            Ok(value) => self.visit_i64(value),
            Err(_text) => Err(E::invalid_value(Unexpected::Str(value), &self)),
        }
    }
}

/// A truth value, also as 1 or 0, also as text.
pub(super) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Truth;

    impl Visitor<'_> for Truth {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true, false, 1 or 0")
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
            match value {
                0 => Ok(false),
                1 => Ok(true),
                other => Err(E::invalid_value(Unexpected::Signed(other), &self)),
            }
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
            self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
            match value {
                "0" | "false" => Ok(false),
                "1" | "true" => Ok(true),
                other => Err(E::invalid_value(Unexpected::Str(other), &self)),
            }
        }
    }

    deserializer.deserialize_any(Truth)
}

/// Null or a value, but never missing: without a default, a field that is read by
/// a function has to be there.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

/// Text that the model has no null for; a null says the same as "".
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// A time in any of the panel's three dialects, all of them RFC 3339.
pub(super) fn time<'de, D>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error>
where
    D: Deserializer<'de>,
{
    struct Time;

    impl Visitor<'_> for Time {
        type Value = DateTime<Utc>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time (RFC 3339)")
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
            match DateTime::parse_from_rfc3339(value) {
                Ok(time) => Ok(time.to_utc()),
                Err(_format) => Err(E::invalid_value(Unexpected::Str(value), &self)),
            }
        }
    }

    struct Read(DateTime<Utc>);

    impl<'de> Deserialize<'de> for Read {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(Time).map(Self)
        }
    }

    Ok(Option::<Read>::deserialize(deserializer)?.map(|Read(time)| time))
}

/// Label to text. PHP writes an empty object as `[]`, and eggs of old had a plain
/// list, in which each entry is its own label.
pub(super) fn labels<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "labels and texts")]
    enum Labels {
        Map(BTreeMap<String, String>),
        List(Vec<String>),
        Nothing(()),
    }

    Ok(match Labels::deserialize(deserializer)? {
        Labels::Map(map) => map,
        Labels::List(list) => list.into_iter().map(|text| (text.clone(), text)).collect(),
        Labels::Nothing(()) => BTreeMap::new(),
    })
}

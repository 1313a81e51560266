//! The panel's dialects of RFC 3339: most resources write `+00:00` without fractions, variables write
//! microseconds and `Z`.

/// `2023-01-02T00:00:00+00:00`
pub mod seconds {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the instant without fractions, in UTC.
    pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, false))
    }

    /// Reads any RFC 3339 instant.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        DateTime::deserialize(deserializer)
    }
}

/// `2026-11-22T10:38:09.000000Z`
pub mod microseconds {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::Serializer;

    pub use super::seconds::deserialize;

    /// Writes the instant with six digits after the second.
    pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

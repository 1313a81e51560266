//! How single fields are written: seconds as [`Duration`], an empty text as
//! `None`, and secrets never.

use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use super::kind::network;

const SET: &str = "(set)";
const NOT_SET: &str = "(not set)";

/// Whole seconds.
pub mod seconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_secs())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

/// A secret that is always there.
pub mod secret {
    use super::{Deserialize, Deserializer, ExposeSecret, NOT_SET, SET, SecretString, Serializer};

    pub fn serialize<S: Serializer>(value: &SecretString, to: S) -> Result<S::Ok, S::Error> {
        let empty = value.expose_secret().is_empty();
        to.serialize_str(if empty { NOT_SET } else { SET })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
        SecretString::deserialize(from)
    }
}

/// A secret that may be missing.
pub mod optional_secret {
    use super::{Deserialize, Deserializer, NOT_SET, SET, SecretString, Serializer};

    pub fn serialize<S: Serializer>(
        value: &Option<SecretString>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(if value.is_some() { SET } else { NOT_SET })
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SecretString>, D::Error> {
        let text = String::deserialize(from)?;
        Ok((!text.is_empty()).then(|| SecretString::from(text)))
    }
}

/// A text that may be missing.
pub mod optional {
    use super::{Deserialize, Deserializer, NOT_SET, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(value.as_deref().unwrap_or(NOT_SET))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
        let text = String::deserialize(from)?;
        Ok((!text.is_empty()).then_some(text))
    }
}

/// Networks, shown as one text.
pub mod networks {
    use super::{Deserialize, Deserializer, Error, IpNet, Serializer, network};

    pub fn serialize<S: Serializer>(value: &[IpNet], to: S) -> Result<S::Ok, S::Error> {
        let texts: Vec<String> = value.iter().map(ToString::to_string).collect();
        to.serialize_str(&texts.join(", "))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
        Vec::<String>::deserialize(from)?
            .iter()
            .map(|text| network(text).ok_or_else(|| D::Error::custom("no network")))
            .collect()
    }
}

/// A list, shown as one text.
pub mod addresses {
    use super::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &[String], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.join(", "))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        Vec::deserialize(from)
    }
}

/// Periods in whole seconds, shown as one text.
pub mod periods {
    use super::{Deserialize, Deserializer, Duration, Error, Serializer};

    pub fn serialize<S: Serializer>(value: &[Duration], to: S) -> Result<S::Ok, S::Error> {
        let texts: Vec<String> = value.iter().map(|it| it.as_secs().to_string()).collect();
        to.serialize_str(&texts.join(", "))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Duration>, D::Error> {
        Vec::<String>::deserialize(from)?
            .iter()
            .map(|text| text.parse().map(Duration::from_secs))
            .collect::<Result<_, _>>()
            .map_err(D::Error::custom)
    }
}

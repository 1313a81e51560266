//! Objects that say a field twice.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Formatter};

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Whether an object of some JSON has two fields of one name: readers would keep either.
pub enum Doubled {
    /// It has none.
    Nowhere,
    /// The first one's name.
    At(String),
}

impl<'de> Deserialize<'de> for Doubled {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Fields)
    }
}

/// A name as it stands there, unless it has to be unescaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct Fields;

impl Fields {
    fn none<E>() -> Result<Doubled, E> {
        Ok(Doubled::Nowhere)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Doubled;

    fn expecting(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Doubled, A::Error> {
        let (mut names, mut doubled) = (BTreeSet::new(), Doubled::Nowhere);
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, Doubled>()? {
            doubled = match doubled {
                Doubled::Nowhere if names.contains(&name) => Doubled::At(name.clone().into_owned()),
                Doubled::Nowhere => value,
                found @ Doubled::At(_) => found,
            };
            names.insert(name);
        }
        Ok(doubled)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Doubled, A::Error> {
        let mut doubled = Doubled::Nowhere;
        while let Some(value) = list.next_element::<Doubled>()? {
            if matches!(doubled, Doubled::Nowhere) {
                doubled = value;
            }
        }
        Ok(doubled)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Doubled, E> {
        Self::none()
    }

    fn visit_i64<E>(self, _: i64) -> Result<Doubled, E> {
        Self::none()
    }

    fn visit_u64<E>(self, _: u64) -> Result<Doubled, E> {
        Self::none()
    }

    fn visit_f64<E>(self, _: f64) -> Result<Doubled, E> {
        Self::none()
    }

    fn visit_str<E>(self, _: &str) -> Result<Doubled, E> {
        Self::none()
    }

    fn visit_unit<E>(self) -> Result<Doubled, E> {
        Self::none()
    }
}

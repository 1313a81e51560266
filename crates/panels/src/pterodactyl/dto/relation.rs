//! Relations: a list, one record, or `null_resource` where the key may not look.

use common::types::panel::Included;
use serde::Deserialize;

use super::super::decode::Fault;

/// One `{"object","attributes"}` inside a relation; what it calls itself differs
/// between endpoints and is not looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Item<A> {
    pub(super) attributes: A,
}

/// A to-many relation.
#[derive(Debug, Deserialize)]
pub(super) struct Many<A> {
    object: String,
    #[serde(default = "Option::default")]
    data: Option<Vec<Item<A>>>,
}

/// A to-one relation; `null_resource` where there is none or it may not be read.
#[derive(Debug, Deserialize)]
pub(super) struct One<A> {
    #[serde(default = "Option::default")]
    pub(super) attributes: Option<A>,
}

impl<A> Many<A> {
    /// The list, or `Forbidden`; anything else is a fault.
    pub(super) fn included(self, name: &str) -> Result<Included<Vec<A>>, Fault> {
        match (self.object.as_str(), self.data) {
            ("list", Some(items)) => Ok(Included::Listed(
                items.into_iter().map(|item| item.attributes).collect(),
            )),
            ("null_resource", None) => Ok(Included::Forbidden),
            _ => Err(Fault::Unreadable(format!(
                "relationships.{name}: neither a list nor null_resource"
            ))),
        }
    }
}

/// A relation that was asked for (`asked`) and has to be there, or that nobody
/// cares about. A panel that ignores an include says nothing about its rows.
pub(super) fn included<A>(
    asked: bool,
    name: &str,
    relation: Option<Many<A>>,
) -> Result<Included<Vec<A>>, Fault> {
    match (asked, relation) {
        (false, _) => Ok(Included::NotAsked),
        (true, Some(relation)) => relation.included(name),
        (true, None) => Err(Fault::Unreadable(format!(
            "relationships.{name}: missing although it was asked for"
        ))),
    }
}

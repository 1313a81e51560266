//! What the panel wraps its rows in: items, their relations, lists, pages.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::view::Attributes;

/// `{"object": …, "attributes": …}`
#[derive(Serialize)]
pub struct Item<'a> {
    /// The panel's name of the type.
    pub object: &'static str,
    /// The row and its relations.
    pub attributes: Body<'a>,
}

/// A row's attributes, its relations among them.
#[derive(Serialize)]
pub struct Body<'a> {
    #[serde(flatten)]
    own: Attributes<'a>,
    #[serde(skip_serializing_if = "Relations::is_empty")]
    relationships: Relations<'a>,
}

impl<'a> Item<'a> {
    /// A row with its relations.
    pub fn new(
        object: &'static str,
        own: Attributes<'a>,
        relationships: Vec<(&'static str, Relation<'a>)>,
    ) -> Self {
        Self {
            object,
            attributes: Body {
                own,
                relationships: Relations(relationships),
            },
        }
    }

    /// The row's own attributes as a JSON object.
    pub fn to_object(&self) -> serde_json::Map<String, serde_json::Value> {
        match serde_json::to_value(&self.attributes.own) {
            Ok(serde_json::Value::Object(object)) => object,
            _ => serde_json::Map::new(),
        }
    }

    /// Puts other attributes in the place of the row's own.
    pub fn replace(&mut self, attributes: serde_json::Map<String, serde_json::Value>) {
        self.attributes.own = Attributes::Spoiled(attributes);
    }
}

struct Relations<'a>(Vec<(&'static str, Relation<'a>)>);

impl Relations<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Relations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, relation)| (name, relation)))
    }
}

/// What stands under a relation's name.
pub enum Relation<'a> {
    /// Rows.
    Many(Vec<Item<'a>>),
    /// One row.
    One(Box<Item<'a>>),
    /// Nothing, or nothing that the key may see.
    Null,
}

impl Serialize for Relation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(item) => item.serialize(serializer),
            Self::Many(items) => {
                let mut list = serializer.serialize_struct("List", 2)?;
                list.serialize_field("object", "list")?;
                list.serialize_field("data", items)?;
                list.end()
            }
            Self::Null => {
                let mut null = serializer.serialize_struct("Null", 2)?;
                null.serialize_field("object", "null_resource")?;
                null.serialize_field("attributes", &())?;
                null.end()
            }
        }
    }
}

/// A listing.
#[derive(Serialize)]
pub struct Listing<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
}

impl<'a> Listing<'a> {
    /// Rows, and where they stand among all where the listing has pages.
    pub fn new(data: Vec<Item<'a>>, pagination: Option<Pagination>) -> Self {
        Self {
            object: "list",
            data,
            meta: pagination.map(|pagination| Meta { pagination }),
        }
    }
}

#[derive(Serialize)]
struct Meta {
    pagination: Pagination,
}

/// Where a page stands.
#[derive(Serialize)]
pub struct Pagination {
    /// Rows of all pages.
    pub total: usize,
    /// Rows of this page.
    pub count: usize,
    /// Rows a full page has.
    pub per_page: usize,
    /// This page, as asked for.
    pub current_page: usize,
    /// Pages; 1 for an empty table.
    pub total_pages: usize,
    /// Addresses of its neighbours.
    pub links: Links,
}

/// Addresses of a page's neighbours.
#[derive(Default, Serialize)]
pub struct Links {
    /// The page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The page after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

//! Mirrored tables as data. The merge, the search for missing rows, links and
//! removals are generated from these descriptions, so that each is written once.

use diesel::pg::Pg;
use diesel::query_builder::BoxedSqlQuery;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use uuid::Uuid;

/// A mirrored table.
#[derive(Debug)]
pub(crate) struct Table {
    /// Name in PostgreSQL.
    pub name: &'static str,
    /// Columns that, with `panel_id`, tell one row from another.
    pub key: &'static [&'static str],
    /// What the panel says, key columns first.
    pub columns: &'static [Column],
    /// Foreign keys to other mirrored tables.
    pub parents: &'static [Parent],
    /// Whether the panel gives a uuid, so that a reused id can be told.
    pub has_uuid: bool,
}

impl Table {
    /// The order in which every statement takes rows that others may take too.
    pub fn order(&self, alias: &str) -> String {
        let columns: Vec<String> = self
            .key
            .iter()
            .map(|column| format!("{alias}.{column}"))
            .collect();
        columns.join(", ")
    }
}

/// A column that is filled from the panel.
#[derive(Debug)]
pub(crate) struct Column {
    /// Name in PostgreSQL, and in the `changed` list of events.
    pub name: &'static str,
    /// Type of one array element on the wire.
    pub wire: &'static str,
    /// Type that the element is cast to, where it differs.
    pub cast: Option<&'static str>,
    /// A null says that the panel told nothing: the stored value stays.
    pub keeps: bool,
}

/// A foreign key that is resolved through the panel's id.
#[derive(Debug)]
pub(crate) struct Parent {
    /// The key, null until the other side is there.
    pub key: &'static str,
    /// The panel's id of the other side.
    pub remote: &'static str,
    /// The other table.
    pub table: &'static str,
}

pub(crate) const fn column(name: &'static str, wire: &'static str) -> Column {
    Column {
        name,
        wire,
        cast: None,
        keeps: false,
    }
}

pub(crate) const fn cast(name: &'static str, cast: &'static str) -> Column {
    Column {
        name,
        wire: "text",
        cast: Some(cast),
        keeps: false,
    }
}

/// A column of arrays whose null leaves the stored value as it is.
pub(crate) const fn keeping(name: &'static str, cast: &'static str) -> Column {
    Column {
        name,
        wire: "text",
        cast: Some(cast),
        keeps: true,
    }
}

pub(crate) const fn parent(key: &'static str, remote: &'static str, table: &'static str) -> Parent {
    Parent { key, remote, table }
}

/// One array per column: how rows travel to PostgreSQL.
pub(crate) enum Values<'a> {
    Int8(Vec<Option<i64>>),
    Int4(Vec<i32>),
    Bool(Vec<bool>),
    Uuid(Vec<Uuid>),
    Text(Vec<Option<&'a str>>),
    Owned(Vec<Option<String>>),
    Time(Vec<Option<chrono::DateTime<chrono::Utc>>>),
}

/// Rows of one table, column by column, in the order of [`Table::columns`].
pub(crate) struct Batch<'a> {
    pub table: &'static Table,
    pub rows: usize,
    pub columns: Vec<Values<'a>>,
}

impl<'a> Batch<'a> {
    pub fn new(table: &'static Table, rows: usize) -> Self {
        Self {
            table,
            rows,
            columns: Vec::with_capacity(table.columns.len()),
        }
    }

    pub fn int8(mut self, values: impl Iterator<Item = i64>) -> Self {
        self.columns.push(Values::Int8(values.map(Some).collect()));
        self
    }

    pub fn nullable_int8(mut self, values: impl Iterator<Item = Option<i64>>) -> Self {
        self.columns.push(Values::Int8(values.collect()));
        self
    }

    pub fn int4(mut self, values: impl Iterator<Item = i32>) -> Self {
        self.columns.push(Values::Int4(values.collect()));
        self
    }

    pub fn bool(mut self, values: impl Iterator<Item = bool>) -> Self {
        self.columns.push(Values::Bool(values.collect()));
        self
    }

    pub fn uuid(mut self, values: impl Iterator<Item = Uuid>) -> Self {
        self.columns.push(Values::Uuid(values.collect()));
        self
    }

    pub fn text(mut self, values: impl Iterator<Item = &'a str>) -> Self {
        self.columns.push(Values::Text(values.map(Some).collect()));
        self
    }

    pub fn nullable_text(mut self, values: impl Iterator<Item = Option<&'a str>>) -> Self {
        self.columns.push(Values::Text(values.collect()));
        self
    }

    pub fn owned(mut self, values: impl Iterator<Item = Option<String>>) -> Self {
        self.columns.push(Values::Owned(values.collect()));
        self
    }

    pub fn time(
        mut self,
        values: impl Iterator<Item = Option<chrono::DateTime<chrono::Utc>>>,
    ) -> Self {
        self.columns.push(Values::Time(values.collect()));
        self
    }

    /// The array of one column as a `bigint` key.
    pub fn key(&self, name: &str) -> Vec<Option<i64>> {
        self.table
            .columns
            .iter()
            .zip(&self.columns)
            .find(|(column, _)| column.name == name)
            .and_then(|(_, values)| match values {
                Values::Int8(values) => Some(values.clone()),
                _ => None,
            })
            .unwrap_or_default()
    }
}

/// Binds one column's array.
pub(crate) fn bind<'q, Q>(
    query: BoxedSqlQuery<'q, Pg, Q>,
    values: Values<'q>,
) -> BoxedSqlQuery<'q, Pg, Q> {
    match values {
        Values::Int8(values) => query.bind::<Array<Nullable<BigInt>>, _>(values),
        Values::Int4(values) => query.bind::<Array<Integer>, _>(values),
        Values::Bool(values) => query.bind::<Array<Bool>, _>(values),
        Values::Uuid(values) => query.bind::<Array<diesel::sql_types::Uuid>, _>(values),
        Values::Text(values) => query.bind::<Array<Nullable<Text>>, _>(values),
        Values::Owned(values) => query.bind::<Array<Nullable<Text>>, _>(values),
        Values::Time(values) => query.bind::<Array<Nullable<Timestamptz>>, _>(values),
    }
}

/// A PostgreSQL array literal of texts, for columns that are arrays
/// themselves (`unnest` would flatten an array of arrays).
pub(crate) fn text_array_literal(values: &[String]) -> String {
    let mut literal = String::from("{");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            literal.push(',');
        }
        literal.push('"');
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

/// The same for numbers, in ascending order so that the panel's order of
/// listing is no change.
pub(crate) fn id_array_literal(ids: &[i64]) -> String {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let texts: Vec<String> = sorted.iter().map(ToString::to_string).collect();
    format!("{{{}}}", texts.join(","))
}

//! How rows are asked for, and what comes back beside them.

use serde::{Deserialize, Serialize};

/// One page to ask for: which, and how many rows a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Counted from 1.
    pub number: u32,
    /// Rows a page.
    pub size: u32,
}

impl PageRequest {
    /// Position of the page's first row in the listing, counted from 0.
    #[must_use]
    pub fn offset(self) -> u64 {
        u64::from(self.number.saturating_sub(1)) * u64::from(self.size)
    }
}

/// A record that could not be understood: its stored row stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRecord {
    /// The panel's id, where it could be told.
    pub id: Option<i64>,
    /// Position in the listing, counted from 0.
    pub position: u64,
    /// What is wrong, without any of the record's values.
    pub reason: String,
}

/// All rows of one requested page, whatever number of answers they came in.
#[derive(Debug, Clone)]
pub struct Chunk<T> {
    /// The rows that could be read.
    pub rows: Vec<T>,
    /// Rows that the panel sent and we cannot read.
    pub bad: Vec<BadRecord>,
    /// Rows that the panel itself cannot send: asked for alone it answers 500.
    pub poison: Vec<BadRecord>,
    /// `meta.pagination.total`, or the number of rows where a listing has no
    /// pages.
    pub total: u64,
    /// Whether `total` was the same in every answer of the chunk.
    pub total_constant: bool,
    /// HTTP requests made.
    pub requests: u32,
}

impl<T> Chunk<T> {
    /// Whether it shows no row at all, readable or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.bad.is_empty() && self.poison.is_empty()
    }
}

/// What a row's own address says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The panel's own JSON 404: the row is gone.
    Gone,
    /// It is there.
    Found(T),
    /// The panel does not tell whether it is there, or what it is (a 500, or an
    /// answer we don't understand): the text says why.
    Unreadable(String),
}

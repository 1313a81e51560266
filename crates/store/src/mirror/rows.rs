//! Rows of one page, as they come from the panel.

use common::types::panel::{Allocation, Location, Nest, Node, PanelUser, Server};

/// Which parts of a listing of servers are mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerParts {
    /// Servers, variables, allocation links, subusers.
    pub servers: bool,
    /// Databases and their hosts.
    pub databases: bool,
}

/// Rows of one page.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the variants are the panel's resources")]
pub enum PageRows {
    Locations(Vec<Location>),
    Nodes(Vec<Node>),
    Allocations {
        node: i64,
        rows: Vec<Allocation>,
    },
    Nests(Vec<Nest>),
    Users(Vec<PanelUser>),
    Servers {
        rows: Vec<Server>,
        parts: ServerParts,
    },
}

impl PageRows {
    /// Number of top-level rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Locations(rows) => rows.len(),
            Self::Nodes(rows) => rows.len(),
            Self::Allocations { rows, .. } => rows.len(),
            Self::Nests(rows) => rows.len(),
            Self::Users(rows) => rows.len(),
            Self::Servers { rows, .. } => rows.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The panel's ids of the top-level rows.
    #[must_use]
    pub fn ids(&self) -> Vec<i64> {
        match self {
            Self::Locations(rows) => rows.iter().map(|row| row.id).collect(),
            Self::Nodes(rows) => rows.iter().map(|row| row.id).collect(),
            Self::Allocations { rows, .. } => rows.iter().map(|row| row.id).collect(),
            Self::Nests(rows) => rows.iter().map(|row| row.id).collect(),
            Self::Users(rows) => rows.iter().map(|row| row.id).collect(),
            Self::Servers { rows, .. } => rows.iter().map(|row| row.id).collect(),
        }
    }

    /// The table of the rows themselves, without what hangs on them.
    pub(super) fn table(&self) -> &'static str {
        match self {
            Self::Locations(_) => "locations",
            Self::Nodes(_) => "nodes",
            Self::Allocations { .. } => "allocations",
            Self::Nests(_) => "nests",
            Self::Users(_) => "panel_users",
            Self::Servers { .. } => "servers",
        }
    }

    pub(super) fn split(self, at: usize) -> (Self, Self) {
        fn cut<T>(mut rows: Vec<T>, at: usize) -> (Vec<T>, Vec<T>) {
            let tail = rows.split_off(at);
            (rows, tail)
        }
        match self {
            Self::Locations(rows) => {
                let (a, b) = cut(rows, at);
                (Self::Locations(a), Self::Locations(b))
            }
            Self::Nodes(rows) => {
                let (a, b) = cut(rows, at);
                (Self::Nodes(a), Self::Nodes(b))
            }
            Self::Allocations { node, rows } => {
                let (a, b) = cut(rows, at);
                (
                    Self::Allocations { node, rows: a },
                    Self::Allocations { node, rows: b },
                )
            }
            Self::Nests(rows) => {
                let (a, b) = cut(rows, at);
                (Self::Nests(a), Self::Nests(b))
            }
            Self::Users(rows) => {
                let (a, b) = cut(rows, at);
                (Self::Users(a), Self::Users(b))
            }
            Self::Servers { rows, parts } => {
                let (a, b) = cut(rows, at);
                (
                    Self::Servers { rows: a, parts },
                    Self::Servers { rows: b, parts },
                )
            }
        }
    }
}

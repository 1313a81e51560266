//! Listings of the Application API, a page at a time.

use common::types::panel::{
    Allocation, Chunk, Location, Nest, Node, PageRequest, PanelUser, Server, ServerIncludes,
};

use super::Pterodactyl;
use super::dto;
use super::question::Question;
use super::span::Listing;
use crate::error::PanelError;

impl Pterodactyl {
    /// A page of the locations.
    ///
    /// # Errors
    ///
    /// Every listing here: [`PanelError::Forbidden`] names the permission that the
    /// key lacks; transient errors come after the retries were used up. A row that
    /// cannot be had is no error: the chunk tells of it.
    pub async fn locations(&self, page: PageRequest) -> Result<Chunk<Location>, PanelError> {
        Listing {
            client: &self.client,
            question: locations().with("sort", "id"),
            own_address: Some(&|id| locations().id(id)),
            read: &dto::place::location,
        }
        .chunk(page)
        .await
    }

    /// A page of the nodes.
    ///
    /// # Errors
    ///
    /// See [`locations`](Self::locations).
    pub async fn nodes(&self, page: PageRequest) -> Result<Chunk<Node>, PanelError> {
        Listing {
            client: &self.client,
            question: nodes().with("sort", "id"),
            own_address: Some(&|id| nodes().id(id)),
            read: &dto::place::node,
        }
        .chunk(page)
        .await
    }

    /// A page of one node's allocations. The panel cannot sort them: only a page
    /// that holds all of them is one consistent answer.
    ///
    /// # Errors
    ///
    /// See [`locations`](Self::locations); [`PanelError::NotFound`] when the node
    /// is gone.
    pub async fn allocations(
        &self,
        node: i64,
        page: PageRequest,
    ) -> Result<Chunk<Allocation>, PanelError> {
        Listing {
            client: &self.client,
            question: allocations(node),
            own_address: None,
            read: &dto::place::allocation,
        }
        .chunk(page)
        .await
    }

    /// A page of the nests, each with all its eggs and their variables. The panel
    /// cannot sort them.
    ///
    /// # Errors
    ///
    /// See [`locations`](Self::locations); [`PanelError::Forbidden`] also when the
    /// key may read nests but not eggs.
    pub async fn nests(&self, page: PageRequest) -> Result<Chunk<Nest>, PanelError> {
        Listing {
            client: &self.client,
            question: nests(),
            own_address: Some(&|id| nest(id)),
            read: &dto::nest::nest,
        }
        .chunk(page)
        .await
    }

    /// A page of the users.
    ///
    /// # Errors
    ///
    /// See [`locations`](Self::locations).
    pub async fn users(&self, page: PageRequest) -> Result<Chunk<PanelUser>, PanelError> {
        Listing {
            client: &self.client,
            question: users().with("sort", "id"),
            own_address: Some(&|id| users().id(id)),
            read: &dto::user::user,
        }
        .chunk(page)
        .await
    }

    /// A page of the servers with the relations asked for, all of a server's rows
    /// in the same answer.
    ///
    /// # Errors
    ///
    /// See [`locations`](Self::locations). A relation that the key may not read is
    /// no error here but `Included::Forbidden` in each server.
    pub async fn servers(
        &self,
        page: PageRequest,
        include: ServerIncludes,
    ) -> Result<Chunk<Server>, PanelError> {
        Listing {
            client: &self.client,
            question: servers(include).with("sort", "id"),
            own_address: Some(&|id| server(id, include)),
            read: &|raw| dto::server::server(raw, include),
        }
        .chunk(page)
        .await
    }
}

pub(super) fn locations() -> Question {
    Question::application("locations").segment("locations")
}

pub(super) fn nodes() -> Question {
    Question::application("nodes").segment("nodes")
}

pub(super) fn allocations(node: i64) -> Question {
    Question::application("allocations")
        .segment("nodes")
        .id(node)
        .segment("allocations")
}

fn nests() -> Question {
    Question::application("nests")
        .segment("nests")
        .include(NEST_INCLUDES)
}

pub(super) fn nest(id: i64) -> Question {
    Question::application("nests")
        .segment("nests")
        .id(id)
        .include(NEST_INCLUDES)
}

pub(super) fn users() -> Question {
    Question::application("users").segment("users")
}

fn servers(include: ServerIncludes) -> Question {
    Question::application("servers")
        .segment("servers")
        .include(&relations(include))
}

pub(super) fn server(id: i64, include: ServerIncludes) -> Question {
    Question::application("servers")
        .segment("servers")
        .id(id)
        .include(&relations(include))
}

/// One request brings everything: a third level (`eggs.variables.x`) would be cut.
const NEST_INCLUDES: &[&str] = &["eggs.variables"];

/// `databases.password` is never among them: a key that may only read would get
/// the plain text.
fn relations(include: ServerIncludes) -> Vec<&'static str> {
    [
        (include.allocations, "allocations"),
        (include.variables, "variables"),
        (include.subusers, "subusers"),
        (include.databases, "databases.host"),
    ]
    .into_iter()
    .filter_map(|(asked, name)| asked.then_some(name))
    .collect()
}

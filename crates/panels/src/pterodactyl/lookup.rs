//! A row's own address: the second look before anything counts as removed.

use common::types::panel::{
    Allocation, Database, Location, Lookup, Nest, Node, PanelUser, Server, ServerIncludes,
};

use super::decode::{self, Fault, Record, Row};
use super::question::Question;
use super::{Pterodactyl, dto, list};
use crate::error::PanelError;

impl Pterodactyl {
    /// The location with this id.
    ///
    /// # Errors
    ///
    /// Every lookup here: [`PanelError::Forbidden`] names the permission that the
    /// key lacks; transient errors come after the retries were used up. Neither
    /// says anything about the row. An answer that stays one that nobody
    /// understands is no error: [`Lookup::Unreadable`].
    pub async fn location(&self, id: i64) -> Result<Lookup<Location>, PanelError> {
        self.look_up(list::locations().id(id), id, dto::place::location)
            .await
    }

    /// The node with this id.
    ///
    /// # Errors
    ///
    /// See [`location`](Self::location).
    pub async fn node(&self, id: i64) -> Result<Lookup<Node>, PanelError> {
        self.look_up(list::nodes().id(id), id, dto::place::node)
            .await
    }

    /// The nest with this id, with all its eggs and their variables.
    ///
    /// # Errors
    ///
    /// See [`location`](Self::location).
    pub async fn nest(&self, id: i64) -> Result<Lookup<Nest>, PanelError> {
        self.look_up(list::nest(id), id, dto::nest::nest).await
    }

    /// The user with this id.
    ///
    /// # Errors
    ///
    /// See [`location`](Self::location).
    pub async fn user(&self, id: i64) -> Result<Lookup<PanelUser>, PanelError> {
        self.look_up(list::users().id(id), id, dto::user::user)
            .await
    }

    /// The server with this id, with the relations asked for.
    ///
    /// # Errors
    ///
    /// See [`location`](Self::location).
    pub async fn server(
        &self,
        id: i64,
        include: ServerIncludes,
    ) -> Result<Lookup<Server>, PanelError> {
        self.look_up(list::server(id, include), id, move |raw| {
            dto::server::server(raw, include)
        })
        .await
    }

    /// The database with this id, with its host. The panel asks only that some
    /// server has the id `server`: the answer's own `server` tells whose it is.
    ///
    /// # Errors
    ///
    /// See [`location`](Self::location).
    pub async fn database(
        &self,
        server: i64,
        database: i64,
    ) -> Result<Lookup<Database>, PanelError> {
        let question = Question::application("server_databases")
            .segment("servers")
            .id(server)
            .segment("databases")
            .id(database)
            .include(&["host"]);
        self.look_up(question, database, dto::database::database)
            .await
    }

    /// The allocation with exactly this address on a node. Allocations have no
    /// address of their own, so the node's are filtered; a node that is gone has
    /// none.
    ///
    /// # Errors
    ///
    /// See [`location`](Self::location); [`PanelError::InvalidRequest`] for an
    /// address that the panel's filter would not take literally.
    pub async fn allocation(
        &self,
        node: i64,
        ip: &str,
        port: i32,
    ) -> Result<Lookup<Allocation>, PanelError> {
        // A comma means "or" to the panel, an empty value "no filter".
        if ip.trim().is_empty() || ip.contains(',') {
            return Err(PanelError::InvalidRequest(
                "an allocation's address that is empty or holds a comma",
            ));
        }
        let question = list::allocations(node)
            .with("filter[ip]", ip)
            .with("filter[port]", port.to_string());
        self.ask_for_a_row(&question, |body| {
            let page = decode::page(body)?;
            let records = page.read(dto::place::allocation)?;
            match records.into_iter().next() {
                None => Ok(Lookup::Gone),
                Some(Record::Bad { reason, .. }) => Ok(Lookup::Unreadable(reason)),
                Some(Record::Read(found))
                    if found.port == port && found.ip.eq_ignore_ascii_case(ip) =>
                {
                    Ok(Lookup::Found(found))
                }
                Some(Record::Read(_)) => Err(PanelError::Malformed(
                    "a row that the filter excludes".into(),
                )),
            }
        })
        .await
    }

    async fn look_up<T: Row>(
        &self,
        question: Question,
        id: i64,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Lookup<T>, PanelError> {
        self.ask_for_a_row(&question, |body| {
            let raw = decode::whole(body)?;
            match read(raw) {
                Ok(row) if row.id() == id => Ok(Lookup::Found(row)),
                Ok(_) => Err(PanelError::Malformed("a row with another id".into())),
                Err(Fault::Forbidden(permission)) => Err(PanelError::Forbidden { permission }),
                Err(Fault::Unreadable(reason)) => Ok(Lookup::Unreadable(reason)),
            }
        })
        .await
    }

    /// A panel that fails is asked once more: what it says only once has passed.
    async fn ask_for_a_row<T>(
        &self,
        question: &Question,
        decode: impl Fn(&[u8]) -> Result<Lookup<T>, PanelError>,
    ) -> Result<Lookup<T>, PanelError> {
        let ask = async || self.client.fetch(question, &mut 0, &decode).await;
        match ask().await {
            Err(PanelError::ServerError { .. }) => settle(ask().await),
            answer => settle(answer),
        }
    }
}

/// What a refusal says about the row itself. An answer that cannot be understood, however
/// often the client has asked, says nothing of the row, and keeps nobody waiting for another.
fn settle<T>(answer: Result<Lookup<T>, PanelError>) -> Result<Lookup<T>, PanelError> {
    match answer {
        Err(PanelError::NotFound) => Ok(Lookup::Gone),
        Err(PanelError::ServerError { code }) => Ok(Lookup::Unreadable(format!(
            "the panel answers 500 ({code})"
        ))),
        Err(PanelError::Malformed(reason)) => Ok(Lookup::Unreadable(reason)),
        other => other,
    }
}

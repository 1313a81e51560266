//! Live use of single servers through the Client API, which has a key and a
//! budget of its own.

use common::types::panel::ServerResources;
use uuid::Uuid;

use super::dto::live::{self, ServerDetail};
use super::question::Question;
use super::{Pterodactyl, decode};
use crate::error::PanelError;

impl Pterodactyl {
    /// What a server uses now. The panel itself caches this for 20 s.
    ///
    /// # Errors
    ///
    /// [`PanelError::NoClientKey`] without a key for the Client API,
    /// [`PanelError::NotFound`] when the key's owner sees no such server,
    /// [`PanelError::StateConflict`] while the server is suspended, installed,
    /// restored or transferred, [`PanelError::DaemonUnreachable`] when its node
    /// does not answer, [`PanelError::RateLimited`] instead of a long wait.
    pub async fn server_resources(&self, server: Uuid) -> Result<ServerResources, PanelError> {
        let question = Question::client_server(server).segment("resources");
        self.ask_live(&question, live::resources).await
    }

    /// What the Client API tells of a server, with its allocations, subusers and
    /// the variables that a customer may see. Works in every state of the server.
    ///
    /// # Errors
    ///
    /// As [`server_resources`](Self::server_resources), but for the state and the
    /// node, which play no part.
    pub async fn server_detail(&self, server: Uuid) -> Result<ServerDetail, PanelError> {
        let question = Question::client_server(server).include(&["egg", "subusers"]);
        self.ask_live(&question, live::detail).await
    }

    async fn ask_live<T>(
        &self,
        question: &Question,
        read: impl Fn(&str) -> Result<T, decode::Fault>,
    ) -> Result<T, PanelError> {
        self.client
            .fetch(question, &mut 0, |body| {
                read(decode::whole(body)?).map_err(|fault| match fault {
                    decode::Fault::Unreadable(reason) => PanelError::Malformed(reason),
                    decode::Fault::Forbidden(permission) => PanelError::Forbidden { permission },
                })
            })
            .await
    }
}

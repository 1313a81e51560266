//! Live use of single servers.

use actix_web::web::{Data, Json, Path};
use common::types::id::PanelId;
use common::types::panel::ServerResources;
use paperclip::actix::{Apiv2Schema, api_v2_operation};
use serde::Serialize;
use uuid::Uuid;

use super::answer::Answer;
use super::failure::Failure;
use crate::auth::{Needs, ReadServers};
use crate::state::State;

/// What a server uses now.
#[derive(Debug, Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// `running`, `starting`, `stopping` or `offline`.
    current_state: String,
    is_suspended: bool,
    memory_bytes: i64,
    /// Per cent of one core.
    cpu_absolute: f64,
    disk_bytes: i64,
    /// Received since the start.
    network_rx_bytes: i64,
    /// Sent since the start.
    network_tx_bytes: i64,
    /// Milliseconds since the start.
    uptime: i64,
}

/// Tells what a server uses now
///
/// Asks the server's panel, which itself remembers the answer for 20 seconds. The
/// id is ours or the panel's uuid of the server.
#[api_v2_operation(tags(Servers))]
pub async fn resources(
    _caller: Needs<ReadServers>,
    id: Path<Uuid>,
    state: Data<State>,
) -> Result<Json<Answer<Resources>>, Failure<404, 409, 502, 504>> {
    let address = state.store.server_address(*id).await?;
    let panel = PanelId(address.panel_id);
    let resources = state.panels.server_resources(panel, address.uuid).await?;
    Ok(Json(Answer::of(resources.into())))
}

impl From<ServerResources> for Resources {
    fn from(it: ServerResources) -> Self {
        Self {
            current_state: it.current_state,
            is_suspended: it.is_suspended,
            memory_bytes: it.memory_bytes,
            cpu_absolute: it.cpu_absolute,
            disk_bytes: it.disk_bytes,
            network_rx_bytes: it.network_rx_bytes,
            network_tx_bytes: it.network_tx_bytes,
            uptime: it.uptime,
        }
    }
}

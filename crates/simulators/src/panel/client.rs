//! The Client API: the servers that a user may see, and their use.

use std::time::Duration;

use actix_web::http::StatusCode;
use serde::Serialize;

use super::{
    client_view,
    envelope::{Item, Listing},
    latency::cost,
    list::{CLIENT_SERVERS, Page},
    query::Query,
    render::Renderer,
    reply::Reply,
    routes::Route,
    rows::{Daemon, Server, User},
    view::identifier,
};

/// The most rows a page has, whatever is asked for.
const MOST_PER_PAGE: usize = 100;

/// A client's answer, and how long a silent daemon holds it back.
pub struct ClientAnswer {
    /// The answer.
    pub reply: Reply,
    /// Silence before it.
    pub silence: Duration,
}

impl From<Reply> for ClientAnswer {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            silence: Duration::ZERO,
        }
    }
}

/// Answers one request of a user whose key is known and counted.
pub fn answer(
    renderer: &Renderer<'_>,
    route: &Route,
    query: &Query,
    url: &str,
    asker: &User,
) -> ClientAnswer {
    match route {
        Route::ClientServers => servers(renderer, query, url, asker)
            .unwrap_or_else(|reply| *reply)
            .into(),
        Route::ClientServer(name) => server(renderer, query, name, asker).into(),
        Route::ClientResources(name) => resources(renderer, name, asker),
        _ => Reply::missing_row().into(),
    }
}

fn servers(
    renderer: &Renderer<'_>,
    query: &Query,
    url: &str,
    asker: &User,
) -> Result<Reply, Box<Reply>> {
    let Renderer { state, index, .. } = *renderer;
    let accessible = |row: &&Server| index.may_access(asker.id, row.id);
    let rows = state
        .servers
        .values()
        .filter(|row| match query.get("type") {
            Some("admin-all") => asker.root_admin,
            Some("admin") => asker.root_admin && !accessible(row),
            Some("owner") => row.user == asker.id,
            _ => accessible(row),
        });
    let rows = CLIENT_SERVERS.select(rows, query)?;
    let kept = query.without_page();
    let url = if kept.is_empty() {
        url.to_owned()
    } else {
        format!("{url}?{kept}")
    };
    let (rows, pagination) = Page::new(query, url)?.capped(MOST_PER_PAGE).of(&rows);
    renderer.spend(cost::LISTING);
    let render = |row| {
        renderer.spend(cost::CLIENT_SERVER);
        client_view::server(state, index, row, asker, &query.includes)
    };
    Ok(Reply::json(&Listing::new(
        rows.into_iter().map(render).collect(),
        Some(pagination),
    )))
}

fn find<'a>(renderer: &Renderer<'a>, name: &str, asker: &User) -> Result<&'a Server, Reply> {
    let named = |row: &&Server| identifier(row.uuid) == name || row.uuid.to_string() == name;
    let row = renderer
        .state
        .servers
        .values()
        .find(named)
        .ok_or_else(Reply::missing_row)?;
    if asker.root_admin || renderer.index.may_access(asker.id, row.id) {
        return Ok(row);
    }
    let detail = "The requested resource does not exist on this server.";
    Err(Reply::error(
        StatusCode::NOT_FOUND,
        "NotFoundHttpException",
        detail,
    ))
}

#[derive(Serialize)]
struct Single<'a> {
    #[serde(flatten)]
    item: Item<'a>,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct Meta<'a> {
    is_server_owner: bool,
    user_permissions: Vec<&'a str>,
}

fn server(renderer: &Renderer<'_>, query: &Query, name: &str, asker: &User) -> Reply {
    let Renderer { state, index, .. } = *renderer;
    renderer.spend(cost::SINGLE);
    let row = match find(renderer, name, asker) {
        Ok(row) => row,
        Err(reply) => return reply,
    };
    let owner = row.user == asker.id;
    let user_permissions = if asker.root_admin {
        vec![
            "*",
            "admin.websocket.errors",
            "admin.websocket.install",
            "admin.websocket.transfer",
        ]
    } else if owner {
        vec!["*"]
    } else {
        let own = state
            .subusers
            .values()
            .find(|subuser| (subuser.server_id, subuser.user_id) == (row.id, asker.id));
        own.map(|subuser| subuser.permissions.iter().map(String::as_str).collect())
            .unwrap_or_default()
    };
    let item = client_view::server(state, index, row, asker, &query.includes);
    Reply::json(&Single {
        item,
        meta: Meta {
            is_server_owner: owner,
            user_permissions,
        },
    })
}

/// Why a server cannot be used just now.
fn conflict(renderer: &Renderer<'_>, row: &Server) -> Option<&'static str> {
    let state = renderer.state;
    let status = row.status.as_deref();
    if status == Some("suspended") {
        return Some(
            "This server is currently suspended and the functionality requested is unavailable.",
        );
    }
    if state
        .nodes
        .get(&row.node)
        .is_some_and(|node| node.maintenance_mode)
    {
        return Some(
            "The node of this server is currently under maintenance and the functionality requested is unavailable.",
        );
    }
    if matches!(status, Some("installing" | "install_failed")) {
        return Some(
            "This server has not yet completed its installation process, please try again later.",
        );
    }
    if status == Some("restoring_backup") {
        return Some("This server is currently restoring from a backup, please try again later.");
    }
    let moving = state.transfers.contains(&row.id);
    moving.then_some(
        "This server is currently being transferred to a new machine, please try again later.",
    )
}

fn resources(renderer: &Renderer<'_>, name: &str, asker: &User) -> ClientAnswer {
    renderer.spend(cost::SINGLE);
    let row = match find(renderer, name, asker) {
        Ok(row) => row,
        Err(reply) => return reply.into(),
    };
    if let Some(detail) = conflict(renderer, row) {
        return Reply::error(StatusCode::CONFLICT, "ServerStateConflictException", detail).into();
    }
    let daemon = renderer
        .state
        .nodes
        .get(&row.node)
        .map_or(&Daemon::Unreachable, |node| &node.daemon);
    let gateway_timeout = |detail: &str| {
        Reply::error(
            StatusCode::GATEWAY_TIMEOUT,
            "DaemonConnectionException",
            detail,
        )
    };
    let unreachable =
        "Could not establish a connection to the machine running this server. Please try again.";
    match daemon {
        Daemon::Running => Reply::json(&client_view::statistics(row)).into(),
        Daemon::Unreachable => gateway_timeout(unreachable).into(),
        Daemon::Hanging(silence) => ClientAnswer {
            reply: gateway_timeout(unreachable),
            silence: *silence,
        },
        Daemon::Failing(status) => gateway_timeout(&format!(
            "There was an error while communicating with the machine running this server. \
             This error has been logged, please try again. (code: {status}) \
             (request_id: 00000000-0000-0000-0000-000000000000)"
        ))
        .into(),
        Daemon::Garbage => Reply::unexpected("TypeError").into(),
    }
}

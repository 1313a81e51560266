//! Which route a path takes.

use super::{limits::Api, query::cast_id, rows::Id};

/// A route with what its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `locations`
    Locations,
    /// `locations/{id}`
    Location(Id),
    /// `nodes`
    Nodes,
    /// `nodes/{id}`
    Node(Id),
    /// `nodes/{id}/allocations`
    NodeAllocations(Id),
    /// `nests`
    Nests,
    /// `nests/{id}`
    Nest(Id),
    /// `nests/{id}/eggs`
    Eggs(Id),
    /// `nests/{id}/eggs/{id}`
    Egg(Id, Id),
    /// `users`
    Users,
    /// `users/{id}`
    User(Id),
    /// `users/external/{external id}`
    ExternalUser(String),
    /// `servers`
    Servers,
    /// `servers/{id}`
    Server(Id),
    /// `servers/external/{external id}`
    ExternalServer(String),
    /// `servers/{id}/databases`
    Databases(Id),
    /// `servers/{id}/databases/{id}`: the panel does not ask whether the database is that server's.
    Database(Id, Id),
    /// `/api/client`
    ClientServers,
    /// `/api/client/servers/{short identifier or uuid}`
    ClientServer(String),
    /// `/api/client/servers/{short identifier or uuid}/resources`
    ClientResources(String),
}

/// The API that a path belongs to, whether or not it has the route.
pub fn api(path: &str) -> Option<Api> {
    let within = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if within("/api/application") {
        Some(Api::Application)
    } else if within("/api/client") {
        Some(Api::Client)
    } else {
        None
    }
}

/// The route of a path whose percent signs are decoded: an encoded slash divides like any other.
pub fn route(path: &str) -> Option<Route> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    Some(match segments.as_slice() {
        ["api", "application", rest @ ..] => return application(rest),
        ["api", "client"] => Route::ClientServers,
        ["api", "client", "servers", server] => Route::ClientServer((*server).to_owned()),
        ["api", "client", "servers", server, "resources"] => {
            Route::ClientResources((*server).to_owned())
        }
        _ => return None,
    })
}

fn application(segments: &[&str]) -> Option<Route> {
    Some(match segments {
        ["locations"] => Route::Locations,
        ["locations", id] => Route::Location(cast_id(id)),
        ["nodes"] => Route::Nodes,
        ["nodes", id] => Route::Node(cast_id(id)),
        ["nodes", id, "allocations"] => Route::NodeAllocations(cast_id(id)),
        ["nests"] => Route::Nests,
        ["nests", id] => Route::Nest(cast_id(id)),
        ["nests", id, "eggs"] => Route::Eggs(cast_id(id)),
        ["nests", nest, "eggs", egg] => Route::Egg(cast_id(nest), cast_id(egg)),
        ["users"] => Route::Users,
        ["users", "external", id] => Route::ExternalUser((*id).to_owned()),
        ["users", id] => Route::User(cast_id(id)),
        ["servers"] => Route::Servers,
        ["servers", "external", id] => Route::ExternalServer((*id).to_owned()),
        ["servers", id] => Route::Server(cast_id(id)),
        ["servers", id, "databases"] => Route::Databases(cast_id(id)),
        ["servers", server, "databases", database] => {
            Route::Database(cast_id(server), cast_id(database))
        }
        _ => return None,
    })
}

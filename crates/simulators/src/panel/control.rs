//! How other processes steer the panel: JSON over HTTP under `/__simulator`, without a key.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /__simulator/requests` | | `{"total", "by_status": {"200": n}, "inside_retry_after", "open", "most_open"}` |
//! | `GET /__simulator/requests/log` | | the [`RequestRecord`](super::RequestRecord)s |
//! | `DELETE /__simulator/requests` | | forgets them |
//! | `GET /__simulator/counts` | | rows by table |
//! | `POST /__simulator/mutations` | a [`Mutation`] | `{"changed": n}` |
//! | `POST /__simulator/faults` | an [`OrderedFault`] | puts it behind those there are |
//! | `DELETE /__simulator/faults` | | ends all faults |
//! | `POST /__simulator/permissions` | a [`PermissionChange`] | changes all application keys |
//! | `POST /__simulator/rate_limit` | [`OrderedLimits`] | begins all windows anew |

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{
    limits::Limiter,
    orders::{Mutation, OrderedFault, OrderedLimits, PermissionChange},
    serve::Shared,
};

pub(super) fn routes(scope: &mut web::ServiceConfig) {
    scope
        .service(
            web::resource("/requests")
                .route(web::get().to(requests))
                .route(web::delete().to(forget_requests)),
        )
        .service(web::resource("/requests/log").route(web::get().to(log)))
        .service(web::resource("/counts").route(web::get().to(counts)))
        .service(web::resource("/mutations").route(web::post().to(mutate)))
        .service(
            web::resource("/faults")
                .route(web::post().to(add_fault))
                .route(web::delete().to(clear_faults)),
        )
        .service(web::resource("/permissions").route(web::post().to(change_permissions)))
        .service(web::resource("/rate_limit").route(web::post().to(rate_limit)));
}

type Panel = web::Data<Shared>;

fn done() -> HttpResponse {
    HttpResponse::Ok().json(json!({}))
}

async fn requests(panel: Panel) -> HttpResponse {
    let world = panel.world();
    let mut by_status: BTreeMap<String, usize> = BTreeMap::new();
    for request in &world.requests {
        *by_status.entry(request.status.to_string()).or_default() += 1;
    }
    let inside_retry_after = world
        .requests
        .iter()
        .filter(|request| request.in_retry_after)
        .count();
    let total = world.requests.len();
    HttpResponse::Ok().json(json!({
        "total": total,
        "by_status": by_status,
        "inside_retry_after": inside_retry_after,
        "open": panel.open.now(),
        "most_open": panel.open.most(),
    }))
}

async fn log(panel: Panel) -> HttpResponse {
    HttpResponse::Ok().json(&panel.world().requests)
}

async fn forget_requests(panel: Panel) -> HttpResponse {
    panel.world().requests.clear();
    panel.open.forget();
    done()
}

async fn counts(panel: Panel) -> HttpResponse {
    let world = panel.world();
    let state = &world.state;
    HttpResponse::Ok().json(json!({
        "locations": state.locations.len(),
        "nodes": state.nodes.len(),
        "allocations": state.allocations.len(),
        "nests": state.nests.len(),
        "eggs": state.eggs.len(),
        "egg_variables": state.egg_variables.len(),
        "users": state.users.len(),
        "servers": state.servers.len(),
        "server_variables": state.server_variables.len(),
        "server_databases": state.databases.len(),
        "server_subusers": state.subusers.len(),
        "database_hosts": state.database_hosts.len(),
    }))
}

async fn mutate(panel: Panel, mutation: web::Json<Mutation>) -> HttpResponse {
    let mut world = panel.world();
    let changed = mutation.into_inner().apply(&mut world.state);
    world.changed();
    HttpResponse::Ok().json(json!({ "changed": changed }))
}

async fn add_fault(panel: Panel, fault: web::Json<OrderedFault>) -> HttpResponse {
    fault.into_inner().switch_on(&mut panel.world().faults);
    done()
}

async fn clear_faults(panel: Panel) -> HttpResponse {
    panel.world().faults.clear();
    done()
}

async fn change_permissions(panel: Panel, change: web::Json<PermissionChange>) -> HttpResponse {
    change.apply(&mut panel.world().access);
    done()
}

async fn rate_limit(panel: Panel, limits: web::Json<OrderedLimits>) -> HttpResponse {
    panel.world().limiter = Limiter::new(limits.into_inner().into());
    done()
}

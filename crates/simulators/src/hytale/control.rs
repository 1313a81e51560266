//! How other processes steer the vendor: JSON over HTTP under `/__simulator`, without a key.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /__simulator/journal` | | the [`Entry`](super::Entry)s, secrets and all; `?from=n` only from that number on |
//! | `DELETE /__simulator/journal` | | forgets them |
//! | `GET /__simulator/summary` | | `{"now", "requests", "by_endpoint", "by_outcome", "families", "families_lost", "spent_more_than_once", "live_sessions": {account: n}}` |
//! | `GET /__simulator/spent?token=` | | `{"count": n}`: how often that refresh token was presented and looked at |
//! | `GET /__simulator/devices` | | the [`Device`](super::Device)s |
//! | `GET /__simulator/families` | | the [`Family`](super::Family)s of tokens |
//! | `GET /__simulator/sessions` | | the [`Session`](super::Session)s |
//! | `GET /__simulator/accounts` | | the [`Account`](super::Account)s |
//! | `POST /__simulator/orders` | an [`Order`] | what the order answers; 409 `{"refused": why}` |
//! | `POST /__simulator/faults` | a [`Fault`] | puts it behind those there are |
//! | `DELETE /__simulator/faults` | | ends all faults |
//! | `GET /__simulator/behaviour` | | the [`Behaviour`] |
//! | `POST /__simulator/behaviour` | some fields of it | sets those; 400 if there is no such field |
//! | `GET /__simulator/clock` | | `{"now"}` |
//! | `POST /__simulator/clock` | `{"advance_seconds": n}` | moves on; `{"now"}` |

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{faults::Fault, options::Behaviour, orders::Order, serve::Shared, world::World};

pub(super) fn routes(scope: &mut web::ServiceConfig) {
    scope
        .service(
            web::resource("/journal")
                .route(web::get().to(journal))
                .route(web::delete().to(forget)),
        )
        .service(web::resource("/summary").route(web::get().to(summarize)))
        .service(web::resource("/spent").route(web::get().to(spent)))
        .service(web::resource("/devices").route(web::get().to(devices)))
        .service(web::resource("/families").route(web::get().to(families)))
        .service(web::resource("/sessions").route(web::get().to(sessions)))
        .service(web::resource("/accounts").route(web::get().to(accounts)))
        .service(web::resource("/orders").route(web::post().to(order)))
        .service(
            web::resource("/faults")
                .route(web::post().to(add_fault))
                .route(web::delete().to(clear_faults)),
        )
        .service(
            web::resource("/behaviour")
                .route(web::get().to(behaviour))
                .route(web::post().to(behave)),
        )
        .service(
            web::resource("/clock")
                .route(web::get().to(clock))
                .route(web::post().to(advance)),
        );
}

type Hytale = web::Data<Shared>;

fn done() -> HttpResponse {
    HttpResponse::Ok().json(json!({}))
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: usize,
}

async fn journal(hytale: Hytale, query: web::Query<From>) -> HttpResponse {
    let world = hytale.world();
    let wanted: Vec<_> = world.journal.iter().skip(query.from).collect();
    HttpResponse::Ok().json(wanted)
}

async fn forget(hytale: Hytale) -> HttpResponse {
    hytale.world().journal.clear();
    done()
}

/// What [`super::Hytale::summary`] and `GET /__simulator/summary` say.
pub(super) fn summary(world: &mut World) -> Value {
    let now = world.clock.now();
    let mut by_endpoint: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_outcome: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &world.journal {
        let endpoint = serde_json::to_value(entry.endpoint).unwrap_or_default();
        let endpoint = endpoint.as_str().unwrap_or("none").to_owned();
        *by_endpoint.entry(endpoint).or_default() += 1;
        *by_outcome.entry(&entry.outcome).or_default() += 1;
    }
    json!({
        "now": now,
        "requests": world.journal.len(),
        "by_endpoint": by_endpoint,
        "by_outcome": by_outcome,
        "families": world.grants.families().len(),
        "families_lost": world.grants.lost(),
        "spent_more_than_once": world.grants.spent_more_than_once(),
        "live_sessions": world.sessions.live(now),
    })
}

async fn summarize(hytale: Hytale) -> HttpResponse {
    HttpResponse::Ok().json(summary(&mut hytale.world()))
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

async fn spent(hytale: Hytale, query: web::Query<Token>) -> HttpResponse {
    let count = hytale.world().grants.spent(&query.token);
    HttpResponse::Ok().json(json!({ "count": count }))
}

async fn devices(hytale: Hytale) -> HttpResponse {
    HttpResponse::Ok().json(hytale.world().devices.all())
}

async fn families(hytale: Hytale) -> HttpResponse {
    HttpResponse::Ok().json(hytale.world().grants.families())
}

async fn sessions(hytale: Hytale) -> HttpResponse {
    let mut world = hytale.world();
    let now = world.clock.now();
    world.sessions.lapse(now);
    HttpResponse::Ok().json(world.sessions.all())
}

async fn accounts(hytale: Hytale) -> HttpResponse {
    HttpResponse::Ok().json(&hytale.world().accounts)
}

async fn order(hytale: Hytale, order: web::Json<Order>) -> HttpResponse {
    match order.into_inner().obey(&mut hytale.world()) {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(why) => HttpResponse::Conflict().json(json!({ "refused": why })),
    }
}

async fn add_fault(hytale: Hytale, fault: web::Json<Fault>) -> HttpResponse {
    hytale.world().faults.add(fault.into_inner());
    done()
}

async fn clear_faults(hytale: Hytale) -> HttpResponse {
    hytale.world().faults.clear();
    done()
}

async fn behaviour(hytale: Hytale) -> HttpResponse {
    HttpResponse::Ok().json(&hytale.world().behaviour)
}

async fn behave(hytale: Hytale, fields: web::Json<Value>) -> HttpResponse {
    let mut world = hytale.world();
    match merged(&world.behaviour, fields.into_inner()) {
        Ok(behaviour) => {
            world.behaviour = behaviour;
            HttpResponse::Ok().json(&world.behaviour)
        }
        Err(error) => HttpResponse::BadRequest().json(json!({ "refused": error.to_string() })),
    }
}

fn merged(behaviour: &Behaviour, fields: Value) -> serde_json::Result<Behaviour> {
    let mut merged = serde_json::to_value(behaviour)?;
    if let (Some(all), Value::Object(fields)) = (merged.as_object_mut(), fields) {
        all.extend(fields);
    }
    serde_json::from_value(merged)
}

async fn clock(hytale: Hytale) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "now": hytale.world().clock.now() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

async fn advance(hytale: Hytale, by: web::Json<Advance>) -> HttpResponse {
    let mut world = hytale.world();
    world
        .clock
        .advance(TimeDelta::seconds(by.advance_seconds.into()));
    HttpResponse::Ok().json(json!({ "now": world.clock.now() }))
}

//! How other processes steer Resend: JSON over HTTP under `/__simulator`, without a key.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /__simulator/journal` | | the [`Entry`](super::Entry)s, keys and all; `?from=n` only from that number on |
//! | `DELETE /__simulator/journal` | | forgets them |
//! | `GET /__simulator/sent` | | the [`Sent`](super::Sent) mails; `?from=n` only from the n-th on |
//! | `POST /__simulator/keys` | an [`ApiKey`] | adds it, or replaces the one with its text |
//! | `DELETE /__simulator/keys/{key}` | | removes it |
//! | `POST /__simulator/domains` | `{"domain"}` | verifies it |
//! | `DELETE /__simulator/domains/{domain}` | | takes that back |
//! | `POST /__simulator/faults` | a [`Fault`] | puts it behind those there are |
//! | `DELETE /__simulator/faults` | | ends all faults; `?on=path` only those of a path |
//! | `GET /__simulator/limits` | | the [`Limits`] |
//! | `POST /__simulator/limits` | the [`Limits`]; those that are left out are off | sets them |
//! | `GET /__simulator/clock` | | `{"now"}` |
//! | `POST /__simulator/clock` | `{"advance_seconds": n}` | moves on; `{"now"}` |
//! | `GET /__simulator/secrets` | | what webhooks are signed with, the newest first |
//! | `POST /__simulator/secrets` | | signs with a new one, too; all of them |
//! | `DELETE /__simulator/secrets` | | signs with the newest alone; that one |
//! | `POST /__simulator/emit` | `{"url", "type", "data", "flaw"?}` | sends a webhook; the [`Emitted`], or 502 `{"refused": why}` |
//! | `POST /__simulator/replay` | `{"url", "id"}` | sends it once more; likewise |

use std::io;

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ApiKey, Emitted, Fault, Flaw, Limits,
    events::{self, Events},
    world::World,
};
use crate::shared::Shared;

pub(super) fn routes(scope: &mut web::ServiceConfig) {
    scope
        .service(
            web::resource("/journal")
                .route(web::get().to(journal))
                .route(web::delete().to(forget)),
        )
        .service(web::resource("/sent").route(web::get().to(sent)))
        .service(web::resource("/keys").route(web::post().to(add_key)))
        .service(web::resource("/keys/{key}").route(web::delete().to(remove_key)))
        .service(web::resource("/domains").route(web::post().to(add_domain)))
        .service(web::resource("/domains/{domain}").route(web::delete().to(remove_domain)))
        .service(
            web::resource("/faults")
                .route(web::post().to(add_fault))
                .route(web::delete().to(clear_faults)),
        )
        .service(
            web::resource("/limits")
                .route(web::get().to(limits))
                .route(web::post().to(limit)),
        )
        .service(
            web::resource("/clock")
                .route(web::get().to(clock))
                .route(web::post().to(advance)),
        )
        .service(
            web::resource("/secrets")
                .route(web::get().to(secrets))
                .route(web::post().to(rotate))
                .route(web::delete().to(retire)),
        )
        .service(web::resource("/emit").route(web::post().to(emit)))
        .service(web::resource("/replay").route(web::post().to(replay)));
}

type Resend = web::Data<Shared<World>>;

fn done() -> HttpResponse {
    HttpResponse::Ok().json(json!({}))
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: usize,
}

async fn journal(resend: Resend, query: web::Query<From>) -> HttpResponse {
    let world = resend.lock();
    let wanted: Vec<_> = world.journal.iter().skip(query.from).collect();
    HttpResponse::Ok().json(wanted)
}

async fn forget(resend: Resend) -> HttpResponse {
    resend.lock().journal.clear();
    done()
}

async fn sent(resend: Resend, query: web::Query<From>) -> HttpResponse {
    let world = resend.lock();
    let wanted: Vec<_> = world.sent.iter().skip(query.from).collect();
    HttpResponse::Ok().json(wanted)
}

async fn add_key(resend: Resend, new: web::Json<ApiKey>) -> HttpResponse {
    let keys = &mut resend.lock().keys;
    keys.retain(|key| key.key != new.key);
    keys.push(new.into_inner());
    done()
}

async fn remove_key(resend: Resend, gone: web::Path<String>) -> HttpResponse {
    resend.lock().keys.retain(|key| key.key != *gone);
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Domain {
    domain: String,
}

async fn add_domain(resend: Resend, new: web::Json<Domain>) -> HttpResponse {
    resend.lock().domains.insert(new.into_inner().domain);
    done()
}

async fn remove_domain(resend: Resend, gone: web::Path<String>) -> HttpResponse {
    resend.lock().domains.remove(gone.as_str());
    done()
}

async fn add_fault(resend: Resend, fault: web::Json<Fault>) -> HttpResponse {
    resend.lock().faults.add(fault.into_inner());
    done()
}

#[derive(Deserialize)]
struct On {
    on: Option<String>,
}

async fn clear_faults(resend: Resend, query: web::Query<On>) -> HttpResponse {
    let mut world = resend.lock();
    match &query.on {
        Some(on) => world.faults.clear_on(on),
        None => world.faults.clear(),
    }
    done()
}

async fn limits(resend: Resend) -> HttpResponse {
    HttpResponse::Ok().json(resend.lock().meter.limits())
}

async fn limit(resend: Resend, limits: web::Json<Limits>) -> HttpResponse {
    resend.lock().meter.set(limits.into_inner());
    done()
}

async fn clock(resend: Resend) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "now": resend.lock().clock.now() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

async fn advance(resend: Resend, by: web::Json<Advance>) -> HttpResponse {
    let mut world = resend.lock();
    world
        .clock
        .advance(TimeDelta::seconds(by.advance_seconds.into()));
    HttpResponse::Ok().json(json!({ "now": world.clock.now() }))
}

async fn secrets(resend: Resend) -> HttpResponse {
    change_secrets(&resend, |_| ())
}

async fn rotate(resend: Resend) -> HttpResponse {
    change_secrets(&resend, |events| {
        events.rotate();
    })
}

async fn retire(resend: Resend) -> HttpResponse {
    change_secrets(&resend, Events::retire)
}

fn change_secrets(resend: &Resend, change: impl FnOnce(&mut Events)) -> HttpResponse {
    let mut world = resend.lock();
    change(&mut world.events);
    HttpResponse::Ok().json(world.events.secrets())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Emission {
    url: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    flaw: Option<Flaw>,
}

async fn emit(resend: Resend, emission: web::Json<Emission>) -> HttpResponse {
    let Emission {
        url,
        kind,
        data,
        flaw,
    } = emission.into_inner();
    told(events::emit(&resend, &url, &kind, data, flaw).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    url: String,
    id: String,
}

async fn replay(resend: Resend, replay: web::Json<Replay>) -> HttpResponse {
    told(events::replay(&resend, &replay.url, &replay.id).await)
}

fn told(emitted: io::Result<Emitted>) -> HttpResponse {
    match emitted {
        Ok(emitted) => HttpResponse::Ok().json(emitted),
        Err(error) => HttpResponse::BadGateway().json(json!({ "refused": error.to_string() })),
    }
}

//! How other processes steer Discord: JSON over HTTP under `/__simulator`, without a key.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /__simulator/journal` | | the [`Entry`](super::Entry)s, tokens and all; `?from=n` only from that number on |
//! | `DELETE /__simulator/journal` | | forgets them |
//! | `GET /__simulator/messages` | | the [`Message`](super::Message)s; `?channel_id=` only those of a channel |
//! | `GET /__simulator/footers` | | `{text: [message id]}` by footer |
//! | `GET /__simulator/webhooks` | | the [`Webhook`](super::Webhook)s |
//! | `POST /__simulator/webhooks` | a [`NewWebhook`] | the [`Webhook`](super::Webhook) |
//! | `DELETE /__simulator/webhooks/{id}` | | revokes it; 404 if there is none |
//! | `POST /__simulator/threads` | `{"channel_id"}` | `{"thread_id"}` |
//! | `POST /__simulator/faults` | a [`Fault`] | puts it behind those there are |
//! | `DELETE /__simulator/faults` | | ends all faults; `?on=id` only those of a webhook |
//! | `POST /__simulator/limits` | the [`Limits`]; those that are left out are off | sets them |
//! | `GET /__simulator/invalid` | | `{"count"}` of the answers that count towards a ban |

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::{Fault, Limits, NewWebhook, world::World};
use crate::shared::Shared;

pub(super) fn routes(scope: &mut web::ServiceConfig) {
    scope
        .service(
            web::resource("/journal")
                .route(web::get().to(journal))
                .route(web::delete().to(forget)),
        )
        .service(web::resource("/messages").route(web::get().to(messages)))
        .service(web::resource("/footers").route(web::get().to(footers)))
        .service(
            web::resource("/webhooks")
                .route(web::get().to(webhooks))
                .route(web::post().to(add_webhook)),
        )
        .service(web::resource("/webhooks/{id}").route(web::delete().to(revoke)))
        .service(web::resource("/threads").route(web::post().to(add_thread)))
        .service(
            web::resource("/faults")
                .route(web::post().to(add_fault))
                .route(web::delete().to(clear_faults)),
        )
        .service(web::resource("/limits").route(web::post().to(limit)))
        .service(web::resource("/invalid").route(web::get().to(invalid)));
}

type Discord = web::Data<Shared<World>>;

fn done() -> HttpResponse {
    HttpResponse::Ok().json(json!({}))
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: usize,
}

async fn journal(discord: Discord, query: web::Query<From>) -> HttpResponse {
    let world = discord.lock();
    let wanted: Vec<_> = world.journal.iter().skip(query.from).collect();
    HttpResponse::Ok().json(wanted)
}

async fn forget(discord: Discord) -> HttpResponse {
    discord.lock().journal.clear();
    done()
}

#[derive(Deserialize)]
struct Channel {
    channel_id: Option<String>,
}

async fn messages(discord: Discord, query: web::Query<Channel>) -> HttpResponse {
    let world = discord.lock();
    match &query.channel_id {
        Some(channel_id) => HttpResponse::Ok().json(world.messages.of_channel(channel_id)),
        None => HttpResponse::Ok().json(world.messages.all()),
    }
}

async fn footers(discord: Discord) -> HttpResponse {
    HttpResponse::Ok().json(discord.lock().messages.by_footer())
}

async fn webhooks(discord: Discord) -> HttpResponse {
    let world = discord.lock();
    let all: Vec<_> = world.webhooks.all().collect();
    HttpResponse::Ok().json(all)
}

async fn add_webhook(discord: Discord, new: web::Json<NewWebhook>) -> HttpResponse {
    let mut world = discord.lock();
    let world = &mut *world;
    HttpResponse::Ok().json(world.webhooks.add(&world.base, new.into_inner()))
}

async fn revoke(discord: Discord, id: web::Path<String>) -> HttpResponse {
    if discord.lock().webhooks.remove(&id) {
        done()
    } else {
        HttpResponse::NotFound().json(json!({ "refused": "no such webhook" }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewThread {
    channel_id: String,
}

async fn add_thread(discord: Discord, new: web::Json<NewThread>) -> HttpResponse {
    let thread_id = discord.lock().webhooks.add_thread(&new.channel_id);
    HttpResponse::Ok().json(json!({ "thread_id": thread_id }))
}

async fn add_fault(discord: Discord, fault: web::Json<Fault>) -> HttpResponse {
    discord.lock().faults.add(fault.into_inner());
    done()
}

#[derive(Deserialize)]
struct On {
    on: Option<String>,
}

async fn clear_faults(discord: Discord, query: web::Query<On>) -> HttpResponse {
    let mut world = discord.lock();
    match &query.on {
        Some(on) => world.faults.clear_on(on),
        None => world.faults.clear(),
    }
    done()
}

async fn limit(discord: Discord, limits: web::Json<Limits>) -> HttpResponse {
    discord.lock().limiter.set(limits.into_inner());
    done()
}

async fn invalid(discord: Discord) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "count": discord.lock().limiter.invalid() }))
}

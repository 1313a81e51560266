//! How other processes steer the endpoint: JSON over HTTP under `/__simulator`, without a key.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /__simulator/journal` | | the [`Entry`](super::Entry)s; `?from=n` only from that number on, `?path=` only those to a path |
//! | `DELETE /__simulator/journal` | | forgets them and the counters |
//! | `GET /__simulator/counters` | | the [`Counters`](super::Counters) |
//! | `GET /__simulator/arrivals` | | the first entry of each `webhook-id`, in order |
//! | `GET /__simulator/duplicates` | | `{webhook-id: n}` of those that came more than once |
//! | `GET /__simulator/verified?secret=` | | `[{"number", "refused"}]`; null where the signature is good |
//! | `POST /__simulator/rules` | a [`Rule`] | puts it before those there are |
//! | `DELETE /__simulator/rules` | | forgets all rules |
//! | `POST /__simulator/keep` | `"everything"` or `"counters"` | keeps that from now on |

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    journal::{self, Keep},
    rules::Rule,
    serve::Site,
};

pub(super) fn routes(scope: &mut web::ServiceConfig) {
    scope
        .service(
            web::resource("/journal")
                .route(web::get().to(journal))
                .route(web::delete().to(forget)),
        )
        .service(web::resource("/counters").route(web::get().to(counters)))
        .service(web::resource("/arrivals").route(web::get().to(arrivals)))
        .service(web::resource("/duplicates").route(web::get().to(duplicates)))
        .service(web::resource("/verified").route(web::get().to(verified)))
        .service(
            web::resource("/rules")
                .route(web::post().to(add_rule))
                .route(web::delete().to(clear_rules)),
        )
        .service(web::resource("/keep").route(web::post().to(keep)));
}

type Receiver = web::Data<Site>;

fn done() -> HttpResponse {
    HttpResponse::Ok().json(json!({}))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    from: usize,
    path: Option<String>,
}

async fn journal(receiver: Receiver, query: web::Query<Wanted>) -> HttpResponse {
    let world = receiver.world.lock();
    let path = query.path.as_ref();
    let wanted = world.journal.iter().skip(query.from);
    let wanted: Vec<_> = wanted
        .filter(|entry| path.is_none_or(|path| entry.path == *path))
        .collect();
    HttpResponse::Ok().json(wanted)
}

async fn forget(receiver: Receiver) -> HttpResponse {
    receiver.world.lock().forget();
    receiver.open.forget();
    done()
}

async fn counters(receiver: Receiver) -> HttpResponse {
    HttpResponse::Ok().json(receiver.counters())
}

async fn arrivals(receiver: Receiver) -> HttpResponse {
    HttpResponse::Ok().json(journal::first_arrivals(&receiver.world.lock().journal))
}

async fn duplicates(receiver: Receiver) -> HttpResponse {
    HttpResponse::Ok().json(journal::duplicates(&receiver.world.lock().journal))
}

#[derive(Deserialize)]
struct Secret {
    secret: String,
}

async fn verified(receiver: Receiver, query: web::Query<Secret>) -> HttpResponse {
    let world = receiver.world.lock();
    let verdicts = world.journal.iter().map(|entry| {
        let refused = entry.verify(&query.secret).err();
        json!({ "number": entry.number, "refused": refused })
    });
    HttpResponse::Ok().json(verdicts.collect::<Vec<Value>>())
}

async fn add_rule(receiver: Receiver, rule: web::Json<Rule>) -> HttpResponse {
    receiver.world.lock().rules.add(rule.into_inner());
    done()
}

async fn clear_rules(receiver: Receiver) -> HttpResponse {
    receiver.world.lock().rules.clear();
    done()
}

async fn keep(receiver: Receiver, keep: web::Json<Keep>) -> HttpResponse {
    receiver.world.lock().keep = keep.into_inner();
    done()
}

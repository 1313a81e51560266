//! The least that answers the same body over the same framework.

use std::net::SocketAddr;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// The path that is served
    #[arg(long)]
    path: String,
    /// The body, as `GET /api/v1/me` of a gateway answers it
    #[arg(long)]
    body: String,
    /// Threads
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

/// The body in types of its own, so that it is written as the gateway writes it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Body {
    success: bool,
    data: Me,
    message: String,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Me {
    principal: String,
    also: Option<String>,
    scopes: Vec<String>,
}

/// Serves until a signal ends it.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let Arguments {
        listen,
        path,
        body,
        workers,
    } = arguments;
    let body: Body = serde_json::from_str(&body).context("the body is another")?;
    let body = Data::new(body);
    actix_web::rt::System::new()
        .block_on(async move {
            HttpServer::new(move || {
                App::new()
                    .app_data(body.clone())
                    .route(&path, web::get().to(answer))
            })
            .workers(workers)
            .bind(listen)?
            .run()
            .await
        })
        .context("serving")
}

async fn answer(body: Data<Body>) -> HttpResponse {
    HttpResponse::Ok().json(body.get_ref())
}

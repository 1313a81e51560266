//! Resend on the wire.

use std::{io, net::TcpListener, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    dev::ServerHandle,
    web::{self, Bytes},
};

use super::{control, world::World};
use crate::{
    asked::Asked,
    reply::{Delivery, Reply, deliver},
    serve,
    shared::Shared,
};

/// Longer than clients keep an idle connection, so that none breaks in their hands.
const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// The largest body that is read: a batch of mails with attachments.
const LARGEST: usize = 40 << 20;

/// Serves Resend, until the handle stops it.
///
/// # Errors
/// The thread or its server did not start.
pub async fn start(listener: TcpListener, world: Shared<World>) -> io::Result<ServerHandle> {
    serve::start("resend", listener, KEEP_ALIVE, move |app| {
        app.app_data(web::Data::new(world.clone()))
            .app_data(web::PayloadConfig::new(LARGEST))
            .service(web::scope("/__simulator").configure(control::routes))
            .default_service(web::to(answer));
    })
    .await
}

async fn answer(
    request: HttpRequest,
    body: Bytes,
    world: web::Data<Shared<World>>,
) -> HttpResponse {
    let arrival = world.lock().arrive(Asked::of(&request, body));
    let takes = arrival.takes();
    let (reply, delivery) = if takes.is_zero() {
        world.lock().process(arrival)
    } else {
        let world = world.clone();
        // A task of its own: what a client began happens even if it hangs up.
        let processing = actix_web::rt::spawn(async move {
            tokio::time::sleep(takes).await;
            world.lock().process(arrival)
        });
        let failed = |_| (Reply::empty(500), Delivery::AT_ONCE);
        processing.await.unwrap_or_else(failed)
    };
    deliver(&request, reply, delivery).await
}

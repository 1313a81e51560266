//! Discord on the wire.

use std::{io, net::TcpListener, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    dev::ServerHandle,
    web::{self, Bytes},
};

use super::{control, world::World};
use crate::{asked::Asked, reply::deliver, serve, shared::Shared};

/// Longer than clients keep an idle connection, so that none breaks in their hands.
const KEEP_ALIVE: Duration = Duration::from_secs(120);

/// Serves Discord, until the handle stops it.
///
/// # Errors
/// The thread or its server did not start.
pub async fn start(listener: TcpListener, world: Shared<World>) -> io::Result<ServerHandle> {
    serve::start("discord", listener, KEEP_ALIVE, move |app| {
        app.app_data(web::Data::new(world.clone()))
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
    let (reply, delivery) = world.lock().answer(&Asked::of(&request, body));
    deliver(&request, reply, delivery).await
}

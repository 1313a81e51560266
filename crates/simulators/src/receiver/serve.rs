//! The endpoint on the wire.

use std::{
    io,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    dev::ServerHandle,
    http::StatusCode,
    web::{self, Bytes},
};
use futures_util::{Stream, stream};

use super::{
    answers::Answer,
    control,
    journal::{Counters, Keep},
    world::World,
};
use crate::{
    open::Open,
    reply::{Delivery, Reply, deliver},
    serve,
    shared::Shared,
};

/// Longer than clients keep an idle connection, so that none breaks in their hands.
const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// The largest body that is read.
const LARGEST: usize = 64 << 20;
/// What huge bodies are sent in.
const PIECE: &[u8] = &[b'x'; 16 << 10];

/// What the endpoint's handle and its server share.
pub struct Site {
    /// What it knows.
    pub world: Shared<World>,
    /// Requests that are being answered.
    pub open: Open,
    /// Bytes of bodies that were sent in pieces.
    pub bytes_sent: AtomicU64,
}

impl Site {
    /// An endpoint about to be served.
    pub fn new(keep: Keep) -> Self {
        Self {
            world: Shared::new(World::new(keep)),
            open: Open::default(),
            bytes_sent: AtomicU64::new(0),
        }
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        Counters {
            open: self.open.now(),
            most_open: self.open.most(),
            ..self.world.lock().counters.clone()
        }
    }
}

/// Serves the endpoint, until the handle stops it.
///
/// # Errors
/// The thread or its server did not start.
pub async fn start(listener: TcpListener, site: Arc<Site>) -> io::Result<ServerHandle> {
    let site = web::Data::from(site);
    serve::start("receiver", listener, KEEP_ALIVE, move |app| {
        app.app_data(site.clone())
            .service(web::scope("/__simulator").configure(control::routes))
            .default_service(web::to(answer));
    })
    .await
}

async fn answer(
    request: HttpRequest,
    payload: web::Payload,
    site: web::Data<Site>,
) -> HttpResponse {
    let _opened = site.open.enter();
    if site.world.lock().resets_unread(&request) {
        return serve::reset(&request);
    }
    let Ok(Ok(body)) = payload.to_bytes_limited(LARGEST).await else {
        return HttpResponse::PayloadTooLarge().finish();
    };
    let answer = site.world.lock().receive(&request, body);
    let (reply, delivery) = match answer {
        Answer::Status {
            status,
            retry_after,
            body,
        } => {
            let mut reply = Reply::empty(status);
            reply
                .headers
                .extend(retry_after.map(|value| ("Retry-After", value)));
            reply.body = body.into_bytes();
            (reply, Delivery::AT_ONCE)
        }
        Answer::Late {
            status,
            milliseconds,
        } => {
            let silence = Duration::from_millis(milliseconds);
            (Reply::empty(status), Delivery::After(silence))
        }
        Answer::Redirect { status, location } => {
            (Reply::redirect(status, &location), Delivery::AT_ONCE)
        }
        Answer::Never => (Reply::empty(200), Delivery::Never),
        // One that looked at the body comes too late for not reading it.
        Answer::ResetBeforeReading | Answer::ResetAfterReading => {
            (Reply::empty(200), Delivery::Reset)
        }
        Answer::Huge { status, bytes } => return in_pieces(&site, status, bytes, PIECE, None),
        Answer::DrippedBody {
            milliseconds,
            bytes,
        } => {
            let pause = Some(Duration::from_millis(milliseconds));
            return in_pieces(&site, 200, bytes.into(), &PIECE[..1], pause);
        }
        Answer::DrippedHeaders {
            milliseconds,
            lines,
        } => return drip_headers(&request, Duration::from_millis(milliseconds), lines).await,
    };
    deliver(&request, reply, delivery).await
}

fn in_pieces(
    site: &web::Data<Site>,
    status: u16,
    bytes: u64,
    piece: &'static [u8],
    pause: Option<Duration>,
) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = SizedStream::new(bytes, pieces(site.clone(), bytes, piece, pause));
    HttpResponse::build(status).body(body)
}

fn pieces(
    site: web::Data<Site>,
    bytes: u64,
    piece: &'static [u8],
    pause: Option<Duration>,
) -> impl Stream<Item = io::Result<Bytes>> {
    // Boxed, since what is waited for between two pieces must not move.
    Box::pin(stream::unfold(
        (site, bytes),
        move |(site, left)| async move {
            if left == 0 {
                return None;
            }
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            let length = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            site.bytes_sent.fetch_add(length as u64, Ordering::Relaxed);
            let rest = left - length as u64;
            Some((Ok(Bytes::from_static(&piece[..length])), (site, rest)))
        },
    ))
}

/// The framework sends all headers at once; so they are written past it.
async fn drip_headers(request: &HttpRequest, pause: Duration, lines: u32) -> HttpResponse {
    let mut sent = serve::write(request, b"HTTP/1.1 200 OK\r\n");
    for line in 0..lines {
        tokio::time::sleep(pause).await;
        sent =
            sent.and_then(|()| serve::write(request, format!("X-Drip-{line}: x\r\n").as_bytes()));
        if sent.is_err() {
            break;
        }
    }
    if sent.is_ok() {
        // Whoever hung up meanwhile does not need the end.
        let _ = serve::write(request, b"Content-Length: 0\r\nConnection: close\r\n\r\n");
    }
    serve::closed(request)
}

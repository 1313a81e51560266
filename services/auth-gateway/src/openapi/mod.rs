//! The description of the API: collected from the handlers by paperclip, completed
//! by an overlay for what paperclip cannot say, served as JSON and as a
//! page that needs nothing from elsewhere.

mod limits;
mod overlay;
mod page;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpResponse};
use paperclip::actix::OpenApiExt;
use serde_json::Value;

use crate::routes;

/// Addresses that answer without credentials; every other one needs them.
pub const PUBLIC: [&str; 5] = [
    routes::JWKS,
    routes::RESEND,
    "/health",
    "/health/live",
    "/health/ready",
];

/// The document as it is served. It is built by a test, which proves that this one is up
/// to date: a gateway that built it would hold the memory of that for ever.
const SERVED: &str = include_str!("../../openapi.json");

/// The OpenAPI 3.0.3 document (<https://spec.openapis.org/oas/v3.0.3>).
#[must_use]
pub fn document() -> Value {
    let mut collected = Value::Null;
    // The routes are mounted on an app that nobody serves, for paperclip to see.
    let _ = App::new()
        .wrap_api()
        .configure(routes::api)
        .with_raw_json_spec_v3(|app, spec| {
            collected = spec;
            app
        });
    overlay::complete(collected)
}

/// Mounts `/api/openapi.json` and the page at `/docs`.
pub(crate) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/api/openapi.json").get(async || {
        HttpResponse::Ok()
            .content_type("application/json")
            .insert_header((CACHE_CONTROL, "no-cache"))
            .body(SERVED)
    }))
    .service(web::resource("/docs").get(page::page));
}

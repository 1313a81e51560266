//! The description of the API: collected from the handlers by paperclip, completed
//! by an overlay for what paperclip cannot say, served as JSON and as a
//! page that needs nothing from elsewhere.

mod limits;
mod overlay;
mod page;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{App, HttpResponse};
use paperclip::actix::OpenApiExt;
use serde_json::Value;

use crate::routes;

/// Addresses that answer without credentials; every other one needs them.
pub const PUBLIC: [&str; 4] = [routes::JWKS, "/health", "/health/live", "/health/ready"];

/// The document as it is served.
#[derive(Clone)]
pub(crate) struct Document(Bytes);

impl Document {
    pub(crate) fn new() -> Self {
        Self(Bytes::from(document().to_string()))
    }
}

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
pub(crate) fn configure(app: &mut ServiceConfig, document: &Document) {
    let Document(json) = document.clone();
    app.service(web::resource("/api/openapi.json").get(move || {
        let json = json.clone();
        async move {
            HttpResponse::Ok()
                .content_type("application/json")
                .insert_header((CACHE_CONTROL, "no-cache"))
                .body(json)
        }
    }))
    .service(web::resource("/docs").get(page::page));
}

//! The map of all addresses, and the way to them: request id and real IP (`Observe`,
//! around the app), whose credentials these are (`Identify`, behind a
//! ceiling on those of one address that are not good), how often that caller may ask
//! (`Count`), whether it may do what the route needs (`Needs`, the handler's first
//! extractor), handler. Of what is wrapped around a scope, the last one named comes first.

use std::sync::Arc;

use actix_web::web::PayloadConfig;
use paperclip::actix::web::{self, delete, get, patch, post, put, resource, scope};
use runtime::health::{self, Health};

use crate::auth::Identify;
use crate::gate::Through;
use crate::http::hytale::log_lines::LARGEST_BODY;
use crate::http::hytale::{
    accounts, audit, inventory, login, owners, server_logs, sessions, tokens, validate,
};
use crate::http::mail::{hook, list as mails, queue, suppressions};
use crate::http::settings::{connection, form, repositories};
use crate::http::{admin_audit, dispatch, jwks, me, servers, sync, sync_stream, webhooks};
use crate::limits::Count;
use crate::openapi;

/// Where the keys are that verify the gateway's tokens.
pub(crate) const JWKS: &str = "/.well-known/jwks.json";

/// Where Resend tells what became of mail.
pub(crate) const RESEND: &str = "/api/webhooks/resend";

/// Everything that the OpenAPI document describes.
pub(crate) fn api(app: &mut web::ServiceConfig<'_>) {
    app.service(
        scope("/api/hytale")
            .wrap(Through(Count))
            .wrap(Through(Identify))
            .service(resource("/device-code").route(post().to(login::device_code)))
            .service(resource("/token-poll").route(post().to(login::token_poll)))
            .service(resource("/refresh-token").route(post().to(tokens::refresh_token)))
            .service(resource("/validate-token").route(post().to(validate::validate)))
            .service(resource("/profiles").route(post().to(tokens::profiles)))
            .service(resource("/select-profile").route(post().to(tokens::select_profile)))
            .service(
                resource("/game-session")
                    .route(post().to(sessions::create))
                    .route(patch().to(sessions::refresh))
                    .route(delete().to(sessions::end)),
            ),
    );
    app.service(
        scope("/api/v1/hytale/oauth")
            .wrap(Through(Count))
            .wrap(Through(Identify))
            .service(resource("/device-code").route(post().to(login::device_code)))
            .service(resource("/token").route(post().to(login::token_poll)))
            .service(resource("/refresh").route(post().to(tokens::refresh_token)))
            .service(resource("/validate").route(post().to(validate::validate)))
            .service(resource("/profiles").route(post().to(tokens::profiles)))
            .service(resource("/select-profile").route(post().to(tokens::select_profile)))
            .service(resource("/game-session/new").route(post().to(sessions::create)))
            .service(resource("/game-session/refresh").route(post().to(sessions::refresh)))
            .service(resource("/game-session/delete").route(post().to(sessions::end))),
    );
    app.service(
        scope("/api/v1/hytale")
            .wrap(Through(Count))
            .wrap(Through(Identify))
            .service(resource("/accounts").route(get().to(accounts::list)))
            .service(
                resource("/accounts/{id}")
                    .route(get().to(accounts::get))
                    .route(delete().to(accounts::release)),
            )
            .service(
                resource("/accounts/{id}/owners/{owner}")
                    .route(put().to(owners::add))
                    .route(delete().to(owners::remove)),
            )
            .service(resource("/sessions").route(get().to(inventory::list)))
            .service(resource("/logs").route(get().to(audit::list)))
            .service(
                resource("/server-logs")
                    .app_data(PayloadConfig::new(LARGEST_BODY))
                    .route(get().to(server_logs::list))
                    .route(post().to(server_logs::append)),
            )
            .service(resource("/server-logs/count").route(get().to(server_logs::count))),
    );
    app.service(
        scope("/api/admin")
            .wrap(Through(Count))
            .wrap(Through(Identify))
            .service(
                resource("/settings")
                    .route(get().to(form::show))
                    .route(post().to(form::save))
                    .route(put().to(form::reset)),
            )
            .service(resource("/settings/test").route(post().to(connection::test)))
            .service(
                resource("/settings/repos")
                    .route(get().to(repositories::list))
                    .route(post().to(repositories::add))
                    .route(put().to(repositories::replace))
                    .route(delete().to(repositories::remove)),
            )
            .service(
                resource("/settings/webhooks")
                    .route(get().to(webhooks::list::list))
                    .route(post().to(webhooks::create::create))
                    .route(put().to(webhooks::change::change))
                    .route(patch().to(webhooks::test::test))
                    .route(delete().to(webhooks::list::delete)),
            )
            .service(
                resource("/settings/webhooks/{id}")
                    .route(get().to(webhooks::list::get))
                    .route(put().to(webhooks::change::change_by_path))
                    .route(patch().to(webhooks::test::test_by_path))
                    .route(delete().to(webhooks::list::delete_by_path)),
            )
            .service(
                resource("/settings/webhooks/{id}/rotate-secret")
                    .route(post().to(webhooks::secrets::rotate)),
            )
            .service(resource("/deliveries").route(get().to(webhooks::deliveries::list)))
            .service(resource("/deliveries/replay").route(post().to(webhooks::chosen::replay)))
            .service(resource("/deliveries/purge").route(post().to(webhooks::chosen::purge)))
            .service(resource("/deliveries/{id}").route(get().to(webhooks::deliveries::get)))
            .service(resource("/mails").route(get().to(mails::list)))
            .service(resource("/mails/{id}").route(get().to(mails::get)))
            .service(resource("/mails/{id}/replay").route(post().to(mails::replay)))
            .service(resource("/mail/suppressions").route(get().to(suppressions::list)))
            .service(
                resource("/mail/suppressions/{address}").route(delete().to(suppressions::lift)),
            )
            .service(resource("/audit").route(get().to(admin_audit::list))),
    );
    app.service(
        scope("/api/v1")
            .wrap(Through(Count))
            .wrap(Through(Identify))
            .service(resource("/me").route(get().to(me::me)))
            .service(resource("/webhook/dispatch").route(post().to(dispatch::dispatch)))
            .service(resource("/sync/full").route(post().to(sync::trigger)))
            .service(resource("/sync/locations").route(post().to(sync::trigger)))
            .service(resource("/sync/nodes").route(post().to(sync::trigger)))
            .service(resource("/sync/allocations").route(post().to(sync::trigger)))
            .service(resource("/sync/nests").route(post().to(sync::trigger)))
            .service(resource("/sync/servers").route(post().to(sync::trigger)))
            .service(resource("/sync/databases").route(post().to(sync::trigger)))
            .service(resource("/sync/users").route(post().to(sync::trigger)))
            .service(resource("/sync/cancel/{id}").route(post().to(sync::cancel)))
            .service(resource("/sync/confirm/{id}").route(post().to(sync::confirm)))
            .service(resource("/sync/status/{id}").route(get().to(sync::status)))
            .service(resource("/sync/logs").route(get().to(sync::logs)))
            .service(resource("/sync/latest").route(get().to(sync::latest)))
            .service(resource("/sync/stream/{id}").route(get().to(sync_stream::stream)))
            .service(resource("/email/queue").route(post().to(queue::queue)))
            .service(resource("/servers/{id}/resources").route(get().to(servers::resources))),
    );
}

/// What needs no credentials: `/health*`, `/metrics`, the description of the API, the keys
/// that verify its tokens, and what is signed.
pub(crate) fn public(app: &mut actix_web::web::ServiceConfig, health: &Arc<Health>) {
    health::configure(app, health);
    openapi::configure(app);
    app.route(JWKS, actix_web::web::get().to(jwks::jwks));
    app.route(RESEND, actix_web::web::post().to(hook::hear));
}

//! Requests to addresses that somebody else chose.
//!
//! Three ways to tell somebody of an event: a signed request to any HTTP endpoint
//! ([`SignedHttp`], Standard Webhooks), kept off our own network by a [`Guard`]; a message to
//! a Discord channel ([`discord`]), whose address is rebuilt from an id and a token and so
//! can lead nowhere else; and an e-mail through Resend ([`resend`]).
//!
//! One call is one request. What became of it is an [`Answer`]; when to ask again, and
//! whether, is for the caller, who has the queue.

mod answer;
pub mod discord;
mod endpoint;
mod error;
mod excerpt;
mod exchange;
pub mod mail;
pub mod resend;
mod signed;

pub use answer::{Answer, LimitScope, RateState, SHORTEST_WAIT, Verdict};
pub use endpoint::UrlRefused;
pub use error::ClientError;
pub use signed::SignedHttp;
pub use upstream::Guard;

pub use common::crypto::webhook_signature::SigningSecret;
pub use discord::{
    Discord, DiscordWebhook, Embed, EmbedBuilder, Message, WebhookInfo, WebhookRefused, embed, fits,
};
pub use mail::{Mail, MailRefused, NoSite, Site};
pub use resend::{Email, Resend};

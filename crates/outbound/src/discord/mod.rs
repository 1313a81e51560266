//! Discord's incoming webhooks (<https://discord.com/developers/docs/resources/webhook>).

mod client;
mod embed;
mod judge;
mod message;
mod render;
mod text;
mod webhook;

pub use client::{Discord, WebhookInfo};
pub use embed::{Embed, EmbedBuilder};
pub use message::{Message, fits};
pub use render::embed;
pub use webhook::{DiscordWebhook, WebhookRefused};

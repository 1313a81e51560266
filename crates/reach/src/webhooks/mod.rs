//! How webhooks are reached: their addresses, sealed and shown, and the clients that send to
//! them.

mod targets;

pub use targets::{SignedTarget, Target, TargetError, Targets, open_secret};

use crate::vault::{Vault, VaultError};
use bytes::Bytes;
use chrono::Utc;
use common::crypto::place::Place;
use common::crypto::webhook_signature::SigningSecret;
use common::types::event::Event;
use common::types::id::WebhookId;
use common::types::webhook::WebhookKind;
use outbound::{
    Answer, ClientError, Discord, DiscordWebhook, Guard, Message, SignedHttp, UrlRefused,
    WebhookRefused, embed, fits,
};
use runtime::config::Config;
use secrecy::SecretString;
use std::fmt;
use url::Url;

/// An address as it is stored: sealed, and what people may see of it.
///
/// # Errors
/// There is no key to seal with.
pub fn seal_address(
    vault: &Vault,
    id: WebhookId,
    address: &Address,
) -> Result<(String, String), VaultError> {
    let sealed = vault.seal(Place::WebhookAddress.of(&id.to_string()), &address.text())?;
    Ok((sealed, address.shown()))
}

/// A signing secret as it is stored.
///
/// # Errors
/// There is no key to seal with.
pub fn seal_secret(
    vault: &Vault,
    id: WebhookId,
    secret: &SigningSecret,
) -> Result<String, VaultError> {
    vault.seal(Place::WebhookSecret.of(&id.to_string()), secret.text())
}

/// An address that may be stored. Printed, it says no more than people may see.
pub enum Address {
    /// Of Discord.
    Discord(DiscordWebhook),
    /// Of somebody's system. Its path and query may hold secrets.
    Signed(Url),
}

impl Address {
    /// The kind of webhook that has it.
    #[must_use]
    pub fn kind(&self) -> WebhookKind {
        match self {
            Self::Discord(_) => WebhookKind::Discord,
            Self::Signed(_) => WebhookKind::Signed,
        }
    }

    /// What people may see: Discord's id, another's host.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Discord(webhook) => webhook.to_string(),
            Self::Signed(url) => shown(url),
        }
    }

    fn text(&self) -> SecretString {
        match self {
            Self::Discord(webhook) => webhook.to_url(),
            Self::Signed(url) => SecretString::from(url.as_str()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown())
    }
}

/// What stands for the path and query that people may not see.
const HIDDEN_PATH: &str = "/****";

fn shown(url: &Url) -> String {
    let has_more = url.path() != "/" || url.query().is_some();
    let origin = url.origin().ascii_serialization();
    if has_more {
        format!("{origin}{HIDDEN_PATH}")
    } else {
        origin
    }
}

/// Whether a part of an address is hidden, as we show addresses or as settings are shown.
fn is_masked(text: &str) -> bool {
    let text = text.to_lowercase();
    let plain = text.replace("%2a", "*").replace("%e2%80%a2", "•");
    plain.contains("**") || plain.contains("••")
}

/// Why an address cannot be a webhook's, in words for people.
#[derive(Debug, thiserror::Error)]
pub enum AddressRefused {
    /// It looks like Discord's and is not.
    #[error(transparent)]
    Discord(WebhookRefused),
    /// It is what we show of one. Taken as one, it would take the real one's place.
    #[error("The address is masked; send it whole, or leave it out")]
    Masked,
    /// No address at all.
    #[error("The address is not a URL.")]
    NotAUrl,
    /// It may not be asked.
    #[error(transparent)]
    Url(UrlRefused),
}

/// Sends messages to webhooks. Clones share their connections.
#[derive(Clone)]
pub struct Messenger {
    signed: SignedHttp,
    discord: Discord,
}

/// The clients cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MessengerError {
    /// TLS, or Discord's address.
    #[error("webhooks cannot be reached")]
    Client(#[from] ClientError),
    /// `notifications.discord_url` is no address.
    #[error("notifications.discord_url is no address")]
    DiscordUrl(#[source] url::ParseError),
}

impl Messenger {
    /// As the configuration says.
    ///
    /// # Errors
    /// See [`MessengerError`].
    pub fn new(config: &Config) -> Result<Self, MessengerError> {
        let timeout = config.notifications.request_timeout;
        let guard = Guard {
            allowed: config.outbound.allowed_networks.clone(),
        };
        let discord = config.notifications.discord_url.parse();
        Ok(Self {
            signed: SignedHttp::new(guard, timeout)?,
            discord: Discord::new(discord.map_err(MessengerError::DiscordUrl)?, timeout)?,
        })
    }

    /// Reads an address. Whatever has a host of Discord is one of Discord or none.
    ///
    /// # Errors
    /// Why it cannot be a webhook's.
    pub fn address(&self, text: &str) -> Result<Address, AddressRefused> {
        let url = Url::parse(text.trim()).map_err(|_shows_it| AddressRefused::NotAUrl)?;
        if is_masked(text) {
            return Err(AddressRefused::Masked);
        }
        if is_discord(&url) {
            return DiscordWebhook::parse(text.trim())
                .map(Address::Discord)
                .map_err(AddressRefused::Discord);
        }
        self.signed.check(&url).map_err(AddressRefused::Url)?;
        Ok(Address::Signed(url))
    }

    /// Asks Discord whether the webhook exists, without posting anything; says in which
    /// channel.
    ///
    /// # Errors
    /// Discord's answer, if it is not that it does.
    pub async fn check(&self, webhook: &DiscordWebhook) -> Result<Option<String>, Answer> {
        let found = self.discord.check(webhook).await?;
        Ok(found.channel_id)
    }

    /// How many of these events one message takes, at least one.
    #[must_use]
    pub fn merged(events: &[Event]) -> usize {
        let embeds: Vec<_> = events.iter().map(embed).collect();
        fits(&embeds).clamp(1, events.len().max(1))
    }

    /// Tells a channel of Discord of events, in one message.
    pub async fn post(&self, webhook: &DiscordWebhook, events: &[Event]) -> Answer {
        let message = Message::new(events.iter().map(embed).collect());
        self.discord.post(webhook, &message).await
    }

    /// Tells of an event in the message that told of its beginning.
    pub async fn edit(&self, webhook: &DiscordWebhook, message: &str, event: &Event) -> Answer {
        let content = Message::new(vec![embed(event)]);
        self.discord.edit(webhook, message, &content).await
    }

    /// Sends an event to somebody's system. `body` is the `CloudEvent`, signed as it is.
    pub async fn send(&self, to: &SignedTarget, id: &str, body: String) -> Answer {
        let now = Utc::now();
        let previous = to.previous.as_ref().filter(|(_, until)| *until > now);
        let mut secrets = vec![to.secret.clone()];
        secrets.extend(previous.map(|(secret, _)| secret.clone()));
        self.signed
            .post(&to.url, &secrets, id, Bytes::from(body), now)
            .await
    }
}

fn is_discord(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    ["discord.com", "discordapp.com"].iter().any(|known| {
        host.strip_suffix(known)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_printed_whole() {
        let text = "https://example.com/hooks/s3cret-path?key=s3cret-key";
        let address = Address::Signed(text.parse().unwrap());
        let target = Target::Signed(Box::new(SignedTarget {
            url: text.parse().unwrap(),
            secret: SigningSecret::generate().unwrap(),
            previous: None,
        }));
        assert_eq!(format!("{address:?}"), "Address(https://example.com/****)");
        assert_eq!(format!("{target:?}"), "Signed(https://example.com/****)");
    }
}

//! The address of a webhook, taken apart and put together anew: nothing of what a person
//! typed is dialled.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::ops::RangeInclusive;

/// Decimal digits of Discord's ids (snowflakes).
const ID: RangeInclusive<usize> = 17..=20;
/// Characters of a token; today's have 68.
const TOKEN: RangeInclusive<usize> = 60..=100;
const HOSTS: &[&str] = &[
    "discord.com",
    "canary.discord.com",
    "ptb.discord.com",
    "discordapp.com",
    "canary.discordapp.com",
    "ptb.discordapp.com",
];

/// A webhook of a channel, or of a thread in it. Whoever has the token may post; it shows
/// nowhere but in [`to_url`](Self::to_url).
#[derive(Clone)]
pub struct DiscordWebhook {
    pub(super) id: String,
    pub(super) token: SecretString,
    pub(super) thread_id: Option<String>,
}

/// Why a text is not the address of a webhook. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    /// Not `https`.
    #[error("A Discord webhook's address begins with https://.")]
    Scheme,
    /// Another host than Discord's, or one with a port or user.
    #[error("A Discord webhook's address is at discord.com.")]
    Host,
    /// Not `/api/webhooks/{id}/{token}`, where `api` may be followed by `v9` or `v10`.
    #[error("A Discord webhook's address goes on with /api/webhooks/, an id and a token.")]
    Path,
    /// The id is not a number of 17 to 20 digits.
    #[error("The id in the address of a Discord webhook is a number of 17 to 20 digits.")]
    Id,
    /// The token has other characters or another length.
    #[error("The token in the address of a Discord webhook is cut off or altered.")]
    Token,
    /// Something else than one `thread_id` and one `wait`.
    #[error("A Discord webhook's address may end with ?thread_id= and a thread's id only.")]
    Query,
}

impl DiscordWebhook {
    /// Reads the address as Discord shows it, on any of its hosts, with `thread_id` and
    /// `wait` (which is dropped) at most. Strict: other forms that a browser would take for
    /// the same are refused.
    ///
    /// # Errors
    /// See [`WebhookRefused`].
    pub fn parse(text: &str) -> Result<Self, WebhookRefused> {
        let rest = text
            .strip_prefix("https://")
            .ok_or(WebhookRefused::Scheme)?;
        let (host, rest) = rest.split_once('/').ok_or(WebhookRefused::Host)?;
        if !HOSTS.contains(&host) {
            return Err(WebhookRefused::Host);
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let (id, token) = ["api/", "api/v9/", "api/v10/"]
            .iter()
            .find_map(|api| path.strip_prefix(api)?.strip_prefix("webhooks/"))
            .and_then(|rest| rest.split_once('/'))
            .ok_or(WebhookRefused::Path)?;
        let token = token.strip_suffix('/').unwrap_or(token);
        if !is_id(id) {
            return Err(WebhookRefused::Id);
        }
        if token.contains('/') {
            return Err(WebhookRefused::Path);
        }
        if !is_token(token) {
            return Err(WebhookRefused::Token);
        }
        Ok(Self {
            id: id.to_owned(),
            token: SecretString::from(token),
            thread_id: query.map(thread).transpose()?.flatten(),
        })
    }

    /// The webhook's id; no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The thread that messages go to, if not to the channel.
    #[must_use]
    pub fn thread_id(&self) -> Option<&str> {
        self.thread_id.as_deref()
    }

    /// The one form to store, sealed: [`parse`](Self::parse) reads it back.
    #[must_use]
    pub fn to_url(&self) -> SecretString {
        SecretString::from(self.written(self.token.expose_secret()))
    }

    fn written(&self, token: &str) -> String {
        let url = format!("https://discord.com/api/v10/webhooks/{}/{token}", self.id);
        match &self.thread_id {
            Some(thread) => format!("{url}?thread_id={thread}"),
            None => url,
        }
    }
}

impl fmt::Display for DiscordWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written("****"))
    }
}

impl fmt::Debug for DiscordWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiscordWebhook({self})")
    }
}

/// The thread that the query names; each name at most once.
fn thread(query: &str) -> Result<Option<String>, WebhookRefused> {
    let (mut thread, mut wait) = (None, None);
    for pair in query.split('&') {
        let twice = match pair.split_once('=') {
            Some(("thread_id", id)) if is_id(id) => thread.replace(id).is_some(),
            Some(("wait", flag @ ("true" | "false" | "1" | "0"))) => wait.replace(flag).is_some(),
            _ => return Err(WebhookRefused::Query),
        };
        if twice {
            return Err(WebhookRefused::Query);
        }
    }
    Ok(thread.map(str::to_owned))
}

fn is_id(text: &str) -> bool {
    ID.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_token(text: &str) -> bool {
    TOKEN.contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;

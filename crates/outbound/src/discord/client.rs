//! Asks Discord.

use chrono::Utc;
use reqwest::Method;
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use upstream::HttpSettings;
use url::Url;

use super::judge::judge;
use super::message::Message;
use super::webhook::DiscordWebhook;
use crate::answer::{Answer, Verdict};
use crate::error::ClientError;
use crate::exchange::{IDLE, exchange};

/// More of an answer is not read, in bytes. A full message is told back with every
/// character escaped.
const LARGEST_BODY: usize = 256 << 10;
/// Of all requests; those without such a one may get a page in place of an answer.
const USER_AGENT: &str = concat!(
    "DiscordBot (https://nodebyte.host, ",
    env!("CARGO_PKG_VERSION"),
    ")"
);
/// Made by a person in a channel's settings; others are of bots and followed channels.
const INCOMING: u8 = 1;

/// Sends messages to webhooks. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Discord {
    http: reqwest::Client,
    base: Url,
}

/// What Discord tells of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookInfo {
    /// What its owner called it.
    pub name: Option<String>,
    /// The channel that it posts to.
    pub channel_id: Option<String>,
    /// The server ("guild") of that channel.
    pub guild_id: Option<String>,
}

#[derive(Deserialize)]
struct WebhookDto {
    #[serde(rename = "type")]
    kind: u8,
    name: Option<String>,
    channel_id: Option<String>,
    guild_id: Option<String>,
}

#[derive(Deserialize)]
struct Posted {
    id: String,
}

impl Discord {
    /// A client. `base` is `https://discord.com`, or a simulator; `timeout` is for a
    /// request with its answer, connection included.
    ///
    /// # Errors
    /// Paths cannot be appended to `base`, or the system's TLS certificates cannot be used.
    pub fn new(base: Url, timeout: Duration) -> Result<Self, ClientError> {
        upstream::check_base(&base).map_err(ClientError::Address)?;
        let http = upstream::client(HttpSettings {
            user_agent: USER_AGENT,
            headers: HeaderMap::new(),
            request_timeout: timeout,
            idle: Some(IDLE),
            resolver: None,
        })
        .map_err(ClientError::Client)?;
        Ok(Self { http, base })
    }

    /// Whether the webhook is there; posts nothing.
    ///
    /// # Errors
    /// The answer, if it is no webhook that can be posted to.
    pub async fn check(&self, webhook: &DiscordWebhook) -> Result<WebhookInfo, Answer> {
        let url = self.url(webhook, &[], &[]);
        let (answer, body) = self.ask(Method::GET, url, webhook, None::<&()>).await;
        if answer.verdict != Verdict::Delivered {
            return Err(answer);
        }
        match serde_json::from_slice::<WebhookDto>(&body) {
            Ok(dto) if dto.kind == INCOMING => Ok(WebhookInfo {
                name: dto.name,
                channel_id: dto.channel_id,
                guild_id: dto.guild_id,
            }),
            Ok(_) => Err(Answer {
                verdict: Verdict::Misconfigured("WRONG_WEBHOOK_TYPE"),
                ..answer
            }),
            // Not a word of it is quoted: it is no answer of Discord's.
            Err(_) => Err(Answer {
                verdict: Verdict::Failed { retry_after: None },
                excerpt: "an answer that is none of Discord's".to_owned(),
                ..answer
            }),
        }
    }

    /// Posts a message and waits until it is saved.
    pub async fn post(&self, webhook: &DiscordWebhook, message: &Message) -> Answer {
        let url = self.url(webhook, &[], &[("wait", "true")]);
        self.write(Method::POST, url, webhook, message).await
    }

    /// Puts a message in the place of one that [`post`](Self::post) made.
    pub async fn edit(
        &self,
        webhook: &DiscordWebhook,
        message_id: &str,
        message: &Message,
    ) -> Answer {
        let url = self.url(webhook, &["messages", message_id], &[]);
        let body = message.as_edit();
        self.write(Method::PATCH, url, webhook, &body).await
    }

    async fn write(
        &self,
        method: Method,
        url: Url,
        webhook: &DiscordWebhook,
        body: &impl Serialize,
    ) -> Answer {
        let (answer, said) = self.ask(method, url, webhook, Some(body)).await;
        let delivered = answer.verdict == Verdict::Delivered;
        let posted = serde_json::from_slice::<Posted>(&said).ok();
        Answer {
            message_id: posted.filter(|_| delivered).map(|posted| posted.id),
            ..answer
        }
    }

    /// The answer, and the body of it.
    async fn ask(
        &self,
        method: Method,
        url: Url,
        webhook: &DiscordWebhook,
        body: Option<&impl Serialize>,
    ) -> (Answer, Vec<u8>) {
        let request = self.http.request(method, url);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let (result, took) = exchange(request, LARGEST_BODY).await;
        match result {
            Ok(reply) => {
                let verdict = judge(&reply, Utc::now());
                let token = webhook.token.expose_secret();
                let answer = Answer::said(&reply, verdict, took, &[token]);
                (answer, reply.body)
            }
            Err(silence) => (Answer::silent(&silence, took), Vec::new()),
        }
    }

    fn url(&self, webhook: &DiscordWebhook, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        let token = webhook.token.expose_secret();
        // `new` has made sure that there is a path to append to.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["api", "v10", "webhooks", &webhook.id, token])
                .extend(path);
        }
        let thread = webhook.thread_id.as_deref().map(|id| ("thread_id", id));
        let query: Vec<_> = query.iter().copied().chain(thread).collect();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

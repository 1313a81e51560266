//! Webhooks, their channels and threads.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A webhook to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// The channel it writes to; several webhooks may share one.
    pub channel_id: String,
    /// Whether the channel is a forum, or known as one already.
    #[serde(default)]
    pub forum: bool,
    /// 1 incoming, 2 channel follower, 3 application.
    #[serde(default = "incoming")]
    pub kind: u8,
}

fn incoming() -> u8 {
    1
}

impl NewWebhook {
    /// An incoming webhook of a channel of texts.
    pub fn new(channel_id: &str) -> Self {
        Self {
            channel_id: channel_id.to_owned(),
            forum: false,
            kind: incoming(),
        }
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// What stands for everything that may be done with it.
    pub token: String,
    /// Its address at this simulator, in version 10.
    pub url: String,
    /// Its address as Discord's users copy it.
    pub public_url: String,
    /// The channel it writes to.
    pub channel_id: String,
    /// 1 incoming, 2 channel follower, 3 application.
    pub kind: u8,
}

impl Webhook {
    /// As `GET` answers.
    pub fn object(&self) -> Value {
        json!({
            "id": self.id,
            "type": self.kind,
            "name": "Captain Hook",
            "avatar": null,
            "channel_id": self.channel_id,
            "guild_id": "1200000000000000001",
            "application_id": null,
            "token": self.token,
            "url": self.public_url,
        })
    }
}

/// All webhooks, channels and threads.
pub struct Webhooks {
    all: BTreeMap<String, Webhook>,
    forums: BTreeSet<String>,
    threads: BTreeMap<String, String>,
    last_id: u64,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            forums: BTreeSet::new(),
            threads: BTreeMap::new(),
            last_id: 1_300_000_000_000_000_000,
        }
    }
}

impl Webhooks {
    /// An id that is greater than all before.
    pub fn next_id(&mut self) -> String {
        // Steps as of ids that are made some milliseconds apart.
        self.last_id += 1 << 24;
        self.last_id.to_string()
    }

    /// Adds one.
    pub fn add(&mut self, base: &str, new: NewWebhook) -> Webhook {
        if new.forum {
            self.forums.insert(new.channel_id.clone());
        }
        let id = self.next_id();
        let mut random = [0; 51];
        rand::rng().fill_bytes(&mut random);
        let token = URL_SAFE_NO_PAD.encode(random);
        let webhook = Webhook {
            url: format!("{base}/api/v10/webhooks/{id}/{token}"),
            public_url: format!("https://discord.com/api/webhooks/{id}/{token}"),
            id: id.clone(),
            token,
            channel_id: new.channel_id,
            kind: new.kind,
        };
        self.all.insert(id, webhook.clone());
        webhook
    }

    /// Adds a thread to a channel.
    pub fn add_thread(&mut self, channel_id: &str) -> String {
        let id = self.next_id();
        self.threads.insert(id.clone(), channel_id.to_owned());
        id
    }

    /// Removes one. Says whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        self.all.remove(id).is_some()
    }

    /// The one with this id.
    pub fn get(&self, id: &str) -> Option<&Webhook> {
        self.all.get(id)
    }

    /// All of them, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Webhook> {
        self.all.values()
    }

    /// Whether a channel is a forum.
    pub fn is_forum(&self, channel_id: &str) -> bool {
        self.forums.contains(channel_id)
    }

    /// Whether a thread is one of a channel's.
    pub fn has_thread(&self, channel_id: &str, thread_id: &str) -> bool {
        self.threads.get(thread_id).map(String::as_str) == Some(channel_id)
    }
}

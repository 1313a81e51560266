//! What stands in the channels.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

/// A change of a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edit {
    /// When.
    pub at: DateTime<Utc>,
    /// The body that was sent.
    pub body: Value,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// The webhook that sent it.
    pub webhook_id: String,
    /// The webhook's channel.
    pub channel_id: String,
    /// The thread of that channel.
    pub thread_id: Option<String>,
    /// When it was accepted.
    pub at: DateTime<Utc>,
    /// The body that it was sent with.
    pub body: Value,
    /// The changes since.
    pub edits: Vec<Edit>,
    /// Whether it was deleted.
    pub deleted: bool,
}

impl Message {
    /// The body with all changes.
    pub fn current(&self) -> Value {
        let mut current = self.body.clone();
        for edit in &self.edits {
            if let (Some(all), Some(fields)) = (current.as_object_mut(), edit.body.as_object()) {
                all.extend(fields.clone());
            }
        }
        current
    }

    /// The texts of the footers that it was sent with.
    pub fn footers(&self) -> impl Iterator<Item = &str> {
        let embeds = self.body["embeds"].as_array();
        let embeds = embeds.map(Vec::as_slice).unwrap_or_default();
        embeds
            .iter()
            .filter_map(|embed| embed["footer"]["text"].as_str())
    }

    /// As Discord answers it.
    pub fn object(&self) -> Value {
        let body = self.current();
        let or = |field: &str, otherwise: Value| match &body[field] {
            Value::Null => otherwise,
            value => value.clone(),
        };
        json!({
            "id": self.id,
            "type": 0,
            "channel_id": self.thread_id.as_ref().unwrap_or(&self.channel_id),
            "webhook_id": self.webhook_id,
            "author": {
                "id": self.webhook_id,
                "username": or("username", json!("Captain Hook")),
                "avatar": null,
                "bot": true,
            },
            "content": or("content", json!("")),
            "embeds": or("embeds", json!([])),
            "attachments": [],
            "components": [],
            "mentions": [],
            "mention_roles": [],
            "mention_everyone": false,
            "pinned": false,
            "tts": or("tts", json!(false)),
            "flags": or("flags", json!(0)),
            "timestamp": self.at,
            "edited_timestamp": self.edits.last().map(|edit| edit.at),
        })
    }
}

/// All messages, in order of their acceptance.
#[derive(Default)]
pub struct Messages(Vec<Message>);

impl Messages {
    /// Puts one behind the others.
    pub fn add(&mut self, message: Message) {
        self.0.push(message);
    }

    /// A message of a webhook that was not deleted.
    pub fn find(&mut self, webhook_id: &str, id: &str) -> Option<&mut Message> {
        self.0
            .iter_mut()
            .find(|message| message.webhook_id == webhook_id && message.id == id)
            .filter(|message| !message.deleted)
    }

    /// Those of a channel and its threads.
    pub fn of_channel(&self, channel_id: &str) -> Vec<Message> {
        let of_channel = self
            .0
            .iter()
            .filter(|message| message.channel_id == channel_id);
        of_channel.cloned().collect()
    }

    /// All of them.
    pub fn all(&self) -> &[Message] {
        &self.0
    }

    /// Ids by the text of the footers.
    pub fn by_footer(&self) -> BTreeMap<String, Vec<String>> {
        let mut footers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for message in &self.0 {
            for footer in message.footers() {
                let messages = footers.entry(footer.to_owned()).or_default();
                messages.push(message.id.clone());
            }
        }
        footers
    }
}

//! One request after another: fault, answer, journal.

use chrono::Utc;
use serde_json::{Value, json};

use super::{
    Faults,
    faults::{Effect, Scope},
    form,
    journal::{Entry, Note},
    limits::{Limiter, Limits},
    messages::{Edit, Message, Messages},
    refusal,
    routes::{Call, Target},
    webhooks::{Webhook, Webhooks},
};
use crate::{
    asked::Asked,
    reply::{Delivery, Reply},
};

/// What Cloudflare calls a client without a browser's or a bot's signature.
const NO_SIGNATURE: u16 = 1010;
/// What Cloudflare calls an address that asks too much.
const SHUT_OUT: u16 = 1015;

/// All that Discord knows.
pub struct World {
    pub(super) base: String,
    pub(super) webhooks: Webhooks,
    pub(super) messages: Messages,
    pub(super) limiter: Limiter,
    pub(super) faults: Faults,
    pub(super) journal: Vec<Entry>,
}

impl World {
    /// A Discord without webhooks.
    pub fn new(base: String, limits: Limits) -> Self {
        Self {
            base,
            webhooks: Webhooks::default(),
            messages: Messages::default(),
            limiter: Limiter::new(limits),
            faults: Faults::default(),
            journal: Vec::new(),
        }
    }

    /// Answers a request and writes it down.
    pub fn answer(&mut self, asked: &Asked) -> (Reply, Delivery) {
        let target = Target::find(&asked.path);
        let id = target.as_ref().map(|target| target.id.as_str());
        let effect = self.faults.strike(id.unwrap_or_default(), &asked.method);
        // Before it is handled, since that may remove the webhook.
        let webhook = id.and_then(|id| self.webhooks.get(id)).cloned();
        let mut note = Note::default();
        let accepts = effect.as_ref().is_none_or(Effect::accepts);
        let processed = accepts.then(|| {
            let handled = self.handle(asked, target.as_ref(), webhook.as_ref(), &mut note);
            handled.unwrap_or_else(|refused| refused)
        });
        if let Some(Effect::TooManyRequests { scope, .. }) = &effect {
            note.scope = Some(*scope);
        }
        let struck = effect.as_ref().and_then(Effect::reply);
        let reply = struck
            .or(processed)
            .unwrap_or_else(|| refusal::of_status(500));
        let delivery = effect.as_ref().map_or(Delivery::AT_ONCE, Effect::delivery);
        let invalid = matches!(reply.status, 401 | 403 | 429);
        if invalid && !note.shut_out && note.scope != Some(Scope::Shared) {
            self.limiter.count_invalid(asked.from);
        }
        let told: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        self.journal.push(Entry {
            number: self.journal.len(),
            at: Utc::now(),
            method: asked.method.clone(),
            path: asked.path.clone(),
            query: asked.query.clone(),
            webhook_id: target.map(|target| target.id),
            channel_id: webhook.map(|webhook| webhook.channel_id),
            user_agent: asked.header("user-agent").map(str::to_owned),
            body: serde_json::from_slice(&asked.body).unwrap_or_default(),
            status: reply.status,
            code: told["code"].as_u64(),
            scope: note.scope,
            accepted: note.accepted,
            answered: matches!(delivery, Delivery::After(_)),
            message_id: note.message_id,
            fault: effect,
        });
        (reply, delivery)
    }

    /// What Discord does without a fault; refusals are errors.
    fn handle(
        &mut self,
        asked: &Asked,
        target: Option<&Target>,
        webhook: Option<&Webhook>,
        note: &mut Note,
    ) -> Result<Reply, Reply> {
        if asked.header("user-agent").is_none() {
            return Err(Reply::cloudflare(403, NO_SIGNATURE));
        }
        if let Some(wait) = self.limiter.banned(asked.from) {
            note.scope = Some(Scope::Global);
            note.shut_out = true;
            let page = Reply::cloudflare(429, SHUT_OUT);
            return Err(page.with("Retry-After", wait.as_secs() + 1));
        }
        self.limiter.address(asked.from).map_err(|wait| {
            note.scope = Some(Scope::Global);
            refusal::too_many_requests(Scope::Global, wait)
        })?;
        let target = target.ok_or_else(|| refusal::of_status(404))?;
        let call = target
            .call(&asked.method)
            .ok_or_else(|| refusal::of_status(405))?;
        let webhook = webhook.ok_or_else(refusal::unknown_webhook)?;
        if webhook.token != target.token {
            return Err(refusal::invalid_token());
        }
        let standing = self.limiter.webhook(&webhook.id, call.bucket());
        let refused = standing.and_then(|standing| standing.refused());
        let fits = match refused {
            Some(wait) => Err(wait),
            None if call == Call::Execute => self.limiter.channel(&webhook.channel_id),
            None => Ok(()),
        };
        let reply = match fits {
            Ok(()) => self.obey(asked, target, call, webhook, note),
            Err(wait) => {
                note.scope = Some(Scope::User);
                Err(refusal::too_many_requests(Scope::User, wait))
            }
        };
        note.accepted = reply.is_ok();
        let Some(standing) = standing else {
            return reply;
        };
        let write = |reply| standing.write(reply, call.bucket());
        reply.map(write).map_err(write)
    }

    fn obey(
        &mut self,
        asked: &Asked,
        target: &Target,
        call: Call,
        webhook: &Webhook,
        note: &mut Note,
    ) -> Result<Reply, Reply> {
        note.message_id.clone_from(&target.message);
        match call {
            Call::Look => Ok(Reply::json(200, &webhook.object())),
            Call::Remove => {
                self.webhooks.remove(&webhook.id);
                Ok(Reply::empty(204))
            }
            Call::Execute => self.execute(asked, webhook, note),
            Call::Read => Ok(Reply::json(200, &self.message(target)?.object())),
            Call::Edit => {
                let message = self.message(target)?;
                let edit = Edit {
                    at: Utc::now(),
                    body: read(asked)?,
                };
                message.edits.push(edit);
                if let Err(refused) = form::check(&message.current()) {
                    message.edits.pop();
                    return Err(refused);
                }
                Ok(Reply::json(200, &message.object()))
            }
            Call::Delete => {
                self.message(target)?.deleted = true;
                Ok(Reply::empty(204))
            }
        }
    }

    fn message(&mut self, target: &Target) -> Result<&mut Message, Reply> {
        let id = target.message.as_deref().unwrap_or_default();
        self.messages
            .find(&target.id, id)
            .ok_or_else(refusal::unknown_message)
    }

    fn execute(
        &mut self,
        asked: &Asked,
        webhook: &Webhook,
        note: &mut Note,
    ) -> Result<Reply, Reply> {
        let body = read(asked)?;
        form::check(&body)?;
        let id = self.webhooks.next_id();
        let thread_id = self.thread(asked, webhook, &body)?;
        let message = Message {
            id: id.clone(),
            webhook_id: webhook.id.clone(),
            channel_id: webhook.channel_id.clone(),
            thread_id,
            at: Utc::now(),
            body,
            edits: Vec::new(),
            deleted: false,
        };
        let reply = match asked.field("wait").as_deref() {
            Some("true" | "True" | "1") => Reply::json(200, &message.object()),
            _ => Reply::empty(204),
        };
        self.messages.add(message);
        note.message_id = Some(id);
        Ok(reply)
    }

    /// The thread that a message goes to, which in a forum it may begin.
    fn thread(
        &mut self,
        asked: &Asked,
        webhook: &Webhook,
        body: &Value,
    ) -> Result<Option<String>, Reply> {
        let channel_id = &webhook.channel_id;
        let thread_id = asked.field("thread_id");
        let named = body["thread_name"].is_string();
        match (self.webhooks.is_forum(channel_id), named, thread_id) {
            (_, true, Some(_)) => Err(refusal::coded(
                400,
                220_002,
                "thread_name and thread_id exclude each other",
            )),
            (true, false, None) => Err(refusal::coded(
                400,
                220_001,
                "A forum needs thread_name or thread_id",
            )),
            (false, true, None) => Err(refusal::coded(
                400,
                220_003,
                "Only in a forum can a webhook create threads",
            )),
            (true, true, None) => Ok(Some(self.webhooks.add_thread(channel_id))),
            (_, false, Some(thread_id)) if self.webhooks.has_thread(channel_id, &thread_id) => {
                Ok(Some(thread_id))
            }
            (_, false, Some(_)) => Err(refusal::unknown_channel()),
            (false, false, None) => Ok(None),
        }
    }
}

fn read(asked: &Asked) -> Result<Value, Reply> {
    let refuse = |code: &str, message: &str| {
        refusal::invalid_form(json!({ "_errors": [{ "code": code, "message": message }] }))
    };
    if asked.media_type().as_deref() != Some("application/json") {
        let message = "The content type must be application/json.";
        return Err(refuse("CONTENT_TYPE_INVALID", message));
    }
    serde_json::from_slice(&asked.body)
        .map_err(|error| refuse("JSON_INVALID", &format!("The body is no JSON: {error}")))
}

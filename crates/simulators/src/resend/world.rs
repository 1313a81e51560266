//! One request after another: fault, admission, answer, journal.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Faults, Options, email,
    events::Events,
    faults::Effect,
    idempotency::{Begun, Idempotency},
    journal::{Entry, Note, Sent},
    keys::{Access, ApiKey},
    limits::{Meter, Standing},
    refusal::{Refusal, too_many_requests},
    routes::Call,
};
use crate::{
    asked::Asked,
    clock::Clock,
    reply::{Delivery, Reply},
};

/// What Cloudflare calls a client without a browser's or a program's signature.
const NO_SIGNATURE: u16 = 1010;
const BATCH: usize = 100;

/// All that Resend knows.
pub struct World {
    pub(super) clock: Clock,
    pub(super) keys: Vec<ApiKey>,
    pub(super) domains: BTreeSet<String>,
    pub(super) meter: Meter,
    pub(super) faults: Faults,
    pub(super) sent: Vec<Sent>,
    pub(super) journal: Vec<Entry>,
    pub(super) events: Events,
    idempotency: Idempotency,
}

/// A request of which is decided what will happen to it.
pub struct Arrival {
    asked: Asked,
    at: DateTime<Utc>,
    effect: Option<Effect>,
    standing: Option<Standing>,
    /// What it may do, or the refusal; none if its fault keeps it from being looked at.
    admitted: Option<Result<Admitted, Reply>>,
}

/// What a request may do.
enum Admitted {
    /// Send these mails, with the idempotency key that was taken for it.
    Send {
        key: ApiKey,
        call: Call,
        payload: Value,
        taken: Option<String>,
    },
    /// Get the answer of an earlier one.
    Repeat(Value),
    /// See a mail.
    Look(String),
}

impl Arrival {
    /// How long it takes until it is processed.
    pub fn takes(&self) -> Duration {
        self.effect.as_ref().map_or(Duration::ZERO, Effect::takes)
    }
}

impl World {
    /// A Resend that has not sent anything.
    pub fn new(options: Options) -> Self {
        let clock = Clock::new(options.standing_clock);
        Self {
            meter: Meter::new(options.limits, clock.now()),
            clock,
            keys: options.keys,
            domains: options.domains,
            faults: Faults::default(),
            sent: Vec::new(),
            journal: Vec::new(),
            events: Events::new(options.signing_secret),
            idempotency: Idempotency::default(),
        }
    }

    /// Decides what will happen to a request, and takes its idempotency key.
    pub fn arrive(&mut self, asked: Asked) -> Arrival {
        let effect = self.faults.strike(&asked.path, &asked.method);
        let mut standing = None;
        let accepts = effect.as_ref().is_none_or(Effect::accepts);
        let admitted = accepts.then(|| self.admit(&asked, &mut standing));
        Arrival {
            at: self.clock.now(),
            asked,
            effect,
            standing,
            admitted,
        }
    }

    fn admit(&mut self, asked: &Asked, standing: &mut Option<Standing>) -> Result<Admitted, Reply> {
        if asked.header("user-agent").is_none() {
            return Err(Reply::cloudflare(403, NO_SIGNATURE));
        }
        let refused = |refusal: Refusal| refusal.reply();
        let key = ApiKey::find(&self.keys, asked.header("authorization")).map_err(refused)?;
        *standing = self.meter.request(self.clock.now());
        if let Some(wait) = standing.and_then(|standing| standing.refused) {
            return Err(too_many_requests(wait));
        }
        self.route(asked, key).map_err(refused)
    }

    fn route(&mut self, asked: &Asked, key: ApiKey) -> Result<Admitted, Refusal> {
        let call = Call::find(&asked.method, &asked.path)?;
        if let Call::Look(id) = call {
            return if key.access == Access::Full {
                Ok(Admitted::Look(id))
            } else {
                let message = "The API key may only send.";
                Err(Refusal::new(401, "restricted_api_key", message))
            };
        }
        let payload: Value = serde_json::from_slice(&asked.body).map_err(|error| {
            let message = format!("The body is no JSON: {error}");
            Refusal::new(400, "validation_error", &message)
        })?;
        // A header that is there and empty is a key of a wrong length.
        let taken = asked.headers.get("idempotency-key").cloned();
        if let Some(taken) = &taken {
            let now = self.clock.now();
            let begun = self.idempotency.begin(taken, &asked.path, &payload, now)?;
            if let Begun::Answered(answer) = begun {
                return Ok(Admitted::Repeat(answer));
            }
        }
        Ok(Admitted::Send {
            key,
            call,
            payload,
            taken,
        })
    }

    /// Lets a request have its effect, unless its fault prevents it, and writes it down.
    pub fn process(&mut self, arrival: Arrival) -> (Reply, Delivery) {
        let Arrival {
            asked,
            at,
            effect,
            standing,
            admitted,
        } = arrival;
        let mut note = Note::default();
        let processed = admitted.map(|admitted| match admitted {
            Ok(admitted) => self.obey(admitted, &asked, &mut note),
            Err(refused) => refused,
        });
        let struck = effect.as_ref().and_then(Effect::reply);
        let reply = struck.or(processed);
        let mut reply = reply.unwrap_or_else(|| Refusal::of_status(500).reply());
        if let Some(standing) = standing {
            reply = standing.write(reply);
        }
        let delivery = effect.as_ref().map_or(Delivery::AT_ONCE, Effect::delivery);
        let told: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text = |name| asked.header(name).map(str::to_owned);
        self.journal.push(Entry {
            number: self.journal.len(),
            at,
            method: asked.method.clone(),
            path: asked.path.clone(),
            user_agent: text("user-agent"),
            authorization: text("authorization"),
            idempotency_key: text("idempotency-key"),
            body: serde_json::from_slice(&asked.body).unwrap_or_default(),
            status: reply.status,
            name: told["name"].as_str().map(str::to_owned),
            emails: note.emails,
            repeated: note.repeated,
            answered: matches!(delivery, Delivery::After(_)),
            fault: effect,
        });
        (reply, delivery)
    }

    fn obey(&mut self, admitted: Admitted, asked: &Asked, note: &mut Note) -> Reply {
        match admitted {
            Admitted::Repeat(answer) => {
                note.repeated = true;
                Reply::json(200, &answer)
            }
            Admitted::Look(id) => match self.sent.iter().find(|sent| sent.id == id) {
                Some(sent) => Reply::json(200, &sent.object()),
                None => Refusal::new(404, "not_found", "There is no such mail.").reply(),
            },
            Admitted::Send {
                key,
                call,
                payload,
                taken,
            } => {
                let permissive = asked.header("x-batch-validation") == Some("permissive");
                let answer = match call {
                    Call::SendBatch => self.batch(&payload, permissive, &key, taken.as_ref()),
                    _ => self.one(&payload, &key, taken.as_ref()),
                };
                let answer = answer.map(|(ids, answer)| {
                    note.emails = ids;
                    answer
                });
                if let Some(taken) = &taken {
                    self.idempotency
                        .finish(taken, answer.as_ref().ok().cloned());
                }
                match answer {
                    Ok(answer) => Reply::json(200, &answer),
                    Err(refusal) => refusal.reply(),
                }
            }
        }
    }

    fn one(
        &mut self,
        payload: &Value,
        key: &ApiKey,
        taken: Option<&String>,
    ) -> Result<(Vec<String>, Value), Refusal> {
        email::check(payload, key, &self.domains)?;
        let now = self.clock.now();
        self.meter.recipients(email::recipients(payload), now)?;
        let id = self.send(payload, None, key, taken);
        Ok((vec![id.clone()], json!({ "id": id })))
    }

    fn batch(
        &mut self,
        payload: &Value,
        permissive: bool,
        key: &ApiKey,
        taken: Option<&String>,
    ) -> Result<(Vec<String>, Value), Refusal> {
        let mails = payload
            .as_array()
            .filter(|mails| (1..=BATCH).contains(&mails.len()));
        let mails = mails.ok_or(Refusal::new(
            422,
            "invalid_parameter",
            "A batch is a list of 1 to 100 mails.",
        ))?;
        let (mut good, mut errors) = (Vec::new(), Vec::new());
        for (index, mail) in mails.iter().enumerate() {
            match email::check(mail, key, &self.domains) {
                Ok(()) => good.push(mail),
                Err(refusal) if permissive => {
                    errors.push(json!({ "index": index, "message": refusal.message }));
                }
                Err(refusal) => return Err(refusal),
            }
        }
        let recipients = good.iter().map(|mail| email::recipients(mail)).sum();
        self.meter.recipients(recipients, self.clock.now())?;
        let mut ids = Vec::new();
        for (place, mail) in good.into_iter().enumerate() {
            ids.push(self.send(mail, Some(place), key, taken));
        }
        let data: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        let mut answer = json!({ "data": data });
        if permissive {
            answer["errors"] = errors.into();
        }
        Ok((ids, answer))
    }

    fn send(
        &mut self,
        mail: &Value,
        place: Option<usize>,
        key: &ApiKey,
        taken: Option<&String>,
    ) -> String {
        let id = Uuid::new_v4().to_string();
        self.sent.push(Sent {
            id: id.clone(),
            at: self.clock.now(),
            idempotency_key: taken.cloned(),
            place,
            api_key: key.key.clone(),
            email: mail.clone(),
        });
        id
    }
}

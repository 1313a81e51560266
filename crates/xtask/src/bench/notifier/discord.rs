//! A burst for many channels of Discord, and revoked webhooks beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Arguments;
use super::events;
use super::site::{Ground, Site, holds};
use crate::bench::figures::median;
use crate::bench::report::{Floor, Report};
use crate::services;

pub(crate) const CHANNELS: usize = 20;
pub(crate) const EVENTS: i64 = 2_000;
pub(crate) const REVOKED: usize = 50;
pub(crate) const EVENTS_OF_REVOKED: i64 = 20;
pub(crate) const NOTIFIERS: usize = 3;

/// Discord takes 50 requests a second of one address, and is asked once for each new webhook.
const PACE: Duration = Duration::from_millis(30);
const WITHIN: f64 = 60.0;
const PATIENCE: Duration = Duration::from_secs(180);

/// A request, as the simulated Discord wrote it down.
#[derive(Deserialize)]
struct Entry {
    at: DateTime<Utc>,
    webhook_id: Option<String>,
    status: u16,
    accepted: bool,
    body: Value,
}

struct Round {
    /// To the sound webhooks.
    requests: u32,
    answers_429: u32,
    revoked_max_tries: u32,
    /// Until the last event stood in a message; none where one never did.
    seconds: Option<f64>,
}

pub(crate) async fn measure(
    ground: &Ground<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        // What Redis has counted is another database's.
        let mut site = Site::start(ground, &format!("bench_discord_{number}")).await?;
        let round = round(&mut site).await?;
        eprintln!("round {number}: {}", round.json());
        rounds.push(round);
    }
    report.add(
        "discord_429_share",
        "share of answers 429 to the sound channels of Discord",
        Floor::AtMost(0.01),
        median(
            rounds
                .iter()
                .map(|it| f64::from(it.answers_429) / f64::from(it.requests)),
        ),
    );
    report.add(
        "discord_all_told_s",
        "seconds until all 2,000 events stand in messages",
        Floor::AtMost(WITHIN),
        median(rounds.iter().map(|it| it.seconds.unwrap_or(f64::INFINITY))),
    );
    let tries = rounds.iter().map(|it| it.revoked_max_tries).max();
    report.add(
        "revoked_max_tries",
        "most answers 401 or 404 to one revoked webhook",
        Floor::AtMost(1.0),
        f64::from(tries.unwrap_or_default()),
    );
    report.note("discord_rounds", rounds.iter().map(Round::json).collect());
    Ok(())
}

async fn round(site: &mut Site<'_>) -> Result<Round> {
    let sound = webhooks(site, "sound", CHANNELS).await?;
    let revoked = webhooks(site, "revoked", REVOKED).await?;
    for id in &revoked {
        let there = format!("webhooks/{id}");
        site.discord.ask(Method::DELETE, &there, None).await?;
    }
    site.close_gateway()?;
    site.discord.ask(Method::DELETE, "journal", None).await?;
    let mut notifiers = Vec::new();
    for number in 1..=NOTIFIERS {
        notifiers.push(site.notifier(&format!("notifier-{number}"))?);
    }
    let began = Utc::now();
    say(site).await?;
    // A disabled webhook is told nothing more; what it was to be told waits.
    let open = "SELECT count(*) FROM deliveries d JOIN webhooks w ON w.id = d.webhook_id \
                WHERE d.state = 'delivered' OR NOT w.enabled";
    let all = EVENTS + i64::try_from(REVOKED)? * EVENTS_OF_REVOKED;
    if !holds(PATIENCE, async || Ok(site.number(open).await? >= all)).await? {
        eprintln!("not all was told:\n{}", services::last_words(&notifiers));
    }
    services::stop(notifiers)?;
    let journal = site.discord.ask(Method::GET, "journal", None).await?;
    let journal: Vec<Entry> = serde_json::from_value(journal).context("Discord's journal")?;
    Round::read(&journal, &sound, began)
}

/// Makes webhooks of Discord, each in a channel of its own; the answer are Discord's ids.
async fn webhooks(site: &Site<'_>, kind: &str, count: usize) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for place in 0..count {
        let channel = format!("{kind}-{place}");
        let new = json!({ "channel_id": channel });
        let there = site
            .discord
            .ask(Method::POST, "webhooks", Some(&new))
            .await?;
        let text = |name: &str| there[name].as_str().context("Discord's new webhook");
        let mine = json!([{ "field": "data.channel", "equals": channel }]);
        site.webhook(&channel, text("public_url")?, &mine).await?;
        ids.insert(text("id")?.to_owned());
        tokio::time::sleep(PACE).await;
    }
    Ok(ids)
}

/// Says the events of all channels, mixed, at once.
async fn say(site: &Site<'_>) -> Result<()> {
    let source = "
        SELECT gen_random_uuid() AS id, row_number() OVER (ORDER BY turn, channel) AS n, \
               channel, channel || '/' || turn AS subject \
        FROM (SELECT 'sound-' || n % $1::bigint AS channel, n / $1::bigint AS turn \
              FROM generate_series(0, $2::bigint - 1) AS n \
              UNION ALL \
              SELECT 'revoked-' || n % $3::bigint, n / $3::bigint \
              FROM generate_series(0, $3::bigint * $4::bigint - 1) AS n) e";
    let (channels, revoked) = (i64::try_from(CHANNELS)?, i64::try_from(REVOKED)?);
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&channels, &EVENTS, &revoked, &EVENTS_OF_REVOKED];
    events::say_all(&site.database, source, &parameters).await
}

impl Round {
    fn read(journal: &[Entry], sound: &BTreeSet<String>, began: DateTime<Utc>) -> Result<Self> {
        let (mut requests, mut answers_429, mut told) = (0, 0, 0);
        let mut last = began;
        let mut tries: BTreeMap<&String, u32> = BTreeMap::new();
        for entry in journal {
            let Some(id) = &entry.webhook_id else {
                continue;
            };
            if !sound.contains(id) {
                *tries.entry(id).or_default() += u32::from(matches!(entry.status, 401 | 404));
                continue;
            }
            requests += 1;
            answers_429 += u32::from(entry.status == 429);
            if entry.accepted {
                told += entry.body["embeds"].as_array().map_or(0, Vec::len);
                last = last.max(entry.at);
            }
        }
        let all = i64::try_from(told)? >= EVENTS;
        let took = (last - began).to_std().context("Discord's clock")?;
        Ok(Self {
            requests,
            answers_429,
            revoked_max_tries: tries.into_values().max().unwrap_or_default(),
            seconds: all.then_some(took.as_secs_f64()),
        })
    }

    fn json(&self) -> Value {
        json!({
            "requests": self.requests,
            "answers_429": self.answers_429,
            "revoked_max_tries": self.revoked_max_tries,
            "all_told_seconds": self.seconds,
        })
    }
}

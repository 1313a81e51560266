//! Events that go on to be told while notifiers are killed (SIGKILL) and RabbitMQ restarts.
//!
//! What a killed notifier had marked `sending` may come twice; everything else comes once,
//! and what is about one subject first comes in the order in which it was said.
//!
//! That says something only where notifiers die with something in hand. So a gateway relays
//! the outbox, which nobody kills: with a notifier that relays dies the relay's lease, and
//! for 10 s nobody has anything to do. RabbitMQ restarts late, for the same reason. How many
//! kills met a notifier that was sending is a figure, too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use devstack::Process;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};

use super::Arguments;
use super::events;
use super::heard::{self, Arrival};
use super::sending::{LATER, Looks, excused};
use super::site::{Ground, Site, holds};
use crate::bench::report::{Floor, Report};
use crate::{database, services};

pub(crate) const SUBJECTS: i64 = 1_000;
pub(crate) const PER_SECOND: u32 = 1_000;
pub(crate) const NOTIFIERS: usize = 3;
pub(crate) const KILLS: usize = 10;
/// Of which this one is followed by a restart of RabbitMQ, which takes all the others.
const RESTART_AT: usize = 8;
/// Kills that have to meet a notifier that is sending, for the rest to be believed.
const KILLS_THAT_COUNT: f64 = 5.0;
/// The number of an event before all others, with which the gateway's relay takes its lease.
const FIRST: i64 = -1;

/// The endpoint takes its time, as those across a network do. So long that no two of the
/// notifiers can do with all: each has something in hand whenever it is killed.
pub(crate) const SILENCE_MS: u64 = 40;

/// Between two transactions that say events.
const SAY_EVERY: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);
/// A statement that was under way when its notifier died is through by then.
const ASIDE: Duration = Duration::from_millis(100);
/// A killed notifier's lanes are freed after 25 s, a killed relay's lease after 10 s.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Round {
    lost: i64,
    duplicates: usize,
    duplicates_beyond: usize,
    out_of_order: usize,
    parked: i64,
    sending_in_killed: Vec<usize>,
    /// Requests in each second from the first event on.
    each_second: Vec<u32>,
    said_seconds: f64,
    seconds: f64,
}

pub(crate) async fn measure(
    ground: &Ground<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let site = Site::start(ground, &format!("bench_killed_{number}")).await?;
        site.endpoints(1).await?;
        heard::answer_after(&site.receiver, SILENCE_MS).await?;
        let round = round(&site, i64::from(arguments.events)).await?;
        eprintln!("round {number}: {}", round.json());
        rounds.push(round);
    }
    let mut add = |key, what, of: fn(&Round) -> i64| -> Result<()> {
        let worst = rounds.iter().map(of).max().unwrap_or_default();
        report.add(
            key,
            what,
            Floor::AtMost(0.0),
            f64::from(i32::try_from(worst)?),
        );
        Ok(())
    };
    add("lost", "events that never came, notifiers killed", |it| {
        it.lost
    })?;
    add(
        "duplicates_beyond_sending",
        "events that came again though no killed notifier was sending them",
        |it| i64::try_from(it.duplicates_beyond).unwrap_or(i64::MAX),
    )?;
    add(
        "out_of_order",
        "pairs about one subject that first came in the wrong order",
        |it| i64::try_from(it.out_of_order).unwrap_or(i64::MAX),
    )?;
    add("parked", "events that were set aside", |it| it.parked)?;
    let met = rounds.iter().map(Round::kills_that_met).min();
    report.add(
        "kills_amid_sending",
        "of 10 kills, those of a notifier that was sending; few say nothing",
        Floor::AtLeast(KILLS_THAT_COUNT),
        f64::from(u32::try_from(met.unwrap_or_default())?),
    );
    report.note("killed_rounds", rounds.iter().map(Round::json).collect());
    Ok(())
}

async fn round(site: &Site<'_>, count: i64) -> Result<Round> {
    events::say(&site.database, FIRST, FIRST, SUBJECTS).await?;
    let published = "SELECT count(*) FROM outbox WHERE published_at IS NOT NULL";
    ensure!(
        holds(PATIENCE, async || Ok(site.number(published).await? > 0)).await?,
        "the gateway does not relay"
    );
    let mut notifiers = Vec::new();
    for number in 1..=NOTIFIERS {
        notifiers.push(site.notifier(&name(number))?);
    }
    let delivered = "SELECT count(*) FROM deliveries WHERE state = 'delivered'";
    ensure!(
        holds(PATIENCE, async || Ok(site.number(delivered).await? == 1)).await?,
        "the first event is not told:\n{}",
        services::last_words(&notifiers)
    );
    heard::forget(&site.receiver).await?;
    let (began, began_at) = (Instant::now(), Utc::now());
    let saying = tokio::spawn(say(site.database_url.clone(), count));
    let looks = kill(site, &mut notifiers).await?;
    let said_seconds = saying.await.context("whoever says events")??;

    let all = holds(PATIENCE, async || Ok(site.number(delivered).await? > count)).await?;
    let seconds = began.elapsed().as_secs_f64();
    if !all {
        eprintln!("not all was told:\n{}", services::last_words(&notifiers));
    }
    // What is sent once too often comes at once.
    sleep(SECOND).await;
    let arrivals = heard::arrivals(&site.receiver).await?;
    let parked = site
        .number("SELECT count(*) FROM deliveries WHERE parked_at IS NOT NULL")
        .await?;
    services::stop(notifiers)?;
    let in_killed = looks.in_killed();
    let excused = excused(&in_killed);
    let heard = Heard::of(&arrivals)?;
    Ok(Round {
        lost: count - i64::try_from(heard.times.len())?,
        duplicates: heard.times.values().map(|times| times - 1).sum(),
        duplicates_beyond: heard
            .times
            .iter()
            .map(|(event, times)| {
                let excused = excused.get(*event).copied().unwrap_or_default();
                (times - 1).saturating_sub(excused)
            })
            .sum(),
        out_of_order: heard.by_subject.values().map(|it| inversions(it)).sum(),
        parked,
        sending_in_killed: in_killed
            .iter()
            .map(std::collections::BTreeSet::len)
            .collect(),
        each_second: each_second(&arrivals, began_at),
        said_seconds,
        seconds,
    })
}

fn each_second(arrivals: &[Arrival], began: DateTime<Utc>) -> Vec<u32> {
    let mut counts = Vec::new();
    for arrival in arrivals {
        let second = (arrival.at - began).num_seconds();
        let second = usize::try_from(second).unwrap_or_default();
        if counts.len() <= second {
            counts.resize(second + 1, 0);
        }
        if let Some(count) = counts.get_mut(second) {
            *count += 1;
        }
    }
    counts
}

/// Kills one notifier each second and starts it again, in turn.
async fn kill(site: &Site<'_>, notifiers: &mut [Process]) -> Result<Looks> {
    let began = tokio::time::Instant::now();
    let mut looks = Looks::default();
    let mut restarting = None;
    for (number, second) in (1..=KILLS).zip(1_u32..) {
        sleep_until(began + SECOND * second).await;
        let place = (number - 1) % notifiers.len();
        if let Some(notifier) = notifiers.get_mut(place) {
            notifier.kill_9()?;
            sleep(ASIDE).await;
            looks.look(site).await?;
            // Not waited for: while RabbitMQ is away none is ready.
            (*notifier, _) = site.begin(&name(place + 1))?;
        }
        if number == RESTART_AT {
            let stack = Arc::clone(&site.stack);
            restarting = Some(tokio::task::spawn_blocking(move || {
                stack.rabbitmq().restart()
            }));
        }
    }
    for _ in 0..LATER {
        sleep(SECOND).await;
        looks.look(site).await?;
    }
    if let Some(restarting) = restarting {
        restarting.await.context("restarting RabbitMQ")??;
    }
    Ok(looks)
}

fn name(number: usize) -> String {
    format!("notifier-{number}")
}

/// Says events in their order; says how long that took.
async fn say(database_url: String, count: i64) -> Result<f64> {
    let client = database::connect(&database_url).await?;
    let at_once = i64::from(PER_SECOND) * i64::try_from(SAY_EVERY.as_millis())? / 1_000;
    let mut tick = interval(SAY_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let began = Instant::now();
    let mut first = 0;
    while first < count {
        tick.tick().await;
        let last = (first + at_once).min(count) - 1;
        events::say(&client, first, last, SUBJECTS).await?;
        first = last + 1;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// What came.
#[derive(Default)]
struct Heard<'a> {
    /// How often, by event.
    times: BTreeMap<&'a String, usize>,
    /// Numbers in the order in which they first came.
    by_subject: BTreeMap<String, Vec<i64>>,
}

impl<'a> Heard<'a> {
    fn of(arrivals: &'a [Arrival]) -> Result<Self> {
        let mut heard = Self::default();
        for arrival in arrivals {
            let times = heard.times.entry(&arrival.webhook_id).or_default();
            *times += 1;
            if *times == 1 {
                let (subject, number) = arrival.event()?;
                heard.by_subject.entry(subject).or_default().push(number);
            }
        }
        Ok(heard)
    }
}

/// Pairs of which the greater came first.
fn inversions(numbers: &[i64]) -> usize {
    let after = |place: usize| numbers.iter().skip(place + 1);
    let pairs = numbers
        .iter()
        .enumerate()
        .map(|(place, first)| after(place).filter(|second| *second < first).count());
    pairs.sum()
}

impl Round {
    /// Kills of notifiers that had something in hand.
    fn kills_that_met(&self) -> usize {
        self.sending_in_killed.iter().filter(|it| **it > 0).count()
    }

    fn json(&self) -> Value {
        json!({
            "lost": self.lost,
            "duplicates": self.duplicates,
            "duplicates_beyond_sending": self.duplicates_beyond,
            "out_of_order": self.out_of_order,
            "parked": self.parked,
            "sending_in_killed": self.sending_in_killed,
            "requests_each_second": self.each_second,
            "said_in_seconds": self.said_seconds,
            "told_after_seconds": self.seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_in_the_wrong_order_counts() {
        assert_eq!(inversions(&[1, 2, 3]), 0);
        assert_eq!(inversions(&[3, 1, 2]), 2);
        assert_eq!(inversions(&[]), 0);
    }
}

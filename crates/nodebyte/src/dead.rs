//! `nodebyte dead`.

use crate::arguments::Dead;
use crate::failure::Failure;
use crate::output::Table;
use crate::session::Session;
use broker::{Broker, DeadLetter, Replay};
use serde_json::{Value, json};
use std::process::ExitCode;

pub async fn run(session: &Session<'_>, command: &Dead) -> Result<ExitCode, Failure> {
    let broker = session.broker().await?;
    let outcome = match command {
        Dead::List { queue, limit } => list(session, &broker, queue.as_deref(), *limit).await,
        Dead::Replay { queue, id, limit } => {
            let replay = id.map_or(Replay::Oldest(limit.unwrap_or(u32::MAX)), Replay::One);
            let sent = broker.replay_dead(queue, replay).await?;
            if let (Some(id), 0) = (id, sent) {
                broker.close().await;
                return Err(Failure::NotFound {
                    what: "dead letter",
                    name: id.to_string(),
                });
            }
            session
                .output
                .show(&json!({ "queue": queue, "replayed": sent }), || {
                    format!("Sent {sent} to {queue} again.")
                })
        }
    };
    broker.close().await;
    outcome
}

async fn list(
    session: &Session<'_>,
    broker: &Broker,
    queue: Option<&str>,
    limit: u32,
) -> Result<ExitCode, Failure> {
    let all = relay::queues::all();
    let queues = queue.map_or_else(
        || all.iter().map(|spec| spec.name).collect(),
        |name| vec![name],
    );
    let mut letters = Vec::new();
    for queue in queues {
        for letter in broker.dead_letters(queue, limit).await? {
            letters.push((queue, letter));
        }
    }
    let views: Vec<Value> = letters
        .iter()
        .map(|(queue, letter)| view(queue, letter))
        .collect();
    session.output.show(&views, || {
        let mut table = Table::new(["QUEUE", "ID", "ROUTE", "ATTEMPTS", "REASON"]);
        for (queue, letter) in &letters {
            table.row([
                (*queue).to_owned(),
                letter
                    .id
                    .map_or_else(|| "-".to_owned(), |id| id.to_string()),
                letter.route.clone(),
                letter.attempts.to_string(),
                letter.reason.clone(),
            ]);
        }
        table.or("No dead letters.")
    })
}

fn view(queue: &str, letter: &DeadLetter) -> Value {
    let body = serde_json::from_slice(&letter.body)
        .unwrap_or_else(|_not_json| json!(String::from_utf8_lossy(&letter.body)));
    json!({
        "queue": queue,
        "id": letter.id,
        "route": letter.route,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "headers": letter.headers,
        "body": body,
    })
}

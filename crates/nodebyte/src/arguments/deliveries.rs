//! What can be asked about deliveries.

use chrono::{DateTime, Utc};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use common::types::id::{DeliveryId, WebhookId};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Deliveries {
    /// Show the newest deliveries
    List {
        #[command(flatten)]
        choice: DeliveryChoice,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
    },
    /// Show one delivery with its attempts
    Show {
        /// The delivery
        id: DeliveryId,
    },
    /// Make deliveries again that are over or were set aside, the oldest first
    ///
    /// They keep their ids, so that receivers know what they have had.
    Replay {
        /// Only this one
        id: Option<DeliveryId>,
        #[command(flatten)]
        choice: DeliveryChoice,
        /// At most so many
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// So many a second, from 0.001 to 1000
        #[arg(long, default_value_t = 10.0, value_parser = rate)]
        rate: f64,
        /// Only say how many there are
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete dead deliveries for good, the oldest first
    ///
    /// By themselves they stay, so that they can be made again.
    Purge {
        /// Only this one
        id: Option<DeliveryId>,
        #[command(flatten)]
        choice: DeliveryChoice,
        /// At most so many
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Only say how many there are
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub struct DeliveryChoice {
    /// Only to this webhook
    #[arg(long)]
    pub webhook: Option<WebhookId>,
    /// Only in this state
    #[arg(long, value_parser = ["pending", "parked", "delivered", "dead", "dropped"])]
    pub state: Option<String>,
    /// Only of this event
    #[arg(long)]
    pub event: Option<Uuid>,
    /// Only of events of this type, for example sync.failed
    #[arg(long, value_name = "TYPE", value_parser = NonEmptyStringValueParser::new())]
    pub event_type: Option<String>,
    /// Only of events about this subject
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub subject: Option<String>,
    /// Only from this moment on (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub since: Option<DateTime<Utc>>,
    /// Only before this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub until: Option<DateTime<Utc>>,
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|it| (0.001..=1000.0).contains(it));
    rate.ok_or("must be a number from 0.001 to 1000")
}

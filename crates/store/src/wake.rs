//! NOTIFY and LISTEN: who waits for rows is woken when they are committed. Only
//! a hint; every waiter also looks for itself from time to time.

use crate::pool::{Settings, Store, parse, tls};
use futures_util::{StreamExt, stream};
use secrecy::ExposeSecret;
use slog::{Logger, debug, warn};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_postgres::AsyncMessage;

/// Notified when the outbox has new rows.
pub const OUTBOX_CHANNEL: &str = "nodebyte_outbox";

/// Notified when sync tasks can be claimed.
pub const TASKS_CHANNEL: &str = "nodebyte_sync_tasks";

/// A connection that listens on one channel and is opened again when it breaks.
pub struct Wakeups {
    notify: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Wakeups {
    /// Listens on `channel`.
    #[must_use]
    pub fn listen(store: &Store, channel: &'static str, log: Logger) -> Self {
        let settings = store.settings.clone();
        let notify = Arc::new(Notify::new());
        let woken = Arc::clone(&notify);
        let task = tokio::spawn(async move {
            loop {
                match listen_once(&settings, channel, &woken).await {
                    Ok(()) => debug!(log, "listener closed"; "channel" => channel),
                    Err(error) => {
                        warn!(log, "listener lost"; "channel" => channel, "error" => %error);
                    }
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        Self { notify, task }
    }

    /// Waits for a notification, `longest` at most.
    pub async fn wait(&self, longest: Duration) {
        tokio::time::timeout(longest, self.notify.notified())
            .await
            .ok();
    }
}

impl Drop for Wakeups {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen_once(
    settings: &Settings,
    channel: &str,
    woken: &Notify,
) -> Result<(), tokio_postgres::Error> {
    let config = parse(settings.url.expose_secret(), settings)?;
    match config.get_ssl_mode() {
        tokio_postgres::config::SslMode::Disable | tokio_postgres::config::SslMode::Prefer => {
            let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
            drive(client, connection, channel, woken).await
        }
        _ => {
            let (client, connection) = config.connect(tls()).await?;
            drive(client, connection, channel, woken).await
        }
    }
}

async fn drive<S, T>(
    client: tokio_postgres::Client,
    mut connection: tokio_postgres::Connection<S, T>,
    channel: &str,
    woken: &Notify,
) -> Result<(), tokio_postgres::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let messages = stream::poll_fn(move |cx| connection.poll_message(cx));
    tokio::pin!(messages);
    let listen = format!("LISTEN {channel}");
    let subscribe = client.batch_execute(&listen);
    tokio::pin!(subscribe);
    let mut subscribed = false;
    loop {
        tokio::select! {
            result = &mut subscribe, if !subscribed => {
                result?;
                subscribed = true;
                // What was committed before we listened is looked at once.
                woken.notify_one();
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(_))) => woken.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}

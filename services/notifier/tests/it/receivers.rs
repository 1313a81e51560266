//! The receivers of `docs/webhooks`, run as they stand and told by the notifier.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use chrono::Utc;
use common::crypto::webhook_signature::{SigningSecret, sign};
use common::types::caller::Actor;
use common::types::event::{Event, EventType};
use common::types::id::MessageId;
use common::types::webhook::WebhookType;
use runtime::config::{Config, Sources};
use secrecy::ExposeSecret;
use serde_json::json;
use store::DeliveryFilter;
use tempfile::TempDir;
use testkit::wait_for;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::stage::{PATIENCE, Stage};

const GUIDE: &str = include_str!("../../../../docs/webhooks.md");

/// What is tolerated between a signature and its arrival, in seconds.
const TOLERANCE: i64 = 300;

/// A receiver that runs.
struct Process {
    child: Child,
    /// Where PHP remembers ids.
    _ids: TempDir,
}

impl Process {
    /// Starts `program` of Debian's `package`; `{port}` in its arguments is the port.
    async fn start(
        program: &str,
        package: &str,
        arguments: &[&str],
        port: u16,
        secrets: &str,
    ) -> Self {
        let ids = TempDir::new().unwrap();
        let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/webhooks");
        let child = Command::new(program)
            .args(
                arguments
                    .iter()
                    .map(|it| it.replace("{port}", &port.to_string())),
            )
            .current_dir(docs)
            .env("PORT", port.to_string())
            .env("WEBHOOK_SECRET", secrets)
            .env("WEBHOOK_IDS", ids.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!("{program} is missing: apt-get install {package}"),
            _ => panic!("{program} cannot be started: {error}"),
        });
        wait_for("the receiver to listen", PATIENCE, async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{program} {arguments:?} ended: {status}");
            }
            TcpStream::connect(("127.0.0.1", port)).await
        })
        .await;
        Self { child, _ids: ids }
    }

    /// Ends it; the lines that it printed.
    async fn printed(mut self) -> Vec<String> {
        self.child.start_kill().unwrap();
        let output = timeout(PATIENCE, self.child.wait_with_output());
        let output = output.await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// A request as the notifier would make it, but for what a test changes.
#[derive(Clone)]
struct Message {
    id: String,
    timestamp: String,
    signatures: String,
    body: String,
}

impl Message {
    fn new(secret: &SigningSecret, age: i64) -> Self {
        let event = Event::new(EventType::SyncStarted, "s", Utc::now(), json!({}));
        let id = event.id.to_string();
        let timestamp = Utc::now().timestamp() - age;
        let body = json!(event).to_string();
        let secrets = std::slice::from_ref(secret);
        Self {
            signatures: sign(&id, timestamp, body.as_bytes(), secrets),
            timestamp: timestamp.to_string(),
            id,
            body,
        }
    }

    async fn send(&self, url: &str) -> u16 {
        let request = reqwest::Client::new()
            .post(url)
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", &self.timestamp)
            .header("webhook-signature", &self.signatures)
            .body(self.body.clone())
            .send();
        let answer = timeout(PATIENCE, request).await.unwrap().unwrap();
        answer.status().as_u16()
    }
}

/// Messages that no receiver may take.
fn forgeries(secret: &SigningSecret) -> Vec<(&'static str, Message)> {
    let genuine = Message::new(secret, 0);
    let other = SigningSecret::generate().unwrap();
    let with = |change: fn(&mut Message)| {
        let mut message = genuine.clone();
        change(&mut message);
        message
    };
    vec![
        ("by another secret", Message::new(&other, 0)),
        ("old", Message::new(secret, TOLERANCE + 60)),
        ("from the future", Message::new(secret, -TOLERANCE - 60)),
        ("with another body", with(|it| it.body.push(' '))),
        (
            "under another id",
            with(|it| it.id = MessageId::new().to_string()),
        ),
        (
            "dated anew",
            with(|it| it.timestamp = (Utc::now().timestamp() + 1).to_string()),
        ),
        ("with no date", with(|it| it.timestamp = "soon".to_owned())),
        ("unsigned", with(|it| it.signatures.clear())),
        (
            "of another version",
            with(|it| it.signatures = it.signatures.replace("v1,", "v2,")),
        ),
    ]
}

/// What `docs/webhooks.md` promises of each receiver.
async fn prove(program: &str, package: &str, arguments: &[&str]) {
    let stage = Stage::new().await;
    let port = devstack::free_port().unwrap();
    let url = format!("http://127.0.0.1:{port}/hook");
    let hook = stage.hook(&url, WebhookType::System, &[], json!([])).await;
    let newer = SigningSecret::generate().unwrap();
    let secrets = format!("{} {}", newer.text().expose_secret(), hook.secret);
    let process = Process::start(program, package, arguments, port, &secrets).await;

    let ids = stage.completed(&["a", "b"]).await;
    stage.wait_state("delivered", 2).await;
    replay(&stage, ids[0]).await;
    let mut genuine = Message::new(&newer, 0);
    genuine.signatures = format!("v1,AAAA v2,x {}", genuine.signatures);
    assert_eq!(genuine.send(&url).await, 200);
    assert_eq!(genuine.send(&url).await, 200, "a repetition is taken too");
    for (what, message) in forgeries(&newer) {
        assert_eq!(message.send(&url).await, 401, "a message {what}");
    }

    let printed = process.printed().await;
    let mut wanted = vec![
        format!("sync.completed a {}", ids[0]),
        format!("sync.completed b {}", ids[1]),
        format!("sync.started s {}", genuine.id),
    ];
    let mut once = printed.clone();
    once.sort();
    wanted.sort();
    assert_eq!(once, wanted);
    assert_eq!(
        printed.last(),
        wanted.last(),
        "printed before it is answered"
    );
}

/// Delivers an event once more.
async fn replay(stage: &Stage, event: MessageId) {
    let which = DeliveryFilter {
        event: Some(event.0),
        ..DeliveryFilter::default()
    };
    let actor = Actor::Operator("test".to_owned());
    let report = stage
        .store
        .deliveries_replay(&which, 1, 100.0, &actor)
        .await;
    assert_eq!(report.unwrap().replayed, 1);
    wait_for("the repetition", PATIENCE, async || {
        let rows = stage.deliveries().await;
        let again = rows
            .iter()
            .find(|it| it.event_id == event.0 && it.attempts == 2);
        match again {
            Some(row) if row.state == "delivered" => Ok(()),
            _ => Err(format!("{rows:#?}")),
        }
    })
    .await;
}

#[test]
fn the_guide_tells_of_the_schedule_and_the_times_that_are_usual() {
    let needed = [("DATABASE_URL", "postgres://x"), ("AMQP_URL", "amqp://x")];
    let config = Config::load(&Sources::of_variables(needed)).unwrap();
    let usual = &config.notifications;
    let said = |pause: &Duration| match pause.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    };
    let pauses: Vec<String> = usual.retries.iter().map(said).collect();
    let (last, others) = pauses.split_last().unwrap();
    let sentences = [
        format!("after {} and {last}, each a fifth", others.join(", ")),
        format!("within **{} seconds**", usual.request_timeout.as_secs()),
        format!("100 % of {} days", usual.disable_days),
        format!("kept for {} days", usual.retention_days),
    ];
    for sentence in sentences {
        assert!(GUIDE.contains(&sentence), "{sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_in_python_takes_each_event_once_and_refuses_forgeries() {
    prove("python3", "python3", &["receiver.py"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_in_javascript_takes_each_event_once_and_refuses_forgeries() {
    prove("node", "nodejs", &["receiver.mjs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_in_php_takes_each_event_once_and_refuses_forgeries() {
    prove(
        "php",
        "php-cli",
        &["-S", "127.0.0.1:{port}", "receiver.php"],
    )
    .await;
}

//! An installation, and the command line that operates it.

use serde_json::Value;
use std::process::{Output, Stdio};
use std::time::Duration;
use store::{Settings, Store};
use testkit::{TestDatabase, TestVhost};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// 64 hex digits.
pub const ENCRYPTION_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The binary in an environment of exactly these variables.
pub struct Cli {
    variables: Vec<(String, String)>,
}

impl Cli {
    /// Without any.
    pub fn bare() -> Self {
        Self {
            variables: Vec::new(),
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_nodebyte"))
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Answer {
        let mut child = self.start(arguments);
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads no input may have ended before it is written.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        ended(child).await
    }

    pub async fn run(&self, arguments: &[&str]) -> Answer {
        self.run_with_input(arguments, "").await
    }

    /// The JSON of a command that succeeds.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        let answer = self.run(&arguments).await;
        assert_eq!(answer.code, 0, "{arguments:?}: {}", answer.stderr);
        serde_json::from_str(&answer.stdout).unwrap()
    }
}

/// Waits for the end.
pub async fn ended(child: Child) -> Answer {
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("an end in time")
        .unwrap();
    Answer::from(output)
}

/// How a command ended.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A database and a virtual host with a command line that knows both.
pub struct Installation {
    pub cli: Cli,
    pub sql: tokio_postgres::Client,
    pub store: Store,
    pub vhost: TestVhost,
    // Dropped last.
    _database: TestDatabase,
}

impl Installation {
    /// Migrated, with the panel `default` in the environment.
    pub async fn new() -> Self {
        Self::on(TestDatabase::new().await).await
    }

    pub async fn on(database: TestDatabase) -> Self {
        let vhost = TestVhost::new().await;
        let cli = Cli::bare()
            .with("USER", "tester")
            .with("DATABASE_URL", database.url())
            .with("AMQP_URL", vhost.url())
            .with("ENCRYPTION_KEY", ENCRYPTION_KEY)
            .with("PTERODACTYL_URL", "https://panel.example")
            .with("PTERODACTYL_API_KEY", "planted-application-key");
        let store = Store::connect(&Settings {
            url: database.url().to_owned().into(),
            pool_size: 2,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            application_name: "nodebyte-tests",
        })
        .unwrap();
        Self {
            cli,
            sql: database.connect().await,
            store,
            vhost,
            _database: database,
        }
    }

    /// The row that a query answers as one text.
    pub async fn text(&self, query: &str) -> String {
        self.sql.query_one(query, &[]).await.unwrap().get(0)
    }

    pub async fn count(&self, table: &str) -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        self.sql.query_one(&query, &[]).await.unwrap().get(0)
    }

    /// Asks for a full run of the default panel and answers its id.
    pub async fn ask_for_run(&self) -> String {
        let run = self.cli.json(&["sync", "run"]).await;
        run["id"].as_str().unwrap().to_owned()
    }
}

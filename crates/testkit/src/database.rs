//! A migrated PostgreSQL database per test.

use reqwest::Url;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::migrations::{self, Migration};
use crate::{cleanup, environment};

/// Held while a template is made, so that one test migrates and the others wait for it.
const TEMPLATE_LOCK: i64 = 0x6e62_7465_7374;

/// A database of its own, dropped with this value, connections and all.
///
/// It is a copy of a template that the first test to need it migrates; the template's name carries a
/// hash of the migrations, so a changed migration makes a new one. The migrations are recorded as
/// diesel records them, so a service that checks or runs them finds nothing left to do.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: Url,
    server: Url,
}

impl TestDatabase {
    /// Creates the database on the server that `DATABASE_URL` names.
    ///
    /// # Panics
    /// When the server is not named, does not answer, or a migration fails.
    pub async fn new() -> Self {
        Self::create(migrations::all()).await
    }

    /// Creates a database without a single table.
    ///
    /// # Panics
    /// When the server is not named or does not answer.
    pub async fn empty() -> Self {
        Self::create(Vec::new()).await
    }

    async fn create(migrations: Vec<Migration>) -> Self {
        let server = environment::url("DATABASE_URL");
        let maintenance = connect(&server).await;
        let template = template(&server, &maintenance, &migrations).await;
        let name = format!("nodebyte_test_{}", Uuid::new_v4().simple());
        maintenance
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await
            .expect("creating the test's database");
        let mut url = server.clone();
        url.set_path(&name);
        Self { name, url, server }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A plain connection, to look at rows without going through the code under test.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn connect(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let server = self.server.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        cleanup::run(async move {
            let (client, connection) = tokio_postgres::connect(server.as_str(), NoTls)
                .await
                .map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            client
                .batch_execute(&statement)
                .await
                .map_err(|error| error.to_string())
        });
    }
}

async fn connect(url: &Url) -> Client {
    let (client, connection) = tokio_postgres::connect(url.as_str(), NoTls)
        .await
        .expect("connecting to PostgreSQL");
    // Its end is seen by whoever uses the client.
    tokio::spawn(connection);
    client
}

/// The name of a template with all migrations applied, made if nobody has made it yet.
async fn template(server: &Url, maintenance: &Client, migrations: &[Migration]) -> String {
    if migrations.is_empty() {
        return "template0".to_owned();
    }
    let name = format!(
        "nodebyte_template_{:016x}",
        migrations::fingerprint(migrations)
    );
    maintenance
        .execute("SELECT pg_advisory_lock($1)", &[&TEMPLATE_LOCK])
        .await
        .expect("locking the template");
    let made = maintenance
        .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
        .await
        .expect("looking for the template")
        .is_some();
    if !made {
        make_template(server, maintenance, &name, migrations).await;
    }
    maintenance
        .execute("SELECT pg_advisory_unlock($1)", &[&TEMPLATE_LOCK])
        .await
        .expect("unlocking the template");
    name
}

async fn make_template(server: &Url, maintenance: &Client, name: &str, migrations: &[Migration]) {
    // It gets its name only when complete: a run killed in between leaves no half-made template.
    let draft = format!("nodebyte_draft_{}", Uuid::new_v4().simple());
    maintenance
        .batch_execute(&format!("CREATE DATABASE {draft} TEMPLATE template0"))
        .await
        .expect("creating the template");
    let mut url = server.clone();
    url.set_path(&draft);
    let client = connect(&url).await;
    client
        .batch_execute(
            "CREATE TABLE __diesel_schema_migrations (
                 version varchar(50) PRIMARY KEY,
                 run_on timestamp NOT NULL DEFAULT current_timestamp
             )",
        )
        .await
        .expect("creating the list of migrations");
    for migration in migrations {
        let version = &migration.version;
        client
            .batch_execute(&migration.up)
            .await
            .unwrap_or_else(|error| panic!("migration {version}: {error:?}"));
        client
            .execute(
                "INSERT INTO __diesel_schema_migrations (version) VALUES ($1)",
                &[version],
            )
            .await
            .expect("recording the migration");
    }
    drop(client);
    // A template can be copied only while nobody is connected to it.
    maintenance
        .batch_execute(&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{draft}';
             ALTER DATABASE {draft} ALLOW_CONNECTIONS false"
        ))
        .await
        .expect("closing the template");
    maintenance
        .batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}"))
        .await
        .expect("naming the template");
}

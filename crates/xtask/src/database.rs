//! Databases on the stack's PostgreSQL.

use anyhow::{Context, Result};
use devstack::Stack;
use tokio_postgres::{Client, NoTls};

/// Opens a plain connection.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("connecting to PostgreSQL")?;
    // Its end is seen by whoever uses the client.
    tokio::spawn(connection);
    Ok(client)
}

/// Creates a database beside the one that the stack names; the answer is its address.
pub(crate) async fn create(stack: &Stack, name: &str) -> Result<String> {
    let url = beside(stack, name)?;
    connect(stack.database_url())
        .await?
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .with_context(|| format!("creating the database {name}"))?;
    Ok(url)
}

/// Drops a database that [`create`] made.
pub(crate) async fn drop(stack: &Stack, name: &str) -> Result<()> {
    connect(stack.database_url())
        .await?
        .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await
        .with_context(|| format!("dropping the database {name}"))
}

fn beside(stack: &Stack, name: &str) -> Result<String> {
    // The value may carry a password, so the error does not repeat it.
    let mut url = reqwest::Url::parse(stack.database_url()).context("DATABASE_URL")?;
    url.set_path(name);
    Ok(url.into())
}

//! What must hold besides tests.

mod catalog;
mod migrations;
mod schema;

use anyhow::{Context, Result, ensure};
use devstack::{Options, Stack};

use crate::{banned, database, layers, test};

pub(crate) async fn run() -> Result<()> {
    with(&Stack::start(&Options::new())?).await
}

pub(crate) async fn with(stack: &Stack) -> Result<()> {
    layers::check()?;
    eprintln!("layers: as ordered");
    banned::check()?;
    eprintln!("banned crates: none");

    let name = format!("nodebyte_check_{}", std::process::id());
    let url = database::create(stack, &name).await?;
    let result = database_checks(&url).await;
    database::drop(stack, &name).await?;
    result?;
    eprintln!("migrations: up, down and up again end alike; schema.rs agrees with them");

    // Only the gateway knows its document, and it is no crate of ours to import.
    test::with(
        stack,
        &[],
        &["-p", "auth-gateway", "the_committed_document"],
    )?;
    eprintln!("openapi.json: up to date");
    Ok(())
}

async fn database_checks(url: &str) -> Result<()> {
    let client = database::connect(url).await?;
    let migrations = migrations::read()?;
    let empty = catalog::describe(&client).await?;

    for migration in &migrations {
        client
            .batch_execute(&migration.up)
            .await
            .with_context(|| format!("{} up", migration.name))?;
    }
    let migrated = catalog::describe(&client).await?;
    schema::compare(&client).await?;

    for migration in migrations.iter().rev() {
        client
            .batch_execute(&migration.down)
            .await
            .with_context(|| format!("{} down", migration.name))?;
    }
    let emptied = catalog::describe(&client).await?;
    ensure!(
        emptied == empty,
        "down leaves something behind:\n{}",
        catalog::difference(&empty, &emptied)
    );

    for migration in &migrations {
        client
            .batch_execute(&migration.up)
            .await
            .with_context(|| format!("{} up again", migration.name))?;
    }
    let again = catalog::describe(&client).await?;
    ensure!(
        again == migrated,
        "up after down ends otherwise than up:\n{}",
        catalog::difference(&migrated, &again)
    );
    Ok(())
}

//! `nodebyte keys`.

use crate::arguments::Keys;
use crate::failure::Failure;
use crate::output::{Output, Table, time};
use crate::session::{Session, actor};
use common::crypto::master::MasterKey;
use reach::rotation::{self, Opened, Progress, Rotation, Status, Tally, Unreadable, Wish};
use reach::vault::VaultError;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use store::{Dropped, SealedColumn};

/// Prints a key: the one place where a secret is shown, because it is nowhere else.
pub fn generate(output: &Output) -> Result<ExitCode, Failure> {
    let key = MasterKey::generate().map_err(Failure::Randomness)?;
    let key = key.expose_secret();
    output.show(&json!({ "encryption_key": key }), || key.to_owned())
}

pub async fn run(session: &Session<'_>, command: &Keys) -> Result<ExitCode, Failure> {
    match command {
        Keys::Generate => generate(session.output),
        Keys::Rotate { new, drop_old } => {
            let wish = match (new, drop_old) {
                (true, _) => Wish::Begin,
                (false, true) => Wish::GoOn,
                (false, false) => Wish::GoOnOrBegin,
            };
            rotate(session, wish, *drop_old).await
        }
        Keys::Rewrap => rewrap(session).await,
        Keys::Status => status(session).await,
    }
}

async fn rotate(session: &Session<'_>, wish: Wish, drops: bool) -> Result<ExitCode, Failure> {
    let actor = actor();
    let rotation = Rotation {
        store: &session.store,
        master: master(session)?,
        actor: &actor,
    };
    let rotated = rotation.rotate(wish, &mut progress(session)).await?;
    let dropped = match drops {
        true => rotation.drop_old().await?,
        false => Dropped::default(),
    };
    let tally = &rotated.tally;
    let value = json!({
        "key_id": rotated.key, "new": rotated.is_new, "resealed": tally.resealed,
        "held": tally.held, "unreadable": list(&tally.unreadable),
        "dropped": dropped.dropped, "still_needed": dropped.needed,
        "too_young": dropped.too_young, "droppable_at": dropped.droppable_at,
    });
    session.output.show(&value, || {
        let how = if rotated.is_new { "a new key" } else { "the key that seals already" };
        let mut text = format!("{} is {how}.\n{}", rotated.key, sentences(tally));
        for key in &dropped.dropped {
            text += &format!("\nDropped {key}.");
        }
        for key in &dropped.needed {
            text += &format!("\nKept {key}: something is still sealed by it.");
        }
        for key in &dropped.too_young {
            let when = time(dropped.droppable_at);
            text += &format!("\nKept {key}: it may be dropped after {when}, when no process seals with it any more.");
        }
        text
    })?;
    let is_done = dropped.needed.is_empty() && dropped.too_young.is_empty();
    Ok(code(is_done && is_complete(tally)))
}

async fn rewrap(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let actor = actor();
    let rotation = Rotation {
        store: &session.store,
        master: master(session)?,
        actor: &actor,
    };
    let done = rotation.rewrap(&mut progress(session)).await?;
    let tally = &done.tally;
    let value = json!({
        "rewrapped": done.keys, "resealed": tally.resealed, "held": tally.held,
        "unreadable": list(&tally.unreadable),
    });
    session.output.show(&value, || {
        let keys = match done.keys.as_slice() {
            [] => "No data key needed it.".to_owned(),
            keys => format!("Wrapped anew: {}.", keys.join(", ")),
        };
        format!("{keys}\n{}", sentences(tally))
    })?;
    Ok(code(is_complete(tally)))
}

async fn status(session: &Session<'_>) -> Result<ExitCode, Failure> {
    let status = rotation::status(&session.store, master(session)?).await?;
    session.output.show(&json_of(&status), || tables(&status))?;
    Ok(code(status.is_sound()))
}

fn master(session: &Session<'_>) -> Result<Arc<MasterKey>, Failure> {
    let key = session.master_key()?;
    key.ok_or(Failure::Vault(VaultError::NoMasterKey))
}

fn progress<'a>(session: &'a Session<'_>) -> impl FnMut(Progress) + Send + 'a {
    |step: Progress| {
        let (column, count) = (name(&step.column), step.resealed);
        session
            .output
            .note(format_args!("{column}: {count} sealed anew"));
    }
}

fn is_complete(tally: &Tally) -> bool {
    tally.unreadable.is_empty() && tally.held == 0
}

fn code(is_well: bool) -> ExitCode {
    match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn name(column: &SealedColumn) -> String {
    format!("{}.{}", column.table(), column.column)
}

fn list(unreadable: &[Unreadable]) -> Value {
    let each = unreadable.iter().map(|it| {
        json!({
            "table": it.column.table(), "column": it.column.column, "row": it.row,
            "reason": it.reason,
        })
    });
    each.collect()
}

fn sentences(tally: &Tally) -> String {
    let mut text = format!("{} values were sealed anew.", tally.resealed);
    if tally.held > 0 {
        text += &format!(
            "\n{} values were held by others all the time; run this again.",
            tally.held
        );
    }
    text + &complaints(&tally.unreadable)
}

fn complaints(unreadable: &[Unreadable]) -> String {
    let each = unreadable.iter().map(|it| {
        let column = name(&it.column);
        format!(
            "\nUnreadable, left as it is: {column} of {}: {}",
            it.row, it.reason
        )
    });
    each.collect()
}

fn opened(by: Opened) -> &'static str {
    match by {
        Opened::ByKey => "ENCRYPTION_KEY",
        Opened::ByOldKey => "ENCRYPTION_KEY_OLD",
        Opened::ByNone => "nothing",
    }
}

fn json_of(status: &Status) -> Value {
    let keys = status.keys.iter().map(|key| {
        json!({
            "id": key.id, "active": key.active, "created_at": key.created_at,
            "opened_by": opened(key.opened), "seals": key.seals,
        })
    });
    let columns = status.columns.iter().map(|it| {
        json!({
            "table": it.column.table(), "column": it.column.column, "current": it.current,
            "older": it.older, "plain": it.plain, "legacy": it.legacy,
            "unreadable": it.unreadable,
        })
    });
    json!({
        "keys": keys.collect::<Value>(), "columns": columns.collect::<Value>(),
        "unreadable": list(&status.unreadable), "sound": status.is_sound(),
    })
}

fn tables(status: &Status) -> String {
    let mut keys = Table::new(["KEY", "STATE", "CREATED", "OPENED BY", "SEALS"]);
    for key in &status.keys {
        let seals = key.seals.iter();
        let seals: Vec<String> = seals.map(|(at, count)| format!("{at} {count}")).collect();
        let state = match (key.active, seals.is_empty()) {
            (true, _) => "seals",
            (false, false) => "needed",
            (false, true) => "not needed",
        };
        keys.row([
            key.id.clone(),
            state.to_owned(),
            time(Some(key.created_at)),
            opened(key.opened).to_owned(),
            if seals.is_empty() {
                "-".to_owned()
            } else {
                seals.join(", ")
            },
        ]);
    }
    let mut columns = Table::new([
        "COLUMN",
        "CURRENT",
        "OLDER",
        "PLAIN",
        "LEGACY",
        "UNREADABLE",
    ]);
    for it in &status.columns {
        let counts = [it.current, it.older, it.plain, it.legacy, it.unreadable];
        if counts.iter().any(|count| *count > 0) {
            let [current, older, plain, legacy, unreadable] = counts.map(|it| it.to_string());
            columns.row([name(&it.column), current, older, plain, legacy, unreadable]);
        }
    }
    format!(
        "{}\n{}{}",
        keys.or("No data keys.\n"),
        columns.or("No secrets."),
        complaints(&status.unreadable)
    )
}

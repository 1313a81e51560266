//! What takes the place of a row under whose id the panel shows another uuid.

use super::look::{self, Answer};
use super::{of_one_kind, unlisted};
use crate::task::{Task, TaskError};
use common::types::sync::Kind;
use std::collections::BTreeMap;
use store::{Candidate, PageRows, RemovalScope, Resource};

/// What the panel gives a uuid, so that one row can take another's place.
pub const IDENTIFIED: [Resource; 5] = [
    Resource::Nest,
    Resource::Egg,
    Resource::Node,
    Resource::User,
    Resource::Server,
];

/// What stands in a place.
pub enum Successor {
    /// Nothing any more.
    None,
    /// These rows, as they were asked for.
    Rows(Resource, PageRows),
    /// The panel does not tell: that is reported.
    Unread,
}

/// Reads what took the places of rows, all or none: where one cannot be read, all stay, since
/// the uuids of one may stand in the place of another. `None`: they stay.
pub async fn read_all(
    task: &Task,
    resource: Resource,
    rows: &[Candidate],
    troubles: &mut BTreeMap<Kind, String>,
) -> Result<Option<Vec<(Resource, PageRows)>>, TaskError> {
    let (mut found, mut read_rows, mut all) = (Vec::new(), Vec::new(), true);
    for candidate in rows {
        match read(task, resource, candidate, troubles).await? {
            Successor::Unread => {
                all = false;
                continue;
            }
            Successor::None => {}
            Successor::Rows(asked, rows) => found.push((asked, rows)),
        }
        read_rows.push(candidate);
    }
    if all {
        return Ok(Some(found));
    }
    for candidate in read_rows {
        unread(task, resource, candidate, "another one cannot be read").await?;
    }
    Ok(None)
}

/// Reads what took the place of a row. What the panel refuses is the kind's trouble, and
/// no more of that kind is asked for.
pub async fn read(
    task: &Task,
    resource: Resource,
    candidate: &Candidate,
    troubles: &mut BTreeMap<Kind, String>,
) -> Result<Successor, TaskError> {
    let kind = resource.kind();
    if let Some(reason) = troubles.get(&kind).cloned() {
        return unread(task, resource, candidate, &reason).await;
    }
    // An egg is read with its nest.
    let nest = Candidate::unknown(candidate.scope, 0);
    let (asked, row) = match resource {
        Resource::Egg => (Resource::Nest, &nest),
        other => (other, candidate),
    };
    let reason = match look::own_address(task, asked, row).await {
        Ok(Answer::There(rows)) => return Ok(Successor::Rows(asked, rows)),
        Ok(Answer::Gone) => return Ok(Successor::None),
        Ok(Answer::Unclear(reason)) => reason,
        Err(error) => {
            let reason = of_one_kind(error)?;
            troubles.insert(kind, reason.clone());
            reason
        }
    };
    unread(task, resource, candidate, &reason).await
}

async fn unread(
    task: &Task,
    resource: Resource,
    candidate: &Candidate,
    reason: &str,
) -> Result<Successor, TaskError> {
    let id = candidate.remote_id;
    let reason = format!("it takes another's place, which stays: {reason}");
    if resource == Resource::Egg {
        // No item of its own: the nest that the listing showed has been counted.
        unlisted::warn(task, resource, &format!("{id}: {reason}")).await?;
    } else {
        unlisted::report(task, resource, RemovalScope::Panel, vec![(id, reason)]).await?;
    }
    Ok(Successor::Unread)
}

//! Nests with their eggs and the eggs' variables. A nest is read whole or not at
//! all: one egg less would look like an egg removed.

use chrono::{DateTime, Utc};
use common::types::panel::{Egg, EggVariable, Included, Nest};
use serde::Deserialize;
use std::collections::BTreeMap;
use uuid::Uuid;

use super::super::decode::{Fault, Row, record};
use super::relation::{Many, included};

/// Reads a nest that was asked for with `eggs.variables`.
pub(in super::super) fn nest(raw: &str) -> Result<Nest, Fault> {
    let it: NestDto = record(raw, &["nest"])?;
    let eggs = required("eggs", it.relationships.eggs)?;
    Ok(Nest {
        id: it.id,
        uuid: it.uuid,
        author: it.author,
        name: it.name,
        description: it.description,
        created_at: it.created_at,
        updated_at: it.updated_at,
        eggs: eggs.into_iter().map(egg).collect::<Result<_, _>>()?,
    })
}

fn egg(it: EggDto) -> Result<Egg, Fault> {
    let variables = required("variables", it.relationships.variables)?;
    Ok(Egg {
        id: it.id,
        uuid: it.uuid,
        nest: it.nest,
        author: it.author,
        name: it.name,
        description: it.description,
        docker_image: it.docker_image,
        docker_images: it.docker_images,
        startup: it.startup,
        created_at: it.created_at,
        updated_at: it.updated_at,
        variables: variables.into_iter().map(variable).collect(),
    })
}

fn variable(it: VariableDto) -> EggVariable {
    EggVariable {
        id: it.id,
        egg: it.egg_id,
        name: it.name,
        description: it.description,
        env_variable: it.env_variable,
        default_value: it.default_value,
        user_viewable: it.user_viewable,
        user_editable: it.user_editable,
        rules: it.rules,
        created_at: it.created_at,
        updated_at: it.updated_at,
    }
}

/// Both relations are read with the permission for eggs.
fn required<A>(name: &str, relation: Option<Many<A>>) -> Result<Vec<A>, Fault> {
    match included(true, name, relation)? {
        Included::Listed(items) => Ok(items),
        Included::Forbidden | Included::NotAsked => Err(Fault::Forbidden("eggs")),
    }
}

#[derive(Deserialize)]
struct NestDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    uuid: Uuid,
    author: String,
    name: String,
    description: Option<String>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    relationships: NestRelations,
}

#[derive(Default, Deserialize)]
struct NestRelations {
    eggs: Option<Many<EggDto>>,
}

#[derive(Deserialize)]
struct EggDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    uuid: Uuid,
    #[serde(deserialize_with = "super::lenient::number")]
    nest: i64,
    author: String,
    name: String,
    description: Option<String>,
    #[serde(deserialize_with = "super::lenient::text")]
    docker_image: String,
    #[serde(deserialize_with = "super::lenient::labels")]
    docker_images: BTreeMap<String, String>,
    startup: Option<String>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    relationships: EggRelations,
}

#[derive(Default, Deserialize)]
struct EggRelations {
    variables: Option<Many<VariableDto>>,
}

#[derive(Deserialize)]
struct VariableDto {
    #[serde(deserialize_with = "super::lenient::number")]
    id: i64,
    #[serde(deserialize_with = "super::lenient::number")]
    egg_id: i64,
    name: String,
    #[serde(deserialize_with = "super::lenient::text")]
    description: String,
    env_variable: String,
    #[serde(deserialize_with = "super::lenient::text")]
    default_value: String,
    #[serde(deserialize_with = "super::lenient::truth")]
    user_viewable: bool,
    #[serde(deserialize_with = "super::lenient::truth")]
    user_editable: bool,
    #[serde(deserialize_with = "super::lenient::text")]
    rules: String,
    #[serde(default, deserialize_with = "super::lenient::time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "super::lenient::time")]
    updated_at: Option<DateTime<Utc>>,
}

impl Row for Nest {
    fn id(&self) -> i64 {
        self.id
    }
}

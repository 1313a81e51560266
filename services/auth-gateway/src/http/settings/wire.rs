//! All settings as one JSON object. Its fields are those of the registry, in the document
//! too.

use std::collections::BTreeMap;

use common::types::setting::{Kind, SETTINGS, Setting};
use paperclip::v2::models::{DataType, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;
use reach::settings::Overrides;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::http::webhooks::Webhook;

/// The list of Discord's webhooks, which the website reads here as well.
const WEBHOOKS: &str = "discordWebhooks";
/// Whether the list of repositories is added to.
pub(super) const MERGE: &str = "githubRepositoriesMerge";

/// All settings, secrets masked.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct SystemSettings(Map<String, Value>);

impl SystemSettings {
    /// What counts at one moment.
    pub fn of(overrides: &Overrides, webhooks: &[Webhook]) -> Self {
        let fields = SETTINGS.iter().map(|setting| {
            let value = overrides.shown(setting);
            (setting.name.to_owned(), value)
        });
        let mut all: Map<String, Value> = fields.collect();
        all.insert(WEBHOOKS.to_owned(), json!(webhooks));
        Self(all)
    }
}

/// What somebody sends to change settings: any of their fields.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct SettingsForm(pub(super) Map<String, Value>);

impl Apiv2Schema for SystemSettings {
    fn name() -> Option<String> {
        Some("SystemSettings".to_owned())
    }

    fn raw_schema() -> DefaultSchemaRaw {
        let mut schema = object(Self::name());
        let webhooks = list_of(of_type(DataType::Object, "A webhook."));
        schema
            .properties
            .insert(WEBHOOKS.to_owned(), Box::new(webhooks));
        schema.required = schema.properties.keys().cloned().collect();
        schema.description = Some("All settings; a secret that is set shows as 20 bullets.".into());
        schema
    }
}

impl Apiv2Schema for SettingsForm {
    fn name() -> Option<String> {
        Some("SettingsForm".to_owned())
    }

    fn raw_schema() -> DefaultSchemaRaw {
        let mut schema = object(Self::name());
        let text = "Whether `githubRepositories` are added to those that are there.";
        let merge = of_type(DataType::Boolean, text);
        schema.properties.insert(MERGE.to_owned(), Box::new(merge));
        schema.description = Some(
            "Settings to change. What is absent, null, empty or the mask of a secret stays as \
             it is; other fields are ignored."
                .into(),
        );
        schema
    }
}

fn object(name: Option<String>) -> DefaultSchemaRaw {
    let properties = SETTINGS.iter().map(|setting| {
        let schema = Box::new(property(setting));
        (setting.name.to_owned(), schema)
    });
    DefaultSchemaRaw {
        name,
        data_type: Some(DataType::Object),
        properties: properties.collect::<BTreeMap<_, _>>(),
        ..DefaultSchemaRaw::default()
    }
}

fn property(setting: &Setting) -> DefaultSchemaRaw {
    let unit = setting.unit.map(|unit| format!(" In {unit}."));
    let meaning = format!("{}{}", setting.meaning, unit.unwrap_or_default());
    match setting.kind {
        Kind::Bool => of_type(DataType::Boolean, &meaning),
        Kind::Integer { .. } => of_type(DataType::Integer, &meaning),
        Kind::Repositories => DefaultSchemaRaw {
            description: Some(meaning),
            ..list_of(of_type(DataType::String, "`owner/repo`"))
        },
        _ => of_type(DataType::String, &meaning),
    }
}

fn of_type(data_type: DataType, description: &str) -> DefaultSchemaRaw {
    DefaultSchemaRaw {
        data_type: Some(data_type),
        description: Some(description.to_owned()),
        ..DefaultSchemaRaw::default()
    }
}

fn list_of(item: DefaultSchemaRaw) -> DefaultSchemaRaw {
    DefaultSchemaRaw {
        data_type: Some(DataType::Array),
        items: Some(Box::new(item)),
        ..DefaultSchemaRaw::default()
    }
}

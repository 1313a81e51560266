//! Nests, and the eggs in them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Id;

/// A group of eggs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Nest {
    /// Row number.
    pub id: Id,
    /// Identity.
    pub uuid: Uuid,
    /// E-mail address of the author.
    pub author: String,
    /// Display name.
    pub name: String,
    /// Description, if any.
    pub description: Option<String>,
    /// Creation of the row.
    #[serde(with = "crate::panel::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "crate::panel::time::seconds")]
    pub updated_at: DateTime<Utc>,
}

/// A kind of server: image, start command, configuration, installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Egg {
    /// Row number.
    pub id: Id,
    /// Identity.
    pub uuid: Uuid,
    /// Display name.
    pub name: String,
    /// The nest it belongs to.
    pub nest: Id,
    /// E-mail address of the author.
    pub author: String,
    /// Description, if any.
    pub description: Option<String>,
    /// The first of `docker_images`, or empty.
    pub docker_image: String,
    /// JSON object of label to image, or `[]` when empty.
    pub docker_images: Box<RawValue>,
    /// Configuration for the daemon.
    pub config: EggConfig,
    /// Start command with `{{VARIABLE}}` in it.
    pub startup: String,
    /// Installation script.
    pub script: EggScript,
    /// Creation of the row.
    #[serde(with = "crate::panel::time::seconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "crate::panel::time::seconds")]
    pub updated_at: DateTime<Utc>,
    /// Features that only the Client API shows.
    #[serde(skip)]
    pub features: Vec<String>,
}

/// An egg's configuration; the raw values keep PHP's habit of `[]` for an empty object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EggConfig {
    /// Configuration files to edit: always an object.
    pub files: Box<RawValue>,
    /// How a start is recognised: an object, or `[]` when empty.
    pub startup: Box<RawValue>,
    /// Stop command or signal.
    pub stop: Option<String>,
    /// Where logs are: an object, or `[]` when empty.
    pub logs: Box<RawValue>,
    /// Files that users may not touch: an array or null.
    pub file_denylist: Box<RawValue>,
    /// The egg whose configuration is taken over.
    pub extends: Option<Id>,
}

/// An egg's installation script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EggScript {
    /// Whether the installation container runs privileged.
    pub privileged: bool,
    /// The script; holds CRLF.
    pub install: Option<String>,
    /// Shell that runs it.
    pub entry: String,
    /// Image it runs in.
    pub container: String,
    /// The egg whose script is taken over.
    pub extends: Option<Id>,
}

/// A variable of an egg.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EggVariable {
    /// Row number.
    pub id: Id,
    /// The egg it belongs to.
    pub egg_id: Id,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Name in the environment.
    pub env_variable: String,
    /// Value where a server has none.
    pub default_value: String,
    /// Whether users see it.
    pub user_viewable: bool,
    /// Whether users may change it.
    pub user_editable: bool,
    /// Laravel validation rules.
    pub rules: String,
    /// Creation of the row.
    #[serde(with = "crate::panel::time::microseconds")]
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    #[serde(with = "crate::panel::time::microseconds")]
    pub updated_at: DateTime<Utc>,
}

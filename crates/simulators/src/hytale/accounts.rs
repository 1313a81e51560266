//! Who owns the game, and the profiles to play it with.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A profile of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The id that game sessions are made for; never the account's.
    pub uuid: Uuid,
    /// The name in the game.
    pub username: String,
}

/// A Hytale account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What tests and the human page call it; the vendor never shows it.
    pub name: String,
    /// The account's id.
    pub owner: Uuid,
    /// Its profiles.
    pub profiles: Vec<Profile>,
    /// Whether no profiles are said as `null` instead of an empty list.
    #[serde(default)]
    pub null_profiles: bool,
    /// Whether it owns the game (`game.base`); without, account data and game sessions are 403.
    #[serde(default = "yes")]
    pub owns_game: bool,
    /// Whether it may have any number of sessions (`sessions.unlimited_servers`).
    #[serde(default)]
    pub unlimited_sessions: bool,
}

fn yes() -> bool {
    true
}

impl Account {
    /// An account with profiles of these names; all ids follow from the names.
    pub fn new(name: &str, usernames: &[&str]) -> Self {
        let profiles = usernames.iter().map(|username| Profile {
            uuid: id("profile", &format!("{name}/{username}")),
            username: (*username).to_owned(),
        });
        Self {
            name: name.to_owned(),
            owner: id("account", name),
            profiles: profiles.collect(),
            null_profiles: false,
            owns_game: true,
            unlimited_sessions: false,
        }
    }

    /// The accounts that are there unless told otherwise: `one`, `many` and `none`, by their profiles.
    pub fn usual() -> Vec<Self> {
        vec![
            Self::new("one", &["ServerOperator"]),
            Self::new("many", &["FirstProfile", "SecondProfile", "ThirdProfile"]),
            Self::new("none", &[]),
        ]
    }

    /// Whether it has this profile.
    pub fn profile(&self, uuid: Uuid) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.uuid == uuid)
    }
}

fn id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("hytale {kind} {name}").as_bytes(),
    )
}

//! What other parts of the product ask of settings, at most two seconds old.

use super::{Settings, SettingsError};
use common::types::setting::Setting;
use secrecy::SecretString;
use std::time::Duration;

impl Settings {
    /// Whether Discord is told anything.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn discord_notifications_enabled(&self) -> Result<bool, SettingsError> {
        self.is_on("discord_notifications_enabled").await
    }

    /// The time between two full syncs that the clock starts; `None`: it starts none.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn auto_sync(&self) -> Result<Option<Duration>, SettingsError> {
        if !self.is_on("auto_sync_enabled").await? {
            return Ok(None);
        }
        let seconds = self.text("auto_sync_interval").await?;
        Ok(seconds
            .and_then(|it| it.parse().ok())
            .map(Duration::from_secs))
    }

    /// Whether mails are sent that hold no one-time link.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn email_notifications_enabled(&self) -> Result<bool, SettingsError> {
        self.is_on("email_notifications_enabled").await
    }

    /// Whether strangers may register.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn registration_enabled(&self) -> Result<bool, SettingsError> {
        self.is_on("registration_enabled").await
    }

    /// Whether the website says that it is being worked on.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn maintenance_mode(&self) -> Result<bool, SettingsError> {
        self.is_on("maintenance_mode").await
    }

    /// Address of the website, with which links in mails begin.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn site_url(&self) -> Result<Option<String>, SettingsError> {
        self.text("site_url").await
    }

    /// Name of the website.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn site_name(&self) -> Result<String, SettingsError> {
        Ok(self.text("site_name").await?.unwrap_or_default())
    }

    /// Sender of all mail.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub async fn email_from(&self) -> Result<String, SettingsError> {
        Ok(self.text("email_from").await?.unwrap_or_default())
    }

    /// Resend's API key; without it no mail is sent.
    ///
    /// # Errors
    /// The settings cannot be read, or the stored key does not open.
    pub async fn resend_api_key(&self) -> Result<Option<SecretString>, SettingsError> {
        let overrides = self.overrides().await?;
        Ok(overrides.of_key("resend_api_key")?.cloned())
    }

    async fn is_on(&self, key: &str) -> Result<bool, SettingsError> {
        Ok(self.text(key).await?.as_deref() == Some("true"))
    }

    async fn text(&self, key: &str) -> Result<Option<String>, SettingsError> {
        let overrides = self.overrides().await?;
        Ok(Setting::of_key(key).and_then(|setting| overrides.text(setting)))
    }
}

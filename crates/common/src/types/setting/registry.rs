//! Every setting there is.

use super::{Kind, Seen, Setting};

const SWITCH: Kind = Kind::Bool;

const fn plain(
    key: &'static str,
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        key,
        name,
        kind,
        default,
        unit: None,
        seen: Seen::Administrators,
        environment: None,
        bound_to: None,
        meaning,
    }
}

const fn secret(key: &'static str, name: &'static str, meaning: &'static str) -> Setting {
    let mut setting = plain(key, name, Kind::Secret, "", meaning);
    setting.seen = Seen::Nobody;
    setting
}

impl Setting {
    const fn overriding(mut self, variable: &'static str) -> Self {
        self.environment = Some(variable);
        self
    }

    const fn given_for(mut self, address: &'static str) -> Self {
        self.bound_to = Some(address);
        self
    }

    const fn public(mut self) -> Self {
        self.seen = Seen::Everybody;
        self
    }

    const fn in_seconds(mut self) -> Self {
        self.unit = Some("seconds");
        self
    }
}

/// All of them, in the order of the documentation.
pub const SETTINGS: &[Setting] = &[
    plain(
        "pterodactyl_url",
        "pterodactylUrl",
        Kind::Url,
        "",
        "Address of the panel `default`.",
    )
    .overriding("PTERODACTYL_URL"),
    secret(
        "pterodactyl_api_key",
        "pterodactylApiKey",
        "Its Application API key.",
    )
    .overriding("PTERODACTYL_API_KEY")
    .given_for("pterodactyl_url"),
    secret(
        "pterodactyl_client_api_key",
        "pterodactylClientApiKey",
        "Its Client API key, for live use.",
    )
    .overriding("PTERODACTYL_CLIENT_API_KEY")
    .given_for("pterodactyl_url"),
    plain(
        "pterodactyl_api",
        "pterodactylApi",
        Kind::Text,
        "",
        "Kept for the website; nothing here reads it.",
    ),
    plain(
        "cf_access_client_id",
        "cfAccessClientId",
        Kind::Text,
        "",
        "Cloudflare Access token that the panel `default` is behind.",
    )
    .overriding("CF_ACCESS_CLIENT_ID"),
    secret(
        "cf_access_client_secret",
        "cfAccessClientSecret",
        "That token's secret.",
    )
    .overriding("CF_ACCESS_CLIENT_SECRET")
    .given_for("pterodactyl_url"),
    plain(
        "virtfusion_url",
        "virtfusionUrl",
        Kind::Url,
        "",
        "Address of VirtFusion.",
    )
    .overriding("VIRTFUSION_URL"),
    secret("virtfusion_api_key", "virtfusionApiKey", "Its API key.")
        .overriding("VIRTFUSION_API_KEY")
        .given_for("virtfusion_url"),
    plain(
        "virtfusion_api",
        "virtfusionApi",
        Kind::Text,
        "",
        "Kept for the website; nothing here reads it.",
    ),
    plain(
        "crowdin_project_id",
        "crowdinProjectId",
        Kind::Text,
        "",
        "Project at Crowdin.",
    ),
    secret(
        "crowdin_personal_token",
        "crowdinPersonalToken",
        "Token for Crowdin.",
    ),
    secret("github_token", "githubToken", "Token for GitHub."),
    plain(
        "github_repositories",
        "githubRepositories",
        Kind::Repositories,
        "[]",
        "Repositories at GitHub that the website shows, as a JSON list of `owner/repo`.",
    ),
    secret("scalar_api_key", "scalarApiKey", "Key for Scalar."),
    plain(
        "registration_enabled",
        "registrationEnabled",
        SWITCH,
        "true",
        "Whether strangers may register.",
    )
    .public(),
    plain(
        "maintenance_mode",
        "maintenanceMode",
        SWITCH,
        "false",
        "Whether the website says that it is being worked on.",
    )
    .public(),
    plain(
        "auto_sync_enabled",
        "autoSyncEnabled",
        SWITCH,
        "false",
        "Whether full syncs are started by the clock.",
    )
    .overriding("AUTO_SYNC_ENABLED"),
    plain(
        "auto_sync_interval",
        "syncInterval",
        Kind::Integer {
            least: 60,
            most: 31_536_000,
        },
        "3600",
        "Between two of them.",
    )
    .overriding("AUTO_SYNC_INTERVAL")
    .in_seconds(),
    plain(
        "sync_batch_size",
        "syncBatchSize",
        Kind::Integer {
            least: 1,
            most: 10_000,
        },
        "100",
        "Accepted, not used.",
    )
    .overriding("SYNC_BATCH_SIZE"),
    plain(
        "cache_timeout",
        "cacheTimeout",
        Kind::Integer {
            least: 0,
            most: 86_400,
        },
        "60",
        "How long the website keeps what it has read.",
    )
    .in_seconds(),
    plain(
        "email_notifications_enabled",
        "emailNotifications",
        SWITCH,
        "true",
        "Whether mails are sent; those with one-time links always are.",
    ),
    secret("resend_api_key", "resendApiKey", "Resend's API key.").overriding("RESEND_API_KEY"),
    plain(
        "email_from",
        "emailFrom",
        Kind::Sender,
        "NodeByte <noreply@nodebyte.host>",
        "Sender of all mail.",
    )
    .overriding("EMAIL_FROM"),
    plain(
        "discord_notifications_enabled",
        "discordNotifications",
        SWITCH,
        "true",
        "Whether Discord is told anything.",
    ),
    plain(
        "admin_email",
        "adminEmail",
        Kind::Email,
        "",
        "Where administrators are reached.",
    ),
    plain(
        "site_name",
        "siteName",
        Kind::Text,
        "NodeByte Hosting",
        "Name of the website.",
    )
    .public(),
    plain(
        "site_url",
        "siteUrl",
        Kind::Url,
        "",
        "Address of the website; links in mails begin with it.",
    )
    .public(),
];

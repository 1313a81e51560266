//! Why a command did not do what was asked, and the exit code that says so. The
//! codes follow `sysexits.h`.

use broker::DeadLetterError;
use common::crypto::NoRandomness;
use reach::rotation::RotationError;
use reach::settings::SettingsError;
use reach::signing::SigningError;
use reach::vault::VaultError;
use runtime::config::ConfigErrors;
use std::io;
use store::StoreError;

/// The command line cannot be understood.
pub const USAGE: u8 = 64;
const NO_SUCH_THING: u8 = 66;
const UNAVAILABLE: u8 = 69;
const CONFIGURATION: u8 = 78;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The process could not start its threads.
    #[error("cannot start")]
    Start(#[source] io::Error),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(ConfigErrors),
    /// PostgreSQL.
    #[error("PostgreSQL")]
    Store(#[from] StoreError),
    /// The settings above the configuration.
    #[error("settings")]
    Settings(#[from] SettingsError),
    /// Secrets.
    #[error("secrets")]
    Vault(#[from] VaultError),
    /// Access tokens.
    #[error("access tokens")]
    Signing(#[from] SigningError),
    /// The keys that seal secrets.
    #[error("the keys that seal secrets")]
    Rotation(#[from] RotationError),
    /// No key could be made.
    #[error("cannot make a key")]
    Randomness(#[source] NoRandomness),
    /// RabbitMQ did not answer.
    #[error("RabbitMQ does not answer")]
    NoBroker,
    /// Dead letters.
    #[error("dead letters")]
    Dead(#[from] DeadLetterError),
    /// Standard input.
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    /// Standard output.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// What was named does not exist.
    #[error("there is no {what} {name}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// How it was named.
        name: String,
    },
    /// The arguments make no sense together, or a value is not of its kind.
    #[error("{0}")]
    Usage(String),
    /// It cannot be done as things are.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Config(_) => CONFIGURATION,
            Self::Settings(SettingsError::NoDefaultPanel | SettingsError::MasterKey(_)) => {
                CONFIGURATION
            }
            Self::Vault(VaultError::NoMasterKey)
            | Self::Signing(SigningError::Vault(VaultError::NoMasterKey)) => CONFIGURATION,
            Self::NotFound { .. } | Self::Dead(DeadLetterError::UnknownQueue { .. }) => {
                NO_SUCH_THING
            }
            Self::NoBroker | Self::Dead(DeadLetterError::NotConnected) => UNAVAILABLE,
            Self::Store(error)
            | Self::Settings(SettingsError::Store(error))
            | Self::Vault(VaultError::Store(error))
            | Self::Rotation(
                RotationError::Store(error) | RotationError::Vault(VaultError::Store(error)),
            )
            | Self::Signing(
                SigningError::Store(error) | SigningError::Vault(VaultError::Store(error)),
            ) if error.is_transient() => UNAVAILABLE,
            _ => 1,
        }
    }
}
